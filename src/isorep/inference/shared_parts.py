"""Shared parts: what the inference of all pairs of a table computes once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from isorep.core.principal_axes import PrincipalAxes
from isorep.inference.jackknife import varying_without
from isorep.representations.sample_structure import SampleStructure

KEPT = 2**27
"""Largest size in bytes of the bases without a block that are kept for the next pair."""


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
    ) -> Iterator[Overlap]:
        """Yield the overlap without each of the blocks of samples, the same for all pairs.

        The bases of these overlaps know no samples, which suffices for measures of second moments.
        Each is computed once per layer; a pair then costs a few small products.

        Raises
        ------
        ValueError
            If a side is constant without a block.
        """
        xs, ys = (self._without_blocks(side, blocks) for side in (overlap.x, overlap.y))
        for block, x, y in zip(blocks, xs, ys, strict=True):
            yield _coupled(overlap, rows_like(overlap.matrix, block), x, y)

    def _without_blocks(
        self, basis: Basis, blocks: Sequence[NDArray[np.int64]]
    ) -> Sequence[_Without]:
        kept = self._without.get(basis)
        if kept is None:
            kept = [_Without.from_block(basis, block) for block in blocks]
            n_bytes = sum(part.n_bytes for part in kept)
            if self._kept_bytes + n_bytes <= KEPT:
                self._kept_bytes += n_bytes
                self._without[basis] = kept
        return kept


@dataclass(frozen=True, eq=False)
class _Without:
    """A basis without a block of samples: ``Q_b = Q[rows] @ rotation - mean``.

    Attributes
    ----------
    basis : Basis
        The basis, without its samples.
    rotation : (r, r_b) array
    mean : (r_b,) array
    """

    basis: Basis
    rotation: Array
    mean: Array

    @classmethod
    def from_block(cls, basis: Basis, block: NDArray[np.int64]) -> _Without:
        """Leave out the samples with the indices `block`."""
        check_stopped()
        xp = array_namespace(basis.mean)
        unit = basis.singular_values[0]  # without a unit, reciprocals could overflow
        s = basis.singular_values / unit
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
        axes = basis.loadings / s[:, None]
        without = replace(
            part,
            dtype=basis.dtype,
            mean=basis.mean + part.mean @ axes,
            axes=PrincipalAxes(
                singular_values=part.singular_values * unit,
                loadings=part.loadings @ axes,
                whitening=basis.rotated_whitening(s[:, None] * part.whitening),
                factor=None,
                rotation=None,
            ),
        )
        return cls(without, s[:, None] * part.whitening, part.mean @ part.whitening)

    @property
    def n_bytes(self) -> int:
        """Size of the arrays."""
        r, p = self.basis.rank, self.basis.n_features
        return 8 * r * (2 * p + int(self.rotation.shape[0]))


def _coupled(overlap: Overlap, block: Array, x: _Without, y: _Without) -> Overlap:
    xp = array_namespace(overlap.matrix)
    x_q, y_q = (xp.take(side.q, block, axis=0) for side in (overlap.x, overlap.y))
    products = overlap.matrix - x_q.T @ y_q
    means = x.basis.n_samples * x.mean[:, None] * y.mean
    return Overlap(x.basis, y.basis, x.rotation.T @ products @ y.rotation - means)
