"""Options of the shell that pick, reduce and label the arrays of files."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.reading import content
from helpers.shell import command_runner

import isorep

pytestmark = pytest.mark.filterwarnings("ignore:arrays that are not layers")

RNG = np.random.default_rng(0)
MAPS = RNG.standard_normal((40, 3, 4, 2))
NOISE = RNG.standard_normal((40, 3, 4, 2))
STIMULI = np.repeat(np.arange(20), 2)
IDS = np.array([f"image{i}" for i in range(40)])
TIMES = np.arange(40) % 7


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    """Run a command in a folder with files; return its exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for i, name in enumerate("abc"):
        maps = MAPS + i * NOISE
        fc = maps.mean((2, 3)) ** 3
        np.savez(f"{name}.npz", conv=maps, fc=fc, stimulus=STIMULI, image=IDS, t=TIMES)

    return command_runner(monkeypatch, capsys)


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
    assert "not layers are left out: stimulus (40,) int64, image (40,) text, t (40," in err
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
    assert err.count("arrays that are not layers are left out: stimulus") == 1
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


def test_a_report_of_groups(shell):
    options = ("--layers", "conv", *REDUCED, "--groups", "stimulus", "--order", "t")
    measure = ("--measure", "cka_debiased")
    status, _, err = shell("compare", "a.npz", "b.npz", *measure, *options, "--json", "t.json")
    assert status == 0, err
    files = ("report", "t.json", "--a", "a.npz", "--b", "b.npz", "-o", "page.html")
    status, _, err = shell(*files, *options)
    assert status == 0, err
    np.savetxt("stimuli.txt", STIMULI, "%d")
    options = ("--layers", "conv", *REDUCED, "--groups", "stimuli.txt")
    assert shell(*files, *options)[0] == 0
    status, _, err = shell(*files, *options[:-2])
    assert status == 2
    assert "with the groups= and order= that it got: Representations.from_mapping(a, group" in err


def test_a_report_without_the_samples_that_have_nan(shell):
    for name in "ab":
        values = RNG.standard_normal((40, 3))
        values[5, 1] = np.nan
        np.savez(f"nan-{name}.npz", fc=values)
    files = ("nan-a.npz", "nan-b.npz")
    omit = ("--nan-policy", "omit", "--json", "t.json")
    assert shell("compare", *files, "--measure", "cka", *omit)[0] == 0
    status, _, err = shell("report", "t.json", "--a", files[0], "--b", files[1], "-o", "page.html")
    assert status == 0, err


def test_order_is_the_name_of_an_array(shell):
    known = {"reduce": "mean", "channels": "first", "layers": "conv"}
    reps = isorep.load("a.npz", **known, order="t", groups="stimulus")
    assert reps.order.tolist() == TIMES.tolist()
    options = ("--measure", "cka", "--layers", "conv", *REDUCED, "--chance", "--permutations", "19")
    status, out, err = shell("compare", "a.npz", "b.npz", *options, "--order", "t", "--json", "-")
    assert status == 0, err
    inference = {"measures": "cka", "chance": True, "n_permutations": 19}
    expected = isorep.compare(means("a"), means("b"), order=TIMES, **inference)
    found = json.loads(out)["measures"]["cka"]["p_value"]
    assert found == expected["cka_p_value"].to_numpy().tolist()
    python = isorep.compare("a.npz", "b.npz", **known, order="t", **inference)
    assert python["cka_p_value"].item() == expected["cka_p_value"].item()
    with pytest.raises(ValueError, match="unknown array for order= 'time'"):
        isorep.compare("a.npz", "b.npz", **known, order="time", **inference)


@pytest.mark.parametrize("command", ["compare", "diff", "pairwise", "trajectory"])
def test_a_name_of_an_array_and_of_a_file(shell, command):
    Path("stimulus").write_text("\n".join(["1", "2"] * 20))
    Path("t").mkdir()  # a folder holds no values, so the name is that of the array
    options = ("a.npz", "b.npz", *REDUCED, "--layers", "conv", "--measure", "cka")
    output = ("--json", "-") if command == "compare" else ("-o", f"{command}.zarr")
    output = ("-o", "d.json") if command == "diff" else output
    status, _, err = shell(command, *options, "--groups", "stimulus", *output)
    assert status == 2
    assert (
        "--groups stimulus is the name of a file and of an array in 'a.npz': write ./stimulus for "
        "the file, or rename the file" in err
    )
    status, _, err = shell(command, *options, "--groups", "./stimulus", "--order", "t", *output)
    assert status == 0, err


