"""Files of other programs: those in `files`, and the same written by the installed libraries."""

import shutil
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
import pytest
from helpers import format_files as files

from isorep.storage import load, open_store


@dataclass(frozen=True)
class Case:
    """What a file holds, as `load` should return it."""

    layers: dict
    options: dict = field(default_factory=dict)
    ids: list | None = None
    labels: list | None = None
    groups: list | None = None
    order: list | None = None


TOKEN_MEAN = files.TOKENS.mean(axis=1)
MEAN = {"reduce": "mean", "channels": "last"}

COLUMNS = Case(
    {"blocks.0.fixed": files.UNITS, "lists": files.WIDE, "tokens": TOKEN_MEAN},
    {"ids": "image", "labels": "label", **MEAN},
    ids=files.IDS,
    labels=files.LABELS,
)
PLAIN_ZARR = Case({"net/fc2": files.UNITS, "net/fc10": files.WIDE}, {"ids": "image"}, ids=files.IDS)
XARRAY = Case(
    {"rates": files.UNITS, "scaled": files.SCALED, "trials": TOKEN_MEAN},
    {"labels": "label", **MEAN},
    ids=files.IDS,
    labels=files.LABELS,
)

CASES = {
    "pandas.parquet": Case(
        {"pandas": files.UNITS}, {"labels": "label"}, ids=files.IDS, labels=files.LABELS
    ),
    "pandas.feather": Case(
        {"pandas": files.UNITS}, {"labels": "label"}, ids=files.IDS, labels=files.LABELS
    ),
    "arrow.parquet": COLUMNS,
    "file.arrow": COLUMNS,
    "stream.arrow": COLUMNS,
    "saved_dataset": Case(
        {"blocks.0.hook_mlp_out": TOKEN_MEAN, "pooled": files.WIDE},
        {"layers": ["blocks*", "pooled"], "ids": "text", "labels": "label", **MEAN},
        ids=files.IDS,
        labels=[int(label == "dog") for label in files.LABELS],
    ),
    "plain2.zarr": PLAIN_ZARR,
    "plain3.zarr": PLAIN_ZARR,
    "xarray2.zarr": XARRAY,
    "xarray3.zarr": XARRAY,
    "netcdf3.nc": XARRAY,
    "netcdf4.nc": XARRAY,
    "cells.h5ad": Case(
        {
            "X": files.UNITS,
            "layers/columns": files.above_zero(),
            "layers/rows": files.above_zero(),
            "obsm/X_pca": files.WIDE,
        },
        {"labels": "obs/label", "groups": "obs/depth"},
        ids=files.IDS,
        labels=files.LABELS,
        groups=files.TIMES.tolist(),
    ),
    "recording.nwb": Case(
        {"acquisition/rates": files.UNITS, "processing/behavior/smooth": files.WIDE},
        {"layers": ["acquisition/*", "*smooth"]},
        order=files.TIMES.tolist(),
    ),
    "activation_cache": Case(
        {
            "layer_2_out": files.UNITS.astype(ml_dtypes.bfloat16).astype(np.float32),
            "layer_10_out": files.TOKENS[:, 0],
        },
        groups=files.SEQUENCES,
    ),
    "saev_shards": Case({"layer6": TOKEN_MEAN, "layer11": -TOKEN_MEAN}, MEAN),
}


@pytest.fixture(params=["committed", "written now"])
def file(request, name, tmp_path):
    """Return the path of the file `name`."""
    path = tmp_path / name
    if request.param == "written now":
        files.WRITERS[name](path)
    elif (source := files.FILES / name).is_dir():
        shutil.copytree(source, path)
    else:
        shutil.copy(source, path)
    return path


def test_every_file_has_a_case():
    assert CASES.keys() == files.WRITERS.keys()


@pytest.mark.filterwarnings("ignore:arrays that are not layers are left out")
@pytest.mark.parametrize("name", CASES)
def test_a_file_holds_what_was_written(file, name):
    case = CASES[name]
    reps = load(file, **case.options)
    assert reps.keys() == case.layers.keys()
    for layer, expected in case.layers.items():
        assert reps[layer].dtype == expected.dtype
        np.testing.assert_array_equal(reps[layer], expected)
    assert reps.sample_ids == (None if case.ids is None else tuple(case.ids))
    for name in ("labels", "groups", "order"):
        expected, values = getattr(case, name), getattr(reps, name)
        assert (values if values is None else values.tolist()) == expected


@pytest.mark.filterwarnings("ignore:arrays that are not layers are left out")
@pytest.mark.parametrize("name", CASES)
def test_rows_are_read_as_they_are_loaded(file, name):
    options = CASES[name].options
    reps = load(file, **options)
    stored = open_store(file, **options)
    assert stored.keys() == reps.keys()
    for layer, array in stored.items():
        for rows in (slice(0, 6), slice(1, 5), slice(3, 4), slice(5, 6), slice(4, 4)):
            np.testing.assert_array_equal(array[rows], reps[layer][rows])
    assert stored.sample_ids == reps.sample_ids
    np.testing.assert_array_equal(stored.groups, reps.groups)
    np.testing.assert_array_equal(stored.order, reps.order)
