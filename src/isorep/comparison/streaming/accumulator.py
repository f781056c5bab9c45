"""Gather: moments of layers, and of pairs of them, while their rows go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import as_samples, check_finite, to_numpy
from isorep.core.basis import Basis
from isorep.core.moments import Centred, CrossMoments, Moments
from isorep.core.overlap import Overlap
from isorep.core.prepare import Prepared

Key = tuple[str, str]
"""Name of the network, "a" or "b", and of the layer."""

_PAGE = 1024


class Rows(NamedTuple):
    """Some rows of a layer: those after the ones that went before."""

    values: Any
    dtype: str


class MomentAccumulator:
    """The moments of one pass over the data, in blocks, and the overlaps that they give.

    Parameters
    ----------
    pairs
        The pairs of layers to couple.
    blocks
        Parts that the rows are dealt out to: 1, or as many as a jackknife leaves out in turn.
    seed
        Of the dealing, which is by the number of the row alone: it does not depend on how many rows
        come at a time.
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

    def add(self, chunk: Mapping[Key, Rows]) -> None:
        """Take in the next rows of the layers."""
        batches: dict[Key, list[Centred]] = {}
        for key in self._layers:
            if key in self._failed:
                continue
            try:
                batches[key] = self._centred(key, chunk)
            except (TypeError, ValueError) as error:  # costs this layer's cells, not the others
                self._failed[key] = error
                self._moments.pop(key, None)
                continue
            _merge_into(self._moments, key, (batch.moments() for batch in batches[key]))
        for x, y in list(self._pairs):
            if x not in batches or y not in batches:
                continue
            if len(chunk[x].values) != len(chunk[y].values):  # no partners, row by row
                self._pairs.remove((x, y))
                self._cross.pop((x, y), None)
                continue
            both = zip(batches[x], batches[y], strict=True)
            _merge_into(self._cross, (x, y), (u.cross_moments(v) for u, v in both))
        self._n_rows.update({key: len(chunk[key].values) for key in batches})

    def _centred(self, key: Key, chunk: Mapping[Key, Rows]) -> list[Centred]:
        """Return the rows of a layer, block by block."""
        if key not in chunk:
            raise ValueError(f"{named(key)} put out nothing with a row for each sample of a batch")
        start, (values, dtype) = self._n_rows[key], chunk[key]
        name = f"{named(key)}, rows {start} to {start + len(values) - 1},"
        rows = to_numpy(as_samples(values, name, fewest=0)[0])
        if self._blocks == 1:
            return [Centred.from_rows(rows, dtype=dtype, name=name, first_row=start)]
        if len(rows):  # before they are dealt out and lose their places
            check_finite(np, rows, name, start)
        block_of = assign_blocks(start, start + len(rows), self._blocks, self._seed)
        return [
            Centred.from_rows(rows[block_of == block], dtype=dtype, name=name)
            for block in range(self._blocks)
        ]

    def prepare(self) -> dict[Key, Prepared]:
        """Return the basis of each layer, or what is wrong with it; no more rows can be added."""
        found: dict[Key, Prepared] = dict(self._failed)
        for key in list(self._moments):
            blocks = self._moments.pop(key)
            found[key] = _basis(reduce(Moments.merge, blocks), named(key))
            if len(blocks) > 1 and isinstance(found[key], Basis):
                self._bases_without_block[key] = [
                    _basis(moments, f"{named(key)} without a block of its rows")
                    for moments in without_each(blocks)
                ]
        return found

    def couple(self, x_key: Key, y_key: Key, x: Basis, y: Basis) -> Overlap:
        """Couple two of these bases.

        Raises
        ------
        ValueError
            When their rows did not come in step.
        """
        jackknife_replicates = (
            partial(self._without_each, x_key, y_key) if self._bases_without_block else None
        )
        if x_key == y_key:
            return Overlap(x, x, np.eye(x.rank), jackknife_replicates)
        if (x_key, y_key) not in self._cross:
            raise ValueError(
                f"{named(x_key)} and {named(y_key)} have as many rows in all, but not in each "
                "batch: reduce both layers by 'mean' instead of 'positions'"
            )
        total = reduce(CrossMoments.merge, self._cross[x_key, y_key])
        return Overlap.from_moments(x, y, total, jackknife_replicates)

    def _without_each(self, x_key: Key, y_key: Key) -> Iterator[Overlap]:
        if x_key == y_key:
            for x in self._bases_without_block[x_key]:
                yield Overlap(_healthy(x), _healthy(x), np.eye(_healthy(x).rank))
            return
        for x, y, cross in zip(
            self._bases_without_block[x_key],
            self._bases_without_block[y_key],
            without_each(self._cross[x_key, y_key]),
            strict=True,
        ):
            yield Overlap.from_moments(_healthy(x), _healthy(y), cross)


def named(key: Key) -> str:
    """Return what errors call a layer.

    Examples
    --------
    >>> print(named(("a", "fc")))
    a['fc']
    """
    return f"{key[0]}[{key[1]!r}]"


def assign_blocks(start: int, stop: int, blocks: int, seed: int) -> NDArray[np.int64]:
    """Return the block of each of some rows, by their number: as many rows in each, at random.

    Of every `blocks` rows in turn each block gets one.

    Examples
    --------
    >>> dealt = assign_blocks(0, 60, 20, seed=0)
    >>> np.bincount(dealt).tolist() == [3] * 20
    True
    >>> np.array_equal(assign_blocks(7, 50, 20, seed=0), dealt[7:50])
    True
    """
    page = _PAGE * blocks  # which is what one generator deals out
    first, last = start // page, max(start, stop - 1) // page
    dealt = [
        np.random.default_rng([seed, i]).permuted(np.tile(np.arange(blocks), (_PAGE, 1)), axis=1)
        for i in range(first, last + 1)
    ]
    return np.concatenate(dealt).ravel()[start - first * page : stop - first * page]


class Mergeable(Protocol):
    """What parts of can be put together."""

    def merge(self, other: Any, /) -> Any:
        """Return the whole of both."""


Kept = TypeVar("Kept", bound=Mergeable)


def without_each(parts: Sequence[Kept]) -> Iterator[Kept]:
    """Yield the whole of all parts but one, for each of two or more in turn.

    Halving them makes it log2 as many merges for each, and needs no difference, which would lose
    digits.

    Examples
    --------
    >>> parts = [Moments.from_batch([[x]]) for x in (1.0, 2.0, 6.0)]
    >>> [(part.n, part.mean.item()) for part in without_each(parts)]
    [(2, 4.0), (2, 3.5), (2, 1.5)]
    """

    def descend(left: Sequence[Kept], rest: list[Kept]) -> Iterator[Kept]:
        if len(left) == 1:
            yield rest[0]
            return
        middle = len(left) // 2
        for here, other in ((left[:middle], left[middle:]), (left[middle:], left[:middle])):
            yield from descend(here, [reduce(lambda a, b: a.merge(b), [*rest, *other])])

    yield from descend(parts, [])


def _merge_into(held: dict[Any, list[Kept]], key: Any, parts: Iterator[Kept]) -> None:
    """Merge parts, block by block, into what is held."""
    if key not in held:
        held[key] = list(parts)
        return
    for block, part in enumerate(parts):
        held[key][block] = held[key][block].merge(part)


def _basis(moments: Moments, name: str) -> Prepared:
    try:
        return Basis.from_moments(moments, name=name)
    except ValueError as error:
        return error


def _healthy(prepared: Prepared) -> Basis:
    if isinstance(prepared, Exception):
        raise prepared
    return prepared
