import errno
import json
import os
import shutil
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import isorep
from isorep._formats.header import HEADER, Contents, to_arrays
from isorep.representations.representations import Representations
from isorep.storage import load, open_store, save

ODD_NAMES = ["a/b", "../../up", "/root", "..", ".", "", "x.npy", "x", "X", "ä\n", "n" * 300, HEADER]
SUFFIXES = [".npz", ".zarr"]
each_suffix = pytest.mark.parametrize("suffix", SUFFIXES)


class DiskFullError(Exception):
    pass


def example(n=7):
    rng = np.random.default_rng(5)
    return Representations(
        {
            "conv": rng.normal(size=(n * 3, 2)).astype(np.float16),
            "fc/1": rng.normal(size=(n, 5)).astype(np.float32),
            "fc/0": rng.normal(size=(n, 11)),
            "spikes": rng.integers(0, 9, size=(n, 2)),
            "on": rng.random((n, 1)) > 0.5,
        },
        sample_ids=[f"sample {i}\n☃" for i in range(n)],
        labels=rng.integers(0, 3, n),
        reductions={"conv": "positions", "fc/1": "mean"},
        dtypes={"fc/1": "bfloat16"},
    )


def everything_in(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*"))


@each_suffix
def test_round_trip(tmp_path, suffix):
    reps = example()
    reps.save(tmp_path / f"a{suffix}")
    back = load(str(tmp_path / f"a{suffix}"))
    assert back == reps
    assert back["conv"].dtype == np.float16
    assert list(back) == list(reps)
    assert os.listdir(tmp_path) == [f"a{suffix}"]


@each_suffix
@pytest.mark.parametrize("groups", [["dög", "cat", "dög"], [3, 1, 3], None])
@pytest.mark.parametrize(
    "order",
    [
        [0.5, 2.0, 1.0],
        np.array(["2026-01-01T12", "2025-01-01", "2027-01-01"], "datetime64[s]"),
        np.array([3, 1, 2], "timedelta64[ms]"),
        None,
    ],
)
def test_groups_and_order_round_trip(tmp_path, suffix, groups, order):
    reps = Representations({"fc": np.arange(6.0).reshape(3, 2)}, groups=groups, order=order)
    path = tmp_path / f"a{suffix}"
    reps.save(path)
    assert load(path) == reps
    assert load(path).order is None or load(path).order.dtype == reps.order.dtype
    if suffix == ".zarr":
        assert Representations.from_mapping(open_store(path)) == reps


@each_suffix
@pytest.mark.parametrize(
    "labels", [None, ["cat", "dög", ""], [0.5, np.nan, -1.0], [True, False, True], [2, 0, 1]]
)
def test_round_trip_of_labels(tmp_path, suffix, labels):
    reps = Representations({"x": np.ones((3, 1))}, labels=labels)
    save(reps, tmp_path / f"a{suffix}")
    assert load(tmp_path / f"a{suffix}") == reps


@each_suffix
def test_round_trip_without_identity_and_of_empty_arrays(tmp_path, suffix):
    for reps in (
        Representations({"x": np.ones((3, 0))}),
        Representations({"x": np.ones((0, 4))}),
        Representations({"x": np.zeros((35, 4))}, reductions={"x": "positions"}, n_samples=5),
        Representations({"x": np.arange(12.0).reshape(4, 3).T, "y": np.zeros((3, 2))}),
    ):
        path = tmp_path / f"a{suffix}"  # overwrites the one before
        save(reps, path)
        assert load(path) == reps


@each_suffix
def test_odd_names_survive_and_stay_inside(tmp_path, suffix):
    folder = tmp_path / "in"
    folder.mkdir()
    reps = Representations({name: np.full((2, 1), i) for i, name in enumerate(ODD_NAMES)})
    save(reps, folder / f"a{suffix}")
    assert load(folder / f"a{suffix}") == reps
    assert os.listdir(tmp_path) == ["in"]
    assert os.listdir(folder) == [f"a{suffix}"]
    if suffix == ".npz":
        members = zipfile.ZipFile(folder / "a.npz").namelist()
        assert not [m for m in members if "/" in m or m.startswith(".")]


def test_a_plain_mapping_is_saved(tmp_path):
    save({"fc": [[1.0], [2.0]]}, tmp_path / "a.npz")
    assert load(tmp_path / "a.npz")["fc"].tolist() == [[1.0], [2.0]]


def test_the_header_says_who_wrote_it_and_numpy_reads_it(tmp_path):
    save(example(), tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        header = json.loads(file[HEADER].tobytes())
        np.testing.assert_array_equal(file["layer0002-fc%2F0"], example()["fc/0"])
    assert header["format"] == "isorep.representations"
    assert header["isorep_version"] == isorep.__version__


@each_suffix
def test_a_failed_write_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"a{suffix}"
    save(example(), path)
    before = everything_in(tmp_path)

    def fail(*args, **kwargs):
        raise DiskFullError

    with monkeypatch.context() as patch:
        # Fails after the first array is on the disk, then when moving into place.
        patch.setattr(np.lib.format, "write_array", fail)
        patch.setattr("zarr.Array.__setitem__", fail)
        with pytest.raises(DiskFullError):
            save({"x": np.ones((3, 2))}, path)
    assert everything_in(tmp_path) == before
    assert load(path) == example()

    rename, failed = Path.rename, []

    def fail_once(self, target):
        if Path(target) == path and not failed:
            failed.append(target)
            raise DiskFullError
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        patch.setattr(Path, "rename", fail_once)
        with pytest.raises(DiskFullError):
            save({"x": np.ones((3, 2))}, path)
    assert everything_in(tmp_path) == before
    assert load(path) == example()


@each_suffix
def test_a_failed_first_write_leaves_nothing(tmp_path, suffix, monkeypatch):
    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", fail)
    monkeypatch.setattr("zarr.Array.__setitem__", fail)
    with pytest.raises(KeyboardInterrupt):
        save(example(), tmp_path / f"a{suffix}")
    assert os.listdir(tmp_path) == []


def test_what_save_refuses(tmp_path):
    with pytest.raises(ValueError, match=r"a.h5'.* ending in .npz or .zarr"):
        save(example(), tmp_path / "a.h5")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        save(example(), tmp_path / "nowhere" / "a.npz")
    (tmp_path / "mine.zarr").mkdir()
    (tmp_path / "mine.zarr" / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"mine.zarr'.* not an isorep store"):
        save(example(), tmp_path / "mine.zarr")
    assert (tmp_path / "mine.zarr" / "thesis.txt").exists()
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(ValueError, match=r"folder.npz'.* is a folder"):
        save(example(), tmp_path / "folder.npz")
    with pytest.raises(TypeError, match="mapping of layer name"):
        save(np.ones((3, 2)), tmp_path / "a.npz")
    assert sorted(os.listdir(tmp_path)) == ["folder.npz", "mine.zarr"]


def test_what_load_refuses(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a.npz'.*no such file"):
        load(tmp_path / "a.npz")
    (tmp_path / "a.xyz").touch()
    with pytest.raises(ValueError, match=r"a.xyz'.*ending in .npz, .zarr, .npy, .safe"):
        load(tmp_path / "a.xyz")
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(ValueError, match=r"empty.zarr'.*its header is missing"):
        load(tmp_path / "empty.zarr")


@each_suffix
def test_a_newer_format_says_so(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr("isorep._formats.header._VERSION", 3)
    save(example(), tmp_path / f"a{suffix}")
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"in format 3, .* reads formats 1 to 2; upgrade isorep"):
        load(tmp_path / f"a{suffix}")


def test_a_damaged_npz(tmp_path):
    path = tmp_path / "a.npz"
    save(example(), path)
    whole = path.read_bytes()
    for cut in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"a.npz'.*expected an .npz"):
            load(path)
    start = whole.index(example()["fc/0"].tobytes())
    path.write_bytes(whole[: start + 3] + bytes([whole[start + 3] ^ 1]) + whole[start + 4 :])
    with pytest.raises(ValueError, match=r"a.npz'.*Bad CRC"):
        load(path)


def test_a_damaged_header(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"x": np.ones((3, 2))}
    for header in (b"{}", b"[]", b"\xff", b'{"format": "other"}', b"7"):
        np.savez(path, **arrays, **{HEADER: np.frombuffer(header, np.uint8)})
        with pytest.raises(ValueError, match=r"a.npz'.*header is damaged or not isorep's"):
            load(path)
    header = {"format": "isorep.representations", "format_version": 1, "isorep_version": "0"}
    np.savez(path, **{HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8)})
    with pytest.raises(ValueError, match=r"a.npz'.*it is damaged: 'layers' is missing"):
        load(path)


def test_a_damaged_zarr(tmp_path):
    path = tmp_path / "a.zarr"

    def fresh():
        shutil.rmtree(path, ignore_errors=True)
        save(example(), path)
        layer = path / "layer0002-fc%2F0"
        (chunk,) = [p for p in layer.rglob("*") if p.is_file() and p.name != "zarr.json"]
        return layer, chunk

    _, chunk = fresh()
    chunk.unlink()
    with pytest.raises(ValueError, match=r"a.zarr'.*damaged: 1 chunks of layer0002.* missing"):
        load(path)
    _, chunk = fresh()
    data = chunk.read_bytes()
    middle = len(data) // 2
    for bad in (data[:middle], data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]):
        chunk.write_bytes(bad)
        with pytest.raises(
            ValueError, match=r"a.zarr': (cannot read rows 0 to 6 of layer 'fc/0'|.*damaged)"
        ):
            load(path)
    layer, _ = fresh()
    (layer / "zarr.json").write_text("{")
    with pytest.raises(ValueError, match=r"a.zarr'.*damaged"):
        load(path)
    fresh()
    about = path / HEADER / "zarr.json"
    about.write_text(about.read_text().replace("zarr_format", "zarr_gormat"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr's, which goes on without
        with pytest.raises(ValueError, match=r"damaged: isorep-header/zarr\.json describes no ar"):
            load(path)
    layer, _ = fresh()
    shutil.rmtree(layer)
    with pytest.raises(ValueError, match=r"a.zarr'.*damaged: 'layer0002-fc%2F0' is missing"):
        load(path)


def test_zeros_are_not_taken_for_missing(tmp_path):
    reps = Representations({"dead": np.zeros((5, 3))})
    save(reps, tmp_path / "a.zarr")
    assert load(tmp_path / "a.zarr") == reps


@each_suffix
@pytest.mark.parametrize("target", ["z", "nowhere yet"])
def test_saving_through_a_link_writes_what_it_points_to(tmp_path, suffix, target):
    folder = tmp_path / "far"
    folder.mkdir()
    real, link = folder / f"{target}{suffix}", tmp_path / f"link{suffix}"
    if target == "z":
        save({"x": np.ones((3, 2))}, real)
    link.symlink_to(real)
    save(example(), link)
    assert link.is_symlink()
    assert load(real) == load(link) == example()
    assert sorted(os.listdir(tmp_path)) == ["far", link.name]
    assert os.listdir(folder) == [real.name]


def test_labels_that_were_lost(tmp_path):
    path = tmp_path / "a.zarr"
    save(example(), path)
    shutil.rmtree(path / "labels")
    with pytest.raises(ValueError, match=r"a.zarr'.*damaged: 'labels' is missing"):
        load(path)


def test_files_that_do_not_say_whether_they_have_labels(tmp_path):
    for reps in (example(), Representations({"x": np.ones((3, 2))})):
        arrays = to_arrays(Contents(reps, reps.metadata()))
        header = json.loads(arrays[HEADER].tobytes())
        del header["has_labels"]
        arrays[HEADER] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        np.savez(tmp_path / "a.npz", **arrays)
        assert load(tmp_path / "a.npz") == reps


@pytest.mark.parametrize("suffix", [".npz", ".zarr"])
def test_what_cannot_be_written_is_named_as_it_was_asked_for(tmp_path, monkeypatch, suffix):
    """Not by the hidden name that it has until it is whole."""
    from isorep._utils import atomic

    def refused(name):
        raise PermissionError(errno.EACCES, "Permission denied", str(name))

    monkeypatch.setattr(atomic.Path, "mkdir", lambda self, *_, **__: refused(self))
    monkeypatch.setattr(atomic, "open", lambda name, mode: refused(name), raising=False)
    target = tmp_path / f"a{suffix}"
    with pytest.raises(PermissionError) as caught:
        isorep.Representations({"fc": np.eye(3)}).save(target)
    assert caught.value.filename == str(target)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(np.dtype(np.longdouble).itemsize == 8, reason="no longer floats here")
def test_a_dtype_that_zarr_does_not_have(tmp_path):
    given = isorep.Representations({"fc": np.eye(3, dtype=np.longdouble)})
    with pytest.raises(ValueError, match=r"layer 'fc' has dtype float128, which zarr does not"):
        given.save(tmp_path / "a.zarr")
    assert not list(tmp_path.iterdir())
    given.save(tmp_path / "a.npz")
