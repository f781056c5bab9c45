"""Accumulator: moments of layers and of pairs of layers, added up while rows are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import as_samples, check_finite
from isorep.core.basis import Basis
from isorep.core.moments import Centred, CrossMoments, Moments
from isorep.core.overlap import Overlap
from isorep.core.prepare import Prepared

Key = tuple[str, str]
"""Name of the network, "a" or "b", and name of the layer."""

_PAGE = 1024


class Rows(NamedTuple):
    """The next rows of a layer, and the dtype in which its activations were computed.

    The moments are added up where the values are. All values of an accumulator are of one library
    and on one device.
    """

    values: Any
    dtype: str


class MomentAccumulator:
    """The moments of one pass over the data, in blocks of rows, and the overlaps they give.

    Parameters
    ----------
    pairs
        The pairs of layers to couple.
    blocks
        Blocks of rows: 1, or the number that a jackknife leaves out in turn.
    seed
        Random seed of the assignment of rows to blocks. The assignment depends on the number of the
        row alone, not on how many rows are added at a time.
    """

    def __init__(self, pairs: Sequence[tuple[Key, Key]], blocks: int, seed: int) -> None:
        self._blocks = blocks
        self._seed = seed
        self._layers = list(dict.fromkeys(key for pair in pairs for key in pair))
        # A layer with itself needs no cross moments.
        self._pairs = [(x, y) for x, y in pairs if x != y]
        self._n_rows: Counter[Key] = Counter()
        self._moments: dict[Key, list[Moments]] = {}
        self._cross: dict[tuple[Key, Key], list[CrossMoments]] = {}
        self._failed: dict[Key, ValueError | TypeError] = {}
        self._bases_without_block: dict[Key, list[Prepared]] = {}
        self._stays = False

    def add(self, chunk: Mapping[Key, Rows]) -> None:
        """Add the next rows of the layers."""
        batches: dict[Key, list[Centred]] = {}
        for key in self._layers:
            if key in self._failed:
                continue
            try:
                batches[key] = self._centred(key, chunk)
            except (TypeError, ValueError) as error:  # the other layers go on
                self._failed[key] = error
                self._moments.pop(key, None)
                continue
            _merge_into(self._moments, key, (batch.moments() for batch in batches[key]))
        for x, y in list(self._pairs):
            if x not in batches or y not in batches:
                continue
            if len(chunk[x].values) != len(chunk[y].values):  # rows without partners
                self._pairs.remove((x, y))
                self._cross.pop((x, y), None)
                continue
            blocks = zip(batches[x], batches[y], strict=True)
            _merge_into(self._cross, (x, y), (u.cross_moments(v) for u, v in blocks))
        self._n_rows.update({key: len(chunk[key].values) for key in batches})

    def _centred(self, key: Key, chunk: Mapping[Key, Rows]) -> list[Centred]:
        """Return the mean-centred rows of a layer, block by block."""
        if key not in chunk:
            raise ValueError(f"{named(key)} gave no output with a row for each sample of a batch")
        start, (values, dtype) = self._n_rows[key], chunk[key]
        name = f"{named(key)}, rows {start} to {start + len(values) - 1},"
        rows = as_samples(values, name, fewest=0)[0]
        if self._blocks == 1:
            return [Centred.from_rows(rows, dtype=dtype, name=name, first_row=start)]
        xp, n = array_namespace(rows), rows.shape[0]
        if n:  # while a row still has its number
            check_finite(xp, rows, name, start)
        block_of = assign_blocks(start, start + n, self._blocks, self._seed)
        rows_of_blocks = (
            xp.asarray(np.flatnonzero(block_of == block), device=device(rows))
            for block in range(self._blocks)
        )
        return [
            Centred.from_rows(xp.take(rows, chosen, axis=0), dtype=dtype, name=name)
            for chosen in rows_of_blocks
        ]

    def prepare(self) -> dict[Key, Prepared]:
        """Return the basis of each layer, or its error. No more rows can be added afterwards."""
        bases: dict[Key, Prepared] = dict(self._failed)
        self._stays = self._has_room()
        for key in list(self._moments):
            blocks = [self._placed(block) for block in self._moments.pop(key)]
            bases[key] = _basis(reduce(Moments.merge, blocks), named(key))
            if len(blocks) > 1 and isinstance(bases[key], Basis):
                self._bases_without_block[key] = [
                    _basis(moments, f"{named(key)} without a block of its rows")
                    for moments in without_each(blocks)
                ]
        return bases

    def _has_room(self) -> bool:
        """Return whether bases and overlaps are computed where the moments are.

        Not if the moments are in blocks: their jackknife is one of small matrices on the host.
        """
        scatters = [blocks[0].scatter for blocks in self._moments.values()]
        if self._blocks > 1 or not scatters or isinstance(scatters[0], np.ndarray):
            return False
        from isorep.activations.moments_device import has_room

        widths = [scatter.shape[0] for scatter in scatters]
        # Loadings and whitening of each layer; the scaled scatter, decompositions and an overlap.
        n_numbers = sum(2 * p**2 for p in widths) + 12 * max(widths) ** 2
        return has_room(device(scatters[0]), 8 * n_numbers)

    def _placed(self, moments: Part) -> Part:
        return moments if self._stays else moments.to_numpy()

    def couple(self, x_key: Key, y_key: Key, x: Basis, y: Basis) -> Overlap:
        """Couple two of these bases.

        Raises
        ------
        ValueError
            When a batch had different numbers of rows for the two layers.
        """
        jackknife_replicates = (
            partial(self._without_each, x_key, y_key) if self._bases_without_block else None
        )
        if x_key == y_key:
            xp = array_namespace(x.mean)
            matrix = xp.eye(x.rank, dtype=x.mean.dtype, device=device(x.mean))
            return Overlap(x, x, matrix, jackknife_replicates=jackknife_replicates)
        if (x_key, y_key) not in self._cross:
            raise ValueError(
                f"{named(x_key)} and {named(y_key)} have the same number of rows in all, but "
                "not in each batch: reduce both layers by 'mean' instead of 'positions'"
            )
        total = reduce(CrossMoments.merge, self._cross[x_key, y_key])
        return Overlap.from_moments(x, y, self._placed(total), jackknife_replicates)

    def _without_each(self, x_key: Key, y_key: Key) -> Iterator[Overlap]:
        if x_key == y_key:
            for x in self._bases_without_block[x_key]:
                yield Overlap(
                    _basis_or_raise(x), _basis_or_raise(x), np.eye(_basis_or_raise(x).rank)
                )
            return
        for x, y, cross in zip(
            self._bases_without_block[x_key],
            self._bases_without_block[y_key],
            without_each(self._cross[x_key, y_key]),
            strict=True,
        ):
            yield Overlap.from_moments(_basis_or_raise(x), _basis_or_raise(y), cross.to_numpy())


def named(key: Key) -> str:
    """Return the name of a layer in errors.

    Examples
    --------
    >>> print(named(("a", "fc")))
    a['fc']
    """
    return f"{key[0]}[{key[1]!r}]"


def assign_blocks(start: int, stop: int, blocks: int, seed: int) -> NDArray[np.int64]:
    """Return the block of each row from number `start` to `stop`, at random and evenly.

    Each block gets one of every `blocks` consecutive rows.

    Examples
    --------
    >>> block_of = assign_blocks(0, 60, 20, seed=0)
    >>> np.bincount(block_of).tolist() == [3] * 20
    True
    >>> np.array_equal(assign_blocks(7, 50, 20, seed=0), block_of[7:50])
    True
    """
    page = _PAGE * blocks  # rows for which one random generator is used
    first, last = start // page, max(start, stop - 1) // page
    pages = [
        np.random.default_rng([seed, i]).permuted(np.tile(np.arange(blocks), (_PAGE, 1)), axis=1)
        for i in range(first, last + 1)
    ]
    return np.concatenate(pages).ravel()[start - first * page : stop - first * page]


class Mergeable(Protocol):
    """Something whose parts can be merged."""

    def merge(self, other: Any, /) -> Any:
        """Return both merged."""

    def to_numpy(self) -> Any:
        """Return the same, with NumPy arrays."""


Part = TypeVar("Part", bound=Mergeable)


def without_each(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield all parts but one merged, for each of two or more parts in turn.

    Recursive halving takes log2(parts) merges for each. A difference of the total and the part
    would be one operation, but loses digits.

    Examples
    --------
    >>> parts = [Moments.from_batch([[x]]) for x in (1.0, 2.0, 6.0)]
    >>> [(part.n, part.mean.item()) for part in without_each(parts)]
    [(2, 4.0), (2, 3.5), (2, 1.5)]
    """

    def descend(some: Sequence[Part], others: list[Part]) -> Iterator[Part]:
        """Yield the result without each of `some`; `others` is the merge of all other parts."""
        if len(some) == 1:
            yield others[0]
            return
        middle = len(some) // 2
        first, second = some[:middle], some[middle:]
        for half, other_half in ((first, second), (second, first)):
            yield from descend(half, [reduce(lambda a, b: a.merge(b), [*others, *other_half])])

    yield from descend(parts, [])


def _merge_into(totals: dict[Any, list[Part]], key: Any, parts: Iterator[Part]) -> None:
    """Merge parts, block by block, into the totals of a key."""
    if key not in totals:
        totals[key] = list(parts)
        return
    for block, part in enumerate(parts):
        totals[key][block] = totals[key][block].merge(part)


def _basis(moments: Moments, name: str) -> Prepared:
    try:
        return Basis.from_moments(moments, name=name)
    except ValueError as error:
        return error


def _basis_or_raise(prepared: Prepared) -> Basis:
    if isinstance(prepared, Exception):
        raise prepared
    return prepared
