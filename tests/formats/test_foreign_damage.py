"""Files of others that mislead: two arrays of one name, hidden bytes, bytes of other files."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from isorep.representations.representations import Representations
from isorep.storage import load, open_store

X = np.arange(12.0).reshape(4, 3)


def npy(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", npy(X))
        archive.writestr("x.npy", npy(X + 1))
    with pytest.raises(ValueError, match=r"a\.npz': it holds two arrays called 'x'"):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("read", [load, open_store])
def test_bytes_after_the_end_of_an_npy(tmp_path, read):
    """A header with a damaged shape, fewer rows or columns than there are."""
    path = tmp_path / "a.npy"
    for content in (npy(X) + b"\0", npy(X).replace(b"(4, 3)", b"(3, 3)")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.npy'.*it is damaged: data after its end"):
            read(path)


@pytest.mark.parametrize("suffix", [".h5", ".h5ad"])
def test_hdf5_does_not_read_other_files(tmp_path, suffix):
    (tmp_path / "secret").write_bytes(bytes(96))
    with h5py.File(tmp_path / f"a{suffix}", "w") as file:
        file.create_dataset("group/x", (4, 3), "f8", external=[(str(tmp_path / "secret"), 0, 96)])
    with pytest.raises(ValueError, match=r"dataset 'group/x' is stored in other files, such as '"):
        load(tmp_path / f"a{suffix}")


@pytest.mark.parametrize("ids", [{"a", "b"}, frozenset("ab"), {"a": 1, "b": 2}])
def test_sample_ids_without_an_order(ids):
    with pytest.raises(TypeError, match=r"in the order of the rows, got a .*; pass a list"):
        Representations({"fc": X[:2]}, sample_ids=ids)
    Representations({"fc": X[:2]}, sample_ids={"a": 1, "b": 2}.keys())  # a dict has an order
