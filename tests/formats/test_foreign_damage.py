"""Files of others that mislead: two arrays of one name, hidden bytes, bytes of other files."""

import io
import zipfile

import h5py
import numpy as np
import pytest

from isorep._formats.npz import members
from isorep._utils import memory
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


@pytest.mark.parametrize("suffix", [".h5", ".mat", ".h5ad", ".nc", ".nwb"])
def test_no_file_is_reached_by_virtual_datasets_or_links(tmp_path, suffix):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["x"] = X
    layout = h5py.VirtualLayout(X.shape, X.dtype)
    layout[:] = h5py.VirtualSource(secret, "x", X.shape)
    path = tmp_path / f"a{suffix}"
    with h5py.File(path, "w") as file:
        file.create_group("group").create_virtual_dataset("x", layout)
    with pytest.raises(ValueError, match=r"a.*': dataset 'group/x' is virtual, .*: copy the data"):
        load(path)
    with h5py.File(path, "w") as file:
        file.create_group("group")["x"] = h5py.ExternalLink(secret, "x")
        file["soft"] = h5py.SoftLink("/group/x")
    with pytest.raises(ValueError, match=r"': 'group/x' is a link to the file '.*secret.h5', and"):
        load(path)


def test_elements_of_a_cell_that_are_in_no_group(tmp_path):
    """An object whose header counts more links than there are stays when its last link goes."""
    (tmp_path / "secret").write_bytes(b"secret")
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:
        text = file.create_dataset("text", (3, 1), "u2", external=[(tmp_path / "secret", 0, 6)])
        text.attrs["MATLAB_class"] = np.bytes_("char")
        file.create_dataset("cell", data=[[text.ref]], dtype=h5py.ref_dtype)
        file["cell"].attrs["MATLAB_class"] = np.bytes_("cell")
        n_links = h5py.h5o.get_info(text.id).addr + 4
    content = bytearray(path.read_bytes())
    content[n_links] += 1
    path.write_bytes(content)
    with h5py.File(path, "a") as file:
        del file["text"]
    with pytest.raises(ValueError, match=r"cell 'cell' has elements that are in no group of the"):
        load(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_of_a_zip_that_does_not_fit_in_memory(tmp_path, compression, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", compression) as archive:
        archive.writestr("x.npy", npy(np.zeros((1000, 1000))))
    monkeypatch.setattr(memory, "_ALWAYS_FITS", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 10**6)
    member = members(tmp_path / "a.npz")["x"]
    with pytest.raises(ValueError, match=r"array 'x': it claims to hold 7.63 MiB, which do not f"):
        member[:1]  # decompresses all of it


@pytest.mark.parametrize("option", ["layers", "ids", "labels", "groups"])
def test_an_array_of_hdf5_that_claims_more_than_memory(tmp_path, option):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = X
        file.create_dataset("huge", (2**50,), "f8", chunks=(1000,))
    with pytest.raises(ValueError, match=r"a.h5': it claims to hold 8.00 PiB, which do not fit"):
        load(tmp_path / "a.h5", **({"layers": "x"} | {option: "huge"}))


@pytest.mark.parametrize("suffix", [".h5", ".mat", ".h5ad", ".nc", ".nwb"])
def test_a_layer_or_index_of_hdf5_that_claims_more_than_memory(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    shape = (1, 2**50) if suffix == ".mat" else (2**50,)
    place = {".h5ad": "obsm/x", ".nwb": "units/x"}.get(suffix, "x")
    with h5py.File(path, "w") as file:
        huge = file.create_dataset(place, shape, "f8", chunks=True)
        if suffix == ".mat":
            huge.attrs["MATLAB_class"] = np.bytes_("double")
        if suffix == ".nc":
            huge.make_scale("x")
        if suffix == ".h5ad":
            file["obs/_index"] = ["a"]
            file["obs"].attrs["_index"] = "_index"
        file.attrs["nwb_version"] = "2.0"
    with pytest.raises(ValueError, match=r"it claims to hold 8.00 PiB, which do not fit in free"):
        load(path, layers=place)


@pytest.mark.parametrize("kind", ["char", "cell"])
def test_a_text_or_cell_of_matlab_that_claims_more_than_memory(tmp_path, kind):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        dtype = {"char": "u2", "cell": h5py.ref_dtype}[kind]
        huge = file.create_dataset("x", (2**50, 1), dtype, chunks=(1000, 1))
        huge.attrs["MATLAB_class"] = np.bytes_(kind)
    with pytest.raises(ValueError, match=r"it claims to hold \d.00 PiB, which do not fit in free"):
        load(tmp_path / "a.mat")


def test_an_index_of_anndata_that_claims_more_than_memory(tmp_path):
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["X"] = X
        file.create_dataset("obs/_index", (2**50,), "i8", chunks=(1000,))
        file["obs"].attrs["_index"] = "_index"
    with pytest.raises(ValueError, match=r"h5ad': it claims to hold 8.00 PiB, which do not fit"):
        load(tmp_path / "a.h5ad")


@pytest.mark.parametrize("ids", [{"a", "b"}, frozenset("ab"), {"a": 1, "b": 2}])
def test_sample_ids_without_an_order(ids):
    with pytest.raises(TypeError, match=r"in the order of the rows, got a .*; pass a list"):
        Representations({"fc": X[:2]}, sample_ids=ids)
    Representations({"fc": X[:2]}, sample_ids={"a": 1, "b": 2}.keys())  # a dict has an order
