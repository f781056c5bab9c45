import numpy as np
import pytest
from ml_dtypes import bfloat16

from isorep._formats import npz
from isorep.representations import array_reduction
from isorep.representations.array_reduction import ReducedArray

TOKENS = np.random.default_rng(0).standard_normal((7, 5, 3))  # samples, tokens, features
MAPS = np.random.default_rng(1).standard_normal((6, 4, 2, 3))  # samples, channels, height, width

REDUCED = {
    "mean": (TOKENS.mean(1), MAPS.mean((2, 3))),
    "max": (TOKENS.max(1), MAPS.max((2, 3))),
    "flatten": (TOKENS.reshape(7, 15), MAPS.reshape(6, 24)),
    "positions": (TOKENS.reshape(35, 3), np.einsum("nchw->nhwc", MAPS).reshape(36, 4)),
}


class Slices:
    """An array on disk, which knows only slices of its rows."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.chunks = array, array.shape, array.dtype, (2, 5)

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        return self.array[rows]


@pytest.mark.parametrize("reduce", REDUCED)
@pytest.mark.parametrize("part", [1, 2**26])
def test_every_reduction_reads_the_same_rows_in_parts(reduce, part, monkeypatch):
    monkeypatch.setattr(array_reduction, "_PART", part)
    tokens, maps = REDUCED[reduce]
    last = np.moveaxis(MAPS, 1, -1)
    for array, channels, expected in (
        (TOKENS, "last", tokens),
        (np.swapaxes(TOKENS, 1, 2), "first", tokens if reduce != "flatten" else None),
        (MAPS, "first", maps),
        (last, "last", maps if reduce != "flatten" else last.reshape(6, 24)),
    ):
        reduced = ReducedArray(Slices(array), "h", reduce, channels)
        if expected is None:
            expected = array.reshape(len(array), -1)
        assert reduced.shape == expected.shape
        np.testing.assert_allclose(np.asarray(reduced), expected, rtol=1e-15)
        for rows in (slice(2, 5), slice(4, 5), slice(3, 3), slice(5, None), slice(5, 2)):
            np.testing.assert_allclose(reduced[rows], expected[rows], rtol=1e-15)


def test_first_and_last_need_tokens():
    np.testing.assert_array_equal(ReducedArray(TOKENS, "h", "last", "last")[:], TOKENS[:, -1])
    np.testing.assert_array_equal(ReducedArray(TOKENS, "h", "first", "first")[:], TOKENS[:, :, 0])
    with pytest.raises(ValueError, match=r"layer 'h' has shape \(6, 4, 2, 3\): 'last' needs seq"):
        ReducedArray(MAPS, "h", "last", "first")


def test_rows_of_positions_are_named():
    reduced = ReducedArray(Slices(MAPS), "h", "positions", "first")
    rows = reduced.row_positions
    assert (reduced.n_samples, reduced.chunks) == (6, (12,))
    np.testing.assert_array_equal(rows.samples, np.repeat(np.arange(6), 6))
    np.testing.assert_array_equal(rows.positions, np.tile(np.arange(6), 6))
    assert ReducedArray(MAPS, "h", "mean", "first").row_positions is None


@pytest.mark.parametrize(
    ("dtype", "mean"),
    [("f2", "float32"), (bfloat16, "float32"), ("f4", "float32"), ("i2", "float64")],
)
def test_a_mean_of_half_precision_is_in_single(dtype, mean):
    values = np.full((2, 3000, 2), 24).astype(dtype)  # their sum overflows float16 and int16
    reduced = ReducedArray(values, "h", "mean", "last")
    assert reduced.dtype == mean
    assert reduced.computed_dtype == np.dtype(dtype).name
    np.testing.assert_array_equal(reduced[:], np.full((2, 2), 24.0))


def test_unknown_axes_are_asked_for():
    with pytest.raises(ValueError, match=r"unknown which axis .*: pass channels='first' for \(n, "):
        ReducedArray(MAPS, "h", "mean", "auto")
    with pytest.warns(UserWarning, match=r"'h' \(7, 5, 3\) is read as 3 features at 5 positions"):
        reduced = ReducedArray(TOKENS, "h", "mean", "auto")
    np.testing.assert_allclose(reduced[:], TOKENS.mean(1), rtol=1e-15)
    np.testing.assert_array_equal(
        ReducedArray(MAPS, "h", "flatten", "auto")[:], MAPS.reshape(6, -1)
    )
    with pytest.raises(ValueError, match="unknown reduction 'men'; did you mean 'mean'"):
        ReducedArray(TOKENS, "h", "men", "last")
    with pytest.raises(ValueError, match="unknown axis of channels '2'"):
        ReducedArray(TOKENS, "h", "mean", "2")
    with pytest.raises(ValueError, match="has no positions"):
        ReducedArray(np.ones((3, 0, 2)), "h", "max", "last")


def test_a_member_of_an_npz_is_read_once(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", maps=MAPS)
    (member,) = npz.members(tmp_path / "a.npz").values()
    monkeypatch.setattr(array_reduction, "_PART", 1)  # a part for each sample
    reads = []
    read_array = npz.read_array

    def count(*arguments):
        reads.append(arguments)
        return read_array(*arguments)

    monkeypatch.setattr(npz, "read_array", count)
    reduced = ReducedArray(member, "maps", "mean", "first")[:]
    np.testing.assert_allclose(reduced, MAPS.mean((2, 3)), rtol=1e-15)
    assert len(reads) == 1
