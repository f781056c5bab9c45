"""Moments: what second-moment measures need of samples, gathered part by part."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import as_samples, check_finite, epsilon, to_numpy

Floats = NDArray[np.float64]

ROWS_AT_ONCE = 2048
"""Rows whose products a library adds up in one go, at least."""

LARGEST = 1e150
"""Values beyond this have squares whose sum could overflow float64."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Count, mean and scatter of samples: all that a covariance says, in about p^2 numbers.

    Moments of parts add up to those of the whole, in any order and by any tree, so that neither a
    stream nor the shards of a cluster ever have to be in one place: ``a + b``, or ``a.merge(b)``.
    Make them with `from_batch`; `empty` is the neutral element.

    Attributes
    ----------
    n : int
        Samples.
    mean : (p,) float64 array
        Mean of each feature, 0 without samples.
    scatter : (p, p) float64 array
        Sum of products of centred features, not divided by anything. Where a feature is constant,
        its row and column are exactly 0.
    rest : (p,) float64 array
        What of the mean is lost in rounding `mean`: a mean of 10^8 times the spread costs nothing.
    dtype : str
        Name of the coarsest dtype that the samples came in; its rounding decides the rank.

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
    rest: Floats
    dtype: str

    @classmethod
    def from_batch(cls, x: Any, *, dtype: str | None = None, name: str = "x") -> Moments:
        """Return the moments of a batch.

        Parameters
        ----------
        x : (n, p) array
            Samples in rows, of any array library and real dtype; there may be none.
        dtype : str, optional
            Name of the dtype that `x` was computed in, where that differs from the one it is held
            in, such as "bfloat16" for activations kept as float32.
        name : str
            What error messages call `x`.

        Raises
        ------
        TypeError, ValueError
            When `x` is not a real 2-D array, or holds NaN, infinite values, or values over 1e150.
        """
        return Centred.from_rows(x, dtype=dtype, name=name).moments()

    @classmethod
    def empty(cls, p: int) -> Moments:
        """Return the moments of no samples of p features."""
        return cls(0, np.zeros(p), np.zeros((p, p)), np.zeros(p), "float64")

    @property
    def n_features(self) -> int:
        """Features, p."""
        return len(self.mean)

    def merge(self, other: Moments) -> Moments:
        """Return the moments of the samples of both.

        Raises
        ------
        TypeError, ValueError
            When `other` is something else; when they have different numbers of features.
        """
        _check_alike(self, other)
        if not (self.n and other.n):
            return self if self.n else other
        share = other.n / (self.n + other.n)
        mean, rest, apart = _joined(self.mean, self.rest, other.mean, other.rest, share)
        return Moments(
            self.n + other.n,
            mean,
            _added(self.scatter, other.scatter, apart, apart, self.n * share),
            rest,
            max(self.dtype, other.dtype, key=lambda dtype: (epsilon(dtype), dtype)),
        )

    __add__ = merge


