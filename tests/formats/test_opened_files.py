"""Opened files: what happens to them while their rows are read, and copies for other processes."""

import copy
import os
import pickle
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import pyarrow
import pytest
import torch
import xarray
from helpers import format_files as files

from isorep._formats import npz
from isorep._formats.kept_dataset import KeptDataset
from isorep._utils.turn import Turn
from isorep.representations.representations import Representations
from isorep.storage import load, open_store, save

OPTIONS = {
    "activation_cache": {},
    "arrays.h5": {"layers": "!trials"},
    "cells.h5ad": {"layers": ["X", "layers/*"]},
    "file.arrow": {"layers": "lists"},
    "arrow.parquet": {"layers": "lists"},
    "matlab73.mat": {"layers": "!trials"},
    "netcdf3.nc": {"layers": ["rates", "scaled"]},
    "netcdf4.nc": {"layers": ["rates", "scaled"]},
    "npy_shards": {},
    "plain2.zarr": {"layers": "net/*"},
    "plain3.zarr": {"layers": "net/*"},
    "recording.nwb": {"layers": "*rates"},
    "saev_shards": {"reduce": "mean", "channels": "last"},
    "saved_dataset": {"layers": "pooled"},
    "sharded_safetensors": {},
    "stream.arrow": {"layers": "lists"},
    "tensors.pt": {"layers": "!trials"},
    "tensors.safetensors": {"layers": "!trials"},
    "xarray2.zarr": {"layers": ["rates", "scaled"]},
    "xarray3.zarr": {"layers": ["rates", "scaled"]},
}
each_file = pytest.mark.parametrize("name", OPTIONS)


def opened(tmp_path, name):
    path, source = tmp_path / name, files.FILES / name
    (shutil.copytree if source.is_dir() else shutil.copy)(source, path)
    return path, open_store(path, **OPTIONS[name])


@each_file
@pytest.mark.filterwarnings("ignore:arrays that are not layers")
@pytest.mark.filterwarnings("ignore:all values of layer")
def test_a_file_that_was_changed_is_read_no_further(tmp_path, name):
    path, stored = opened(tmp_path, name)
    first = next(iter(stored.values()))
    first[:2]
    for file in (path, *path.rglob("*")):
        os.utime(file, (1, 1))
    with pytest.raises(ValueError, match=r"was changed or replaced after it was opened; open it"):
        first[2:4]


@each_file
@pytest.mark.filterwarnings("ignore:arrays that are not layers")
@pytest.mark.filterwarnings("ignore:all values of layer")
def test_a_file_that_was_deleted_is_read_no_further(tmp_path, name):
    path, stored = opened(tmp_path, name)
    first = next(iter(stored.values()))
    first[:2]
    (shutil.rmtree if path.is_dir() else os.remove)(path)
    with pytest.raises(ValueError, match=r"cannot read rows 2 to 3 of layer .*No such file"):
        first[2:4]


def test_a_file_added_to_a_folder_changes_nothing_that_was_there(tmp_path):
    for name, x in (("a", np.eye(3)), ("b", 2 * np.eye(3))):
        np.save(tmp_path / f"{name}.npy", x)
    stored = open_store(tmp_path)
    stored["a"][:2]
    np.save(tmp_path / "c.npy", np.eye(3))
    np.testing.assert_array_equal(stored["b"][:], 2 * np.eye(3))
    with pytest.raises(KeyError):
        stored["c"]


