"""Open stores: what is read lazily equals what is read whole, and damage says where it is."""

import h5py
import numpy as np
import pytest

import isorep
from isorep import Representations
from isorep.representations.lazy import LazyRepresentations
from isorep.storage import load, open_store, save


@pytest.fixture
def reps():
    rng = np.random.default_rng(0)
    return Representations(
        {"conv/1": rng.standard_normal((53, 7)), "fc": rng.standard_normal((53, 3)).astype("f2")},
        sample_ids=[f"image{i}" for i in range(53)],
        labels=np.arange(53) % 5,
        reductions={"conv/1": "mean"},
        dtypes={"conv/1": "bfloat16"},
    )


def test_a_store_of_ours_is_opened_as_it_was_saved(reps, tmp_path):
    save(reps, tmp_path / "a.zarr")
    stored = open_store(tmp_path / "a.zarr")
    assert repr(stored) == "LazyRepresentations(2 layers, 53 samples: conv/1 (53, 7), fc (53, 3))"
    assert stored.sample_ids == reps.sample_ids
    assert stored.dtypes == {"conv/1": "bfloat16", "fc": "float16"}
    assert stored.reductions == {"conv/1": "mean"}
    np.testing.assert_array_equal(stored["fc"][10:30], reps["fc"][10:30])
    assert stored["fc"][50:99].shape == (3, 3)
    assert stored["fc"][7:3].shape == (0, 3)
    assert stored["fc"].dtype == np.float16
    np.testing.assert_array_equal(np.asarray(stored["conv/1"]), reps["conv/1"])
    assert Representations.from_mapping(stored) == reps
    stored.check_same_samples(reps)
    with pytest.raises(ValueError, match="a and b hold different samples"):
        stored.check_same_samples(Representations({"fc": np.ones((53, 1))}, sample_ids=range(53)))
    with pytest.raises(TypeError, match=r"read by slices of rows, a:b, got 3"):
        stored["fc"][3]


def test_a_damaged_chunk_names_store_and_layer(reps, tmp_path):
    save(reps, tmp_path / "a.zarr")
    stored = open_store(tmp_path / "a.zarr")
    chunk = tmp_path / "a.zarr" / "layer0001-fc" / "c" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 255
    chunk.write_bytes(content)
    np.testing.assert_array_equal(stored["conv/1"][:5], reps["conv/1"][:5])
    with pytest.raises(ValueError, match=r"rows 0 to 4 of layer 'fc' of '.*a\.zarr'"):
        stored["fc"][:5]
    chunk.unlink()
    with pytest.raises(ValueError, match=r"a\.zarr'.*1 chunks of layer0001-fc are missing"):
        open_store(tmp_path / "a.zarr")


def test_hdf5_from_elsewhere(tmp_path):
    rng = np.random.default_rng(1)
    path = tmp_path / "a.h5"
    arrays = {"block10/conv": rng.standard_normal((31, 4)), "block2/conv": np.ones((31, 2), "f4")}
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=(8, 2), compression="gzip")
        file["labels"] = np.arange(31)
        file["names"] = ["a", "b"]
        file["elsewhere"] = h5py.SoftLink("/missing")
    for read in (open_store, load):
        with pytest.warns(
            UserWarning, match=r"left out: labels \(31,\) int64, names \(2,\) object"
        ):
            found = read(path)
        assert list(found) == ["block2/conv", "block10/conv"]
        assert found.dtypes == {"block2/conv": "float32", "block10/conv": "float64"}
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name][:], array)
    assert open_store(path, layers="block*")["block10/conv"].chunk == 8
    with h5py.File(path, "w") as file:
        file["labels"] = np.arange(31)
        closed = file["labels"]
    with pytest.raises(ValueError, match=r"layer 'labels' is 1-D, shape \(31,\)"):
        open_store(path)
    with pytest.raises(ValueError, match=r"layer 'labels' cannot be read; is its file open\?"):
        LazyRepresentations({"labels": closed})
    path.write_bytes(b"no hdf5")
    with pytest.raises(ValueError, match=r"cannot load .*a\.h5': expected an HDF5 file"):
        load(path)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_mapped(order, tmp_path):
    x = np.asarray(np.random.default_rng(2).standard_normal((23, 5)), order=order)
    np.save(tmp_path / "fc.npy", x)
    stored = open_store(tmp_path / "fc.npy")
    assert list(stored) == ["fc"]
    np.testing.assert_array_equal(stored["fc"][3:9], x[3:9])
    (tmp_path / "cut.npy").write_bytes((tmp_path / "fc.npy").read_bytes()[:-8])
    with pytest.raises(ValueError, match="it is damaged: its header claims shape"):
        open_store(tmp_path / "cut.npy")
    np.save(tmp_path / "flat.npy", np.arange(3))
    with pytest.raises(ValueError, match=r"cannot load '.*flat\.npy': layer 'flat' is 1-D"):
        open_store(tmp_path / "flat.npy")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError, match=r"expected an \.npy array of numbers"):
        open_store(tmp_path / "objects.npy")


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(ValueError, match=r"ending in \.zarr, \.npy, .*\.h5, \.hdf5"):
        open_store(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        open_store(tmp_path / "a.zarr")
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(ValueError, match="its header is missing"):
        open_store(tmp_path / "a.zarr")
    with pytest.raises(TypeError, match=r"layer 'group' is a dict; expected an array on disk"):
        LazyRepresentations({"group": {}})
    with pytest.raises(ValueError, match=r"layer 'maps' is 3-D"):
        LazyRepresentations({"maps": np.ones((3, 2, 2))})


def test_bfloat16_is_widened_as_it_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(3, 4)).bfloat16()
    isorep.capture(model, torch.randn(50, 3).bfloat16(), out=tmp_path / "a.zarr")
    stored, whole = open_store(tmp_path / "a.zarr"), load(tmp_path / "a.zarr")
    assert stored.dtypes == {"0": "bfloat16"}
    assert stored["0"].dtype == whole["0"].dtype == np.float32
    np.testing.assert_array_equal(stored["0"][7:9], whole["0"][7:9])
    assert Representations.from_mapping(stored) == whole
