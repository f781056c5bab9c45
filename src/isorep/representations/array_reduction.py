"""Array reduction: turns the maps or tokens of a stored array into rows of features."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.npz import Member
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.position_reductions import POSITION_REDUCTIONS, mean_dtype
from isorep._utils.sample_dims import feature_axis
from isorep._utils.validation import check_name
from isorep.representations.row_positions import RowPositions

_PART = 2**26
"""Bytes of an array that are read and reduced at once."""

CHANNELS = ("first", "last", "auto")
"""Axes that the features can be on."""


class ReducedArray:
    """An array (n, ...) that is reduced to (rows, features) as its rows are read.

    Parameters
    ----------
    array : (n, ...) array
        In memory, or on disk with slices of rows. It has 3 or more axes, the samples on the first.
    name : str
        Name of the array in errors.
    reduce : str
        How positions become features or rows: "mean", "positions", "flatten", "max", "last" or
        "first", as in `isorep.capture`.
    channels : {"first", "last", "auto"}
        Axis of the features: first or last after the samples. "auto" takes the axis whose name says
        so, if the axes have names; else the last one of an array with 3 axes, (n, tokens,
        features), with a warning.

    Raises
    ------
    ValueError
        If an option is unknown, the axis of the features is needed and unknown or has another name,
        or the reduction does not apply to the shape.

    Examples
    --------
    >>> tokens = np.arange(12.0).reshape(2, 3, 2)
    >>> ReducedArray(tokens, "h", "mean", "last")[:]
    array([[2., 3.],
           [8., 9.]])
    """

    def __init__(self, array: Any, name: str, reduce: str, channels: str) -> None:
        check_name("reduction", reduce, POSITION_REDUCTIONS)
        check_name("axis of channels", channels, CHANNELS)
        self.reduction = reduce
        self.n_samples = array.shape[0]
        self._array = array
        self._function = POSITION_REDUCTIONS[reduce]
        n, *rest = array.shape
        dtype = np.dtype(array.dtype)
        chunk = (getattr(array, "chunks", None) or (1,))[0]
        self._feature_axis = -1
        self._rows_of_sample = 1
        if reduce == "flatten":
            n_features = math.prod(rest)
        else:
            self._feature_axis = _feature_axis(array, name, channels)
            n_features = array.shape[self._feature_axis]
            n_positions = math.prod(np.delete(rest, self._feature_axis - 1).tolist())
            if reduce in ("last", "first") and len(rest) != 2:
                raise ValueError(
                    f"layer {name!r} has shape {array.shape}: {reduce!r} needs sequences of tokens "
                    "(n, tokens, features); reduce a map with 'mean', 'max', 'flatten' or "
                    "'positions'"
                )
            if reduce in ("mean", "max", "last", "first") and not n_positions:
                raise ValueError(f"layer {name!r} has shape {array.shape}, which has no positions")
            if reduce == "positions":
                self._rows_of_sample = n_positions
        self.dtype = mean_dtype(dtype) if reduce == "mean" else dtype
        self.shape = (n * self._rows_of_sample, n_features)
        self.chunks = (chunk * max(1, self._rows_of_sample),)
        self.computed_dtype = dtype.name
        """Name of the dtype of the values before they were reduced."""

    @property
    def row_positions(self) -> RowPositions | None:
        """The sample and position of each row, if rows are positions; else None."""
        if self.reduction != "positions":
            return None
        n = self._array.shape[0]
        positions = np.arange(self._rows_of_sample)
        return RowPositions(np.repeat(np.arange(n), len(positions)), np.tile(positions, n))

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        start, stop, _ = rows.indices(self.shape[0])
        stop = max(start, stop)
        per_sample = max(1, self._rows_of_sample)
        first, last = start // per_sample, -(-stop // per_sample)
        bytes_of_sample = math.prod(self._array.shape[1:]) * np.dtype(self._array.dtype).itemsize
        step = max(1, _PART // max(1, bytes_of_sample))
        # Each slice of a member of an .npz would read all of it.
        array = np.asarray(self._array) if isinstance(self._array, Member) else self._array
        values = np.empty(((last - first) * per_sample, self.shape[1]), self.dtype)
        for i in range(first, last, step):
            part = self._reduce(np.asarray(array[i : min(last, i + step)]))
            at = (i - first) * per_sample
            values[at : at + len(part)] = part
        offset = first * per_sample
        return values[start - offset : stop - offset]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)

    def _reduce(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Reduce samples, (m, ...), to rows of features."""
        if self.reduction == "flatten":
            return samples.reshape(len(samples), self.shape[1])
        samples = np.moveaxis(samples, self._feature_axis, -1)
        return self._function(samples.reshape(len(samples), -1, samples.shape[-1]), None)


def _feature_axis(array: Any, name: str, channels: str) -> int:
    """Return the axis of the features, from 1 on, by `channels` and the names of the axes."""
    dims: tuple[str, ...] = getattr(array, "dims", ())
    named = feature_axis(dims)
    n_axes = len(array.shape)
    if channels == "auto":
        if named is None:
            check_token_axis(name, array.shape, dims)
        return n_axes - 1 if named is None else named
    axis = 1 if channels == "first" else n_axes - 1
    if named not in (None, axis):
        raise ValueError(
            f"layer {name!r} has the dimensions {', '.join(dims)}, and channels={channels!r} would "
            f"take {dims[axis]!r} as features: leave channels out to take {dims[named]!r}, or "
            "rename the dimensions"
        )
    return axis


def check_token_axis(name: str, shape: tuple[int, ...], dims: tuple[str, ...] = ()) -> None:
    """Warn that the features are taken from the last of 3 axes; raise ValueError for more axes."""
    axes = f" {dims}" if dims else ""
    if len(shape) > 3:
        raise ValueError(
            f"layer {name!r} has shape {shape}{axes}, and it is unknown which axis holds the "
            "features: pass channels='first' for (n, features, height, width), or channels='last' "
            "for (n, height, width, features)"
        )
    warnings.warn(
        f"layer {name!r} {shape}{axes} is read as {shape[2]} features at {shape[1]} positions of "
        "each sample: pass channels='last' if this is right, and channels='first' for "
        "(n, features, positions)",
        UserWarning,
        stacklevel=stacklevel_of_caller(),
    )
