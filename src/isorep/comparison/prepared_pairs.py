"""Prepared pairs: layers in memory, each prepared once and then coupled with all others."""

from __future__ import annotations

from contextlib import closing
from itertools import product
from random import Random
from typing import TYPE_CHECKING, Any

from isorep._utils.parallel import n_workers, parallel_map
from isorep._utils.progress import track
from isorep.comparison.pairs import Ranks, TakePair
from isorep.comparison.provenance import describe_layers
from isorep.core.basis import Solver
from isorep.core.prepare import Coupled, Prepared, couple_prepared, prepare, ranks
from isorep.core.single_basis import Precision, choose_precision
from isorep.representations.representations import Layers, Representations

if TYPE_CHECKING:
    from isorep.comparison.streaming.plan import Plan


class PreparedPairs:
    """Layers that are compared in memory; see `isorep.comparison.pairs.LayerPairs`.

    Parameters
    ----------
    x, y
        The two networks; the same object twice for a network with itself.
    plan
        How much memory this takes.
    solver
        See `isorep.Basis.from_array`.
    principal
        Whether principal components are needed.
    precision
        Precision of the products; see `isorep.core.single_basis.choose_precision`. For measures
        that need more than norms, "double".
    whitened
        Whether the layers are whitened, which measures of products do not need.
    at_once
        Pairs to couple at the same time; by default as many as there are cores.
    progress
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.
    """

    def __init__(
        self,
        x: Layers[Any],
        y: Layers[Any],
        *,
        plan: Plan,
        solver: Solver,
        principal: bool,
        precision: Precision,
        whitened: bool,
        at_once: int | None,
        progress: bool,
    ) -> None:
        self.x_layers, self.y_layers = list(x), list(y)
        self.same = y is x
        self.plan = plan
        self.data: dict[str, dict[str, Any]] = {}
        self._x, self._y = x, y
        self._solver = solver
        self._principal = principal
        layers = list(x.values()) if self.same else [*x.values(), *y.values()]
        self._precision = choose_precision(precision, layers)
        self._whitened = whitened
        self._at_once = at_once
        self._progress = progress

    def couple(self, take: TakePair, work: str) -> Ranks:
        """Couple every pair, call `take` on each, and return the ranks of the layers."""
        x = Representations.from_mapping(self._x)
        y = x if self.same else Representations.from_mapping(self._y)
        self.data = {"a": describe_layers(x)} | ({} if self.same else {"b": describe_layers(y)})
        x_bases = self._prepare(x, "a")
        y_bases = x_bases if self.same else self._prepare(y, "b")
        cells = list(product(range(len(x)), range(len(y))))
        if self.same:
            cells = [(i, j) for i, j in cells if i <= j]
        # Deep layers are often wider: in random order, the first cells tell how long all take.
        Random(0).shuffle(cells)

        def couple_cell(cell: tuple[int, int]) -> None:
            i, j = cell
            take(i, j, self._coupled(i, j, x_bases[i], y_bases[j]))

        with closing(parallel_map(couple_cell, cells, self._at_once)) as coupled:
            for _ in track(
                coupled,
                "compare",
                len(cells),
                self._progress,
                unit="cells",
                work=work,
                timed=self._at_once or n_workers(),
            ):
                pass
        return Ranks(ranks(x_bases), ranks(y_bases))

    def _coupled(self, i: int, j: int, x: Prepared, y: Prepared) -> Coupled:
        try:
            self._x.check_same_rows(self.x_layers[i], self._y, self.y_layers[j], ("a", "b"))
        except ValueError as error:
            return error
        return couple_prepared(x, y)

    def _prepare(self, layers: Representations, name: str) -> list[Prepared]:
        """Prepare every layer; the error stands for a layer that cannot be prepared."""

        def prepare_layer(layer: str) -> Prepared:
            return prepare(
                layers,
                layer,
                name,
                self._solver,
                principal=self._principal,
                precision=self._precision,
                whitened=self._whitened,
            )

        with closing(parallel_map(prepare_layer, list(layers))) as prepared:
            return list(
                track(prepared, f"prepare {name}", len(layers), self._progress, unit="layers")
            )
