"""Damaged bytes give right numbers or a ValueError that names the file, never anything else."""

import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isorep._formats.header import HEADER
from isorep.representations.representations import Representations
from isorep.storage import load, open_store

X = np.random.default_rng(0).standard_normal((6, 3))
REPRESENTATIONS = Representations({"fc": X, "id": X.astype("f2")}, sample_ids="abcdef")
STEADY = settings(derandomize=True, deadline=None, max_examples=80)


def content_of(suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        if suffix == ".npz":
            REPRESENTATIONS.save(path)
        else:
            np.save(path, X)
        return path.read_bytes()


CONTENT = {suffix: content_of(suffix) for suffix in (".npz", ".npy")}


def read(suffix, content, reader):
    """Return what a file of these bytes holds, or None if it is refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        path.write_bytes(content)
        try:
            layers = reader(path)
            return {name: np.array(layers[name][:]) for name in layers}
        except ValueError as error:
            assert f"a{suffix}" in str(error)  # noqa: PT017
            return None


@STEADY
@given(data=st.data(), bit=st.integers(0, 7))
def test_a_flipped_bit_of_an_npz(data, bit):
    content = bytearray(CONTENT[".npz"])
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << bit
    layers = read(".npz", content, load)
    if layers is not None:  # a bit that means nothing, such as of a time
        np.testing.assert_array_equal(layers["fc"], X)


@STEADY
@given(
    place=st.integers(0, 127), byte=st.integers(0, 255), reader=st.sampled_from([load, open_store])
)
def test_a_changed_byte_of_the_header_of_an_npy(place, byte, reader):
    """The format has no checksum: the numbers may differ, but not their amount."""
    content = bytearray(CONTENT[".npy"])
    content[place] = byte
    layers = read(".npy", content, reader)
    if layers is not None:
        assert layers["a"].nbytes in (X.nbytes, X.size * 8, X.nbytes * 2)


@STEADY
@given(data=st.data(), suffix=st.sampled_from([".npz", ".npy"]))
def test_a_file_that_was_cut(data, suffix):
    content = CONTENT[suffix]
    cut = content[: data.draw(st.integers(0, len(content) - 1))]
    assert read(suffix, cut, load) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.slow
@STEADY
@given(key=st.sampled_from(["format_version", "n_samples", "layers", "sample_ids", "text_labels",
                            "has_labels", "has_groups", "isorep_version"]), value=JSON)  # fmt: skip
def test_any_value_in_the_header(key, value):
    with np.load(io.BytesIO(CONTENT[".npz"])) as file:
        arrays = dict(file)
    header = json.loads(arrays[HEADER].tobytes()) | {key: value}
    arrays[HEADER] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    content = io.BytesIO()
    np.savez(content, **arrays)
    layers = read(".npz", content.getvalue(), load)
    if layers is not None:
        for name, expected in (("fc", X), ("id", X.astype("f2"))):
            if name in layers:
                np.testing.assert_array_equal(layers[name], expected)
