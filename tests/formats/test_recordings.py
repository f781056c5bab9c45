"""AnnData and NWB: what they refuse, and how much of a file is read."""

import anndata
import h5py
import numpy as np
import pytest
from helpers import format_files as files
from scipy import sparse

from isorep._formats.anndata import open_anndata
from isorep._formats.nwb import open_nwb
from isorep.storage import load, open_store


@pytest.fixture
def cells(tmp_path):
    files.write_anndata(tmp_path / "cells.h5ad")
    return tmp_path / "cells.h5ad"


@pytest.fixture
def recording(tmp_path):
    files.write_nwb(tmp_path / "recording.nwb")
    return tmp_path / "recording.nwb"


def test_values_of_anndata(cells):
    table = anndata.read_h5ad(cells)
    arrays = open_anndata(cells).layers
    np.testing.assert_array_equal(arrays["obs/label"][:], table.obs["label"])
    np.testing.assert_array_equal(arrays["obs/depth"][2:], table.obs["depth"][2:])
    for name in ("rows", "columns"):
        for rows in (slice(0, 6), slice(2, 3), slice(3, 3)):
            expected = table.layers[name].toarray()[rows]
            np.testing.assert_array_equal(arrays[f"layers/{name}"][rows], expected)


def test_columns_of_samples_that_have_missing_values(cells):
    with h5py.File(cells, "a") as file:
        file["obs/label/codes"][4] = -1
    with pytest.raises(ValueError, match="obs/label has no value for sample 4"):
        load(cells, layers="X", labels="obs/label")


def test_nullable_columns_and_frames_of_anndata(tmp_path):
    import pandas

    index = pandas.Index(files.IDS, dtype=object)
    numbers = pandas.array([3, 1, 4, 1, 5, 9], dtype="Int64")
    table = anndata.AnnData(files.UNITS, obs=pandas.DataFrame({"n": numbers}, index=index))
    table.var.index = table.var.index.astype(object)
    table.obsm["place"] = pandas.DataFrame({"x": files.TIMES}, index=index)
    table.write_h5ad(tmp_path / "a.h5ad")
    arrays = open_anndata(tmp_path / "a.h5ad").layers
    np.testing.assert_array_equal(arrays["obs/n"][1:4], [1, 4, 1])
    np.testing.assert_array_equal(arrays["obsm/place/x"][:], files.TIMES)


@pytest.mark.parametrize("name", ["rows", "columns"])
@pytest.mark.parametrize(("key", "value"), [("indices", 10**6), ("indices", -3), ("indptr", 10**6)])
def test_a_damaged_sparse_matrix(cells, name, key, value):
    with h5py.File(cells, "a") as file:
        file[f"layers/{name}/{key}"][1] = value
    with pytest.raises(ValueError, match=r"cells.h5ad'"):
        load(cells, layers=f"layers/{name}")


def test_a_sparse_matrix_that_does_not_fit_as_an_array(tmp_path):
    matrix = sparse.csr_matrix((np.ones(1), [0], [0] * 10 + [1]), shape=(10, 10**15))
    path = tmp_path / "a.h5ad"
    with h5py.File(path, "w") as file:
        obs = file.create_group("obs")
        obs.attrs["_index"] = "_index"
        obs["_index"] = np.arange(10)
        group = file.create_group("X")
        group.attrs.update({"encoding-type": "csr_matrix", "shape": matrix.shape})
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(matrix, key)
    array = open_anndata(path).layers["X"]
    with pytest.raises(
        ValueError, match=r"sparse matrix /X takes .* as a dense array, and half of"
    ):
        array[:]


def test_an_old_file_of_anndata(tmp_path):
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["obs"] = np.array([(b"cat", 1)], [("index", "S3"), ("n", "i8")])
    with pytest.raises(ValueError, match="a file of an older anndata: read it and write it again"):
        load(tmp_path / "a.h5ad")


