"""Sampled neurons: CKA of two populations of which each side has a sample of the neurons."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from isorep.measures.grouped_hsic import grouped_hsic

Floats = NDArray[np.float64]

FEWEST_NEURONS = 3
"""Neurons of a side that the jackknife needs: without one, two different ones must be left."""


@dataclass(frozen=True)
class SampledAlignment:
    """CKA of two populations, estimated from a sample of the neurons of each.

    Attributes
    ----------
    value : float
        The estimate, which may be above 1.
    error : float
        Its standard error over samples of neurons, by the jackknife; infinite if the neurons that
        are left without one have nothing in common.
    """

    value: float
    error: float


def sampled_alignment(
    x: Floats, y: Floats, groups: NDArray[np.int64] | None = None
) -> SampledAlignment:
    """Return the CKA of two populations, free of the bias of few samples and of few neurons.

    The kernel of a population is the mean of ``k_a = x_a x_a^T`` over its neurons a, so its HSIC
    with itself is the mean over pairs of independent neurons. Pairs of a neuron with itself are
    left out, since they add what the neuron shares with no other. Pairs of a neuron of x and a
    neuron of y all count:

    ``mean_ab HSIC(k_a, l_b) / sqrt(mean_(a != b) HSIC(k_a, k_b) mean_(a != b) HSIC(l_a, l_b))``,

    with the HSIC that is unbiased in samples. Each of the three means is unbiased.

    Parameters
    ----------
    x, y : (n, p) and (n, q) float64 arrays
        Centred neurons, at least 3 a side, in at least 4 samples or groups.
    groups : (n,) int64 array, optional
        Number of each sample's group; samples of a group depend on each other.

    Raises
    ------
    ValueError
        If a side has fewer than 3 neurons, or its neurons have nothing in common.

    References
    ----------
    Chun et al. 2025, Estimating neural representation alignment from sparsely sampled inputs and
    features (arXiv 2502.15104).

    Examples
    --------
    Fifty neurons of each of two populations that represent the same two dimensions:

    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((300, 2))
    >>> x, y = (shared @ rng.standard_normal((2, 50)) for _ in range(2))
    >>> round(sampled_alignment(x - x.mean(0), y - y.mean(0)).value, 1)
    1.0
    """
    for name, side in (("x", x), ("y", y)):
        if side.shape[1] < FEWEST_NEURONS:
            raise ValueError(
                f"to estimate its population, {name} needs at least {FEWEST_NEURONS} neurons, got "
                f"{side.shape[1]}; pass features='all' if the neurons are complete"
            )
    of_x, of_y = _sums(x, y, groups), _sums(y, x, groups)
    norms = [_Norm(_sums(side, side, groups), _alone(side, groups)) for side in (x, y)]
    for name, side, norm in (("x", x, norms[0]), ("y", y, norms[1])):
        if norm.value <= 0:
            raise ValueError(
                f"the {side.shape[1]} neurons of {name} have nothing in common that other neurons "
                "of the population would share, so the CKA of the population is undefined; take "
                "more neurons or samples, or pass features='all' if the neurons are complete"
            )
    p, q = len(of_x), len(of_y)
    value = of_x.sum() / (p * q) / sqrt(norms[0].value) / sqrt(norms[1].value)
    x_error = _error(of_x / q / sqrt(norms[1].value), norms[0])
    y_error = _error(of_y / p / sqrt(norms[0].value), norms[1])
    return SampledAlignment(float(value), hypot(x_error, y_error))


@dataclass(frozen=True)
class _Norm:
    """HSIC of a population with itself, from pairs of different neurons.

    Attributes
    ----------
    sums : (p,) array
        HSIC of each neuron, summed over all neurons.
    alone : (p,) array
        HSIC of each neuron with itself.
    """

    sums: Floats
    alone: Floats

    @property
    def value(self) -> float:
        p = len(self.sums)
        return float(np.sum(self.sums - self.alone)) / (p * (p - 1))

    def without_each(self) -> Floats:
        """Return the value without each neuron in turn, (p,)."""
        p, pairs = len(self.sums), self.sums - self.alone
        values: Floats = (pairs.sum() - 2 * pairs) / ((p - 1) * (p - 2))
        return values


def _error(sums: Floats, norm: _Norm) -> float:
    """Return the jackknife's standard error over the neurons of a side.

    Parameters
    ----------
    sums : (p,) array
        Summands of the alignment, one for each neuron, whose mean is divided by the root of `norm`.
    norm
        The norm of the side.
    """
    p, norms = len(sums), norm.without_each()
    if norms.min() <= 0:
        return inf
    replicates = (sums.sum() - sums) / (p - 1) / np.sqrt(norms)
    return sqrt((p - 1) / p * float(np.sum((replicates - replicates.mean()) ** 2)))


def _sums(x: Floats, y: Floats, groups: NDArray[np.int64] | None) -> Floats:
    """Return the HSIC of each neuron of x with each of y, summed over those of y, (p,)."""
    if groups is not None:
        return np.array([grouped_hsic(column[:, None], y, groups) for column in x.T])
    # A rotation of y changes no sum, and its triangular factor is smaller.
    products = np.sum((x.T @ _narrow(y)) ** 2, axis=1)
    return _unbiased(products, x**2, np.sum(y**2, axis=1)[:, None])


def _alone(x: Floats, groups: NDArray[np.int64] | None) -> Floats:
    """Return the HSIC of each neuron with itself, (p,)."""
    if groups is not None:
        columns = (column[:, None] for column in x.T)
        return np.array([grouped_hsic(column, column, groups) for column in columns])
    return _unbiased(np.sum(x**2, axis=0) ** 2, x**2, x**2)


def _narrow(y: Floats) -> Floats:
    """Return an array with the inner products of the rows of y, and at most n columns."""
    n, q = y.shape
    if q <= n:
        return y
    factor: Floats = np.asarray(np.linalg.qr(y.T, mode="r"))
    return factor.T


def _unbiased(products: Floats, k: Floats, l: Floats) -> Floats:  # noqa: E741
    """Return the unbiased HSIC of centred kernels.

    Parameters
    ----------
    products : (p,) array
        Inner products of the two kernels of each pair.
    k, l : (n, p) arrays
        Their diagonals.
    """
    n = len(k)
    both = k.sum(axis=0) * l.sum(axis=0) / ((n - 1) * (n - 2))
    hsic: Floats = (products - n / (n - 2) * np.sum(k * l, axis=0) + both) / (n * (n - 3))
    return hsic
