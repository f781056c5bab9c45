"""Shards of sparse-autoencoder tools: what they refuse, and how much of a file is read."""

import json
import sys

import numpy as np
import pytest
import torch
from helpers import format_files as files
from helpers.format_files import SEQUENCES

from isorep._formats import raw_values
from isorep.storage import load, open_store


@pytest.fixture
def cache(tmp_path):
    files.write_activation_cache(tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def shards(tmp_path):
    files.write_saev_shards(tmp_path / "shards")
    return tmp_path / "shards"


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_cache_of_one_layer_knows_the_sequences(cache):
    reps = load(cache / "layer_2_out")
    assert list(reps) == ["layer_2_out"]
    assert reps.dtypes == {"layer_2_out": "bfloat16"}
    np.testing.assert_array_equal(reps.groups, SEQUENCES)


def test_bfloat16_without_its_library_names_the_extra(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match=r"needs ml_dtypes: pip install 'isorep\[bfloat16\]'"):
        load(cache / "layer_2_out")


def test_a_cache_without_its_sequences_says_so(cache):
    (cache / "sequence_ranges.pt").unlink()
    with pytest.warns(UserWarning, match=r"sequence_ranges.pt of .* is missing.*pass groups="):
        assert load(cache).groups is None
    for layer in cache.glob("layer_*"):
        change(layer / "config.json", store_sequence_ranges=False)
    assert load(cache).groups is None


@pytest.mark.parametrize("ranges", [[0, 3, 4], [0, 4, 3, 6], [1, 6], [[0, 6]], "text"])
def test_damaged_sequences(cache, ranges):
    torch.save(ranges if ranges == "text" else torch.tensor(ranges), cache / "sequence_ranges.pt")
    with pytest.raises(ValueError, match=r"sequence_ranges.pt is damaged"):
        load(cache)


class Boom:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_no_pickle_is_loaded(cache):
    torch.save(Boom(), cache / "sequence_ranges.pt")
    with pytest.raises(ValueError, match=r"sequence_ranges.pt is damaged"):
        load(cache)


def test_shuffled_shards_are_refused(cache):
    change(cache / "layer_2_out" / "config.json", shuffle_shards=True)
    with pytest.raises(ValueError, match=r"layer_2_out/config.json says shuffle_shards"):
        load(cache)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("shard_1.memmap", b"", "shard_1.memmap is damaged: expected 16 bytes for shape"),
        ("shard_1.memmap", None, "incomplete: shard_1.memmap is missing"),
        ("shard_1.meta", None, "incomplete: shard_1.meta is missing"),
        ("shard_1.meta", b"{", "shard_1.meta is damaged"),
        ("shard_1.meta", b'{"shape": [2, 4], "dtype": "torch.qint8"}', "one of the dtypes"),
        ("shard_1.meta", b'{"shape": [2, -4]}', r"got \[2, -4\]"),
        (
            "shard_1.meta",
            b'{"shape": [2, 2], "dtype": "torch.bfloat16"}',
            "differ in rows alone",
        ),
        ("config.json", b'{"total_size": 7, "shard_count": 2}', "have 6 of 7 tokens"),
        (
            "config.json",
            b'{"total_size": 6, "shard_count": true}',
            "'shard_count' is True; expected int",
        ),
        ("config.json", b"[]", "config.json is damaged"),
    ],
)
def test_a_damaged_cache(cache, name, content, text):
    path = cache / "layer_2_out" / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError, match=text):
        load(cache)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"n_examples": 8}, "has 6 of 8 examples"),
        ({"dtype": "float16"}, "expected values of dtype float32, got 'float16'"),
        ({"d_model": 300}, "acts000000.bin is damaged: expected"),
        ({"layers": 3}, "'layers' is 3; expected list"),
        ({"cls_token": 2}, "'cls_token' is 2; expected bool"),
    ],
)
def test_damaged_shards(shards, changes, text):
    change(shards / "metadata.json", **changes)
    with pytest.raises(ValueError, match=text):
        load(shards, reduce="mean", channels="last")


def test_shards_that_are_elsewhere(shards):
    (shards / "shards.json").write_text('[{"name": "../acts000000.bin", "n_examples": 6}]')
    with pytest.raises(ValueError, match=r"names of files, got '../acts000000.bin'"):
        load(shards)


def test_names_of_the_first_protocol(shards):
    metadata = json.loads((shards / "metadata.json").read_text())
    old = {"content_tokens_per_example": "n_patches_per_img", "d_model": "d_vit"}
    old |= {"n_examples": "n_imgs"}
    metadata = {old.get(key, key): value for key, value in metadata.items()}
    (shards / "metadata.json").write_text(json.dumps(metadata))
    text = (shards / "shards.json").read_text().replace("n_examples", "n_imgs")
    (shards / "shards.json").write_text(text)
    reps = load(shards, reduce="flatten")
    np.testing.assert_array_equal(reps["layer11"], -files.TOKENS.reshape(6, -1))


def test_only_the_shards_of_the_rows_are_read(cache, monkeypatch):
    stored = open_store(cache)["layer_10_out"]
    mapped = []
    memmap = np.memmap

    def count(path, *arguments, **options):
        mapped.append(path.name)
        return memmap(path, *arguments, **options)

    monkeypatch.setattr(raw_values.np, "memmap", count)
    np.testing.assert_array_equal(stored[4:5], files.TOKENS[4:5, 0])
    assert mapped == ["shard_1.memmap"]