def test_values_of_nwb(recording):
    contents = open_nwb(recording)
    arrays = contents.layers
    np.testing.assert_array_equal(arrays["intervals/trials/response"][:], files.UNITS)
    np.testing.assert_array_equal(
        arrays["processing/behavior/smooth/timestamps"][2:4], files.TIMES[2:4]
    )
    np.testing.assert_array_equal(
        contents.metadata["orders"]["processing/behavior/even"][:], 2 + np.arange(6) / 4
    )
    assert not any("spike_times" in name or name.startswith("general") for name in arrays)


def test_columns_of_tables_of_nwb(recording):
    with pytest.warns(UserWarning, match="left out"):
        reps = load(recording, layers="intervals/*", ids="intervals/trials/image")
    assert list(reps) == ["intervals/trials/response"]
    assert reps.sample_ids == tuple(files.IDS)
    assert reps.order is None


def test_series_and_columns_are_not_joined(recording):
    names = ["processing/behavior/even", "intervals/trials/response"]
    with pytest.raises(
        ValueError, match=r"even' has a sample for each time .*response' is no time"
    ):
        load(recording, layers=names)


def test_series_of_different_times(recording):
    with pytest.raises(ValueError, match=r"even' and .*smooth' were recorded at different times"):
        load(recording, layers="processing/*")


def test_only_the_rows_that_are_asked_for_are_read(recording, cells, monkeypatch):
    series = open_store(recording, layers="acquisition/*")["acquisition/rates"]
    sparse_rows = open_store(cells, layers="layers/rows")["layers/rows"]
    read = []
    get = h5py.Dataset.__getitem__

    def count(dataset, key, **options):
        values = get(dataset, key, **options)
        read.append(np.size(values))
        return values

    monkeypatch.setattr(h5py.Dataset, "__getitem__", count)
    np.testing.assert_array_equal(series[2:4], files.UNITS[2:4])
    assert read == [8]
    read.clear()
    expected = files.above_zero()[2:4]
    np.testing.assert_array_equal(sparse_rows[2:4], expected)
    assert sorted(read) == sorted([3, np.count_nonzero(expected), np.count_nonzero(expected)])


@pytest.mark.parametrize("suffix", ["h5ad", "nwb"])
def test_what_is_no_such_file(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    with h5py.File(path, "w") as file:
        file["x"] = np.eye(3)
    content = path.read_bytes()
    for bad in (content, content[:100], b"", b"hello world, this is no array"):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=rf"a.{suffix}'.*expected an (.h5ad|NWB) file"):
            load(path)


def test_a_matrix_stored_by_columns_is_converted_once(cells, monkeypatch):
    columns = open_anndata(cells).layers["layers/columns"]
    rows = open_anndata(cells).layers["layers/rows"][:]
    conversions = []
    convert = sparse.csc_matrix.tocsr

    def count(matrix, copy=False):
        conversions.append(matrix.shape)
        return convert(matrix, copy)

    monkeypatch.setattr(sparse.csc_matrix, "tocsr", count)
    for i in range(len(rows)):
        np.testing.assert_array_equal(columns[i : i + 1], rows[i : i + 1])
    assert len(conversions) == 1


def test_a_label_that_is_missing(tmp_path):
    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["X"] = np.eye(3)
        file["obs/_index"] = [0.0, np.nan, 2.0]
        file["obs"].attrs["_index"] = "_index"
    with pytest.raises(ValueError, match=r"a.h5ad': the label of sample 1 of obs is missing"):
        load(tmp_path / "a.h5ad")


def test_a_heap_of_texts_in_which_hdf5_would_loop(tmp_path):
    path = tmp_path / "cells.h5ad"
    content = bytearray((files.FILES / "cells.h5ad").read_bytes())
    content[3432:3434] = bytes(2)  # the size of the free space at the end of the heap
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged: a heap of texts has free space of 0 bytes"):
        load(path)