@dataclass(frozen=True, eq=False)
class CrossMoments:
    """Scatter of the features of one representation with those of another, on the same samples.

    Merges as `Moments` do. Only the pairs that are compared need one.

    Attributes
    ----------
    n : int
        Samples.
    x_mean, y_mean : (p,) and (q,) float64 arrays
        Means of the features, 0 without samples.
    scatter : (p, q) float64 array
        Sum of products of a centred feature of x with one of y.
    x_rest, y_rest : (p,) and (q,) float64 arrays
        What of the means is lost in rounding them.

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
    x_rest: Floats
    y_rest: Floats

    @classmethod
    def from_batch(cls, x: Any, y: Any) -> CrossMoments:
        """Return the cross moments of a batch; see `Moments.from_batch`.

        Raises
        ------
        TypeError, ValueError
            When a side is not a finite, real 2-D array, or they have not as many rows.
        """
        return Centred.from_rows(x, name="x").cross_moments(Centred.from_rows(y, name="y"))

    @classmethod
    def empty(cls, p: int, q: int) -> CrossMoments:
        """Return the cross moments of no samples of p and q features."""
        return cls(0, np.zeros(p), np.zeros(q), np.zeros((p, q)), np.zeros(p), np.zeros(q))

    def merge(self, other: CrossMoments) -> CrossMoments:
        """Return the cross moments of the samples of both.

        Raises
        ------
        TypeError, ValueError
            When `other` is something else; when they have different numbers of features.
        """
        _check_alike(self, other)
        if not (self.n and other.n):
            return self if self.n else other
        share = other.n / (self.n + other.n)
        x_mean, x_rest, dx = _joined(self.x_mean, self.x_rest, other.x_mean, other.x_rest, share)
        y_mean, y_rest, dy = _joined(self.y_mean, self.y_rest, other.y_mean, other.y_rest, share)
        scatter = _added(self.scatter, other.scatter, dx, dy, self.n * share)
        return CrossMoments(self.n + other.n, x_mean, y_mean, scatter, x_rest, y_rest)

    __add__ = merge


@dataclass(frozen=True, eq=False)
class Centred:
    """A batch less its mean, which its own and all cross moments start from.

    Attributes
    ----------
    rows : (n, p) float64 array
        The batch, less ``mean + rest``.
    mean, rest : (p,) float64 arrays
        As in `Moments`.
    dtype : str
        Name of the dtype that the batch came in.
    """

    rows: Floats
    mean: Floats
    rest: Floats
    dtype: str

    @classmethod
    def from_rows(
        cls, x: Any, *, dtype: str | None = None, name: str = "x", first_row: int = 0
    ) -> Centred:
        """Centre a batch, whose rows errors count from `first_row`; see `Moments.from_batch`."""
        samples, given = as_samples(x, name, fewest=0)
        rows: Floats = to_numpy(samples)
        if not len(rows):
            zero = np.zeros(rows.shape[1])
            return cls(rows, zero, zero, dtype or given)
        low, high = rows.min(axis=0), rows.max(axis=0)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            check_finite(np, rows, name, first_row)
        largest = max(-low.min(), high.max())
        if largest > LARGEST:
            raise ValueError(
                f"{name} holds values up to {largest:.0e}, whose squares could overflow float64: "
                "rescale them"
            )
        # The mean of a constant is that constant, and nothing is left of it: its scatter is 0 to
        # the last digit, and stays 0 when merged with that of the same constant.
        mean = np.where(low == high, low, rows.mean(axis=0))
        centred = rows - mean
        # The first mean is rounded at the size of x, the second at the size of the spread.
        rest = centred.mean(axis=0)
        centred -= rest
        return cls(centred, *_two_sum(mean, rest), dtype or given)

    def moments(self) -> Moments:
        """Return the moments of the batch."""
        return Moments(len(self.rows), self.mean, gram_matrix(self.rows), self.rest, self.dtype)

    def cross_moments(self, other: Centred) -> CrossMoments:
        """Return the cross moments of two batches of the same samples."""
        if len(self.rows) != len(other.rows):
            raise ValueError(
                f"x has {len(self.rows)} samples (rows) and y has {len(other.rows)}: both must "
                "hold the same samples in the same order"
            )
        scatter = self.rows.T @ other.rows
        return CrossMoments(len(self.rows), self.mean, other.mean, scatter, self.rest, other.rest)


def gram_matrix(centred: Any) -> Any:
    """Return ``centred.T @ centred``, added up over parts of the rows.

    Libraries that add one row after the other (MKL's) round as often as there are rows, and the sum
    of that can pass for a direction.
    """
    n, p = centred.shape
    at_once = max(ROWS_AT_ONCE, p)  # so that adding up costs little beside multiplying
    gram: Any = None
    for start in range(0, max(n, 1), at_once):
        part = centred[start : min(start + at_once, n), :]
        if gram is None:
            gram = part.T @ part
        else:
            gram += part.T @ part
    return gram


def _check_alike(mine: Moments | CrossMoments, other: Any) -> None:
    if type(other) is not type(mine):
        raise TypeError(
            f"{type(mine).__name__} merge with {type(mine).__name__}, not with "
            f"{type(other).__name__}"
        )
    if mine.scatter.shape != other.scatter.shape:
        shapes = [dict.fromkeys(moments.scatter.shape) for moments in (mine, other)]
        raise ValueError(
            f"moments of {' and '.join(map(str, shapes[0]))} features do not merge with those of "
            f"{' and '.join(map(str, shapes[1]))}"
        )


def _joined(
    mean: Floats, rest: Floats, other_mean: Floats, other_rest: Floats, share: float
) -> tuple[Floats, Floats, Floats]:
    """Return the mean of both parts with its rest, and how far apart their means are."""
    apart = (other_mean - mean) + (other_rest - rest)
    return *_two_sum(mean, rest + apart * share), apart


def _added(
    scatter: Floats, other: Floats, x_apart: Floats, y_apart: Floats, weight: float
) -> Floats:
    total: Floats = scatter + other
    root = sqrt(weight)  # on either side, so that a scatter stays symmetric to the last digit
    total += np.outer(root * x_apart, root * y_apart)
    return total


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return the rounded sum and what was rounded off, exactly (Knuth 1969)."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)