def test_a_file_that_this_process_still_writes_is_read(tmp_path):
    x = np.arange(3000.0).reshape(1000, 3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("fc", data=x, chunks=(100, 3))
        stored = open_store(tmp_path / "a.h5")
        state = os.stat(tmp_path / "a.h5")
        for start in range(0, 1000, 100):
            np.testing.assert_array_equal(stored["fc"][start : start + 100], x[start : start + 100])
        file.flush()
        assert os.stat(tmp_path / "a.h5").st_mtime_ns == state.st_mtime_ns
        dataset[0] = -1
        file.flush()
        os.utime(tmp_path / "a.h5", (1, 1))  # some systems' times are coarse
        with pytest.raises(ValueError, match="was changed or replaced"):
            stored["fc"][:100]


def test_a_store_of_ours_is_not_read_after_another_took_its_place(tmp_path):
    path = tmp_path / "a.zarr"
    save(Representations({"fc": np.eye(3)}), path)
    stored = open_store(path)
    save(Representations({"fc": np.eye(3) + 1}), path)
    os.utime(path / "zarr.json", (1, 1))
    with pytest.raises(ValueError, match=r"of layer 'fc' of .*: a.zarr was changed or"):
        stored["fc"][:]


@pytest.mark.parametrize("name", ["plain2.zarr", "plain3.zarr"])
def test_an_array_that_was_deleted_is_not_zeros(tmp_path, name):
    path, stored = opened(tmp_path, name)
    shutil.rmtree(path / "net" / "fc2")
    with pytest.raises(ValueError, match=r"cannot read rows 0 to 1 of layer 'net/fc2' .*No such"):
        stored["net/fc2"][:2]
    assert stored["net/fc10"][:2].shape == (2, 5)


def test_a_chunk_that_went_missing_is_not_zeros(tmp_path):
    x = np.ones((5000, 3))
    save(Representations({"fc": x}), tmp_path / "a.zarr")
    stored = open_store(tmp_path / "a.zarr")["fc"]
    (chunk,) = (tmp_path / "a.zarr").rglob("c/1/0")
    chunk.unlink()
    np.testing.assert_array_equal(stored[:4096], x[:4096])
    for rows in (slice(4096, None), slice(4000, 4100), slice(None)):
        with pytest.raises(ValueError, match="the store is damaged: chunk c/1/0 is missing"):
            stored[rows]


def test_a_file_that_is_replaced_while_it_is_loaded(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    save(Representations({"fc": np.eye(3)}), path)
    members = npz.members

    def replaced_meanwhile(path):
        read = members(path)
        save(Representations({"fc": np.ones((3, 3)), "other": np.eye(3)}), path)
        return read

    monkeypatch.setattr(npz, "members", replaced_meanwhile)
    with pytest.raises(ValueError, match=r"cannot load '.*a.npz': a.npz was changed or replaced"):
        load(path)


def write_tensors(path, x):
    torch.save({"fc": torch.tensor(x)}, path)


def write_stream(path, x):
    table = pyarrow.table({"fc": pyarrow.FixedSizeListArray.from_arrays(x.ravel(), x.shape[1])})
    with pyarrow.ipc.new_stream(path, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)


@pytest.mark.parametrize(("name", "write"), [("a.pt", write_tensors), ("a.arrow", write_stream)])
def test_a_mapped_file_that_became_shorter_does_not_end_the_process(tmp_path, name, write):
    x = np.arange(80_000.0).reshape(20_000, 4)  # many pages
    write(tmp_path / name, x)
    column = open_store(tmp_path / name)["fc"]
    np.testing.assert_array_equal(column[:10], x[:10])
    os.truncate(tmp_path / name, 0)
    with pytest.raises(ValueError, match="was changed or replaced"):
        column[15_000:]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system lists no open files")
def test_columns_of_a_stream_that_are_read_in_step_are_no_open_files(tmp_path):
    x = np.arange(80.0).reshape(20, 4)
    column = pyarrow.FixedSizeListArray.from_arrays(x.ravel(), 4)
    table = pyarrow.table({f"layer{i}": column for i in range(10)})
    with pyarrow.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=5)
    n_open = len(os.listdir("/proc/self/fd"))
    stored = open_store(tmp_path / "a.arrow")
    for array in stored.values():
        np.testing.assert_array_equal(array[2:7], x[2:7])
    assert len(os.listdir("/proc/self/fd")) == n_open


@each_file
@pytest.mark.filterwarnings("ignore:arrays that are not layers")
@pytest.mark.filterwarnings("ignore:all values of layer")
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_an_opened_file_can_be_sent_to_another_process(tmp_path, name, copied):
    _, stored = opened(tmp_path, name)
    next(iter(stored.values()))[:2]  # a pass over the rows waits where it ended
    again = copied(stored)
    for layer, array in stored.items():
        np.testing.assert_array_equal(again[layer][1:], array[1:])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_process_does_not_wait_for_threads_that_it_lacks():
    turn = Turn()
    with turn:  # as a thread that the new process does not have
        process = os.fork()
        if process == 0:
            signal.alarm(30)
            with turn:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


class Dataset:
    """A dataset that notes when it is opened and closed."""

    def __init__(self, notes, variables):
        self._notes = notes
        self.variables = variables.variables
        notes.append("open")

    def close(self):
        self._notes.append("close")


@pytest.fixture
def kept():
    notes = []
    x = np.arange(20.0).reshape(10, 2)
    variables = xarray.Dataset({"a": (("n", "p"), x), "b": (("n", "p"), -x)})
    return KeptDataset(lambda: Dataset(notes, variables)), notes, x


def test_a_dataset_is_open_from_the_first_rows_of_a_pass_to_the_last(kept):
    dataset, notes, x = kept
    for rows in (slice(0, 4), slice(4, 8), slice(8, 12)):
        assert notes == ["open"] or rows.start == 0
        np.testing.assert_array_equal(dataset.read("a", "n", rows), x[rows])
        np.testing.assert_array_equal(dataset.read("b", "n", rows), -x[rows])
    assert notes == ["open", "close"]
    dataset.read("a", "n", slice(None))
    assert notes == ["open", "close"] * 2


def test_a_dataset_is_closed_when_reading_fails(kept):
    dataset, notes, x = kept
    dataset.read("a", "n", slice(0, 4))
    with pytest.raises(KeyError):
        dataset.read("c", "n", slice(0, 4))
    assert notes == ["open", "close"]
    np.testing.assert_array_equal(dataset.read("a", "n", slice(4, 12)), x[4:])
    assert notes == ["open", "close"] * 2


def test_threads_share_an_open_dataset(kept):
    dataset, notes, x = kept
    dataset.read("b", "n", slice(0, 1))
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda i: dataset.read("a", "n", slice(i, i + 1)), range(10)))
    np.testing.assert_array_equal(np.concatenate(rows), x)
    dataset.read("b", "n", slice(1, 10))
    assert notes == ["open", "close"]


