"""No codec of a foreign zarr store runs code: it is refused before anything is decoded."""

import json
import os
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray
import zarr
from numcodecs import registry
from numcodecs.abc import Codec

import isorep
from isorep._formats.zarr_codecs import check_codecs
from isorep.comparison.read_result import read_result
from isorep.storage import load, open_store

X = np.random.default_rng(0).standard_normal((20, 3))


class Harmful(Codec):
    """A codec of a plugin; that it decodes anything is the failure."""

    codec_id = "harmful"

    def encode(self, buf):
        return buf

    def decode(self, buf, out=None):
        pytest.fail("a codec of the store's choice ran")


@pytest.fixture(autouse=True)
def _plugin(monkeypatch):
    monkeypatch.setitem(registry.codec_registry, "harmful", Harmful)


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def table_of_format_2(path):
    table = isorep.compare({"fc": X}, {"fc": X**2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table.to_zarr(path, zarr_format=2, consolidated=False)
    return table


@pytest.mark.parametrize(
    "change",
    [
        {"filters": [{"id": "vlen-utf8"}, {"id": "pickle"}]},
        {"filters": [{"id": "pickle", "protocol": 5}]},
        {"compressor": {"id": "pickle"}},
        {"filters": [{"id": "harmful"}]},
        {"compressor": {"id": "harmful"}},
        {"filters": ["harmful"]},
        {"compressor": {}, "filters": [{}]},
    ],
    ids=str,
)
def test_a_table_of_format_2_is_decoded_only_by_known_codecs(tmp_path, change):
    path = tmp_path / "table.zarr"
    table = table_of_format_2(path)
    xarray.testing.assert_equal(read_result(path), table)
    edit(path / "reason" / ".zarray", **change)
    with pytest.raises(ValueError, match=r"table\.zarr' is not a result.*names the codec"):
        read_result(path)


@pytest.mark.filterwarnings("ignore:Object at .* is not recognized")
def test_own_stores_are_read_in_format_3_only(tmp_path):
    """Metadata of format 2 beside those of isorep are not looked at."""
    path = tmp_path / "a.zarr"
    isorep.Representations({"fc": X}).save(path)
    foreign = zarr.open_group(tmp_path / "b.zarr", mode="w", zarr_format=2)
    foreign.create_array("fc", data=X, filters=[Harmful()], compressors=None)
    (tmp_path / "b.zarr" / "fc").rename(path / "foreign")
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    for kept in ("layer0000-fc", "isorep-header"):
        (path / kept / ".zarray").write_bytes((path / "foreign" / ".zarray").read_bytes())
    np.testing.assert_array_equal(load(path)["fc"], X)
    np.testing.assert_array_equal(open_store(path)["fc"][:5], X[:5])
    (path / "zarr.json").unlink()
    with pytest.raises(ValueError, match=r"cannot load .*the store is damaged"):
        load(path)


@pytest.mark.filterwarnings("ignore:Object at .* is not recognized")
def test_a_sweep_is_resumed_in_format_3_only(tmp_path):
    path = tmp_path / "s.zarr"
    networks = {name: {"fc": X**power} for name, power in (("a", 1), ("b", 2))}
    table = isorep.pairwise(networks, measures="cka", out=path).load()
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    metadata = {"zarr_format": 2, "shape": [2, 2, 1], "chunks": [2, 2, 1], "dtype": "<f8"}
    metadata |= {"filters": [{"id": "harmful"}], "compressor": None, "fill_value": 0, "order": "C"}
    for folder in (path / "cka", path / "reason"):
        (folder / ".zarray").write_text(json.dumps(metadata))
    xarray.testing.assert_equal(isorep.pairwise(networks, measures="cka", out=path).load(), table)


@pytest.mark.parametrize("consolidated", [True, False])
@pytest.mark.parametrize("name", ["plain", "c", "attributes", "metadata"])
def test_arrays_in_groups_of_format_3(tmp_path, consolidated, name):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.create_array(
        f"{name}/x", data=X, chunks=(5, 3), shards=(10, 3), attributes={"filters": ["of images"]}
    )
    if consolidated:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            zarr.consolidate_metadata(tmp_path / "a.zarr")
    check_codecs(tmp_path / "a.zarr")
    path = tmp_path / "a.zarr" / name / "x" / "zarr.json"
    if consolidated:
        path = tmp_path / "a.zarr" / "zarr.json"
    text = path.read_text()
    bad = re.sub(r'"name":\s*"zstd"', '"name": "numcodecs.pickle"', text)
    assert bad != text
    path.write_text(bad)
    with pytest.raises(ValueError, match=r"zarr\.json' names the codec 'numcodecs\.pickle'"):
        check_codecs(tmp_path / "a.zarr")


@pytest.mark.parametrize("consolidated", [True, False])
def test_arrays_in_groups_of_format_2(tmp_path, consolidated):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("g/x", data=X, attributes={"codecs": ["h264"], "metadata": {"x": 1}})
    if consolidated:
        zarr.consolidate_metadata(tmp_path / "a.zarr")
    check_codecs(tmp_path / "a.zarr")
    path = tmp_path / "a.zarr" / (".zmetadata" if consolidated else "g/x/.zarray")
    path.write_text(re.sub(r'"id":\s*"\w+"', '"id": "pickle"', path.read_text()))
    with pytest.raises(ValueError, match=r"names the codec 'pickle'"):
        check_codecs(tmp_path / "a.zarr")


@pytest.mark.parametrize("marker", [{}, {"zarr.json": '{"node_type": "array"}'}])
def test_linked_folders_are_checked(tmp_path, marker):
    """Also within a folder that is a group of format 2 and an array of format 3."""
    group = zarr.open_group(tmp_path / "a.zarr" / ".elsewhere", mode="w", zarr_format=2)
    group.create_array("x", data=X, filters=[Harmful()])
    for name, content in marker.items():
        (tmp_path / "a.zarr" / ".elsewhere" / name).write_text(content)
    (tmp_path / "a.zarr" / "g").symlink_to(tmp_path / "a.zarr" / ".elsewhere")
    (tmp_path / "a.zarr" / "above").symlink_to(tmp_path / "a.zarr")  # a circle
    with pytest.raises(ValueError, match="names the codec 'harmful'"):
        check_codecs(tmp_path / "a.zarr")


def test_own_stores_are_decoded_only_by_known_codecs(tmp_path):
    path = tmp_path / "a.zarr"
    isorep.Representations({"fc": X}).save(path)
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "harmful"}]
    edit(path / "layer0000-fc" / "zarr.json", codecs=codecs)
    for read in (load, open_store):
        with pytest.raises(ValueError, match=r"zarr\.json' names the codec 'harmful'"):
            read(path)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_no_chunk_is_listed(tmp_path, zarr_format, monkeypatch):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=zarr_format)
    group.create_array("g/x", data=X, chunks=(1, 1))
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(Path(path).name) or scandir(path))
    check_codecs(tmp_path / "a.zarr")
    assert listed == ["a.zarr", "g"]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"[" * 100_000, b"\xff", b'{"metadata": {"x": 1}}']
)
def test_damaged_metadata(tmp_path, content):
    (tmp_path / ".zmetadata").write_bytes(content)
    with pytest.raises(ValueError, match=r"zmetadata' is damaged"):
        check_codecs(tmp_path)


def test_pickled_text_of_a_store_is_never_loaded(tmp_path):
    """The attack itself: zarr finds the object codec first in the list, and decodes by the last."""
    path = tmp_path / "table.zarr"
    table_of_format_2(path)

    class Boom:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was loaded",))

    (path / "reason" / "0.0").write_bytes(pickle.dumps(Boom()))
    edit(
        path / "reason" / ".zarray",
        compressor=None,
        filters=[{"id": "vlen-utf8"}, {"id": "pickle", "protocol": 5}],
    )
    with pytest.raises(ValueError, match="names the codec 'pickle'"):
        read_result(path)
