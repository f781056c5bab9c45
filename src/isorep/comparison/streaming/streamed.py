"""Stream: a table of layers from second moments, gathered while the rows go by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from isorep._formats.formats import OPENABLE
from isorep._utils.memory import memory_budget, readable
from isorep._utils.progress import track
from isorep._utils.validation import check_name
from isorep.comparison.streaming.accumulator import Key, MomentAccumulator
from isorep.comparison.streaming.plan import Pass, Plan, make_plan
from isorep.comparison.streaming.sources import Capturing, ModelRows, StoredRows
from isorep.comparison.table import Grid
from isorep.core.basis import Solver
from isorep.core.prepare import couple_prepared, ranks
from isorep.inference.jackknife import BLOCKS
from isorep.measures import Measure
from isorep.representations.lazy import LazyRepresentations
from isorep.representations.representations import Layers, Representations
from isorep.storage import load, open_store

if TYPE_CHECKING:
    import xarray

SMALL = 256 * 10**6
"""Bytes up to which stores are read into memory, where the samples are not asked for."""


@dataclass(frozen=True)
class Stream:
    """Layers whose rows go by, and the plan for comparing them; a context that it is open in."""

    source: StoredRows | ModelRows
    plan: Plan
    itself: bool
    blocks: int

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.source.close()

    def table(
        self,
        measures: Sequence[Measure],
        examined: Callable[[int], dict[str, Any] | None],
        progress: bool,
    ) -> xarray.Dataset:
        """Compare the layers, pass by pass."""
        other = "a" if self.itself else "b"
        x, y = (list(self.source.widths(name)) for name in ("a", other))
        told = examined(len(x) * len(y))
        grid = Grid({"x_layer": len(x), "y_layer": len(y)}, measures, told)

        def run(one: Pass, described: str) -> dict[Key, int]:
            """Enter the cells of a pass, and return ranks; what it held is let go of."""
            pairs = [(("a", x_layer), (other, y_layer)) for x_layer, y_layer in one.pairs]
            gatherer = MomentAccumulator(pairs, self.blocks, 0 if told is None else told["seed"])
            keys = {key for pair in pairs for key in pair}
            with closing(self.source.chunks(keys, one.rows, one.read, described)) as chunks:
                for chunk in chunks:
                    gatherer.add(chunk)
            bases = gatherer.prepare()
            for x_key, y_key in track(pairs, "compare", len(pairs), progress):
                at = x.index(x_key[1]), y.index(y_key[1])
                coupling = partial(gatherer.couple, x_key, y_key)
                coupled = couple_prepared(bases[x_key], bases[y_key], coupling)
                grid.enter(at, coupled, mirror=self._mirror(at), itself=x_key == y_key)
            return dict(zip(bases, ranks(bases.values()), strict=True))

        prepared: dict[Key, int] = {}
        for i, one in enumerate(self.plan.passes, 1):
            prepared |= run(one, "gather" if len(self.plan.passes) == 1 else f"gather, pass {i}")
        for (x_layer, y_layer), why in self.plan.too_wide.items():
            at = x.index(x_layer), y.index(y_layer)
            grid.enter(at, ValueError(why), mirror=self._mirror(at))
        return grid.dataset(
            {"x_layer": x, "y_layer": y},
            {
                "x_rank": ("x_layer", [prepared.get(("a", layer), 0) for layer in x]),
                "y_rank": ("y_layer", [prepared.get((other, layer), 0) for layer in y]),
            },
        )

    def _mirror(self, at: tuple[int, int]) -> tuple[int, int] | None:
        return (at[1], at[0]) if self.itself and at[0] != at[1] else None


def opened(
    a: Any,
    b: Any,
    *,
    data: Any,
    capturing: Capturing,
    measures: Sequence[Measure],
    correct: bool,
    interval: bool,
    chance: bool,
    solver: Solver,
    memory: str | float | None,
    progress: bool,
) -> Stream | tuple[Representations, Representations, Plan]:
    """Return what `isorep.compare` is given: as arrays if they fit into memory, else as a stream.

    Raises
    ------
    TypeError, ValueError
        When that is nothing to compare, the samples differ, or what is asked for needs more than a
        stream has.
    """
    budget = memory_budget(memory)
    check_name("solver", solver, get_args(Solver))
    needy = [f"{row.name} reads" for row in measures if row.requires == "samples"]
    needy += ["solver='svd' decomposes"] if solver == "svd" else []
    source: StoredRows | ModelRows
    if any(map(_is_model, (a, b))) or data is not None:
        _check_models(a, b, data)
        if needy:
            raise ValueError(
                f"{needy[0]} the samples themselves, and of models only second moments are kept: "
                "capture both with isorep.capture and compare what it returns"
            )
        itself = b is a
        source = ModelRows({"a": a} if itself else {"a": a, "b": b}, data, capturing, progress)
    else:
        if capturing != Capturing():
            raise ValueError(
                "layers, reduce, channels, max_samples and device say how to capture, and only of "
                "models with data= there is something to"
            )
        x = _side(a)
        y = x if b is a or _same_path(a, b) else _side(b)
        itself = y is x
        x.check_same_samples(y)
        needed = _bytes_in_memory(x, y)
        allowed = budget if needy or chance else min(budget, SMALL)
        stored = isinstance(x, LazyRepresentations) or isinstance(y, LazyRepresentations)
        if memory is not None and needed > budget and not stored:
            raise ValueError(
                f"the layers take {readable(needed)} in memory, where they are, and "
                f"{readable(budget)} are allowed: save them as .zarr, of which no more is read "
                "than fits, or allow more"
            )
        if needed <= allowed or not stored:
            arrays = Representations.from_mapping(x)
            return (
                arrays,
                arrays if itself else Representations.from_mapping(y),
                Plan(budget, needed),
            )
        if needy:
            raise ValueError(
                f"{needy[0]} the samples themselves, which take {readable(needed)} in memory, and "
                f"{readable(budget)} are allowed: allow more memory, or take fewer samples"
            )
        stores = (
            {"a": LazyRepresentations.from_layers(x)}
            if itself
            else {"a": LazyRepresentations.from_layers(x), "b": LazyRepresentations.from_layers(y)}
        )
        source = StoredRows(stores, progress)
    return _stream(source, itself, BLOCKS if interval else 1, correct or interval or chance, budget)


def _stream(
    source: StoredRows | ModelRows, itself: bool, blocks: int, inferred: bool, memory: int
) -> Stream:
    try:
        widths = source.widths("a"), None if itself else source.widths("b")
        plan = make_plan(*widths, blocks=blocks, memory=memory, inferred=inferred)
        source.check(len(plan.passes))
    except BaseException:
        source.close()
        raise
    return Stream(source, plan, itself, blocks)


def _is_model(side: Any) -> bool:
    return hasattr(side, "named_modules")  # told without importing PyTorch


def _check_models(a: Any, b: Any, data: Any) -> None:
    for name, side in (("a", a), ("b", b)):
        if not _is_model(side):
            raise TypeError(
                f"data is for two models and {name} is a {type(side).__name__}: pass two "
                "torch.nn.Module, or capture the other side with isorep.capture"
            )
    if data is None:
        raise ValueError("two models need data=, the batches to compare them on")


def _same_path(a: Any, b: Any) -> bool:
    paths = all(isinstance(side, str | PathLike) for side in (a, b))
    return paths and Path(a).resolve() == Path(b).resolve()


def _side(given: Any) -> Representations | LazyRepresentations:
    if isinstance(given, LazyRepresentations):
        return given
    if isinstance(given, str | PathLike):
        path = Path(given)
        return open_store(path) if path.suffix.lower() in OPENABLE else load(path)
    if isinstance(given, Mapping) and any(map(_is_lazy, given.values())):
        return LazyRepresentations(
            {
                name: array if _is_lazy(array) else Representations({name: array})[name]
                for name, array in given.items()
            }
        )
    return Representations.from_mapping(given)


def _is_lazy(array: Any) -> bool:
    return type(array).__module__.partition(".")[0] in ("zarr", "h5py")


def _bytes_in_memory(x: Layers[Any], y: Layers[Any]) -> int:
    """Return about what comparing layers in memory takes: as read, as kept, and while centred."""
    sides = (x,) if y is x else (x, y)
    layers = [array for side in sides for array in side.values()]
    sizes = [array.shape[0] * array.shape[1] for array in layers]
    held = sum(size * (array.dtype.itemsize + 8) for size, array in zip(sizes, layers, strict=True))
    return int(held + 16 * max(sizes))
