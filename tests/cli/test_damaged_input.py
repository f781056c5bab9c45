"""Damaged input of every kind: one line on stderr and status 2, never a traceback."""

import json
import shutil

import numpy as np
import pytest
from helpers.quick import slow_unless
from helpers.shell import command_runner

import isorep

X = np.random.default_rng(0).standard_normal((60, 3))


@pytest.fixture
def shell(monkeypatch, tmp_path, capsys):
    """Run a command in an empty folder; return its exit status and stderr."""
    monkeypatch.chdir(tmp_path)

    run = command_runner(monkeypatch, capsys)
    return lambda *arguments: run(*arguments)[::2]


def make(path):
    """Write a file or folder of this kind, as isorep or another program does."""
    if path.name == "sweep.zarr":
        isorep.pairwise({"a": {"fc": X}, "b": {"fc": X**2}}, out=path)
    elif path.suffix in (".npz", ".zarr"):
        isorep.Representations({"fc": X}, sample_ids=range(60)).save(path)
    elif path.suffix == ".npy":
        np.save(path, X)
    elif path.suffix == ".safetensors":
        pytest.importorskip("safetensors.numpy").save_file({"fc": X}, path)
    elif path.suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["fc"] = X
    else:
        from isorep.comparison.export import to_json

        path.write_text(to_json(isorep.compare({"fc": X}, {"fc": X**2})))


DAMAGES = {
    "empty": lambda content: b"",
    "text": lambda content: b"not what its name says\n",
    "half": lambda content: content[: len(content) // 2],
    "cut": lambda content: content[:-7],
    "zeros": lambda content: bytes(len(content)),
    "start": lambda content: b"\xff" * 16 + content[16:],
    "swapped": lambda content: content[::-1],
}
STORES = ("a.zarr", "sweep.zarr")
FILES = ("a.npz", "a.npy", "a.safetensors", "a.h5", "table.json")


@pytest.mark.parametrize("damage", slow_unless(["half", "start"], DAMAGES))
@pytest.mark.parametrize("name", FILES)
def test_files(shell, tmp_path, name, damage):
    path = tmp_path / name
    make(path)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    if name == "table.json":
        commands = [("report", name, "-o", "page.html")]
    else:
        commands = [
            ("compare", name, name),
            ("pairwise", name, make_other(tmp_path), "-o", "s.zarr"),
        ]
        if path.suffix != ".h5":
            commands.append(("diff", name, name, "--no-interval"))
    for command in commands:
        check(shell(*command), command)
    assert not (tmp_path / "page.html").exists()


def make_other(tmp_path):
    make(tmp_path / "other.npz")
    return "other.npz"


def check(ended, command):
    status, err = ended
    assert status == 2, (command, err)
    assert err.startswith("isorep: error: "), command
    assert err.count("\n") == 1, (command, err)


def parts(folder):
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def whole_stores(tmp_path_factory):
    """A folder with a store of each kind, to copy."""
    folder = tmp_path_factory.mktemp("whole")
    for name in STORES:
        make(folder / name)
    return folder


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Object at .* is not recognized")
@pytest.mark.parametrize("damage", ["missing", "empty", "text", "half", "zeros", "swapped"])
@pytest.mark.parametrize("name", STORES)
def test_stores(shell, tmp_path, whole_stores, name, damage):
    make_other(tmp_path)
    results = []
    for number, part in enumerate(parts(whole_stores / name)):
        store = tmp_path / f"{number}.zarr"
        shutil.copytree(whole_stores / name, store)
        if damage == "missing":
            (store / part).unlink()
        else:
            (store / part).write_bytes(DAMAGES[damage]((store / part).read_bytes()))
        if name == "sweep.zarr":
            results.append(shell("report", store, "-o", "page.html"))
        else:
            results.append(shell("compare", store, store))
            results.append(shell("pairwise", store, "other.npz", "-o", f"s{number}.zarr"))
    assert any(status == 2 for status, _ in results)
    for status, err in results:  # some parts are not needed to read the numbers
        assert status in (0, 2), err
        assert status == 0 or err.splitlines()[-1].startswith("isorep: error: ")
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "content",
    [
        "null",
        "[]",
        "{}",
        '{"kind": "compare"}',
        '{"kind": "compare", "measures": []}',
        '{"kind": "other", "measures": {}}',
    ],
)
def test_tables_that_are_json_of_something_else(shell, tmp_path, content):
    (tmp_path / "table.json").write_text(content)
    check(shell("report", "table.json", "-o", "page.html"), content)


@pytest.mark.parametrize("key", [None, "kind", "measures", "x_layers", "n_samples", "warnings"])
@pytest.mark.parametrize(
    "value", slow_unless([None, {}, [[1, 2], [3]]], [None, 5, "text", [], {}, [[1, 2], [3]]])
)
def test_tables_with_a_wrong_value(shell, tmp_path, key, value):
    path = tmp_path / "table.json"
    make(path)
    content = json.loads(path.read_text())
    if key is None:
        content["measures"]["pwcca"]["similarity"] = value
    else:
        assert key in content
        content[key] = value
    path.write_text(json.dumps(content))
    check(shell("report", "table.json", "-o", "page.html"), (key, value))
