"""Options of the shell that pick, reduce and label the arrays of files."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import isorep
from isorep.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:arrays that are no layers")

RNG = np.random.default_rng(0)
MAPS = RNG.standard_normal((40, 3, 4, 2))
NOISE = RNG.standard_normal((40, 3, 4, 2))
STIMULI = np.repeat(np.arange(20), 2)
IDS = np.array([f"image{i}" for i in range(40)])


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    """Run a command in a folder with files; return its exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for i, name in enumerate("abc"):
        maps = MAPS + i * NOISE
        np.savez(f"{name}.npz", conv=maps, fc=maps.mean((2, 3)) ** 3, stimulus=STIMULI, image=IDS)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["isorep", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return ended.value.code or 0, out, err

    return run


REDUCED = ("--reduce", "mean", "--channels", "first")


def means(name):
    return isorep.load(f"{name}.npz", layers=["conv"], reduce="mean", channels="first")


def test_compare(shell):
    status, out, err = shell(
        "compare", "a.npz", "b.npz", "--measure", "cka", *REDUCED, "--json", "-"
    )
    assert status == 0
    table = json.loads(out)
    expected = isorep.cka(MAPS.mean((2, 3)), (MAPS + NOISE).mean((2, 3))).similarity
    assert table["measures"]["cka"]["similarity"][0][0] == pytest.approx(expected, rel=1e-12)
    assert "no layers are left out: stimulus (40,) int64, image (40,) text" in err
    assert len(table["measures"]["cka"]["similarity"]) == 2  # conv and fc


@pytest.mark.slow
def test_compare_with_names_of_arrays(shell):
    options = ("--measure", "cka", "--layers", "conv", "--chance", "--permutations", "19")
    status, out, err = shell(
        "compare", "a.npz", "b.npz", *options, *REDUCED, "--groups", "stimulus", "--json", "-"
    )
    assert status == 0, err
    sides = [means(name) for name in "ab"]
    known = {"measures": "cka", "chance": True, "n_permutations": 19, "groups": STIMULI}
    expected = isorep.compare(*sides, **known)
    assert (
        json.loads(out)["measures"]["cka"]["chance"] == expected["cka_chance"].to_numpy().tolist()
    )
    python = isorep.compare(
        "a.npz",
        "b.npz",
        layers="conv",
        reduce="mean",
        channels="first",
        **known | {"groups": "stimulus"},
    )
    assert python["cka_chance"].item() == expected["cka_chance"].item()


def test_compare_pages_and_ids(shell, tmp_path):
    np.savez("shuffled.npz", conv=MAPS, image=IDS[::-1])
    options = ("--measure", "cka", "--layers", "conv", *REDUCED, "--ids", "image")
    assert shell("compare", "a.npz", "b.npz", *options, "--html", "page.html")[0] == 0
    assert "image7" in (tmp_path / "page.html").read_text()
    status, _, err = shell("compare", "a.npz", "shuffled.npz", *options)
    assert status == 2
    assert (
        "hold the same samples in another order: sample 0 is 'image0' in a and 'image39' in b"
        in err
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.npz", "b.npz"), "layer 'conv' is 4-D, shape (40, 3, 4, 2); expected 2-D"),
        (("a.npz", "b.npz", "--reduce", "mean"), "pass channels='first' for (n, features, height"),
        (
            ("a.npz", "b.npz", *REDUCED, "--ids", "img"),
            "unknown array for ids= 'img'; did you mean",
        ),
        (("a.npz", "b.npz", "--reduce", "men"), "unknown reduction 'men'; did you mean 'mean'"),
        (("m:a", "m:b", "--ids", "image"), "--ids names an array in files, and no side is a file"),
        (("w.pt", "w.pt"), "'weight' looks like a weight of a state dict"),
    ],
)
@pytest.mark.parametrize("command", ["compare", "diff"])
def test_bad_input_is_one_message(shell, command, arguments, message):
    torch.save(torch.nn.Linear(3, 2).state_dict(), "w.pt")
    status, out, err = shell(command, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_diff(shell):
    status, _, err = shell("diff", "a.npz", "b.npz", "--layers", "!fc", *REDUCED, "--ids", "image",
                           "--groups", "stimulus", "--measure", "cka", "-o", "d.json")  # fmt: skip
    assert status == 0, err
    expected = isorep.diff(means("a"), means("b"), measure="cka", groups=STIMULI)
    found = json.loads(Path("d.json").read_text())
    assert found["layers"][0]["similarity"] == pytest.approx(expected["conv"].similarity, rel=1e-9)
    assert isorep.diff(
        "a.npz",
        "b.npz",
        layers="!fc",
        measure="cka",
        reduce="mean",
        channels="first",
        interval=False,
        groups="stimulus",
    )["conv"].similarity == pytest.approx(expected["conv"].similarity, rel=1e-9)


def test_pairwise_and_trajectory(shell):
    options = (*REDUCED, "--measure", "cka", "--layer", "conv", "--groups", "stimulus")
    status, _, err = shell("pairwise", "a.npz", "b.npz", "c.npz", *options, "-o", "sweep.zarr")
    assert status == 0, err
    cka = isorep.cka((MAPS + NOISE).mean((2, 3)), (MAPS + 2 * NOISE).mean((2, 3))).similarity
    sweep = isorep.pairwise({name: means(name) for name in "abc"}, measures="cka")
    assert sweep["cka"].sel(x="b", y="c").item() == pytest.approx(cka, rel=1e-9)
    status, out, _ = shell(
        "trajectory", "a.npz", "b.npz", *options, "--reference", "c.npz", "-o", "t.zarr"
    )
    assert status == 0
    assert f"{cka:.4f}" in out.splitlines()[3]


def test_a_sweep_says_once_what_is_left_out(shell):
    options = ("--reduce", "flatten", "--measure", "cka", "-o", "sweep.zarr")
    status, _, err = shell("pairwise", "a.npz", "b.npz", *options)
    assert status == 0
    assert err.count("arrays that are no layers are left out: stimulus") == 1
    assert "UserWarning" not in err


def test_a_sweep_reopens_files_with_their_options(shell):
    networks = {
        name: isorep.storage.open_store(
            saved(name), layers="conv", reduce="mean", channels="first", groups="stimulus"
        )
        for name in "ab"
    }
    sweep = isorep.pairwise(networks, measures="cka", progress=False)
    expected = isorep.cka(MAPS.mean((2, 3)), (MAPS + NOISE).mean((2, 3))).similarity
    assert sweep["cka"].sel(x="a", y="b").item() == pytest.approx(expected, rel=1e-9)


def saved(name):
    h5py = pytest.importorskip("h5py")
    with h5py.File(f"{name}.h5", "w") as file:
        for key, array in np.load(f"{name}.npz").items():
            file[key] = array if array.dtype.kind != "U" else array.tolist()
    return f"{name}.h5"


def test_report(shell):
    assert (
        shell("compare", "a.npz", "b.npz", "--layers", "conv", *REDUCED, "--json", "t.json")[0] == 0
    )
    files = ("--a", "a.npz", "--b", "b.npz", "--layers", "conv", *REDUCED, "--ids", "image")
    status, _, err = shell("report", "t.json", *files, "-o", "page.html")
    assert status == 0, err
    assert "image7" in Path("page.html").read_text()
    status, _, err = shell("report", "t.json", "--ids", "image", "-o", "page.html")
    assert (status, "--ids says how --a and --b are read: give both" in err) == (2, True)
