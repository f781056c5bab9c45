"""Results read back from disk, and the page written from the shell."""

import json
import warnings

import numpy as np
import pytest
from helpers.reading import content, numbers
from helpers.shell import command_runner

import isorep
from isorep.comparison.export import to_json
from isorep.comparison.read_result import read_result

pytest.importorskip("plotly")


def layers(seed=0):
    rng = np.random.default_rng(seed)
    return {f"conv{i}": rng.standard_normal((60, 3 + i)) for i in range(3)}


def to_zarr(table, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, of what its format does not yet settle
        table.to_zarr(path)


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    """Run a command in a folder; return its exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    return command_runner(monkeypatch, capsys)


@pytest.mark.slow
def test_a_table_from_zarr_makes_the_same_page(tmp_path):
    tables = {
        "grid": isorep.compare(layers(), layers(1), measures=["pwcca", "gulp"]),
        "sweep": isorep.pairwise({i: layers(i) for i in range(3)}),
        "path": isorep.trajectory({i: layers(i) for i in range(3)}),
    }
    for name, table in tables.items():
        to_zarr(table, tmp_path / f"{name}.zarr")
        isorep.report(table, tmp_path / "memory.html")
        isorep.report(read_result(tmp_path / f"{name}.zarr"), tmp_path / "disk.html")
        assert (tmp_path / "disk.html").read_bytes() == (tmp_path / "memory.html").read_bytes()


def test_a_table_from_json_holds_the_same_numbers(tmp_path):
    table = isorep.compare(
        {**layers(), "dead": np.zeros((60, 2))},
        layers(1),
        measures=["pwcca", "gulp", "procrustes", {"linear_regression": {"folds": 5}}],
        chance=True,
        n_permutations=20,
    )
    (tmp_path / "table.json").write_text(to_json(table))
    found = read_result(tmp_path / "table.json")
    for name in table.variables:
        if table[name].dtype.kind == "f":
            np.testing.assert_array_equal(found[name], table[name])
        else:
            assert found[name].values.tolist() == table[name].values.tolist()
        assert found[name].attrs == table[name].attrs
    assert found.attrs == table.attrs
    assert found["gulp_distance"].attrs["range"] == (0.0, np.inf)


def test_what_is_no_result_is_named(tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"layers": []}))
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "broken.json").write_text("{")
    isorep.Representations(layers()).save(tmp_path / "activations.zarr")
    (tmp_path / "empty.zarr").mkdir()
    for name, said in {
        "other.json": "'measures' is missing",
        "list.json": "expected an object, got a list",
        "broken.json": "Expecting property name",
        "activations.zarr": "is not a result of",
        "empty.zarr": "is not a result of",
    }.items():
        with pytest.raises(ValueError, match=said) as told:
            read_result(tmp_path / name)
        assert name in str(told.value)
    with pytest.raises(ValueError, match=r"expected a result, \.zarr"):
        read_result(tmp_path / "table.csv")
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_result(tmp_path / "missing.zarr")


class TestShell:
    def test_compare_then_report(self, shell, tmp_path):
        for name, seed in (("a", 0), ("b", 1)):
            isorep.Representations(layers(seed)).save(tmp_path / f"{name}.npz")
        status, _, err = shell("compare", "a.npz", "b.npz", "--json", "table.json")
        assert (status, err) == (0, "")
        status, out, err = shell(
            "report", "table.json", "--a", "a.npz", "--b", "b.npz", "-o", "r.html"
        )
        assert (status, err) == (0, "")
        size = (tmp_path / "r.html").stat().st_size
        assert out.startswith(f"wrote r.html ({size / 1e6:.1f} MB)")
        (grid,) = content(tmp_path / "r.html")
        assert len(grid["details"]["cells"]) == 9
        expected = isorep.overlap(layers()["conv1"], layers(1)["conv2"]).correlations
        found = numbers(grid["details"]["cells"]["1,2"]["correlations"])
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_several_results_and_groups(self, shell, tmp_path):
        networks = {f"{kind}-{i}": layers(i) for kind in ("true", "random") for i in range(2)}
        to_zarr(isorep.pairwise(networks, layers="conv1"), tmp_path / "sweep.zarr")
        to_zarr(isorep.trajectory({i: layers(i) for i in range(2)}), tmp_path / "path.zarr")
        groups = ("--group", "learned=true-*", "--group", "other=*")
        status, _, err = shell("report", "sweep.zarr", "path.zarr", *groups, "-o", "r.html")
        assert (status, err) == (0, "")
        sweep, path = content(tmp_path / "r.html")
        assert sweep["groups"] == ["learned", "learned", "other", "other"]
        assert (sweep["heading"], path["heading"]) == ("sweep.zarr", "path.zarr")

    def test_mistakes_are_one_message(self, shell, tmp_path):
        to_zarr(isorep.pairwise({"s": layers(), "t": layers(1)}), tmp_path / "sweep.zarr")
        for arguments, said in (
            (("sweep.zarr", "-o", "no/r.html"), "no folder 'no'"),
            (("sweep.zarr", "sweep.zarr", "-o", "r.html"), "given twice"),
            (("sweep.zarr", "--group", "s", "-o", "r.html"), "expected NAME=GLOB"),
            (("sweep.zarr", "--group", "a=s", "-o", "r.html"), "network 't' is in no group"),
            (
                ("sweep.zarr", "--group", "a=*", "--group", "b=u", "-o", "r.html"),
                "unknown network in --group b= 'u'. Known: s, t",
            ),
            (("sweep.zarr", "--a", "x.npz", "-o", "r.html"), "no such file"),
            (("sweep.csv", "-o", "r.html"), "expected a result"),
        ):
            status, out, err = shell("report", *arguments)
            assert (status, out) == (2, "")
            assert said in err
            assert err.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["sweep.zarr"]
