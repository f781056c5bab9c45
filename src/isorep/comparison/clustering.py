"""Clustering: which networks are alike, as a tree over their distances."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.validation import unknown_name

if TYPE_CHECKING:
    import xarray

Method = Literal["average", "single", "complete", "weighted", "centroid", "median", "ward"]

ROUNDING = 1e-6
"""What is taken for rounding of a distance of 0, in units of the greatest distance or of 1,
whichever is more: an angle, the arccos of a similarity, is 1e-8 where it should be 0."""


@dataclass(frozen=True, eq=False)
class Clustering:
    """A tree over items, built from the distances between them.

    Make one with `isorep.cluster`.

    Attributes
    ----------
    names : tuple
        The n items, in the order in which they were given.
    distances : (n, n) array or DataArray
        As given.
    linkage : (n - 1, 4) float64 array
        The merges, in SciPy's format, turned so that the leaves come in `order`.
    order : tuple of int
        The items as leaves of the tree, neighbours as near each other as the tree allows.
    """

    names: tuple[Hashable, ...]
    distances: NDArray[np.float64] | xarray.DataArray
    linkage: NDArray[np.float64]
    order: tuple[int, ...]

    def labels(self, n_clusters: int) -> NDArray[np.int64]:
        """Cut the tree into clusters, numbered 0, 1, ... along the order of the leaves.

        Parameters
        ----------
        n_clusters : int
            From 1 to n.

        Returns
        -------
        (n,) int64 array
            The cluster of each item, in the order of `names`.
        """
        n = len(self.names)
        if not 1 <= n_clusters <= n:
            raise ValueError(f"{n} items make 1 to {n} clusters, not {n_clusters}")
        members = {i: [i] for i in range(n)}
        for step, (a, b) in enumerate(self.linkage[: n - n_clusters, :2].astype(int)):
            members[n + step] = members.pop(a) + members.pop(b)
        labels = np.zeros(n, dtype=np.int64)
        for label, cluster in enumerate(
            sorted(members.values(), key=lambda items: min(map(self.order.index, items)))
        ):
            labels[cluster] = label
        return labels

    def reordered(self) -> NDArray[np.float64] | xarray.DataArray:
        """Return the distances as they were given, rows and columns in the order of the leaves."""
        order = list(self.order)
        if isinstance(self.distances, np.ndarray):
            return self.distances[np.ix_(order, order)]
        return self.distances[order, order]


def cluster(distances: ArrayLike | xarray.DataArray, method: Method = "average") -> Clustering:
    """Cluster items hierarchically by the distances between them.

    A distance that depends on the order of its two sides, such as PWCCA's, is replaced by the mean
    of both orders. The leaves are ordered so that the sum of distances between neighbours is the
    least that the tree allows (Bar-Joseph et al. 2001).

    Parameters
    ----------
    distances : (n, n) DataArray or array
        Of n >= 2 items, such as ``table["pwcca_distance"].sel(layer="conv8")`` of
        `isorep.pairwise`. The items are called by the coordinate of a DataArray, else 0 to n - 1.
    method : {"average", "single", "complete", "weighted", "centroid", "median", "ward"}
        How far two clusters are apart; see `scipy.cluster.hierarchy.linkage`. The last three assume
        distances of points in a Euclidean space.

    Returns
    -------
    Clustering
        The tree, the order of its leaves, and ways to cut it.

    Raises
    ------
    TypeError
        When given a Dataset, which holds several variables.
    ValueError
        When `distances` is not square, holds fewer than two items, NaN or negative values, or items
        have a distance from themselves; or when the method is unknown.

    References
    ----------
    Morcos, Raghu and Bengio 2018, figure 5a. Bar-Joseph, Gifford and Jaakkola 2001, Fast optimal
    leaf ordering for hierarchical clustering.

    Examples
    --------
    Two pairs, far from each other:

    >>> import numpy as np, isorep
    >>> at = np.array([0.0, 5.0, 1.0, 7.0])
    >>> found = isorep.cluster(abs(at[:, None] - at))
    >>> found.labels(2), found.order
    (array([0, 1, 0, 1]), (0, 2, 1, 3))
    """
    if method not in get_args(Method):
        raise ValueError(unknown_name("method", str(method), get_args(Method)))
    given, names = _items(distances)
    values = np.asarray(given, dtype=float)
    _check_distances(values, names)

    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    symmetric = np.clip((values + values.T) / 2, 0.0, None)
    tree = linkage(squareform(symmetric, checks=False), method)
    order = _best_order(tree, symmetric)
    return Clustering(names, given, _turned(tree, order), order)


def _items(distances: Any) -> tuple[Any, tuple[Hashable, ...]]:
    """Return a square matrix, an array or a DataArray, and what its items are called."""
    if hasattr(distances, "data_vars"):  # a Dataset, told without importing xarray
        raise TypeError(
            "expected one matrix of distances, got a Dataset: choose a variable and a layer, such "
            "as table['pwcca_distance'].sel(layer='conv8')"
        )
    labelled = hasattr(distances, "dims") and hasattr(distances, "coords")
    given: Any = distances if labelled else np.array(distances, dtype=float)
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        layer = (
            "; choose a layer with .sel(layer=...)" if "layer" in getattr(given, "dims", ()) else ""
        )
        raise ValueError(
            f"distances are a square matrix, one row and column an item, not of shape "
            f"{tuple(given.shape)}{layer}"
        )
    n = given.shape[0]
    if n < 2:
        raise ValueError(f"there must be at least 2 items to cluster, got {n}")
    if not labelled:
        return given, tuple(range(n))
    rows, columns = (
        tuple(given[dim].to_numpy().tolist()) if dim in given.coords else tuple(range(n))
        for dim in given.dims
    )
    if rows != columns:
        raise ValueError(
            f"rows and columns must be the same items in the same order, got {list(rows)} and "
            f"{list(columns)}"
        )
    return given, rows


def _check_distances(values: NDArray[np.float64], names: tuple[Hashable, ...]) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        worst = int(np.argmax(bad.sum(axis=0) + bad.sum(axis=1)))
        raise ValueError(
            f"{int(bad.sum())} distances are NaN or infinite, the first between {names[i]!r} and "
            f"{names[j]!r}; leave out items that could not be compared, such as {names[worst]!r}"
        )
    tolerance = ROUNDING * max(1.0, values.max())
    i, j = np.unravel_index(np.argmin(values), values.shape)
    if values[i, j] < -tolerance:
        raise ValueError(
            f"distances are not negative, but that of {names[i]!r} and {names[j]!r} is "
            f"{values[i, j]:g}"
        )
    itself = np.diagonal(values)
    i = int(np.argmax(itself))
    if itself[i] > tolerance:
        raise ValueError(
            f"{names[i]!r} has a distance of {itself[i]:g} from itself, not 0; pass distances, not "
            "similarities"
        )


def _best_order(tree: NDArray[np.float64], distances: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the order of the leaves that makes the sum of distances between neighbours least.

    By dynamic programming from the leaves to the root (Bar-Joseph et al. 2001): for each node and
    each pair of its leaves, the least sum of an order that begins with one and ends with the other.
    (SciPy's ``optimal_leaf_ordering`` often returns another than the best order; its issue 11227.)
    """
    n = len(distances)
    leaves = {leaf: [leaf] for leaf in range(n)}
    sums = {leaf: np.zeros((1, 1)) for leaf in range(n)}
    meetings = {}
    for node, (a, b) in enumerate(tree[:, :2].astype(int).tolist(), start=n):
        across = distances[np.ix_(leaves[a], leaves[b])]
        # From i, the first leaf of a, by l, its last, to k, the first of b, to j, the last of all.
        to_first, last_of_a = _min_plus(sums.pop(a), across)
        to_last, first_of_b = _min_plus(to_first, sums.pop(b))
        leaves[node] = leaves[a] + leaves[b]
        meetings[node] = a, b, last_of_a, first_of_b
        split = len(leaves[a])
        sums[node] = np.full((len(leaves[node]),) * 2, np.inf)
        sums[node][:split, split:] = to_last
        sums[node][split:, :split] = to_last.T

    root = 2 * n - 2
    begin, end = np.unravel_index(np.argmin(sums[root]), sums[root].shape)
    order: list[int] = []
    left = [(root, int(begin), int(end))]
    while left:
        node, i, j = left.pop()
        if node < n:
            order.append(node)
            continue
        a, b, last_of_a, first_of_b = meetings[node]
        split = len(leaves[a])
        backwards = i >= split
        if backwards:
            i, j = j, i
        first = int(first_of_b[i, j - split])
        last = int(last_of_a[i, first])
        # The part that comes first goes on top.
        if backwards:
            left += [(a, last, i), (b, j - split, first)]
        else:
            left += [(b, first, j - split), (a, i, last)]
    return tuple(order)


def _min_plus(
    p: NDArray[np.float64], q: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return ``min_l p[i, l] + q[l, k]`` and the l where it is reached."""
    at = np.stack([np.argmin(row[:, None] + q, axis=0) for row in p])
    return np.take_along_axis(p, at, axis=1) + np.take_along_axis(q, at, axis=0), at


def _turned(tree: NDArray[np.float64], order: tuple[int, ...]) -> NDArray[np.float64]:
    """Exchange the two sides of merges so that the leaves come in `order`."""
    n = len(order)
    place = np.zeros(2 * n - 1, dtype=np.int64)
    place[list(order)] = np.arange(n)
    tree = tree.copy()
    for node, (a, b) in enumerate(tree[:, :2].astype(int), start=n):
        if place[a] > place[b]:
            tree[node - n, :2] = b, a
        place[node] = min(place[a], place[b])
    return tree
