"""Approximate nearest neighbours of very many samples, and how many of them are right."""

from __future__ import annotations

from typing import Any

import numpy as np

from isorep._utils.optional import import_optional
from isorep.core.kernel import CHUNK, Kernel
from isorep.measures.neighbours import (
    Indices,
    Metric,
    centred,
    nearest,
    shared,
    smallest,
)

TESTED = 500
"""Samples whose exact neighbours are computed to measure the recall."""

ENOUGH = 0.95
"""Recall from which no more clusters are searched."""

FIRST_SHARE, LAST_SHARE = 1 / 64, 1 / 4
"""Shares of the clusters that the search tries first and at most."""

CLUSTER_ROUNDS, CLUSTER_SAMPLES = 10, 64
"""Rounds of k-means, and the samples that it takes for each cluster."""


def approximate(kernel: Kernel, k: int, metric: Metric, seed: int) -> tuple[Indices, float]:
    """Return nearly the k nearest neighbours of each sample, (m, k), and their recall.

    Samples are clustered, and the neighbours of each are sought in the nearest clusters alone, in
    single precision. The nearest 2 k + 10 that this finds are ordered by their exact distances,
    with the ties of `nearest`. The search takes in more clusters until it finds 95 % of the exact
    neighbours of 500 samples, or a quarter of all clusters is searched.

    Parameters
    ----------
    kernel : Kernel
        The samples.
    k : int
        Number of neighbours.
    metric : {"cosine", "euclidean"}
        Metric of the kernel.
    seed : int
        Random seed of the samples that the recall is measured on.

    Returns
    -------
    neighbours : (m, k) int64 array
        Indices of the neighbours, nearest first.
    recall : float
        Share of the exact neighbours of the tested samples that are among those found.

    Raises
    ------
    ImportError
        If faiss is not installed.
    """
    faiss = import_optional("faiss", "knn")
    clusters = _Clusters(faiss, kernel, k, metric)
    rng = np.random.default_rng(seed)
    tested = np.sort(rng.choice(kernel.n_samples, min(TESTED, kernel.n_samples), replace=False))
    exact = nearest(kernel, k, metric, tested)
    probes = max(1, int(FIRST_SHARE * clusters.number))
    while (
        probes < LAST_SHARE * clusters.number
        and _recall(clusters.search(tested, probes), exact) < ENOUGH
    ):
        probes *= 2
    neighbours = clusters.search(np.arange(kernel.n_samples), probes)
    incomplete = np.flatnonzero((neighbours < 0).any(axis=1))
    neighbours[incomplete] = nearest(kernel, k, metric, incomplete)
    return neighbours, _recall(neighbours[tested], exact)


def _recall(found: Indices, exact: Indices) -> float:
    """Return the share of exact neighbours found; rows with -1 will be found exactly."""
    complete = found.min(axis=1) >= 0
    return float(np.where(complete, shared(found, exact) / exact.shape[1], 1.0).mean())


class _Clusters:
    """Samples in clusters, in which faiss seeks neighbours.

    Attributes
    ----------
    number : int
        Number of clusters.
    """

    def __init__(self, faiss: Any, kernel: Kernel, k: int, metric: Metric) -> None:
        self._kernel, self._zeros = centred(kernel, metric)
        self._k, self._metric = k, metric
        # Samples of zeros have no place among directions; their neighbours are found exactly.
        self._members = np.flatnonzero(~self._zeros)
        points = self._kernel.points[self._members].astype(np.float32)
        self.number = max(1, min(int(2 * len(points) ** 0.5), len(points) // CLUSTER_SAMPLES))
        self._centres = faiss.IndexFlatL2(points.shape[1])  # faiss keeps no reference to it
        self._index = faiss.IndexIVFFlat(self._centres, points.shape[1], self.number)
        self._index.cp.niter = CLUSTER_ROUNDS
        self._index.cp.max_points_per_centroid = CLUSTER_SAMPLES
        self._index.train(points)
        self._index.add(points)

    def search(self, samples: Indices, probes: int) -> Indices:
        """Return the neighbours of some samples from the nearest clusters; -1 where there are none.

        Parameters
        ----------
        samples : (rows,) int64 array
            Indices of the samples.
        probes : int
            Number of clusters to search.
        """
        self._index.nprobe = probes
        neighbours = np.full((len(samples), self._k), -1, dtype=np.int64)
        n_candidates = min(2 * self._k + 11, len(self._members))  # the sample itself is among them
        size = max(1, CHUNK // (8 * n_candidates * self._kernel.points.shape[1]))
        for start in range(0, len(samples), size):
            rows = samples[start : start + size]
            points = self._kernel.points[rows]
            _, places = self._index.search(points.astype(np.float32), n_candidates)
            places.sort(axis=1)  # ties come by their index
            candidates = np.where(places >= 0, self._members[places], -1)
            squares = self._kernel.squares
            distances = np.einsum("ij,ikj->ik", points, self._kernel.points[candidates])
            distances *= -2
            distances += squares[rows, None] + squares[candidates]
            np.maximum(distances, 0, out=distances)
            distances[(candidates < 0) | (candidates == rows[:, None])] = np.inf
            distances[self._zeros[rows]] = np.inf
            columns = smallest(distances, squares[rows], self._k, self._metric)
            chosen = np.take_along_axis(candidates, columns, axis=1)
            chosen[np.isinf(np.take_along_axis(distances, columns, axis=1))] = -1
            neighbours[start : start + size] = chosen
        return neighbours