@pytest.mark.parametrize("option", ["--layer", "--layers"])
def test_every_command_has_the_same_options(shell, option):
    known = (option, "conv", *REDUCED, "--ids", "image", "--labels", "stimulus",
             "--groups", "stimulus", "--order", "t")  # fmt: skip
    measure = ("--measure", "cka")
    for command, *output in (
        ("compare", "--json", "t.json"),
        ("diff", "-o", "d.json"),
        ("pairwise", "-o", "s.zarr"),
        ("trajectory", "-o", "p.zarr"),
    ):
        status, _, err = shell(command, "a.npz", "b.npz", *measure, *known, *output)
        assert status == 0, (command, err)
    report = ("report", "t.json", "--a", "a.npz", "--b", "b.npz", "-o", "page.html")
    assert shell(*report, *known)[0] == 0


def test_patterns_pick_the_arrays_of_files_in_python(shell):
    options = {"measures": "cka", "progress": False}
    for i, name in enumerate("abc"):
        fc = MAPS.mean((2, 3)) + i
        np.savez(f"v-{name}.npz", V1=fc**2, V4=fc**3, odd=np.ones((5, 2, 2)), names=IDS[:3])
    paths = {name: f"v-{name}.npz" for name in "abc"}
    in_memory = {name: isorep.load(path, layers="V*") for name, path in paths.items()}
    for layers in ("V*", ["V4", "V1"]):
        table = isorep.pairwise(paths, layers=layers, **options)
        assert table.equals(isorep.pairwise(in_memory, layers=layers, **options))
    assert list(isorep.pairwise(paths, layers="!odd", **options)["layer"]) == ["V1", "V4"]
    table = isorep.trajectory({1: "v-a.npz", 2: "v-b.npz"}, reference=Path("v-c.npz"),
                              layers="V*", **options)  # fmt: skip
    assert table["layer"].to_numpy().tolist() == ["V1", "V4"]
    with pytest.raises(ValueError, match=r"networks\['a'\]: .*unknown layer 'V9'; did you mean"):
        isorep.pairwise(paths, layers="!V9", **options)


def test_patterns_pick_the_columns_of_tables(shell):
    for folder in "ab":
        Path(folder).mkdir()
        numbers = np.column_stack([RNG.standard_normal((40, 3)), np.arange(40)])
        header = {"header": "u1,u2,v,trial", "comments": ""}
        np.savetxt(f"{folder}/units.csv", numbers, "%.18g", ",", **header)
    sweep = isorep.pairwise({x: f"{x}/units.csv" for x in "ab"}, layers=["u1", "u2"],
                            measures="cka", progress=False)  # fmt: skip
    x, y = (np.loadtxt(f"{x}/units.csv", delimiter=",", skiprows=1)[:, :2] for x in "ab")
    expected = isorep.cka(x, y).similarity
    assert sweep["cka"].sel(x="a", y="b", layer="units").item() == pytest.approx(expected, rel=1e-9)


def test_a_report_with_explanations(shell, monkeypatch):
    quick = partial(isorep.explain, n_permutations=39)
    monkeypatch.setattr("isorep.explorer.explained_cells.explain", quick)
    files = ("a.npz", "b.npz", "--layers", "conv", *REDUCED)
    assert shell("compare", *files, "--measure", "cka", "--json", "t.json")[0] == 0
    np.save("images.npy", np.zeros((40, 5, 6), np.uint8))
    Path("texts.txt").write_text("".join(f"text of sample {i}\n" for i in range(40)))
    sides = ("--a", files[0], "--b", *files[1:])
    report = ("report", "t.json", "-o", "page.html")
    for explain, samples, shown in (
        ("1", "images.npy", "data:image/png;base64,"),
        ("conv=conv", "texts.txt", "text of sample "),
    ):
        status, _, err = shell(*report, *sides, "--explain", explain, "--samples", samples)
        assert status == 0, err
        (section,) = content(Path("page.html"))
        assert list(section["explained"]) == ["0,0"]
        assert all(item.startswith(shown) for item in section["samples"]["items"].values())
    status, _, err = shell(*report, *sides, "--explain", "pool")
    assert (status, "unknown x_layer in explain 'pool'" in err) == (2, True)
    status, _, err = shell(*report, "--explain", "conv")
    assert (status, "--explain needs what was compared: give --a and --b" in err) == (2, True)
    Path("bad.npy").write_bytes(b"no array")
    status, _, err = shell(*report, *sides, "--explain", "1", "--samples", "bad.npy")
    assert (status, "cannot read 'bad.npy': expected a .npy of images" in err) == (2, True)
