"""Row: one layer against many in one float32 product, and one batch of decompositions."""

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
    """The layers that others are compared with, side by side, so that one product meets them all.

    Parameters
    ----------
    ys
        Prepared in single precision. What could not be prepared is left out.
    """

    def __init__(self, ys: Sequence[Prepared]) -> None:
        self._alike: dict[Hashable, dict[int, Basis]] = {}
        for j, y in enumerate(ys):
            if isinstance(y, Basis):
                self._alike.setdefault(_kind(y), {})[j] = y
        self._stacks: dict[Hashable, Array] = {}
        for kind, alike in self._alike.items():
            factors = [y.q for y in alike.values()]
            self._stacks[kind] = array_namespace(*factors).concat(factors, axis=1)

    def couple(self, x: Prepared, first: int, itself: int | None) -> dict[int, Overlap]:
        """Couple x with the layers from place `first` on that it can be compared with, by place.

        `itself` is the place where x is among them: ``Q^T Q`` is the identity, whatever rounding.
        """
        if not isinstance(x, Basis) or _kind(x) not in self._alike:
            return {}
        alike, stack = self._alike[_kind(x)], self._stacks[_kind(x)]
        wanted = {j: y for j, y in alike.items() if j >= first}
        if not wanted:
            return {}
        xp = array_namespace(stack)
        product = x.q.T @ stack[:, -sum(y.rank for y in wanted.values()) :]
        matrices: dict[int, list[Array]] = {}
        places: dict[int, list[int]] = {}
        start = 0
        for j, y in wanted.items():
            matrix = product[:, start : start + y.rank]
            if j == itself:
                matrix = xp.eye(x.rank, dtype=xp.float32, device=device(stack))
            matrices.setdefault(y.rank, []).append(matrix)
            places.setdefault(y.rank, []).append(j)
            start += y.rank
        found: dict[int, Overlap] = {}
        for rank, of_rank in matrices.items():
            batch = _Batch(xp.astype(xp.stack(of_rank), xp.float64))
            for k, j in enumerate(places[rank]):
                found[j] = _Batched(x, wanted[j], batch.matrices[k, ...], batch=batch, place=k)
        return found


@dataclass(frozen=True, eq=False)
class _Batch:
    """Overlap matrices of one shape, (b, rx, ry), decomposed together when first asked for."""

    matrices: Array

    @cached_property
    def triplets(self) -> list[tuple[Array, Array, Array]]:
        """U (rx, c), the correlations (c,) and W (ry, c) of each."""
        return svds_of_cosines(array_namespace(self.matrices), self.matrices)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Batched(Overlap):
    """An overlap that is decomposed together with others of its shape."""

    batch: _Batch
    place: int

    @cached_property
    def _triplets(self) -> tuple[Array, Array, Array]:
        return self.batch.triplets[self.place]


def _kind(basis: Basis) -> Hashable:
    """Tell apart what cannot be multiplied: numbers of rows, libraries and devices."""
    return basis.n_samples, type(basis.q), str(device(basis.q))
