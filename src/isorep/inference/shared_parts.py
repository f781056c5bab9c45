"""Shared parts: what the inference of all pairs of a table computes once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from weakref import WeakKeyDictionary

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array
from isorep._utils.parallel import check_stopped
from isorep.core.basis import Basis
from isorep.core.folds import rows_like
from isorep.core.orders import Orders
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import SampleStack, StackedSide
from isorep.inference.jackknife import varying_without
from isorep.representations.sample_structure import SampleStructure

KEPT = 2**27
"""Largest size in bytes of the bases without a block that are kept for the next pair."""


LEAST_SIZE = 1e-5
"""Least singular value, relative to the largest, of directions that stay without a block."""

MOST_LOST = 100.0
"""Sum of reciprocals by which the variances of whitened directions may fall without a block."""

AT_ONCE = 2**24
"""Size in bytes of the overlaps without a block that are computed at a time."""


class SharedParts:
    """The permutations of samples, and each basis without each block of samples.

    Parameters
    ----------
    n_permutations
        Number of permutations.
    seed
        Random seed of the permutations and the blocks.
    """

    def __init__(self, n_permutations: int, seed: int) -> None:
        self._n_permutations, self._seed = n_permutations, seed
        self._orders: dict[tuple[int, SampleStructure | None], Orders] = {}
        self._without: WeakKeyDictionary[Basis, Sequence[_Without]] = WeakKeyDictionary()
        self._kept_bytes = 0

    def orders(self, overlap: Overlap) -> Orders:
        """Return the random orders of the samples of an overlap."""
        key = (overlap.n_samples, overlap.structure)
        orders = Orders(overlap.structure or overlap.n_samples, self._n_permutations, self._seed)
        return self._orders.setdefault(key, orders)

    def without_each(
        self, overlap: Overlap, blocks: Sequence[NDArray[np.int64]]
    ) -> Iterator[SampleStack]:
        """Yield the overlaps without each of the blocks of samples, the same for all pairs.

        These overlaps know no samples, which suffices for measures of second moments. Each layer is
        decomposed once per block; a pair then costs a few small products.

        Raises
        ------
        ValueError
            If a side is constant without a block.
        """
        x, y = overlap.x, overlap.y
        xs, ys = (self._without_blocks(side, blocks) for side in (x, y))
        widest = max(x.rank, y.rank)
        size = max(1, AT_ONCE // (64 * widest * max(widest, x.n_features, y.n_features)))
        start = 0
        for _, alike in groupby(zip(xs, ys, strict=True), key=_ranks):
            count = len(list(alike))
            for first in range(start, start + count, size):
                part = slice(first, min(first + size, start + count))
                yield _coupled(overlap, blocks[part], xs[part], ys[part])
            start += count

    def _without_blocks(
        self, basis: Basis, blocks: Sequence[NDArray[np.int64]]
    ) -> Sequence[_Without]:
        kept = self._without.get(basis)
        if kept is None:
            kept = _downdated(basis, blocks) or [
                _Without.from_block(basis, block) for block in blocks
            ]
            n_bytes = len(kept) * 16 * basis.rank**2
            if self._kept_bytes + n_bytes <= KEPT:
                self._kept_bytes += n_bytes
                self._without[basis] = kept
        return kept


@dataclass(frozen=True, eq=False)
class _Without:
    """A basis without a block of samples: ``Q_b = Q[rows] @ rotation - mean``.

    Attributes
    ----------
    n_samples : int
        Number of samples that are left.
    roots : (r_b, r) array
        Loadings of the axes of these samples, in the components of the basis.
    offset : (r,) array
        Mean of these samples minus that of the basis, in its components.
    rotation : (r, r_b) array
    mean : (r_b,) array
    """

    n_samples: int
    roots: Array
    offset: Array
    rotation: Array
    mean: Array

    @classmethod
    def from_block(cls, basis: Basis, block: NDArray[np.int64]) -> _Without:
        """Leave out the samples with the indices `block`."""
        check_stopped()
        xp = array_namespace(basis.mean)
        s = basis.singular_values / basis.singular_values[0]  # reciprocals could overflow
        identity = xp.eye(basis.rank, dtype=s.dtype, device=device(s))
        components = replace(
            basis,
            mean=0 * s,
            axes=replace(
                basis.principal,
                singular_values=s,
                loadings=identity * s,
                whitening=identity / s,
            ),
        )
        rows = np.delete(np.arange(basis.n_samples), block)
        with varying_without(block, basis.n_samples):
            part = components.take(rows_like(basis.mean, rows))
        return cls(
            n_samples=len(rows),
            roots=part.loadings / s,
            offset=part.mean / s,
            rotation=s[:, None] * part.whitening,
            mean=part.mean @ part.whitening,
        )


def _downdated(basis: Basis, blocks: Sequence[NDArray[np.int64]]) -> list[_Without] | None:
    """Leave out each block by the Cholesky factor of the Gram matrix of the other rows of Q.

    None unless all directions are certain to stay, with the digits they have.
    """
    if float(basis.singular_values[-1] / basis.singular_values[0]) < LEAST_SIZE:
        return None
    xp = array_namespace(basis.q)
    taken = [xp.take(basis.q, rows_like(basis.q, block), axis=0) for block in blocks]
    counts = [basis.n_samples - len(block) for block in blocks]
    # The columns of Q have a mean of 0 over all samples.
    means = xp.stack([-xp.sum(q, axis=0) / n for q, n in zip(taken, counts, strict=True)])
    identity = xp.eye(basis.rank, dtype=means.dtype, device=device(means))
    grams = xp.stack(
        [
            identity - q.T @ q - n * means[i, :, None] * means[i, None, :]
            for i, (q, n) in enumerate(zip(taken, counts, strict=True))
        ]
    )
    try:
        lowers = xp.linalg.cholesky(grams)
    except (np.linalg.LinAlgError, RuntimeError):
        return None
    rotations = xp.matrix_transpose(xp.linalg.inv(lowers))
    # The sum of the reciprocal eigenvalues, which are 1 of a block without samples; NaN fails.
    if not bool(xp.all(xp.sum(rotations**2, axis=(1, 2)) < basis.rank + MOST_LOST)):
        return None
    roots = xp.matrix_transpose(lowers)
    return [
        _Without(n, roots[i, ...], means[i, :], rotations[i, ...], means[i, :] @ rotations[i, ...])
        for i, n in enumerate(counts)
    ]


def _ranks(pair: tuple[_Without, _Without]) -> list[int]:
    return [side.roots.shape[0] for side in pair]


def _coupled(
    overlap: Overlap,
    blocks: Sequence[NDArray[np.int64]],
    xs: Sequence[_Without],
    ys: Sequence[_Without],
) -> SampleStack:
    """Couple both sides without each of some blocks, if these have the same ranks."""
    xp = array_namespace(overlap.matrix)
    products = []
    for block in blocks:
        rows = rows_like(overlap.matrix, block)
        x_q, y_q = (xp.take(side.q, rows, axis=0) for side in (overlap.x, overlap.y))
        products.append(overlap.matrix - x_q.T @ y_q)
    x_rotations, y_rotations = (xp.stack([part.rotation for part in side]) for side in (xs, ys))
    x_means, y_means = (xp.stack([part.mean * part.n_samples**0.5 for part in side])
                        for side in (xs, ys))  # fmt: skip
    matrix = xp.matrix_transpose(x_rotations) @ xp.stack(products) @ y_rotations
    matrix = matrix - x_means[:, :, None] * y_means[:, None, :]
    return SampleStack(_side(overlap.x, xs), _side(overlap.y, ys), matrix)


def _side(basis: Basis, parts: Sequence[_Without]) -> StackedSide:
    xp = array_namespace(basis.mean)
    return StackedSide(
        basis,
        xp.stack([part.roots for part in parts]),
        n_samples=tuple(part.n_samples for part in parts),
        offsets=xp.stack([part.offset for part in parts]),
    )
