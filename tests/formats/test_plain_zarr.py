import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr
from helpers import format_files as files

from isorep._formats.plain_zarr import open_plain_zarr
from isorep.comparison.pairwise import pairwise
from isorep.representations.representations import Representations
from isorep.storage import load, open_store, save

each_format = pytest.mark.parametrize("zarr_format", [2, 3])


@each_format
def test_an_array_alone_is_named_after_its_folder(tmp_path, zarr_format):
    path = tmp_path / "layer4.zarr"
    zarr.save_array(path, files.UNITS, zarr_format=zarr_format)
    np.testing.assert_array_equal(load(path)["layer4"], files.UNITS)


@each_format
def test_a_folder_of_another_name_is_recognised(tmp_path, zarr_format):
    zarr.open_group(tmp_path / "run", mode="w", zarr_format=zarr_format)["fc"] = files.UNITS
    np.testing.assert_array_equal(load(tmp_path / "run")["fc"], files.UNITS)


@each_format
def test_only_the_chunks_of_the_rows_are_read(tmp_path, zarr_format):
    path = tmp_path / "a.zarr"
    zarr.create_array(path, data=files.UNITS, chunks=(2, 4), zarr_format=zarr_format)
    for chunk in [path / name for name in ("0.0", "2.0", "c/0", "c/2") if (path / name).exists()]:
        damaged = [chunk / "0"] if chunk.is_dir() else [chunk]
        damaged[0].write_bytes(b"damaged")
    stored = open_store(path)["a"]
    assert stored.chunk == 2
    np.testing.assert_array_equal(stored[2:4], files.UNITS[2:4])
    with pytest.raises(ValueError, match="cannot read rows 0 to 1 of layer 'a'"):
        stored[0:2]


def test_a_chunk_that_was_never_written_has_the_fill_value(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    array = group.create_array("x", shape=(4, 3), chunks=(2, 3), dtype="f4", fill_value=7)
    array[:2] = 1
    np.testing.assert_array_equal(load(tmp_path / "a.zarr")["x"], [[1] * 3] * 2 + [[7] * 3] * 2)


@each_format
def test_pickle_is_refused_before_anything_is_decoded(tmp_path, zarr_format):
    path = tmp_path / "a.zarr"
    files.write_plain_zarr(path, zarr_format)
    metadata_file = path / "image" / {2: ".zarray", 3: "zarr.json"}[zarr_format]
    metadata = json.loads(metadata_file.read_text())
    if zarr_format == 2:
        metadata["filters"].append({"id": "pickle"})
    else:
        metadata["codecs"].append({"name": "numcodecs.pickle", "configuration": {}})
    metadata_file.write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match=r"a.zarr'.*codec '(numcodecs.)?pickle', which "):
        load(path)


@pytest.mark.parametrize("content", ["{", "[]", '{"zarr_format": 2, "shape": 3}'])
def test_damaged_metadata(tmp_path, content):
    path = tmp_path / "a.zarr"
    files.write_plain_zarr2(path)
    (path / "net" / "fc2" / ".zarray").write_text(content)
    with pytest.raises(ValueError, match=r"a.zarr': .*(damaged|expected a zarr store)"):
        load(path)


@pytest.mark.parametrize("name", ["xarray2.zarr", "xarray3.zarr", "plain2.zarr", "plain3.zarr"])
def test_a_shape_that_claims_far_more_than_there_is(tmp_path, name):
    path = tmp_path / "a.zarr"
    files.WRITERS[name](path)
    metadata_file = next(
        file
        for file in sorted(path.rglob("*"))
        if file.name in (".zarray", "zarr.json") and file.parent.name in ("stimulus", "image")
    )
    metadata = json.loads(metadata_file.read_text())
    metadata_file.write_text(json.dumps(metadata | {"shape": [2**40]}))
    with pytest.raises(
        ValueError, match=r"a file for each of the \d+ chunks .*, got \d+ files: write it"
    ):
        load(path)


def test_a_group_without_arrays(tmp_path):
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    with pytest.raises(ValueError, match="expected a zarr array or group, got a "):
        load(tmp_path / "a.zarr")


def test_a_store_of_isorep_that_lost_its_header_is_no_plain_store(tmp_path):
    save(Representations({"fc": files.UNITS}), tmp_path / "a.zarr")
    shutil.rmtree(tmp_path / "a.zarr" / "isorep-header")
    with pytest.raises(ValueError, match="its header is missing"):
        load(tmp_path / "a.zarr")


