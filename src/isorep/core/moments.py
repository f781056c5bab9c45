"""Moments: count, means and scatter of samples, accumulated batch by batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_numpy_array
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike, as_samples, check_finite, epsilon, to_numpy
from isorep.representations.sample_table import paired, rows_of

Floats = NDArray[np.float64]

ROWS_AT_ONCE = 2048
"""Smallest number of rows whose products the array library adds in one call."""

LARGEST = 1e150
"""The sum of squares of larger values could overflow float64."""

SMALLEST = 1e-150
"""The squares of smaller values lose digits in float64, or are 0."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter of samples, in about p^2 numbers.

    Moments of parts merge into the moments of the whole, in any order and by any tree, so a stream
    or the shards of a cluster need not be in one place: ``a + b`` or ``a.merge(b)``. Make them with
    `from_batch`; `empty` is the neutral element.

    Attributes
    ----------
    n : int
        Number of samples.
    mean : (p,) float64 array
        Mean of each feature; 0 if there are no samples.
    scatter : (p, p) float64 array
        Sum of products of centred features, not normalised. Rows and columns of constant features
        are exactly 0.
    mean_compensation : (p,) float64 array
        Rounding error of `mean`; added to it, a mean of 10^8 times the spread costs no digits.
    dtype : str
        Name of the samples' coarsest dtype; its rounding decides the rank.

    References
    ----------
    Chan, Golub and LeVeque 1983, Algorithms for computing the sample variance.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1.0, 0.0], [2.0, 5.0], [6.0, 1.0]])
    >>> moments = Moments.from_batch(x[:2]) + Moments.from_batch(x[2:])
    >>> moments.n, moments.mean
    (3, array([3., 2.]))
    >>> moments.scatter
    array([[14., -2.],
           [-2., 14.]])
    """

    n: int
    mean: Floats
    scatter: Floats
    mean_compensation: Floats
    dtype: str

    @classmethod
    def from_batch(cls, x: ArrayLike, *, dtype: str | None = None, name: str = "x") -> Moments:
        """Return the moments of a batch.

        Parameters
        ----------
        x : (n, p) array
            Samples in rows, of any array library and real dtype; n may be 0.
        dtype : str, optional
            Name of the dtype that `x` was computed in, if it differs from the dtype of the array,
            such as "bfloat16" for activations stored as float32.
        name : str
            Name of `x` in error messages.

        Raises
        ------
        TypeError, ValueError
            If `x` is not a real 2-D array, or holds NaN, infinite values, or values over 1e150.
        """
        x, _ = rows_of(x, name)
        return Centred.from_rows(x, dtype=dtype, name=name).moments().to_numpy()

    @classmethod
    def empty(cls, p: int) -> Moments:
        """Return the moments of no samples of p features."""
        return cls(0, np.zeros(p), np.zeros((p, p)), np.zeros(p), "float64")

    @property
    def n_features(self) -> int:
        """Number of features, p."""
        return len(self.mean)

    def merge(self, other: Moments) -> Moments:
        """Return the moments of the samples of both.

        Raises
        ------
        TypeError, ValueError
            If `other` is not Moments; if the numbers of features differ.
        """
        _check_mergeable(self, other)
        if not (self.n and other.n):
            return self if self.n else other
        share = other.n / (self.n + other.n)
        mean, compensation, difference = _merged_mean(
            self.mean, self.mean_compensation, other.mean, other.mean_compensation, share
        )
        return Moments(
            self.n + other.n,
            mean,
            _merged_scatter(self.scatter, other.scatter, difference, difference, self.n * share),
            compensation,
            max(self.dtype, other.dtype, key=lambda dtype: (epsilon(dtype), dtype)),
        )

    __add__ = merge

    def to_numpy(self) -> Moments:
        """Return the same moments with a NumPy scatter; see `Centred.moments`."""
        return replace(self, scatter=to_numpy(self.scatter))


@dataclass(frozen=True, eq=False)
class CrossMoments:
    """Scatter of the features of one representation with those of another, on the same samples.

    Cross moments merge as `Moments` do. Only pairs that are compared need them.

    Attributes
    ----------
    n : int
        Number of samples.
    x_mean, y_mean : (p,) and (q,) float64 arrays
        Means of the features; 0 if there are no samples.
    scatter : (p, q) float64 array
        Sums of products of a centred feature of x and one of y.
    x_mean_compensation, y_mean_compensation : (p,) and (q,) float64 arrays
        Rounding errors of the means.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.array([[1.0], [2.0], [6.0]]), np.array([[0.0], [5.0], [1.0]])
    >>> cross = CrossMoments.from_batch(x[:1], y[:1]) + CrossMoments.from_batch(x[1:], y[1:])
    >>> cross.scatter
    array([[-2.]])
    """

    n: int
    x_mean: Floats
    y_mean: Floats
    scatter: Floats
    x_mean_compensation: Floats
    y_mean_compensation: Floats

    @classmethod
    def from_batch(cls, x: ArrayLike, y: ArrayLike) -> CrossMoments:
        """Return the cross moments of a batch; see `Moments.from_batch`.

        Raises
        ------
        TypeError, ValueError
            If a side is not a finite, real 2-D array, or the numbers of rows differ.
        """
        x, y, *_ = paired(x, y)
        sides = Centred.from_rows(x, name="x"), Centred.from_rows(y, name="y")
        return sides[0].cross_moments(sides[1]).to_numpy()

    @classmethod
    def empty(cls, p: int, q: int) -> CrossMoments:
        """Return the cross moments of no samples of p and q features."""
        return cls(0, np.zeros(p), np.zeros(q), np.zeros((p, q)), np.zeros(p), np.zeros(q))

    def merge(self, other: CrossMoments) -> CrossMoments:
        """Return the cross moments of the samples of both.

        Raises
        ------
        TypeError, ValueError
            If `other` is not CrossMoments; if the numbers of features differ.
        """
        _check_mergeable(self, other)
        if not (self.n and other.n):
            return self if self.n else other
        share = other.n / (self.n + other.n)
        x_mean, x_compensation, x_difference = _merged_mean(
            self.x_mean, self.x_mean_compensation, other.x_mean, other.x_mean_compensation, share
        )
        y_mean, y_compensation, y_difference = _merged_mean(
            self.y_mean, self.y_mean_compensation, other.y_mean, other.y_mean_compensation, share
        )
        scatter = _merged_scatter(
            self.scatter, other.scatter, x_difference, y_difference, self.n * share
        )
        return CrossMoments(
            self.n + other.n, x_mean, y_mean, scatter, x_compensation, y_compensation
        )

    __add__ = merge

    def to_numpy(self) -> CrossMoments:
        """Return the same moments with a NumPy scatter; see `Centred.cross_moments`."""
        return replace(self, scatter=to_numpy(self.scatter))


@dataclass(frozen=True, eq=False)
class Centred:
    """A mean-centred batch, from which moments and cross moments are computed.

    Attributes
    ----------
    rows : (n, p) float64 array
        The batch minus ``mean + mean_compensation``, of its library and on its device.
    mean, mean_compensation : (p,) float64 NumPy arrays
        As in `Moments`.
    dtype : str
        Name of the batch's dtype.
    """

    rows: Any
    mean: Floats
    mean_compensation: Floats
    dtype: str

    @classmethod
    def from_rows(
        cls, x: ArrayLike, *, dtype: str | None = None, name: str = "x", first_row: int = 0
    ) -> Centred:
        """Centre a batch; see `Moments.from_batch`. Errors count rows from `first_row`."""
        samples, held_dtype = as_samples(x, name, fewest=0)
        rows: Any = samples
        if not len(rows):
            zero = np.zeros(rows.shape[1])
            return cls(rows, zero, zero, dtype or held_dtype)
        xp = array_namespace(rows)
        # At once, since a copy from a device waits for all of its work.
        with np.errstate(over="ignore", invalid="ignore"):  # large values are refused below
            low, high, mean = to_numpy(
                xp.stack([xp.min(rows, axis=0), xp.max(rows, axis=0), xp.mean(rows, axis=0)])
            )
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            check_finite(xp, rows, name, first_row)
        largest = max(-low.min(), high.max())
        if largest > LARGEST:
            raise ValueError(
                f"{name} holds values up to {largest:.0e}, whose squares could overflow float64: "
                "rescale them"
            )
        if largest < SMALLEST and (low != high).any():
            raise ValueError(
                f"{name} holds values up to {largest:.0e}, whose squares underflow float64: "
                "rescale them"
            )
        # The mean of a constant feature is exactly the constant, so its scatter is exactly 0, also
        # after a merge with a batch of the same constant.
        mean = np.where(low == high, low, mean)
        centred = rows - xp.asarray(mean, device=device(rows))
        # The first mean has a rounding error relative to x, the second relative to the spread.
        rest = to_numpy(xp.mean(centred, axis=0))
        centred -= xp.asarray(rest, device=device(rows))
        return cls(centred, *_two_sum(mean, rest), dtype or held_dtype)

    def moments(self) -> Moments:
        """Return the moments of the batch, whose scatter is of the library of the rows.

        Their merges stay on the device of the rows; `Moments.to_numpy` copies the result.
        """
        gram = gram_matrix(self.rows)
        return Moments(len(self.rows), self.mean, gram, self.mean_compensation, self.dtype)

    def cross_moments(self, other: Centred) -> CrossMoments:
        """Return the cross moments of two batches of the same samples; see `moments`."""
        if len(self.rows) != len(other.rows):
            raise ValueError(
                f"x has {len(self.rows)} samples (rows) and y has {len(other.rows)}: both must "
                "hold the same samples in the same order"
            )
        scatter = self.rows.T @ other.rows
        return CrossMoments(
            len(self.rows),
            self.mean,
            other.mean,
            scatter,
            self.mean_compensation,
            other.mean_compensation,
        )


def gram_matrix(centred: Any) -> Any:
    """Return ``centred.T @ centred``, summed over blocks of rows.

    Some libraries (MKL) add row by row. Over many rows their rounding errors would grow so large
    that they pass for a direction.
    """
    n, p = centred.shape
    at_once = max(ROWS_AT_ONCE, 2 * p)  # additions of blocks then cost little beside the products
    gram: Any = None
    product: Any = None
    for start in range(0, max(n, 1), at_once):
        part = centred[start : min(start + at_once, n), :]
        if gram is None:
            gram = part.T @ part
        elif is_numpy_array(part):  # new memory for each product would take a tenth of the time
            product = np.matmul(part.T, part, out=product)
            gram += product
        else:
            gram += part.T @ part
    return gram


def column_means(matrix: Any) -> Any:
    """Return the mean of each column, summed over blocks of rows; see `gram_matrix`."""
    xp = array_namespace(matrix)
    parts = [xp.sum(block, axis=0) for block in _row_blocks(matrix)]
    return xp.sum(xp.stack(parts), axis=0) / matrix.shape[0]


def column_squares(matrix: Any) -> Any:
    """Return the squared norm of each column, summed over blocks of rows; see `gram_matrix`."""
    xp = array_namespace(matrix)
    if is_numpy_array(matrix):  # without a matrix of squares, six times as fast
        parts = [np.einsum("ij,ij->j", block, block) for block in _row_blocks(matrix)]
    else:
        parts = [xp.sum(block**2, axis=0) for block in _row_blocks(matrix)]
    return xp.sum(xp.stack(parts), axis=0)


def _row_blocks(matrix: Any) -> list[Any]:
    n = matrix.shape[0]
    return [matrix[start : min(start + ROWS_AT_ONCE, n), :] for start in range(0, n, ROWS_AT_ONCE)]


def cross_product(x: Any, y: Any) -> Any:
    """Return ``x.T @ y``, the narrower side first: BLAS is then up to twice as fast."""
    return x.T @ y if x.shape[1] <= y.shape[1] else (y.T @ x).T


def _check_mergeable(moments: Moments | CrossMoments, other: Any) -> None:
    if type(other) is not type(moments):
        raise TypeError(
            f"{type(moments).__name__} merge with {type(moments).__name__}, not with "
            f"{type(other).__name__}"
        )
    if moments.scatter.shape != other.scatter.shape:
        shapes = [dict.fromkeys(side.scatter.shape) for side in (moments, other)]
        raise ValueError(
            f"moments of {' and '.join(map(str, shapes[0]))} features do not merge with those of "
            f"{' and '.join(map(str, shapes[1]))}"
        )


def _merged_mean(
    mean: Floats,
    compensation: Floats,
    other_mean: Floats,
    other_compensation: Floats,
    share: float,
) -> tuple[Floats, Floats, Floats]:
    """Return the mean of both parts, its compensation, and the difference of the parts' means."""
    difference = (other_mean - mean) + (other_compensation - compensation)
    return *_two_sum(mean, compensation + difference * share), difference


def _merged_scatter(
    scatter: Any, other: Any, x_difference: Floats, y_difference: Floats, weight: float
) -> Any:
    xp = array_namespace(scatter)
    root = sqrt(weight)  # on both sides, so that a scatter stays exactly symmetric
    x, y = (
        xp.asarray(root * difference, device=device(scatter))
        for difference in (x_difference, y_difference)
    )
    total = scatter + other
    total += x[:, None] * y[None, :]
    return total


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return the rounded sum and its rounding error, exactly (Knuth 1969)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)
