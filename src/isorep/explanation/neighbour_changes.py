"""Neighbour changes: samples and pairs of samples that one side groups and the other does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep._utils.parallel import check_stopped, one_thread
from isorep.core.kernel import Kernel
from isorep.core.overlap import Overlap
from isorep.measures.neighbours import Indices, nearest
from isorep.measures.neighbours import shared as shared_neighbours

if TYPE_CHECKING:
    import pandas
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]

N_DRAWS = 39
"""Graphs of equal noise that the groups of each side are compared with."""

MOST_SAMPLES = 1000
"""Samples among which groups are looked for; of more, a random part."""

PRECISION = 1e-6
"""Relative precision of the eigenvalues of graphs of equal noise."""

FEWEST_OF_GROUP = 3
"""Fewest samples of a group."""

MOST_GROUPS = 10
"""Largest number of groups of each side."""

MOST_PAIRS = 100
"""Largest number of pairs of each side."""


class NeighbourChanges(NamedTuple):
    """Samples and pairs of samples that one side groups and the other does not.

    Attributes
    ----------
    kept : (n,) float64 array
        Share of each sample's neighbours that both sides have.
    group : (n,) int64 array
        Number of the group of each sample, from 1; 0 for samples in none.
    groups : pandas.DataFrame
        For each group: ``grouped_by`` ("x" or "y"), ``n_samples``, ``x_links`` and ``y_links``
        (mean number of neighbours within the group, on each side), and ``p_value``.
    pairs : pandas.DataFrame
        Neighbours on one side alone, most distant on the other side first: rows ``sample`` and
        ``other``, ``grouped_by``, and the distances ``x_distance`` and ``y_distance``, over the
        root mean square distance of that side.
    """

    kept: Floats
    group: NDArray[np.int64]
    groups: pandas.DataFrame
    pairs: pandas.DataFrame


def neighbour_changes(
    overlap: Overlap,
    shared: tuple[Floats, Floats],
    bulk: NDArray[np.bool_],
    *,
    k: int,
    alpha: float,
    seed: int,
) -> NeighbourChanges:
    """Compare the graphs of nearest neighbours of two sides.

    A graph links each sample with its k nearest neighbours by Euclidean distance, with weight 1 if
    both are neighbours of each other and 1/2 otherwise. An eigenvector of a large positive
    eigenvalue of the difference of the two graphs marks samples that x links and y does not; one of
    a negative eigenvalue the reverse. The group is the set of samples with the largest entries that
    has most links of one side, less those of the other, per sample.

    An eigenvalue is compared with those of equal noise: y is replaced by its regression on x in the
    shared pairs plus residuals drawn from the samples of the bulk, and for groups of y the other
    way round. The p-value is for the largest eigenvalue of both sides. Of more than 1,000 samples,
    groups are looked for in a random part.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    shared : pair of (n, c) float64 arrays
        Scores of x and of y in the shared pairs of directions; c may be 0.
    bulk : (n,) bool array
        Samples that do not stand out.
    k : int
        Number of neighbours of each sample.
    alpha : float
        Level of the tests.
    seed : int
        Random seed.

    References
    ----------
    Newman 2006, Finding community structure in networks using the eigenvectors of matrices.
    """
    import pandas

    sides = [
        to_numpy(side.q) * to_numpy(side.singular_values / side.singular_values[0])
        for side in (overlap.x, overlap.y)
    ]
    n = overlap.n_samples
    lists = [nearest(Kernel(side), k, "euclidean") for side in sides]
    graphs = [_graph(neighbours) for neighbours in lists]
    kept = shared_neighbours(lists[0], lists[1]) / k
    rows = np.arange(n)
    if n > MOST_SAMPLES:
        rows = np.sort(np.random.default_rng(seed).choice(n, MOST_SAMPLES, replace=False))
    parts = [side[rows] for side in sides]
    scores = [side[rows] for side in shared]
    part_graphs = graphs if n == len(rows) else [_graph(_nearest(part, k)) for part in parts]
    group = np.zeros(n, dtype=np.int64)
    found: list[tuple[Any, ...]] = []
    for name, this, other in (("x", 0, 1), ("y", 1, 0)):
        null = _null_eigenvalues(part_graphs[this], parts[other], scores[this], bulk[rows], k, seed)
        difference = (part_graphs[this] - part_graphs[other]).tocsr()
        for members, p_value in _groups(difference, null, alpha):
            free = rows[members]
            free = free[group[free] == 0]
            if len(free) < max(FEWEST_OF_GROUP, len(members) / 2):
                continue  # most of it is a part of groups before
            links = [float(graph[free][:, free].sum() / len(free)) for graph in graphs]
            if links[this] <= links[other]:
                continue
            group[free] = len(found) + 1
            found.append((name, len(free), *links, p_value))
    return NeighbourChanges(
        kept=kept,
        group=group,
        groups=pandas.DataFrame(
            found,
            columns=["grouped_by", "n_samples", "x_links", "y_links", "p_value"],
            index=pandas.RangeIndex(1, len(found) + 1, name="group"),
        ),
        pairs=_pairs(overlap, (graphs[0] - graphs[1]).tocsr()),
    )


def _nearest(samples: Floats, k: int) -> Indices:
    """Return the k nearest neighbours, (n, k), in any order; without a rule for ties."""
    kernel = Kernel(samples / np.abs(samples).max())
    distances = kernel.squared_distances(slice(0, len(samples)))
    np.fill_diagonal(distances, np.inf)
    return np.argpartition(distances, k - 1, axis=1)[:, :k]


def _graph(neighbours: Indices) -> csr_array:
    from scipy.sparse import csr_array

    n, k = neighbours.shape
    rows = np.repeat(np.arange(n), k)
    graph = csr_array((np.full(n * k, 0.5), (rows, neighbours.ravel())), shape=(n, n))
    both: csr_array = (graph + graph.T).tocsr()
    return both


def _null_eigenvalues(
    graph: csr_array, other: Floats, scores: Floats, bulk: NDArray[np.bool_], k: int, seed: int
) -> Floats:
    """Return the largest eigenvalue of the difference to each graph of equal noise, (N_DRAWS,)."""
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(len(scores)), scores])
    fitted = design @ np.linalg.lstsq(design[bulk], other[bulk], rcond=None)[0]
    residuals = (other - fitted)[bulk]
    # Residuals of a fit are smaller than those of other samples.
    residuals *= np.sqrt(len(residuals) / max(len(residuals) - design.shape[1], 1))
    values = np.empty(N_DRAWS)
    with one_thread():
        for i in range(N_DRAWS):
            check_stopped()
            # As few residuals twice as possible: copies of a sample are neighbours.
            order = rng.permutation(np.resize(np.arange(len(residuals)), len(other)))
            drawn = fitted + residuals[order]
            values[i] = _largest((graph - _graph(_nearest(drawn, k))).tocsr(), 1, PRECISION)[0][0]
    return values


def _largest(graph: csr_array, count: int, precision: float) -> tuple[Floats, Floats]:
    """Return the largest eigenvalues, descending, and their vectors as columns.

    A precision of 0 is that of float64.
    """
    from scipy.sparse.linalg import eigsh

    graph.eliminate_zeros()
    if not graph.nnz:  # which ARPACK refuses
        return np.zeros(count), np.zeros((graph.shape[0], count))
    start = np.random.default_rng(0).standard_normal(graph.shape[0])
    values, vectors = eigsh(graph, k=count, which="LA", v0=start, tol=precision)
    return values[::-1], vectors[:, ::-1]


def _groups(graph: csr_array, null: Floats, alpha: float) -> list[tuple[NDArray[np.int64], float]]:
    """Return the groups of a difference graph, with their p-values."""
    count = min(MOST_GROUPS, graph.shape[0] - 2)
    values, vectors = _largest(graph, count, 0.0)
    groups = []
    for value, vector in zip(values, vectors.T, strict=True):
        p_value = min(1.0, 2 * float(1 + np.sum(null >= value)) / (len(null) + 1))  # of two sides
        if p_value > alpha:
            break
        groups.append((_members(graph, vector), p_value))
    return groups


def _members(graph: csr_array, vector: Floats) -> NDArray[np.int64]:
    """Return the leading samples of an eigenvector with the most links per sample."""
    from scipy.sparse import tril

    best: tuple[float, NDArray[np.int64]] = (-np.inf, np.empty(0, dtype=np.int64))
    for signed in (vector, -vector):
        order = np.argsort(-signed)[: int((signed > 0).sum())]
        if not len(order):
            continue
        links = np.cumsum(np.asarray(tril(graph[order][:, order]).sum(axis=1)).ravel())
        per_sample = links / np.arange(1, len(order) + 1)
        last = int(per_sample.argmax())
        if per_sample[last] > best[0]:
            best = float(per_sample[last]), np.sort(order[: last + 1])
    return best[1]


def _pairs(overlap: Overlap, difference: csr_array) -> pandas.DataFrame:
    import pandas
    from scipy.sparse import coo_array, triu

    upper = coo_array(triu(difference))
    rows, columns = upper.row.astype(np.int64), upper.col.astype(np.int64)
    distances = [_relative_distances(side, rows, columns) for side in (overlap.x, overlap.y)]
    table = pandas.DataFrame(
        {
            "sample": rows,
            "other": columns,
            "grouped_by": np.where(upper.data > 0, "x", "y"),
            "x_distance": distances[0],
            "y_distance": distances[1],
        }
    )
    far = np.where(upper.data > 0, distances[1], distances[0])
    table = table.iloc[np.argsort(-far, kind="stable")]
    return table.groupby("grouped_by", sort=False).head(MOST_PAIRS).reset_index(drop=True)


def _relative_distances(side: Any, rows: Any, columns: Any) -> Floats:
    """Return the distances of pairs of samples over the root mean square of all pairs."""
    sizes = to_numpy(side.singular_values / side.singular_values[0])
    scores = to_numpy(side.q) * sizes
    scale = np.sqrt(2 * np.sum(sizes**2) / (side.n_samples - 1))
    return np.asarray(np.linalg.norm(scores[rows] - scores[columns], axis=1) / scale)
