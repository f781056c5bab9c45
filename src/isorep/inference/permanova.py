"""PERMANOVA: the pseudo-F of groups of networks, from the distances between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from isorep.inference.network_permutations import Floats, total


def pseudo_f(distances: Floats) -> Callable[..., Floats]:
    """Return the pseudo-F of groups as a statistic for `permute_labels`.

    It compares the sums of squared distances between and within groups, as the F of an analysis of
    variance, to which it is equal for Euclidean distances of one variable.

    Parameters
    ----------
    distances : (N, N) array
        Symmetric distances between N networks.

    References
    ----------
    Anderson 2001, A new method for non-parametric multivariate analysis of variance.

    Examples
    --------
    The F of an analysis of variance of the numbers 1, 2, 3 and 5, 6, 7:

    >>> points = np.array([1.0, 2.0, 3.0, 5.0, 6.0, 7.0])
    >>> first = np.array([[1.0, 1, 1, 0, 0, 0]])
    >>> pseudo_f(abs(points[:, None] - points))(first, 1 - first)
    array([24.])
    """

    def statistic(*members: Floats) -> Floats:
        share = explained_share(distances, *members)
        between, within = len(members) - 1, len(distances) - len(members)
        with np.errstate(divide="ignore"):  # no distance within groups: infinite
            f: Floats = share / between / ((1 - share) / within)
        return f

    return statistic


def explained_share(distances: Floats, *members: Floats) -> Floats:
    """Return the share of the sum of squared distances that lies between groups, R squared, (m,).

    Parameters
    ----------
    distances : (N, N) array
        Symmetric distances between N networks.
    *members : (m, N) arrays of 0 and 1
        Members of each group.

    References
    ----------
    Anderson 2001, A new method for non-parametric multivariate analysis of variance.

    Examples
    --------
    >>> points = np.array([1.0, 3.0, 7.0, 9.0])
    >>> first = np.array([[1.0, 1, 0, 0]])
    >>> explained_share(abs(points[:, None] - points), first, 1 - first)
    array([0.9])
    """
    squares = distances**2 * (1 - np.eye(len(distances)))
    whole = squares.sum() / 2 / len(distances)
    if whole == 0:  # all networks are equal
        return np.zeros(len(members[0]))
    within = sum(total(squares, group, group) / 2 / group.sum(axis=1) for group in members)
    share: Floats = 1 - np.asarray(within) / whole
    return share
