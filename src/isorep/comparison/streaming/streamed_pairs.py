"""Streamed pairs: layers coupled by second moments, accumulated while their rows are read."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from isorep._utils.progress import track
from isorep.comparison.pairs import Ranks, TakePair
from isorep.comparison.streaming.accumulator import Key, MomentAccumulator
from isorep.comparison.streaming.plan import Pass, make_plan
from isorep.comparison.streaming.sources import RowSource
from isorep.core.prepare import Coupled, Prepared, couple_prepared, ranks


class StreamedPairs:
    """Layers whose rows are read in passes; see `isorep.comparison.pairs.LayerPairs`.

    Parameters
    ----------
    source
        Where the rows come from: those of "a" and "b", or of "a" alone for a network with itself.
    same
        Whether both sides are one network.
    blocks
        Blocks of rows: 1, or the number that a jackknife leaves out in turn.
    seed
        Random seed of the assignment of rows to blocks.
    inferred
        Whether the overlaps are used for more than similarities, which takes more memory.
    memory
        Memory limit, bytes.
    progress
        Report the progress on standard error: an estimate of the time if it is long, a bar on a
        terminal, and elsewhere a line a minute; also the plan if it has several passes.
    """

    def __init__(
        self,
        source: RowSource,
        *,
        same: bool,
        blocks: int,
        seed: int,
        inferred: bool,
        memory: int,
        progress: bool,
    ) -> None:
        self._source = source
        self._blocks = blocks
        self._seed = seed
        self._progress = progress
        self._y_name = "a" if same else "b"
        x, y = source.widths("a"), source.widths(self._y_name)
        self.x_layers, self.y_layers = list(x), list(y)
        self.same = same
        self.data: dict[str, dict[str, Any]] = {}
        self.plan = make_plan(
            x, None if same else y, blocks=blocks, memory=memory, inferred=inferred
        )
        source.check(len(self.plan.passes))

    def couple(self, take: TakePair, work: str) -> Ranks:
        """Couple every pair, call `take` on each, and return the ranks of the layers."""
        passes = self.plan.passes
        if self._progress and len(passes) > 1:
            sys.stderr.write(f"isorep: {self.plan}\n")
        rank_of: dict[Key, int] = {}
        for i, one_pass in enumerate(passes, 1):
            description = "gather" if len(passes) == 1 else f"gather, pass {i}"
            rank_of |= self._couple_pass(one_pass, description, take, work)
        self.data = self._source.describe()
        for (x_layer, y_layer), reason in self.plan.too_wide.items():
            take(*self._cell(x_layer, y_layer), ValueError(reason))
        return Ranks(
            [rank_of.get(("a", layer), 0) for layer in self.x_layers],
            [rank_of.get((self._y_name, layer), 0) for layer in self.y_layers],
        )

    def _couple_pass(
        self, one_pass: Pass, description: str, take: TakePair, work: str
    ) -> dict[Key, int]:
        """Couple the pairs of a pass and return ranks; its moments are freed at the end."""
        pairs = [(("a", x_layer), (self._y_name, y_layer)) for x_layer, y_layer in one_pass.pairs]
        accumulator = MomentAccumulator(pairs, self._blocks, self._seed)
        keys = {key for pair in pairs for key in pair}
        chunks = self._source.chunks(keys, one_pass, description)
        with closing(chunks):
            for chunk in chunks:
                accumulator.add(chunk)
        bases = {
            key: self._with_structure(key, basis) for key, basis in accumulator.prepare().items()
        }
        for x_key, y_key in track(
            pairs, "compare", len(pairs), self._progress, unit="cells", work=work
        ):
            coupled: Coupled
            coupling = partial(accumulator.couple, x_key, y_key)
            try:
                self._source.check_same_rows(x_key, y_key)
                coupled = couple_prepared(bases[x_key], bases[y_key], coupling)
            except ValueError as error:
                coupled = error
            take(*self._cell(x_key[1], y_key[1]), coupled)
        return dict(zip(bases, ranks(bases.values()), strict=True))

    def _with_structure(self, key: Key, basis: Prepared) -> Prepared:
        structure = self._source.structure(key)
        if isinstance(basis, Exception) or structure is None:
            return basis
        if isinstance(structure, Exception):
            return structure
        return replace(basis, structure=structure)

    def _cell(self, x_layer: str, y_layer: str) -> tuple[int, int]:
        return self.x_layers.index(x_layer), self.y_layers.index(y_layer)