def test_a_table_of_similarities_is_no_representation(tmp_path):
    networks = {"a": {"fc": files.UNITS}, "b": {"fc": files.UNITS[::-1]}}
    pairwise(networks, measures="cka", out=tmp_path / "sweep.zarr")
    with pytest.raises(ValueError, match="got similarities that isorep computed"):
        load(tmp_path / "sweep.zarr")


def test_nested_groups_of_xarray(tmp_path):
    dataset = files.xarray_dataset()[["rates"]]
    for seed in range(2):
        dataset.to_zarr(tmp_path / "a.zarr", group=f"seed{seed}", mode="a", zarr_format=2)
    reps = load(tmp_path / "a.zarr", layers="*rates")
    assert list(reps) == ["seed0/rates", "seed1/rates"]
    assert reps.sample_ids == tuple(files.IDS)
    other = dataset.assign_coords(stimulus=[f"other{i}" for i in range(files.N)])
    other.to_zarr(tmp_path / "a.zarr", group="seed2", mode="a", zarr_format=2)
    with pytest.warns(UserWarning, match="groups seed0, seed1, seed2 have different samples"):
        assert load(tmp_path / "a.zarr", layers="*rates").sample_ids is None


def test_an_array_of_xarray_without_a_name(tmp_path):
    array = xarray.DataArray(files.UNITS, dims=("image", "unit"), coords={"image": np.arange(6)})
    array.to_zarr(tmp_path / "v1.zarr", zarr_format=2)
    array.to_netcdf(tmp_path / "v1.nc")
    for name in ("v1.zarr", "v1.nc"):
        reps = load(tmp_path / name)
        np.testing.assert_array_equal(reps["v1"], files.UNITS)
        assert reps.sample_ids == ("0", "1", "2", "3", "4", "5")


def test_links_within_a_store_are_checked_too(tmp_path):
    path = tmp_path / "a.zarr"
    files.write_plain_zarr2(path)
    elsewhere = Path(shutil.move(path / "image", path / "other"))
    metadata = json.loads((elsewhere / ".zarray").read_text())
    metadata["filters"].append({"id": "pickle"})
    (elsewhere / ".zarray").write_text(json.dumps(metadata))
    (path / "image").symlink_to(elsewhere)
    with pytest.raises(ValueError, match="may run code"):
        open_plain_zarr(path)


@each_format
@pytest.mark.parametrize("linked", ["image", "image/METADATA"])
def test_links_out_of_a_store_are_refused(tmp_path, zarr_format, linked):
    path = tmp_path / "a.zarr"
    files.write_plain_zarr(path, zarr_format)
    place = path / linked.replace("METADATA", {2: ".zarray", 3: "zarr.json"}[zarr_format])
    place.symlink_to(shutil.move(place, tmp_path / "elsewhere"))
    with pytest.raises(ValueError, match=r"is a link out of the store; .*: copy the target"):
        load(path)


@each_format
def test_a_chunk_that_claims_more_than_memory(tmp_path, zarr_format):
    """One chunk, of the fill value: as an index of xarray, and as an array alone."""
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=zarr_format)
    huge = {"shape": (2**50,), "chunks": (2**50,), "dtype": "f8"}
    if zarr_format == 2:
        group.create_array("trial", **huge, attributes={"_ARRAY_DIMENSIONS": ["trial"]})
    else:
        group.create_array("trial", **huge, dimension_names=["trial"])
    for path in (tmp_path / "a.zarr", tmp_path / "a.zarr" / "trial"):
        with pytest.raises(ValueError, match=r"load '.*': it claims to hold 8.00 PiB, which do n"):
            load(path, layers="trial")


def test_a_label_that_is_missing(tmp_path):
    coords = {"stimulus": np.array([0.0, np.nan, 2.0])}
    table = xarray.Dataset({"x": (("stimulus", "unit"), np.ones((3, 2)))}, coords=coords)
    table.to_zarr(tmp_path / "a.zarr", zarr_format=2)
    table.to_netcdf(tmp_path / "a.nc")
    for name in ("a.zarr", "a.nc"):
        with pytest.raises(ValueError, match=rf"{name}': the label of sample 1 of dimension 'st"):
            load(tmp_path / name)


@each_format
def test_a_store_of_anndata_names_the_way_out(tmp_path, zarr_format):
    group = zarr.open_group(tmp_path / "cells.zarr", mode="w", zarr_format=zarr_format)
    group.attrs["encoding-type"] = "anndata"
    group.create_array("X", data=files.UNITS)
    with pytest.raises(ValueError, match=r"an AnnData store, .*\.write_h5ad\('cells\.h5ad'\)"):
        load(tmp_path / "cells.zarr")
