"""Unbiased HSIC of linear kernels, from pairs of samples of different groups alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST_GROUPS = 4
"""Groups that the unbiased estimate needs: its last term has four samples of different groups."""


def grouped_hsic(x: Floats, y: Floats, groups: NDArray[np.int64]) -> float:
    """Return the unbiased HSIC of ``K = x x^T`` and ``L = y y^T`` over independent groups.

    ``mean K_ij L_ij - 2 mean K_ij L_ik + mean K_ij L_kl``, each over the samples i, j, k and l that
    are all of different groups. With one sample a group it is the estimate of Song et al.

    Parameters
    ----------
    x, y : (n, p) and (n, q) float64 arrays
        The same n samples in rows.
    groups : (n,) int64 array
        Number of each sample's group, from 0; at least 4 groups.

    References
    ----------
    Song, Smola, Gretton, Borgwardt and Bedo 2007, Supervised feature selection via dependence
    estimation, equation 5, for samples instead of groups.

    Examples
    --------
    >>> x, y = np.random.default_rng(0).standard_normal((2, 9, 3))
    >>> k, l = x @ x.T, y @ y.T
    >>> groups = np.repeat(np.arange(4), [2, 3, 1, 3])
    >>> apart = groups[:, None] != groups
    >>> first = np.mean((k * l)[apart])
    >>> three = apart[:, :, None] & apart[:, None, :] & apart
    >>> second = np.mean((k[:, :, None] * l[:, None, :])[three])
    >>> four = three[..., None] & three[..., None, :] & three & apart[:, None, None]
    >>> third = np.mean((k[..., None, None] * l)[four])
    >>> bool(np.isclose(grouped_hsic(x, y, groups), first - 2 * second + third))
    True
    """
    ones = np.ones((len(groups), 1))
    sums = _sums(x, y, groups)
    counts = _sums(ones, ones, groups)
    first, second, third = (total / count for total, count in zip(sums, counts, strict=True))
    return first - 2 * second + third


def _sums(x: Floats, y: Floats, groups: NDArray[np.int64]) -> tuple[float, float, float]:
    """Return the sums of K_ij L_ij, K_ij L_ik and K_ij L_kl over samples of different groups."""
    order = np.argsort(groups, kind="stable")
    x, y, starts = x[order], y[order], np.flatnonzero(np.diff(groups[order], prepend=-1))
    of_group = groups[order]
    x_sums, y_sums = np.add.reduceat(x, starts), np.add.reduceat(y, starts)
    # Inner products of each sample with the sum of its own group, and with all other groups.
    x_own = np.einsum("ij,ij->i", x, x_sums[of_group])
    y_own = np.einsum("ij,ij->i", y, y_sums[of_group])
    x_others, y_others = x @ x_sums.sum(0) - x_own, y @ y_sums.sum(0) - y_own
    within = sum(
        float(np.sum((part.T @ y[slice(start, start + len(part))]) ** 2))
        for start, part in zip(starts, np.split(x, starts[1:]), strict=True)
    )
    first = float(np.sum((x.T @ y) ** 2)) - within
    by_group = x_sums.T @ y_sums
    second = float(x_others @ y_others - np.sum((x @ by_group) * y) + x_own @ y_own)
    # The same sums of the groups' own inner products.
    x_squares, y_squares = np.sum(x_sums**2, axis=1), np.sum(y_sums**2, axis=1)
    x_rows = x_sums @ x_sums.sum(0) - x_squares
    y_rows = y_sums @ y_sums.sum(0) - y_squares
    pairs = float(np.sum(by_group**2) - x_squares @ y_squares)
    third = float(x_rows.sum() * y_rows.sum() - 4 * x_rows @ y_rows + 2 * pairs)
    return first, second, third
