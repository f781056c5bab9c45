"""Floors: the arithmetic that nobody gets around, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from isorep._utils.triangular import solve_lower

Floats = NDArray[Any]

TILE = 16


def pair(x: Floats, y: Floats) -> None:
    """PWCCA: Grams and their Cholesky factors, cross product, whitening, one decomposition."""
    left, right = (np.linalg.cholesky(_gram(side)) for side in (x, y))
    _directions(_whitened(x.T @ y, left, right))


def alignment(x: Floats, y: Floats) -> None:
    """CKA: three products in the precision of the arrays, and their norms."""
    for gram_or_cross in (x.T @ x, y.T @ y, x.T @ y):
        np.linalg.norm(gram_or_cross)


def rotation(x: Floats, y: Floats) -> None:
    """Procrustes: the cross product and its singular values."""
    np.linalg.svd(x.T @ y, compute_uv=False)


def grid_of_alignment(xs: Sequence[Floats], ys: Sequence[Floats]) -> None:
    """CKA: the norms of each layer's Gram and of each pair's product."""
    for layer in (*xs, *ys):
        np.linalg.norm(layer.T @ layer)
    for x in xs:
        for y in ys:
            np.linalg.norm(x.T @ y)


def grid_of_pwcca(xs: Sequence[Floats], ys: Sequence[Floats]) -> None:
    """Each layer's Gram and Cholesky factor; each pair's product, whitening and decomposition."""
    lefts, rights = ([np.linalg.cholesky(_gram(layer)) for layer in side] for side in (xs, ys))
    for x, left in zip(xs, lefts, strict=True):
        for y, right in zip(ys, rights, strict=True):
            _directions(_whitened(x.T @ y, left, right))


def grid(xs: Sequence[Floats], ys: Sequence[Floats]) -> None:
    """Each layer's Gram and its decomposition; each pair's product and what measures decompose.

    PWCCA and mean CCA need the directions of M, SVCCA the correlations of its leading part, and
    Procrustes the singular values of the product, whose small ones a Gram matrix loses.
    """
    for layer in (*xs, *ys):
        np.linalg.eigh(_gram(layer))
    for x in xs:
        for y in ys:
            cross = x.T @ y
            _directions(cross)
            np.linalg.svd(cross, compute_uv=False)
            np.linalg.svd(cross, compute_uv=False)


def permutations(xs: Sequence[Floats], ys: Sequence[Floats], count: int) -> None:
    """PWCCA after permutations: for each pair and permutation, one product and one decomposition.

    The layers stand for their whitened variates, which cost nothing beside this.
    """
    rng = np.random.default_rng(0)
    orders = np.array([rng.permutation(len(xs[0])) for _ in range(count)])
    with threadpool_limits(1, "blas"), ThreadPoolExecutor() as pool:
        for _ in pool.map(lambda pair: _permuted(*pair, orders), product(xs, ys)):
            pass


def _permuted(x: Floats, y: Floats, orders: NDArray[np.int64]) -> None:
    fixed, moved = (x, y) if y.shape[1] <= x.shape[1] else (y, x)
    n, p = moved.shape
    for part in np.array_split(orders, -(-len(orders) * n * p // 2**20)):
        rows = moved[np.ascontiguousarray(part.T).ravel()].reshape(n, -1)
        matrices = (fixed.T @ rows).reshape(-1, len(part), p).transpose(1, 2, 0)
        np.linalg.eigh(matrices @ matrices.mT)


def sweep(networks: Sequence[Floats], threads: int) -> None:
    """Loop over tiles of pairs: a float32 product each, small decompositions on all cores.

    Decompositions with vectors, without which there are no weights of PWCCA.

    The whitened variates are made on the way: Grams and decompositions of every network.
    """
    variates = []
    for network in networks:
        squares, vectors = np.linalg.eigh(network.T @ network)
        variates.append((network @ (vectors / np.sqrt(squares))).astype(np.float32))
    p = variates[0].shape[1]
    tiles = [variates[i : i + TILE] for i in range(0, len(variates), TILE)]
    stacked = [np.hstack(tile) for tile in tiles]

    def decompose(matrix: Floats) -> float:
        matrix = matrix.astype(np.float64)
        return float(np.sum(np.linalg.eigh(matrix @ matrix.T)[0]))

    with ThreadPoolExecutor(threads) as pool:
        for i, j in [*((i, i) for i in range(len(tiles))), *combinations(range(len(tiles)), 2)]:
            cross = stacked[i].T @ stacked[j]
            parts = [
                cross[a * p : (a + 1) * p, b * p : (b + 1) * p]
                for a in range(len(tiles[i]))
                for b in range(len(tiles[j]))
                if i != j or a < b
            ]
            with threadpool_limits(1, "blas"):
                list(pool.map(decompose, parts))


def _gram(layer: Floats) -> Floats:
    layer = layer.astype(np.float64)
    return layer.T @ layer


def _whitened(cross: Floats, left: Floats, right: Floats) -> Floats:
    # SciPy's routine would wait for threads of its own.
    return solve_lower(right, solve_lower(left, cross.astype(np.float64)).T).T


def _directions(matrix: Floats) -> None:
    wide = matrix.shape[0] <= matrix.shape[1]
    np.linalg.eigh(matrix @ matrix.T if wide else matrix.T @ matrix)
