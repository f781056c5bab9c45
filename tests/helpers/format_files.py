"""Small files of other programs, each made by the format's own library, and what they hold.

``python -m helpers.format_files`` in tests/ writes the files of tests/formats/files anew.
"""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

FILES = Path(__file__).parents[1] / "formats" / "files"

N = 6
UNITS = np.sin(np.arange(24)).reshape(N, 4).astype(np.float32)
WIDE = np.cos(np.arange(30)).reshape(N, 5)
SCALED = np.rint(100 * WIDE) / 128
TOKENS = (np.arange(48) ** 2 % 37 / 8).reshape(N, 4, 2).astype(np.float32)  # exact means
IDS = [f"image{i}" for i in (3, 1, 4, 0, 5, 9)]
LABELS = ["cat", "dog", "cat", "cat", "dog", "cat"]
TIMES = np.array([0.0, 0.5, 1.5, 2.0, 2.5, 4.0])
SEQUENCES = [0, 0, 0, 1, 2, 2]


def pandas_frame():
    import pandas

    frame = pandas.DataFrame(UNITS, columns=[f"unit{i}" for i in range(4)])
    frame["label"] = pandas.Categorical(LABELS)
    frame.index = pandas.Index(IDS, name="image")
    return frame


def write_pandas_parquet(path):
    pandas_frame().to_parquet(path)


def write_pandas_feather(path):
    pandas_frame().to_feather(path)


def arrow_table():
    import pyarrow

    matrices = pyarrow.list_(pyarrow.list_(pyarrow.float32()))
    return pyarrow.table(
        {
            "blocks.0.fixed": pyarrow.FixedSizeListArray.from_arrays(UNITS.ravel(), 4),
            "lists": pyarrow.array(WIDE.tolist()),
            "tokens": pyarrow.array(TOKENS.tolist(), matrices),
            "label": pyarrow.array(LABELS).dictionary_encode(),
            "image": IDS,
        }
    )


def write_arrow_parquet(path):
    import pyarrow.parquet

    pyarrow.parquet.write_table(arrow_table(), path, row_group_size=2)


def write_arrow_file(path):
    import pyarrow

    options = pyarrow.ipc.IpcWriteOptions(compression="zstd")
    with pyarrow.ipc.new_file(path, arrow_table().schema, options=options) as writer:
        writer.write_table(arrow_table(), max_chunksize=2)


def write_arrow_stream(path):
    import pyarrow

    with pyarrow.ipc.new_stream(path, arrow_table().schema) as writer:
        writer.write_table(arrow_table(), max_chunksize=4)


def write_saved_dataset(path):
    """As SAELens caches activations: a column of matrices (tokens, features), and their tokens."""
    import datasets

    features = datasets.Features(
        {
            "blocks.0.hook_mlp_out": datasets.Array2D((4, 2), "float32"),
            "token_ids": datasets.Sequence(datasets.Value("int32"), length=4),
            "pooled": datasets.Sequence(datasets.Value("float64")),
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["cat", "dog"]),
        }
    )
    columns = {
        "blocks.0.hook_mlp_out": TOKENS,
        "token_ids": np.arange(24).reshape(N, 4),
        "pooled": WIDE.tolist(),
        "text": IDS,
        "label": LABELS,
    }
    datasets.disable_progress_bars()
    dataset = datasets.Dataset.from_dict(columns, features=features)
    dataset.save_to_disk(path, num_shards=2)


def write_plain_zarr(path, zarr_format):
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.create_array("net/fc10", data=WIDE, chunks=(4, 5))
    group.create_array("net/fc2", data=UNITS, chunks=(2, 4))
    texts = group.create_array("image", shape=(N,), dtype=str)
    texts[:] = np.array(IDS, dtype=object)


def write_plain_zarr2(path):
    write_plain_zarr(path, 2)


def write_plain_zarr3(path):
    write_plain_zarr(path, 3)


def xarray_dataset():
    import xarray

    packed = {"scale_factor": 1 / 128, "dtype": "int16", "_FillValue": -999}
    return xarray.Dataset(
        {
            "rates": (("unit", "stimulus"), UNITS.T),
            "scaled": (("stimulus", "feature"), SCALED, {}, packed),
            "trials": (("stimulus", "time", "neuron"), TOKENS),
        },
        coords={
            "stimulus": np.array(IDS, dtype=object),
            "label": ("stimulus", np.array(LABELS, dtype=object)),
        },
    )


def write_netcdf4(path):
    xarray_dataset().to_netcdf(path, engine="h5netcdf")


def write_netcdf3(path):
    xarray_dataset().to_netcdf(path, engine="scipy")


def write_xarray_zarr2(path):
    xarray_dataset().to_zarr(path, mode="w", zarr_format=2)


def write_xarray_zarr3(path):
    xarray_dataset().to_zarr(path, mode="w", zarr_format=3, consolidated=False)


