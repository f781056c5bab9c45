"""The shell: what each command prints, writes and refuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.quick import OF_EACH_KIND, slow_unless
from helpers.shell import command_runner

import isorep


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    """Run a command in an empty folder; return its exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    return command_runner(monkeypatch, capsys)


@pytest.fixture
def stores(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((211, 7))
    np.savez(tmp_path / "a.npz", conv1=x, conv2=x**2, dead=np.zeros((211, 2)))
    np.savez(tmp_path / "b.npz", conv1=x[:, ::-1], conv2=np.abs(x[:, :5]))


@pytest.mark.usefixtures("stores")
class TestCompare:
    def test_prints_a_grid(self, shell):
        status, out, err = shell(
            "compare", "a.npz", "b.npz", "--measure", "pwcca", "--measure", "cka"
        )
        assert status == 0
        lines = out.splitlines()
        assert lines[0] == "pwcca similarity (weights of x; 1 is the same)"
        assert lines[1].split() == ["x", "\\", "y", "conv1", "conv2"]
        assert lines[2].split()[:2] == ["conv1", "1.0000"]
        assert lines[4].split() == ["dead", "nan", "nan"]
        assert lines[5] == "cka similarity (1 is the same)"
        assert "not computed (2 cells): a['dead'] has no variance" in err

    def test_groups_and_order_from_files(self, shell, tmp_path):
        a, b = (isorep.load(f"{name}.npz") for name in "ab")
        groups, order = np.arange(211) // 5, np.arange(211)[::-1] / 2
        (tmp_path / "stimuli.txt").write_text("\n".join(f"s{i}" for i in groups))
        np.save(tmp_path / "times.npy", order)
        status, _, _ = shell(
            *("compare", "a.npz", "b.npz", "--layers", "conv1", "--measure", "cka", "--chance"),
            *("--permutations", "19", "--groups", "stimuli.txt", "--order", "times.npy"),
            *("--json", "t.json"),
        )
        assert status == 0
        options = {"layers": "conv1", "measures": "cka", "chance": True, "n_permutations": 19}
        table = isorep.compare(a, b, groups=groups, order=order, **options)
        written = json.loads((tmp_path / "t.json").read_text())["measures"]["cka"]
        assert written["p_value"][0][0] == table["cka_p_value"].item()
        assert written["chance"][0][0] == table["cka_chance"].item()

    def test_leaves_out_samples_with_nan(self, shell, tmp_path):
        x = isorep.load("a.npz")["conv1"].copy()
        x[[3, 8], 1] = np.nan
        np.savez(tmp_path / "nan.npz", conv1=x)
        command = ["compare", "nan.npz", "b.npz", "--measure", "cka", "--layers", "conv1"]
        status, _, err = shell(*command)
        assert status == 2
        assert "a['conv1'] holds 2 NaN" in err
        status, _, err = shell(*command, "--nan-policy", "omit", "--json", "t.json")
        assert status == 0
        assert "isorep: 2 samples with NaN were left out" in err
        written = json.loads((tmp_path / "t.json").read_text())
        assert (written["n_omitted"], written["n_samples"]) == (2, [[209]])
        assert written["measures"]["cka"]["similarity"][0][0] == pytest.approx(1, abs=1e-12)
        status, _, err = shell(*command, "--nan-policy", "omit", "--html", "page.html")
        assert status == 0
        assert (tmp_path / "page.html").exists()

    def test_products_of_float32_are_taken_or_refused(self, shell, tmp_path):
        x = np.random.default_rng(0).standard_normal((200, 6)).astype(np.float32)
        np.save(tmp_path / "a.npy", x)
        np.save(tmp_path / "b.npy", x[:, :4])
        files = [str(tmp_path / name) for name in ("a.npy", "b.npy")]
        similarities = {}
        for precision in ("single", "double"):
            command = ["compare", *files, "--measure", "cka", "--precision", precision]
            status, out, _ = shell(*command, "--json", "-")
            assert status == 0
            table = json.loads(out)
            assert table["precision"] == precision
            similarities[precision] = np.array(table["measures"]["cka"]["similarity"])
        assert 0 < abs(similarities["single"] - similarities["double"]).max() < 1e-6

    @pytest.mark.slow
    def test_stores_larger_than_memory(self, shell, tmp_path):
        for name in "ab":
            isorep.load(f"{name}.npz").save(tmp_path / f"{name}.zarr")
        memory = ["--memory", "11kB"]
        command = ["compare", "a.zarr", "b.zarr"]
        status, out, err = shell(*command, *memory, "--dry-run", "--json", "out.json")
        assert (status, err) == (0, "")
        lines = out.splitlines()
        assert lines[0].startswith("3 passes over the data, at most ")
        assert lines[1].startswith("  1: 2 pairs, conv1 with conv1, conv2: 9.90 kiB")
        assert not (tmp_path / "out.json").exists()
        _, streamed, err = shell(*command, *memory)
        assert err.startswith("isorep: 3 passes over the data, at most ")
        assert streamed == shell(*command)[1] == shell("compare", "a.npz", "b.npz")[1]
        assert shell(*command, "--dry-run")[1].startswith("all layers in memory, ")
        status, out, err = shell(*command, *memory, "--measure", "rsa")
        assert (status, out) == (2, "")
        assert err.startswith("isorep: error: rsa reads the samples themselves, which take ")
        status, out, err = shell(*command, "--memory", "much")
        assert err.endswith(
            "memory must be a number of bytes or a text such as \"2 GB\", got 'much'\n"
        )

    def test_a_grid_wider_than_the_terminal_becomes_best_partners(self, shell, monkeypatch):
        monkeypatch.setenv("COLUMNS", "60")
        rng = np.random.default_rng(1)
        layers = {f"block{i}.attention": rng.standard_normal((99, 3)) for i in range(5)}
        np.savez("wide.npz", **layers)
        _, out, _ = shell("compare", "wide.npz", "wide.npz")
        assert out.splitlines()[2].split() == ["block0.attention", "block0.attention", "1.0000"]

    def test_json_on_stdout_is_all_there_is(self, shell):
        status, out, _ = shell("compare", "a.npz", "b.npz", "--json", "-", "--csv", "t.csv")
        assert status == 0
        table = isorep.compare(isorep.load("a.npz"), isorep.load("b.npz"))
        found = json.loads(out)["measures"]["pwcca"]["similarity"]
        np.testing.assert_array_equal(found[:2], table["pwcca"].to_numpy()[:2])
        with open("t.csv") as file:
            assert len(file.readlines()) == 1 + 3 * 2

    def test_csv_on_stdout_is_all_there_is(self, shell):
        _, out, _ = shell("compare", "a.npz", "b.npz", "--csv", "-")
        assert out.startswith("x_layer,y_layer,measure,similarity,distance")
        assert len(out.splitlines()) == 7

    def test_writes_a_page_with_the_details_of_its_cells(self, shell):
        status, _, _ = shell("compare", "a.npz", "b.npz", "--html", "page.html")
        assert status == 0
        page = Path("page.html").read_text(encoding="utf-8")
        assert page.startswith("<!doctype html>")
        assert '"details"' in page
        status, _, err = shell("compare", "a.npz", "b.npz", "--html", "no/page.html")
        assert (status, err.startswith("isorep: error: cannot write 'no/page.html'")) == (2, True)

    def test_explains_what_it_lists_and_no_more(self, shell):
        _, out, _ = shell("compare", "a.npz", "b.npz", "--measure", "cka", "--correct")
        last = "significant: number of canonical correlations above the edge of noise"
        assert out.splitlines()[-1] == last

    @pytest.mark.slow
    def test_says_how_far_to_trust_each_cell(self, shell):
        asked = ("--correct", "--interval", "--chance", "--measure", "cka")
        status, out, _ = shell("compare", "a.npz", "b.npz", *asked, "--plot", "heat.png")
        assert status == 0
        lines = out.splitlines()
        heading = "x y raw corrected low high chance calibrated p p_max significant"
        assert lines[5].split() == heading.split()
        assert lines[6].split()[:3] == ["conv1", "conv1", "1.000"]
        assert int(lines[6].split()[-1]) > 0
        assert "nan" in lines[10]
        _, out, _ = shell("compare", "a.npz", "b.npz", *asked, "--json", "-", "--csv", "t.csv")
        found = json.loads(out)
        a, b = isorep.load("a.npz"), isorep.load("b.npz")
        table = isorep.compare(a, b, measures="cka", correct=True, interval=True, chance=True)
        p_values = ("p_value", "p_adjusted", "p_max")
        for key in ("corrected", "low", "high", "chance", "calibrated", *p_values):
            np.testing.assert_array_equal(
                found["measures"]["cka"][key][:2], table[f"cka_{key}"].to_numpy()[:2]
            )
        assert found["n_significant"] == [
            *table["n_significant"].to_numpy()[:2].tolist(),
            [None] * 2,
        ]
        with open("t.csv") as file:
            assert file.readline().endswith("calibrated,p_value,p_adjusted,p_max,n_significant\n")

    def test_measures_with_options(self, shell):
        measure = "linear_regression_y_from_x(folds=5)"
        command = ("compare", "a.npz", "b.npz", "--measure", measure)
        status, out, _ = shell(*command)
        assert status == 0
        assert out.startswith(f"{measure} similarity (y predicted from x; 1 is the same)\n")
        _, out, _ = shell(*command, "--json", "-", "--plot", "heat.png")
        table = isorep.compare(isorep.load("a.npz"), isorep.load("b.npz"), measures=measure)
        found = json.loads(out)["measures"][measure]["similarity"]
        np.testing.assert_array_equal(found[:2], table[measure].to_numpy()[:2])
        status, _, err = shell("compare", "a.npz", "b.npz", "--measure", "svcca(variance=")
        assert status == 2
        assert err.startswith("isorep: error: cannot read the measure 'svcca(variance='")

    def test_a_page_reads_each_input_once(self, shell, monkeypatch):
        loaded = []
        load = isorep.load
        monkeypatch.setattr(
            "isorep.comparison.sides.load",
            lambda path, **options: loaded.append(str(path)) or load(path, **options),
        )
        assert shell("compare", "a.npz", "b.npz", "--html", "page.html")[0] == 0
        assert loaded == ["a.npz", "b.npz"]
        assert shell("compare", "a.npz", "./a.npz", "--html", "page.html")[0] == 0
        assert loaded == ["a.npz", "b.npz", "a.npz"]

    def test_layer_names_are_no_markup(self, shell):
        x = np.random.default_rng(1).standard_normal((99, 3))
        np.savez("odd.npz", **{"[bold]": x, "[/conv]": x, "[red]x[/red]": x})
        status, out, _ = shell("compare", "odd.npz", "odd.npz")
        assert status == 0
        assert out.splitlines()[1].split() == ["x", "\\", "y", "[bold]", "[/conv]", "[red]x[/red]"]

    def test_a_pipe_gets_the_bytes(self, shell, tmp_path):
        import os
        import threading

        os.mkfifo(tmp_path / "pipe")
        read = []
        reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
        reader.start()
        status, _, _ = shell("compare", "a.npz", "b.npz", "--json", "pipe")
        reader.join(timeout=10)
        assert status == 0
        assert json.loads(read[0])["x_layers"] == ["conv1", "conv2", "dead"]
        assert (tmp_path / "pipe").is_fifo()

    @pytest.mark.parametrize("ending", slow_unless(["png"], ["png", "svg", "pdf"]))
    def test_draws(self, shell, tmp_path, ending):
        status, _, _ = shell("compare", "a.npz", "b.npz", "--plot", f"heat.{ending}")
        assert status == 0
        starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
        assert (tmp_path / f"heat.{ending}").read_bytes().startswith(starts[ending])

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nope.npz", "b.npz"], "cannot load 'nope.npz': there is no such file"),
            (
                ["a.npz", "b.npz", "--measure", "pwca"],
                "unknown measure 'pwca'; did you mean 'pwcca'",
            ),
            (["a.npz", "b.npz", "--json", "no/t.json"], "cannot write 'no/t.json': no folder 'no'"),
            (
                ["a.npz", "b.npz", "--plot", "t.doc"],
                "cannot draw 't.doc': expected a name",
            ),
            (["a.npz", "b.npz", "--json", "-", "--csv", "-"], "both write to stdout"),
            (
                ["a.npz", "b.npz", "--json", "a.npz"],
                "cannot write 'a.npz': it is an input of this command",
            ),
            (["a.npz", "b.npz", "--json", "o", "--csv", "o"], "cannot write 'o' twice"),
            (["a.npz", "b.npz", "--csv", "folder"], "cannot write 'folder': it is a folder"),
            (["a.npz", "short.npz"], "different numbers of samples, 211 and 20"),
            (["a.npz", "broken.npz"], "cannot load 'broken.npz'"),
            (["a.txt", "b.npz"], "or activations in .npz"),
            (["a.npz", "b.npz", "--nan-policy", "drop"], "unknown nan_policy 'drop'"),
            (["a.npz", "b.npz", "--groups", "no.txt"], "cannot read 'no.txt': expected a .npy, or"),
        ],
        ids=lambda value: value[-1] if isinstance(value, list) else None,
    )
    def test_bad_input_is_one_message_and_status_2(self, shell, tmp_path, arguments, message):
        np.savez(tmp_path / "short.npz", conv=np.ones((20, 3)))
        (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 not really")
        (tmp_path / "folder").mkdir()
        before = sorted(path.name for path in tmp_path.iterdir())
        status, out, err = shell("compare", *arguments)
        assert status == 2
        assert out == ""
        assert message in err
        assert err.startswith("isorep: error: ")
        assert err.count("\n") == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == before  # nothing half-written


NETS = """
import torch

def make():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(36, 2)
    )

model = make()
images = torch.rand(10, 1, 5, 5, generator=torch.Generator().manual_seed(1))

def broken():
    raise RuntimeError("no GPU left")

def interrupted():
    yield images[:4]
    raise OSError("no more of it")
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    (tmp_path / "nets_for_cli.py").write_text(NETS)
    monkeypatch.delitem(sys.modules, "nets_for_cli", raising=False)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("nets")
class TestCapture:
    def test_saves_what_the_function_captures(self, shell):
        import torch

        source = ["nets_for_cli:make", "--data", "nets_for_cli:images"]
        status, out, err = shell("capture", *source, "--layers", "[03]", "-o", "a.npz")
        assert (status, out) == (0, "")
        assert "a.npz: Representations(2 layers, 10 samples: 0 (10, 4), 3 (10, 2))" in err
        import nets_for_cli

        expected = isorep.capture(nets_for_cli.make(), nets_for_cli.images, layers=["0", "3"])
        assert isorep.load("a.npz") == expected
        # Other weights, from a file, and the same samples: the two compare.
        torch.save({k: v + 1 for k, v in nets_for_cli.make().state_dict().items()}, "w.pt")
        options = ["--layers", "0", "--reduce", "flatten", "--weights", "w.pt", "-o", "b.zarr"]
        assert shell("capture", "nets_for_cli:model", *source[1:], *options)[0] == 0
        assert isorep.load("b.zarr")["0"].shape == (10, 36)
        assert shell("compare", "a.npz", "b.zarr")[0] == 0

    def test_a_store_is_gone_on_with(self, shell, tmp_path, monkeypatch):
        monkeypatch.setattr("isorep._formats.resumable._SECONDS", 0.0)
        source = ["nets_for_cli:make", "--layers", "0", "-o", "a.zarr", "--data"]
        status, _, err = shell("capture", *source, "nets_for_cli:interrupted")
        assert (status, "no more of it" in err) == (2, True)
        status, _, err = shell("compare", "a.zarr", "a.zarr")
        assert (status, "'a.zarr': it is incomplete, 4 samples so far" in err) == (2, True)
        status, out, err = shell("capture", *source, "nets_for_cli:images")
        assert (status, out) == (0, "")
        assert "a.zarr: resuming after 4 samples" in err
        assert "a.zarr: LazyRepresentations(1 layer, 10 samples: 0 (10, 4))" in err
        status, _, err = shell("capture", *source, "nets_for_cli:images")
        assert (status, "exists; checking that it holds this capture" in err) == (0, True)
        status, _, err = shell("capture", *source, "nets_for_cli:images", "--reduce", "max")
        assert (status, "layers '0' was mean and is now max" in err) == (2, True)

    def test_weights_from_safetensors(self, shell):
        save_file = pytest.importorskip("safetensors.torch").save_file
        import nets_for_cli

        save_file({k: 2 * v for k, v in nets_for_cli.make().state_dict().items()}, "w.safetensors")
        source = ["nets_for_cli:make", "--data", "nets_for_cli:images", "--layers", "0"]
        assert shell("capture", *source, "-o", "a.npz")[0] == 0
        assert shell("capture", *source, "--weights", "w.safetensors", "-o", "b.npz")[0] == 0
        np.testing.assert_allclose(
            isorep.load("b.npz")["0"], 2 * isorep.load("a.npz")["0"], rtol=1e-5
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["nets_for_cli.make"], "'nets_for_cli.make' must be module:name"),
            (["no_such_module:make"], "no module 'no_such_module' in"),
            (["nets_for_cli:mak"], "unknown name in nets_for_cli 'mak'; did you mean 'make'"),
            (["nets_for_cli:broken"], "calling nets_for_cli:broken failed: RuntimeError: no GPU"),
            (["nets_for_cli:make", "--layers", "cnv*"], "cnv*"),
            (["nets_for_cli:make", "--reduce", "average"], "average"),
            (["nets_for_cli:make", "--weights", "w.pt"], "no weights file 'w.pt'"),
            (
                ["nets_for_cli:make", "--weights", "nets_for_cli.py"],
                "expected a state dict",
            ),
            (["nets_for_cli:make", "--weights", "evil.pt"], "cannot load weights from 'evil.pt'"),
        ],
        ids=lambda value: value[-1] if isinstance(value, list) else None,
    )
    def test_bad_input_is_one_message_and_status_2(self, shell, tmp_path, arguments, message):
        import pickle

        # A pickle that would run code when it is loaded.
        class Evil:
            def __reduce__(self):
                return (open, (str(tmp_path / "ran"), "w"))

        (tmp_path / "evil.pt").write_bytes(pickle.dumps(Evil()))
        data = ["--data", "nets_for_cli:images", "-o", "out.npz"]
        status, out, err = shell("capture", *arguments, *data)
        assert (status, out) == (2, "")
        assert message in err
        assert "Traceback" not in err
        assert not (tmp_path / "out.npz").exists()
        assert not (tmp_path / "ran").exists()


def test_measures_lists_every_row(shell, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    status, out, _ = shell("measures")
    assert status == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "measure direction description"
    for name, row in isorep.MEASURES.items():
        assert f"{name} {row.direction or 'symmetric'} {row.description}" in lines


@pytest.mark.parametrize("name", slow_unless(OF_EACH_KIND, isorep.MEASURES))
def test_measures_describes_one(shell, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "300")
    status, out, _ = shell("measures", name)
    assert status == 0
    lines = [" ".join(line.split()) for line in out.splitlines()]
    row = isorep.MEASURES[name]
    assert lines[0] == f"{row.label}: {row.description}"
    assert f"similarity {row.formula}" in lines
    assert f"direction {row.direction or 'symmetric'}" in lines
    assert f"reference {row.reference}" in lines
    options = next(line for line in lines if line.startswith("options "))
    assert all(f"{option}={value!r}" in options for option, value in row.options.items())


def test_measures_describes_one_with_options(shell):
    status, out, _ = shell("measures", "linear_regression(folds=10)")
    assert status == 0
    assert out.startswith("linear_regression_y_from_x(folds=10): ")
    assert "folds=10" in out.splitlines()[-2]
    status, out, err = shell("measures", "pwca")
    assert (status, out) == (2, "")
    assert err.startswith("isorep: error: unknown measure 'pwca'; did you mean 'pwcca'")


def test_version_and_help(shell):
    assert shell("--version") == (0, f"isorep {isorep.__version__}\n", "")
    for command in ("compare", "capture", "measures", "demo", "paper"):
        status, out, _ = shell(command, "--help")
        assert status == 0
        assert command == "measures" or "Example" in out


def test_usage_errors_are_status_2(shell):
    assert shell("compare", "a.npz")[0] == 2
    assert shell("comprae")[0] == 2


@pytest.mark.slow
@pytest.mark.usefixtures("stores")
def test_the_installed_command(tmp_path):
    command = [sys.executable, "-m", "isorep.cli", "compare", "a.npz", "c.npz"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == "isorep: error: cannot load 'c.npz': there is no such file or folder\n"