@pytest.fixture
def wide_file(tmp_path, monkeypatch):
    """A file of ten layers, and a list that grows when it is opened after it was looked through."""
    x = np.arange(60.0).reshape(20, 3) / 7
    variables = {f"layer{i}": (("sample", "unit"), x + i) for i in range(10)}
    xarray.Dataset(variables).to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    notes = []
    enter = h5netcdf.File.__init__

    def note(file, *arguments, **options):
        notes.append(file)
        enter(file, *arguments, **options)

    monkeypatch.setattr(h5netcdf.File, "__init__", note)
    return tmp_path / "a.nc", notes, x


def test_layers_of_netcdf_that_are_read_in_step_open_it_once(wide_file):
    path, notes, x = wide_file
    stored = open_store(path)
    notes.clear()
    for start in range(0, 20, 4):
        for i in range(10):
            rows = slice(start, start + 4)
            np.testing.assert_array_equal(stored[f"layer{i}"][rows], (x + i)[rows])
    assert len(notes) == 1
    path.unlink()  # some systems refuse to delete an open file


def test_a_load_of_many_layers_opens_netcdf_for_all_of_them(wide_file):
    path, notes, x = wide_file
    np.testing.assert_array_equal(load(path)["layer7"], x + 7)
    assert len(notes) == 3  # the list of arrays, a look at the first rows, all rows
    stored = open_store(path)
    notes.clear()
    assert Representations.from_mapping(stored)["layer9"].shape == (20, 3)
    assert len(notes) == 1
