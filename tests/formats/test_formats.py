import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from isorep._formats import formats
from isorep.cli import app
from isorep.model_files.specs import names_model
from isorep.storage import load, open_store

READER = '''
import numpy as np
from isorep.storage import Contents, Format

def read(path):
    """Read a text of numbers, one sample a line, its name first."""
    lines = [line.split() for line in path.read_text().splitlines()]
    values = np.array([line[1:] for line in lines], float)
    return Contents({"fc": values, "n": np.array(3)}, {"sample_ids": [line[0] for line in lines]})

def nothing(path):
    return {"fc": np.ones((3, 2))}

lazy = Format("lines", open=read, ids=True)
number = 3
'''


@pytest.fixture
def plugins(tmp_path, monkeypatch):
    """Install a package with readers, as pip does."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "line_reader.py").write_text(READER)
    info = tmp_path / "line_reader-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: line-reader\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[isorep.readers]\n"
        "lines = line_reader:read\n"
        ".LAZY = line_reader:lazy\n"
        "npy = line_reader:nothing\n"
        "dict = line_reader:nothing\n"
        "number = line_reader:number\n"
        "gone = line_reader:gone\n"
        "absent = no_such_module:read\n"
    )
    vars(formats.PLUGINS).pop("_entries", None)
    yield
    vars(formats.PLUGINS).pop("_entries", None)
    sys.modules.pop("line_reader", None)


def test_a_package_adds_a_format(plugins, tmp_path):
    (tmp_path / "a.lines").write_text("cat 1 2\ndog 3 4.5\n")
    with pytest.warns(UserWarning, match=r"left out: n \(\)"):
        reps = load(tmp_path / "a.lines")
    assert reps.sample_ids == ("cat", "dog")
    np.testing.assert_array_equal(reps["fc"], [[1, 2], [3, 4.5]])
    assert not names_model(tmp_path / "a.lines")
    with pytest.raises(ValueError, match=r"a\.lines': expected a name ending in \.zarr, \.npy"):
        open_store(tmp_path / "a.lines")
    (tmp_path / "a.lines").rename(tmp_path / "a.Lazy")
    lazy = open_store(tmp_path / "a.Lazy", layers="fc")
    np.testing.assert_array_equal(lazy["fc"][1:], [[3, 4.5]])


def test_own_formats_come_first(plugins, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 1)))
    assert load(tmp_path / "x.npy")["x"].shape == (4, 1)


@pytest.mark.parametrize(
    ("suffix", "error", "text"),
    [
        ("gone", ImportError, "gone = 'line_reader:gone' of the package line-reader cannot be imp"),
        ("absent", ImportError, "ModuleNotFoundError: No module named 'no_such_module'; repair"),
        ("number", TypeError, r"is a int; expected an isorep\.storage\.Format, or a function of"),
        ("dict", ValueError, r"a\.dict': its reader returned a dict; expected isorep\.storage"),
    ],
)
def test_a_broken_package_is_named_when_its_suffix_is_asked_for(
    plugins, tmp_path, suffix, error, text
):
    (tmp_path / f"a.{suffix}").touch()
    with pytest.raises(error, match=text):
        load(tmp_path / f"a.{suffix}")
    np.save(tmp_path / "x.npy", np.zeros((4, 1)))  # others are read as ever
    assert list(load(tmp_path / "x.npy")) == ["x"]


def test_an_unknown_suffix_lists_the_known_ones(plugins, tmp_path):
    (tmp_path / "a.xyz").touch()
    with pytest.raises(ValueError, match=r"\.npz, \.zarr, .*\.lazy, .* or a folder of arrays"):
        load(tmp_path / "a.xyz")
    with pytest.raises(ValueError, match=r"expected a folder of arrays, got a\.xyz, line_reader"):
        load(tmp_path)


def test_two_packages_with_one_suffix_are_both_named(plugins, tmp_path):
    info = tmp_path / "other_reader-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-reader\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[isorep.readers]\n.Lines = line_reader:read\n")
    (tmp_path / "a.lines").write_text("cat 1 2\n")
    with pytest.raises(ImportError, match="packages line-reader and other-reader all offer"):
        load(tmp_path / "a.lines")


def test_the_table_in_the_docs_is_that_of_the_registry():
    text = (Path(__file__).parents[2] / "docs" / "files.md").read_text()
    for name, *cells in formats.table_of_formats():
        names = [f"`{x}`" if x.startswith(".") else x for x in name.split(", ")]
        assert f"| {' | '.join((', '.join(names), *cells)).rstrip()} |\n" in text
    assert f"| {' | '.join(formats.TABLE_HEADINGS)} |\n" in text


def test_the_shell_lists_every_format(plugins, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    with pytest.raises(SystemExit, match="0"):
        app(["formats"])
    printed = capsys.readouterr().out
    for suffix in formats.FORMATS:
        assert suffix in printed
    assert "read by the package line-reader" in printed


def test_a_missing_path_is_reported_before_its_suffix(tmp_path):
    for name in ("runs/acts", "acts", "acts.v2"):
        for read in (load, open_store):
            with pytest.raises(FileNotFoundError, match="there is no such file or folder"):
                read(tmp_path / name)


@pytest.mark.parametrize("name", ["a.pkl", "a.PICKLE", "a.joblib"])
def test_a_pickle_is_refused_with_the_way_out(tmp_path, name):
    for read in (load, open_store):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / name)
    (tmp_path / name).write_bytes(pickle.dumps({"x": np.ones((3, 2))}))
    for read in (load, open_store):
        with pytest.raises(ValueError, match=r"pickles are never loaded.*numpy\.savez.*isorep"):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ((), "an empty folder"),
        (
            ("a.txt", "b.npz", "c/x.npy"),
            r"a\.txt, b\.npz, c/: pass one of them, such as '.*b\.npz'",
        ),
        (("c/d/x.npy",), "c/$"),
    ],
)
def test_a_folder_that_is_no_representation_says_what_it_holds(tmp_path, names, text):
    folder = tmp_path / "runs"
    folder.mkdir()
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).touch()
    for read in (load, open_store):
        with pytest.raises(ValueError, match=f"'.*runs': expected a folder of arrays, got {text}"):
            read(folder)
