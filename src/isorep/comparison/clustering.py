"""Clustering: a tree of networks, built from the distances between them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.html_table import html_table
from isorep._utils.validation import check_name
from isorep.comparison.leaf_order import order_leaves

if TYPE_CHECKING:
    import pandas
    import xarray

Method = Literal["average", "single", "complete", "weighted", "centroid", "median", "ward"]

ROUNDING = 1e-6
"""Distances up to this count as 0, in units of the greatest distance or of 1, whichever is more.
An angle, the arccos of a similarity, is 1e-8 where it should be 0."""

_NAMES_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class Clustering:
    """A tree of items, built from the distances between them.

    Make one with `isorep.cluster`.

    Attributes
    ----------
    names : tuple
        Names of the n items, in the order of `distances`.
    distances : (n, n) array or DataArray
        The distances that `isorep.cluster` received.
    linkage : (n - 1, 4) float64 array
        The merges in SciPy's format, with the leaves in `order`.
    order : tuple of int
        The items in the order of the leaves, which minimises the distances between neighbours.

    Examples
    --------
    >>> import isorep
    >>> tree = isorep.cluster([[0, 1, 9], [1, 0, 9], [9, 9, 0]])
    >>> tree.names, tree.labels(2)
    ((0, 1, 2), array([1, 1, 0]))
    """

    names: tuple[Hashable, ...]
    distances: NDArray[np.float64] | xarray.DataArray
    linkage: NDArray[np.float64]
    order: tuple[int, ...]

    def labels(self, n_clusters: int) -> NDArray[np.int64]:
        """Cut the tree into clusters, numbered 0, 1, ... in the order of the leaves.

        Parameters
        ----------
        n_clusters : int
            Number of clusters, from 1 to n.

        Returns
        -------
        (n,) int64 array
            The cluster of each item, in the order of `names`.
        """
        n = len(self.names)
        if not 1 <= n_clusters <= n:
            raise ValueError(f"n_clusters must be from 1 to {n} for {n} items, got {n_clusters}")
        from scipy.cluster.hierarchy import fcluster

        # By the number of merges: a height may cut ties and inversions into another number.
        merges = np.arange(n - 1.0)
        clusters = fcluster(self.linkage, n - n_clusters - 1, "monocrit", monocrit=merges)
        along_leaves = dict.fromkeys(clusters[list(self.order)].tolist())
        numbers = {cluster: number for number, cluster in enumerate(along_leaves)}
        return np.array([numbers[cluster] for cluster in clusters.tolist()], dtype=np.int64)

    def reordered(self) -> NDArray[np.float64] | xarray.DataArray:
        """Return the distances with rows and columns in the order of the leaves."""
        order = list(self.order)
        if isinstance(self.distances, np.ndarray):
            return self.distances[np.ix_(order, order)]
        return self.distances[order, order]

    def to_dataframe(self) -> pandas.DataFrame:
        """Return the merges as a table with one row for each new cluster.

        Returns
        -------
        pandas.DataFrame
            ``left`` and ``right`` are the numbers of the two merged parts, ``distance`` is the
            distance between them and ``n_items`` the size of the new cluster. As in SciPy, the
            items are numbered 0 to n - 1 and the clusters from n on; the index is the number of
            the new cluster.
        """
        import pandas

        n = len(self.names)
        return pandas.DataFrame(
            {
                "left": self.linkage[:, 0].astype(np.int64),
                "right": self.linkage[:, 1].astype(np.int64),
                "distance": self.linkage[:, 2],
                "n_items": self.linkage[:, 3].astype(np.int64),
            },
            index=pandas.RangeIndex(n, 2 * n - 1, name="cluster"),
        )

    def __repr__(self) -> str:
        """Return the number of items, the distances of the merges and the order of the leaves."""
        shown = dict(self._summary())
        return (
            f"Clustering({shown['items']} items merged at {shown['merge distances']}, "
            f"leaves: {shown['leaf order']})"
        )

    def _repr_html_(self) -> str:
        return html_table("Clustering", self._summary())

    def _summary(self) -> list[tuple[str, str]]:
        heights = self.linkage[:, 2]
        names = [str(self.names[item]) for item in self.order]
        if len(names) > _NAMES_SHOWN:
            names = [*names[: _NAMES_SHOWN - 1], "...", names[-1]]
        return [
            ("items", str(len(self.names))),
            ("merge distances", f"{heights.min():.4g} to {heights.max():.4g}"),
            ("leaf order", ", ".join(names)),
        ]


def cluster(distances: ArrayLike | xarray.DataArray, method: Method = "average") -> Clustering:
    """Cluster items hierarchically by the distances between them.

    If the distances from x to y and from y to x differ, as those of PWCCA do, `cluster` takes their
    mean. Among the orders of the leaves that the tree allows, it chooses the one with the smallest
    sum of distances between neighbours (Bar-Joseph et al. 2001).

    Parameters
    ----------
    distances : (n, n) DataArray or array
        Distances between n >= 2 items, for example
        ``table["pwcca_distance"].sel(layer="conv8")`` of `isorep.pairwise`. The coordinate of a
        DataArray names the items; without one they are 0 to n - 1.
    method : {"average", "single", "complete", "weighted", "centroid", "median", "ward"}
        Distance between two clusters; see `scipy.cluster.hierarchy.linkage`. "centroid", "median"
        and "ward" assume Euclidean distances between points.

    Returns
    -------
    Clustering
        The tree and the order of its leaves; ``.labels(n_clusters)`` cuts it.

    Raises
    ------
    TypeError
        If `distances` is a Dataset, which holds several variables.
    ValueError
        If `distances` is not square, has fewer than two items, contains NaN, infinite or negative
        values or a diagonal that is not 0, or if the method is unknown.

    References
    ----------
    Morcos, Raghu and Bengio 2018, figure 5a. Bar-Joseph, Gifford and Jaakkola 2001, Fast optimal
    leaf ordering for hierarchical clustering.

    Examples
    --------
    Two pairs, far from each other:

    >>> import numpy as np, isorep
    >>> points = np.array([0.0, 5.0, 1.0, 7.0])
    >>> tree = isorep.cluster(abs(points[:, None] - points))
    >>> tree
    Clustering(4 items merged at 1 to 5.5, leaves: 0, 2, 1, 3)
    >>> tree.labels(2)
    array([0, 1, 0, 1])
    """
    check_name("method", method, get_args(Method))
    matrix, names = named_items(distances)
    values = np.asarray(matrix, dtype=float)
    check_distances(values, names)

    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    symmetric = np.clip((values + values.T) / 2, 0.0, None)
    tree = order_leaves(linkage(squareform(symmetric, checks=False), method), symmetric)
    return Clustering(names, matrix, tree, tuple(leaves_list(tree).tolist()))


def named_items(distances: Any) -> tuple[Any, tuple[Hashable, ...]]:
    """Return the square matrix, as an array or a DataArray, and the names of its items."""
    if hasattr(distances, "data_vars"):  # a Dataset, recognised without importing xarray
        raise TypeError(
            "expected one matrix of distances, got a Dataset. Choose a variable and a layer, for "
            "example table['pwcca_distance'].sel(layer='conv8')"
        )
    is_dataarray = hasattr(distances, "dims") and hasattr(distances, "coords")
    matrix: Any = distances if is_dataarray else np.array(distances, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        has_layers = "layer" in getattr(matrix, "dims", ())
        raise ValueError(
            f"expected a square matrix of distances, got shape {tuple(matrix.shape)}"
            + (". Choose a layer with .sel(layer=...)" if has_layers else "")
        )
    n = matrix.shape[0]
    if n < 2:
        raise ValueError(f"expected at least 2 items to cluster, got {n}")
    if not is_dataarray:
        return matrix, tuple(range(n))
    rows, columns = (
        tuple(matrix[dim].to_numpy().tolist()) if dim in matrix.coords else tuple(range(n))
        for dim in matrix.dims
    )
    if rows != columns:
        raise ValueError(
            f"expected rows and columns with the same items in the same order, got {list(rows)} "
            f"and {list(columns)}"
        )
    return matrix, rows


def check_distances(values: NDArray[np.float64], names: tuple[Hashable, ...]) -> None:
    """Raise ValueError unless a matrix holds finite distances, with 0 on the diagonal."""
    bad = ~np.isfinite(values)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        worst = int(np.argmax(bad.sum(axis=0) + bad.sum(axis=1)))
        raise ValueError(
            f"expected finite distances, got {int(bad.sum())} NaN or infinite values, the first "
            f"between {names[i]!r} and {names[j]!r}. Leave out items that could not be compared, "
            f"such as {names[worst]!r}"
        )
    tolerance = ROUNDING * max(1.0, values.max())
    i, j = np.unravel_index(np.argmin(values), values.shape)
    if values[i, j] < -tolerance:
        raise ValueError(
            f"distances must not be negative, got {values[i, j]:g} between {names[i]!r} and "
            f"{names[j]!r}"
        )
    diagonal = np.diagonal(values)
    i = int(np.argmax(diagonal))
    if diagonal[i] > tolerance:
        raise ValueError(
            f"expected a distance of 0 between {names[i]!r} and itself, got {diagonal[i]:g}. Pass "
            "distances, not similarities"
        )