def write_anndata(path):
    import anndata
    import pandas
    from scipy import sparse

    cells = pandas.Index(IDS, dtype=object)
    kinds = pandas.Index(["cat", "dog"], dtype=object)
    labels = pandas.Categorical.from_codes([kinds.get_loc(x) for x in LABELS], kinds)
    table = anndata.AnnData(
        UNITS,
        obs=pandas.DataFrame({"label": labels, "depth": TIMES}, index=cells),
        var=pandas.DataFrame(index=pandas.Index(list("ABCD"), dtype=object)),
        obsm={"X_pca": WIDE},
        layers={
            "rows": sparse.csr_matrix(above_zero()),
            "columns": sparse.csc_matrix(above_zero()),
        },
    )
    table.write_h5ad(path)


def above_zero():
    """Return values many of which are zero."""
    return np.maximum(UNITS, 0)


def write_nwb(path):
    from hdmf.common import VectorData
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries
    from pynwb.epoch import TimeIntervals

    recording = NWBFile(
        session_description="small",
        identifier="small",
        session_start_time=datetime(2020, 1, 1, tzinfo=UTC),
    )
    rates = TimeSeries(name="rates", data=UNITS, unit="Hz", timestamps=TIMES)
    recording.add_acquisition(rates)
    module = recording.create_processing_module(name="behavior", description="smoothed")
    module.add(TimeSeries(name="smooth", data=WIDE, unit="Hz", timestamps=rates))
    module.add(TimeSeries(name="even", data=WIDE, unit="Hz", starting_time=2.0, rate=4.0))
    trials = TimeIntervals(
        name="trials",
        description="trials",
        columns=[
            VectorData(name="start_time", description="start", data=TIMES),
            VectorData(name="stop_time", description="stop", data=TIMES + 0.5),
            VectorData(name="image", description="image", data=IDS),
            VectorData(name="response", description="response", data=UNITS),
        ],
    )
    recording.trials = trials
    for times in ([0.1], [0.2, 0.3]):
        recording.add_unit(spike_times=times)
    with NWBHDF5IO(path, "w") as file:
        file.write(recording, cache_spec=False)


def write_activation_cache(path):
    """As the forks of dictionary_learning store activations: shards that are NumPy's memmaps."""
    import torch

    values = {
        "layer_2_out": torch.tensor(UNITS).bfloat16(),
        "layer_10_out": torch.tensor(TOKENS[:, 0]),
    }
    for name, tensor in values.items():
        folder = path / name
        folder.mkdir(parents=True)
        for i, part in enumerate(tensor.split(4)):
            bits = part.view(torch.int16) if part.dtype == torch.bfloat16 else part
            shard = folder / f"shard_{i}.memmap"
            memmap = np.memmap(shard, bits.numpy().dtype, "w+", shape=tuple(part.shape))
            memmap[:] = bits.numpy()
            memmap.flush()
            meta = {"shape": list(part.shape), "dtype": str(part.dtype)}
            shard.with_suffix(".meta").write_text(json.dumps(meta))
        config = {"shuffle_shards": False, "total_size": N, "shard_count": 2}
        config |= {"store_tokens": True, "store_sequence_ranges": True}
        (folder / "config.json").write_text(json.dumps(config))
    torch.save(torch.arange(N), path / "tokens.pt")
    torch.save(torch.tensor([0, 3, 4, 6]), path / "sequence_ranges.pt")


def write_saev_shards(path):
    """As protocol 2.1 of saev says; its last shard is longer than its examples."""
    path.mkdir(parents=True)
    values = np.stack([TOKENS, -TOKENS], axis=1)
    metadata = {"family": "clip", "layers": [6, 11], "content_tokens_per_example": 3}
    metadata |= {"cls_token": True, "d_model": 2, "n_examples": N, "dtype": "float32"}
    metadata |= {"protocol": "2.1"}
    (path / "metadata.json").write_text(json.dumps(metadata))
    shards = [
        {"name": "acts000000.bin", "n_examples": 4},
        {"name": "acts000001.bin", "n_examples": 2},
    ]
    (path / "shards.json").write_text(json.dumps(shards))
    for i, part in enumerate((values[:4], np.pad(values[4:], [(0, 2), (0, 0), (0, 0), (0, 0)]))):
        memmap = np.memmap(path / f"acts{i:06}.bin", "float32", "w+", shape=part.shape)
        memmap[:] = part
        memmap.flush()


WRITERS = {
    "pandas.parquet": write_pandas_parquet,
    "arrow.parquet": write_arrow_parquet,
    "pandas.feather": write_pandas_feather,
    "file.arrow": write_arrow_file,
    "stream.arrow": write_arrow_stream,
    "saved_dataset": write_saved_dataset,
    "plain2.zarr": write_plain_zarr2,
    "plain3.zarr": write_plain_zarr3,
    "xarray2.zarr": write_xarray_zarr2,
    "xarray3.zarr": write_xarray_zarr3,
    "netcdf3.nc": write_netcdf3,
    "netcdf4.nc": write_netcdf4,
    "cells.h5ad": write_anndata,
    "recording.nwb": write_nwb,
    "activation_cache": write_activation_cache,
    "saev_shards": write_saev_shards,
}
"""Name of each file to the function that writes it."""


if __name__ == "__main__":
    shutil.rmtree(FILES, ignore_errors=True)
    FILES.mkdir()
    for name, write in WRITERS.items():
        write(FILES / name)
