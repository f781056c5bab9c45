"""Batched overlap: one layer coupled with many in one float32 product and one decomposition."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from array_api_compat import array_namespace, device

from isorep._utils.arrays import Array
from isorep._utils.cached_property import cached_property
from isorep._utils.linalg import svds_of_cosines
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.prepare import Prepared


class BatchedOverlap:
    """The y layers of a tile, stacked so that one product couples x with all of them.

    Parameters
    ----------
    ys
        Layers prepared in single precision. Errors among them are skipped.
    """

    def __init__(self, ys: Sequence[Prepared]) -> None:
        self._groups: dict[Hashable, dict[int, Basis]] = {}
        for j, y in enumerate(ys):
            if isinstance(y, Basis):
                self._groups.setdefault(_group_key(y), {})[j] = y
        self._stacks: dict[Hashable, Array] = {}
        for key, group in self._groups.items():
            factors = [y.q for y in group.values()]
            self._stacks[key] = array_namespace(*factors).concat(factors, axis=1)

    def couple(self, x: Prepared, first: int, x_place: int | None) -> dict[int, Overlap]:
        """Couple x with the y layers from place `first` on.

        Parameters
        ----------
        x
            The prepared layer.
        first
            The place of the first y layer to couple.
        x_place
            The place of x among the y layers, if it is one of them. Its overlap matrix is exactly
            the identity, without the rounding of ``Q^T Q``.

        Returns
        -------
        dict of place to Overlap
            Without the places that x cannot be multiplied with.
        """
        if not isinstance(x, Basis) or _group_key(x) not in self._groups:
            return {}
        group, stack = self._groups[_group_key(x)], self._stacks[_group_key(x)]
        partners = {j: y for j, y in group.items() if j >= first}
        if not partners:
            return {}
        xp = array_namespace(stack)
        product = x.q.T @ stack[:, -sum(y.rank for y in partners.values()) :]
        matrices: dict[int, list[Array]] = {}
        places: dict[int, list[int]] = {}
        start = 0
        for j, y in partners.items():
            matrix = product[:, start : start + y.rank]
            if j == x_place:
                matrix = xp.eye(x.rank, dtype=xp.float32, device=device(stack))
            matrices.setdefault(y.rank, []).append(matrix)
            places.setdefault(y.rank, []).append(j)
            start += y.rank
        overlaps: dict[int, Overlap] = {}
        for rank, same_shape in matrices.items():
            batch = _Batch(xp.astype(xp.stack(same_shape), xp.float64))
            for k, j in enumerate(places[rank]):
                overlaps[j] = _OverlapInBatch(
                    x, partners[j], batch.matrices[k, ...], batch=batch, place=k
                )
        return overlaps


@dataclass(frozen=True, eq=False)
class _Batch:
    """Overlap matrices of one shape, (b, rx, ry), decomposed together on first access."""

    matrices: Array

    @cached_property
    def triplets(self) -> list[tuple[Array, Array, Array]]:
        """U (rx, c), the correlations (c,) and W (ry, c) of each matrix."""
        return svds_of_cosines(array_namespace(self.matrices), self.matrices)


@dataclass(frozen=True, eq=False, kw_only=True)
class _OverlapInBatch(Overlap):
    """An overlap that is decomposed together with others of its shape."""

    batch: _Batch
    place: int

    @cached_property
    def _triplets(self) -> tuple[Array, Array, Array]:
        return self.batch.triplets[self.place]


def _group_key(basis: Basis) -> Hashable:
    """Return what bases that can be multiplied share: number of samples, library and device."""
    return basis.n_samples, type(basis.q), str(device(basis.q))
