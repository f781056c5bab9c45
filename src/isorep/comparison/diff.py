"""Diff: what a change did to a model, layer by layer."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from math import isnan
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._utils.progress import track
from isorep._utils.validation import unknown_name
from isorep.comparison.table import Grid
from isorep.core.basis import NoVarianceError
from isorep.core.prepare import prepare, ranks
from isorep.measures.base import Measure
from isorep.measures.registry import measure_named, one_measure
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import xarray

_SHUFFLES = 99
"""For chance, as in `isorep.inference.chance`."""

_ROUNDING = 1e-6
"""By how much a similarity may miss the bar: what float32 leaves of identity."""

NOT_COMPARED = "layers of one name alone were compared"
"""Of the cells of `Diff.grid` where x is not y."""

_REASONS = 3
"""How many a text gives for why layers are to be read with care."""


@dataclass(frozen=True)
class LayerDiff:
    """What a change did to one layer.

    Attributes
    ----------
    layer : str
        Its name in both models.
    similarity : float
        That is held against the bar: corrected for the number of samples where the measure can be,
        else as the formula gives it. NaN where it cannot be told.
    low, high : float
        Bounds of the population's similarity, 95 %; NaN where not asked for.
    raw : float
        The similarity as the measure's formula gives it.
    chance : float
        That of unrelated layers like these; NaN where not asked for.
    below : bool
        Whether it is below the bar; one that cannot be told counts as below.
    n_samples, base_rank, changed_rank : int
        Rows of both sides, and the directions of each.
    reason : str
        Why the similarity is NaN, or is to be read with care; empty where there is none.
    """

    layer: str
    similarity: float
    low: float
    high: float
    raw: float
    chance: float
    below: bool
    n_samples: int
    base_rank: int
    changed_rank: int
    reason: str


@dataclass(frozen=True, eq=False)
class Diff:
    """What a change did to a model, layer by layer; ``print(found)`` shows it.

    Attributes
    ----------
    table : xarray.Dataset
        Over (layer,), in the order in which the base ran them: the variables of `isorep.compare`.
    measure : str
        Its name in `isorep.MEASURES`.
    fail_below : float or None
        The bar.
    removed, added : tuple of str
        Layers of the base alone, and of the changed model alone.
    dead : tuple of str
        Layers that are constant on both sides, which leaves nothing to compare.
    """

    table: xarray.Dataset
    measure: str
    fail_below: float | None
    removed: tuple[str, ...]
    added: tuple[str, ...]
    dead: tuple[str, ...]

    @cached_property
    def layers(self) -> tuple[LayerDiff, ...]:
        """The layers of both, most changed first; those that cannot be told before all others."""
        found = [self._layer(i) for i in range(self.table.sizes["layer"])]
        # Sorted is stable: layers that rounding alone tells apart stay in the order they ran in.
        return tuple(
            sorted(found, key=lambda x: -np.inf if isnan(x.similarity) else round(x.similarity, 9))
        )

    @property
    def below(self) -> tuple[LayerDiff, ...]:
        """The layers below the bar, most changed first; none where there is no bar."""
        return tuple(layer for layer in self.layers if layer.below)

    def _layer(self, i: int) -> LayerDiff:
        row = self.table.isel(layer=i)

        def told(name: str) -> float:
            return float(row[name]) if name in row else np.nan

        raw, name = told(self.measure), self.measure
        correctable = measure_named(name).requires == "moments"
        similarity = told(f"{name}_corrected") if correctable else raw
        reason = str(row["reason"].item() or row["warnings"].item())
        return LayerDiff(
            layer=str(row["layer"].item()),
            similarity=similarity,
            low=told(f"{name}_low"),
            high=told(f"{name}_high"),
            chance=told(f"{name}_chance"),
            raw=raw,
            below=self.fail_below is not None and not similarity >= self.fail_below - _ROUNDING,
            n_samples=int(row["n_samples"]),
            base_rank=int(row["x_rank"]),
            changed_rank=int(row["y_rank"]),
            # The measure is named once for all layers.
            reason=reason.removeprefix(f"{name}: ").replace(f"; {name}: ", "; "),
        )

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, most: int | None = None) -> str:
        """Return a table of the layers, most changed first, in plain text.

        Parameters
        ----------
        most : int, optional
            How many layers to show.
        """
        shown = self.layers[:most]
        columns = {"layer": [x.layer for x in shown]} | {
            name: ["nan" if np.isnan(value) else f"{value:.4f}" for value in values]
            for name, values in self.columns(shown).items()
        }
        widths = [max(map(len, (name, *cells))) for name, cells in columns.items()]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
            )
            for cells in (tuple(columns), *zip(*columns.values(), strict=True))
        ]
        lines = [
            f"{line}  {mark}".rstrip()
            for line, mark in zip(lines, ("", *map(self.mark, shown)), strict=True)
        ]
        if len(shown) < len(self.layers):
            lines.append(f"... and {len(self.layers) - len(shown)} less changed")
        lines += self.reasons([layer for layer in shown if np.isnan(layer.similarity)])
        return "\n".join([*lines, *self.notes()])

    def summary(self) -> str:
        """Say in a line how many layers are below the bar."""
        return (
            f"{self.measure} similarity of {len(self.below)} of {len(self.layers)} layers is below "
            f"{self.fail_below}:"
        )

    def columns(self, layers: Sequence[LayerDiff]) -> dict[str, list[float]]:
        """Return the numbers to show of `layers`, by the name of their column."""
        names = ["similarity"]
        if f"{self.measure}_low" in self.table:
            names += ["low", "high", "raw", "chance"]
        return {name: [getattr(layer, name) for layer in layers] for name in names}

    def mark(self, layer: LayerDiff) -> str:
        """Return what to show behind a layer's numbers."""
        marks = [f"below {self.fail_below}"] if layer.below else []
        lost = layer.base_rank - layer.changed_rank
        if lost > 0 and layer.changed_rank:
            marks.append(f"{lost} of {layer.base_rank} directions lost")
        return ", ".join(marks)

    def reasons(self, layers: Iterable[LayerDiff]) -> list[str]:
        """Return why to read `layers` with care, each reason once, and not too many of them."""
        found: dict[str, list[str]] = {}
        for layer in layers:
            if layer.reason:
                found.setdefault(layer.reason, []).append(layer.layer)
        lines = [f"{_some(names)}: {reason}" for reason, names in found.items()]
        more = len(lines) - _REASONS
        return lines[:_REASONS] + ([f"... and {more} more reasons"] if more > 0 else [])

    def notes(self) -> list[str]:
        """Return what to say below the table: layers that are not in it."""
        others = {
            "only in base": self.removed,
            "only in changed": self.added,
            "constant on both sides": self.dead,
        }
        return [f"{what}: {', '.join(names)}" for what, names in others.items() if names]

    def grid(self) -> xarray.Dataset:
        """Return `table` in the form of `isorep.compare`: with numbers where x is y, for a report.

        Other cells are NaN, and say that they were not compared.
        """
        import xarray

        n = self.table.sizes["layer"]
        variables: dict[str, Any] = {
            side: (f"{side[0]}_layer", self.table[side].to_numpy()) for side in ("x_rank", "y_rank")
        }
        for name, found in self.table.drop_vars(variables).data_vars.items():
            values = found.to_numpy()
            empty = np.nan if values.dtype.kind == "f" else "" if values.dtype.kind == "U" else 0
            square = np.full((n, n), empty, object if empty == "" else values.dtype)
            if name == "reason":
                square[...] = NOT_COMPARED
            np.fill_diagonal(square, values)
            square = square.astype(str) if empty == "" else square
            variables[str(name)] = (("x_layer", "y_layer"), square, found.attrs)
        layers = self.table["layer"].to_numpy()
        coords = {"x_layer": layers, "y_layer": layers}
        return xarray.Dataset(variables, coords, self.table.attrs)

    def to_json(self) -> str:
        """Return all numbers as JSON; NaN is null."""
        found = {
            "isorep_version": self.table.attrs["isorep_version"],
            "measure": self.measure,
            "fail_below": self.fail_below,
            "layers": [
                {
                    key: None if isinstance(value, float) and np.isnan(value) else value
                    for key, value in vars(layer).items()
                }
                for layer in self.layers
            ],
            "removed": self.removed,
            "added": self.added,
            "dead": self.dead,
        }
        return json.dumps(found, indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return the layers as CSV, most changed first; NaN is empty."""
        out = io.StringIO()
        writer = csv.DictWriter(out, list(LayerDiff.__annotations__), lineterminator="\n")
        writer.writeheader()
        for layer in self.layers:
            values = vars(layer)
            writer.writerow(
                {
                    key: "" if isinstance(value, float) and np.isnan(value) else value
                    for key, value in values.items()
                }
            )
        return out.getvalue()


def diff(
    base: Any,
    changed: Any,
    data: Any = None,
    *,
    layers: str | Iterable[str] = "*",
    reduce: Any = "mean",
    measure: str = "pwcca",
    fail_below: float | None = None,
    interval: bool = True,
    device: Any = None,
    seed: int = 0,
    progress: bool = True,
) -> Diff:
    """Tell what a change did to a model, layer by layer.

    Each layer is compared with the layer of the same name. Where nothing but the basis of a layer
    changed, its similarity is 1.

    Parameters
    ----------
    base, changed : torch.nn.Module, Representations, mapping, path or array
        The model before and after. Of one that is captured already: its `Representations`, a
        mapping of layer name to (n_samples, n_features) array, a file that `isorep.load` reads, or
        the array of a single layer.
    data
        What both models run on, as `isorep.capture` takes it: in the same order each time. Needed
        where a side is a model, and only then.
    layers : str or iterable of str
        Globs over the layers' names. A name given in full must be on both sides.
    reduce
        How a model's positions become features; see `isorep.capture`.
    measure : str
        A name in `isorep.MEASURES`; not one that reads maps. Where it is not symmetric, `base` is
        its x.
    fail_below : float, optional
        The bar: layers less similar than that are `Diff.below`.
    interval : bool
        Bound each similarity, and tell chance. Without them it takes a fourth of the time for
        layers of 64 neurons, and a seventh for layers of 512.
    device
        Where the models run; see `isorep.capture`.
    seed : int
        Of the simulated samples: the same seed gives the same numbers.
    progress : bool
        Show progress bars, if standard error is a terminal.

    Returns
    -------
    Diff
        What is held against the bar is the similarity corrected for the number of samples (see
        `isorep.similarity`), for the measures that can be: few samples alone make layers look
        alike, and must not carry one over the bar. A layer with too few samples to correct, or with
        NaN on one side, is below any bar. Layers that only one side has are listed, and below none.

    Raises
    ------
    ValueError
        When a layer or the measure is unknown; no layer is on both sides, or none could be
        compared; the samples or the reductions of the two differ; or for what `isorep.capture` or
        `isorep.load` refuse.
    TypeError
        When a side is of no such kind.

    Examples
    --------
    Two of the six inputs of the last layer are cut off:

    >>> import copy, isorep, torch
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.Tanh(), torch.nn.Linear(6, 4))
    >>> changed = copy.deepcopy(model)
    >>> changed[2].weight.data[:, :2] = 0
    >>> print(isorep.diff(model, changed, torch.randn(500, 8), fail_below=0.95, interval=False))
    layer  similarity
    2          0.8788  below 0.95
    0          1.0000
    1          1.0000
    """
    checked(measure, fail_below)  # before any model runs
    data = reusable(data)
    x, y = (
        activations(
            side, name, data, layers=layers, reduce=reduce, device=device, progress=progress
        )
        for side, name in ((base, "base"), (changed, "changed"))
    )
    return between(
        x,
        y,
        layers=layers,
        measure=measure,
        fail_below=fail_below,
        interval=interval,
        seed=seed,
        progress=progress,
    )


def reusable(data: Any) -> Any:
    """Return `data` so that a second model can run on them: an iterator would be used up."""
    return list(data) if isinstance(data, Iterator) else data


def activations(
    side: Any,
    name: str,
    data: Any,
    *,
    layers: str | Iterable[str],
    reduce: Any,
    device: Any,
    progress: bool,
) -> Representations:
    """Return the representations of one side, which errors call `name`."""
    if not ("torch" in sys.modules and isinstance(side, sys.modules["torch"].nn.Module)):
        if isinstance(side, str | PathLike):
            from isorep.storage import load

            return load(side)
        if not isinstance(side, Mapping) and hasattr(side, "shape"):
            return Representations({"array": side})
        try:
            return Representations.from_mapping(side)
        except TypeError as error:
            raise TypeError(f"{name}: {error}; or a torch.nn.Module, with data") from error
    if data is None:
        raise ValueError(f"{name} is a model: give data to run it on, as isorep.capture takes it")
    from isorep.activations.capture import capture

    model = getattr(side, "_orig_mod", side)  # of a compiled model
    known = [known for known, _ in model.named_modules(remove_duplicate=False) if known]
    patterns = _patterns(layers)
    # A glob may match on one side only.
    there = [pattern for pattern in patterns if _matching([pattern], known)]
    if not there:
        raise ValueError(unknown_name(f"layer of {name}", patterns[0], known))
    try:
        return capture(model, data, layers=there, reduce=reduce, device=device, progress=progress)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def between(
    base: Representations,
    changed: Representations,
    *,
    layers: str | Iterable[str],
    measure: str,
    fail_below: float | None,
    interval: bool,
    seed: int,
    progress: bool,
) -> Diff:
    """Compare the layers of one name; see `diff`."""
    row = checked(measure, fail_below)
    base.check_same_samples(changed, "base", "changed")
    wanted, found = _layers_wanted(base, changed, _patterns(layers))
    common = [layer for layer in wanted if layer in found]
    if not common:
        raise ValueError(
            f"no layer is on both sides: base has {_some(wanted)}, and changed {_some(found)}; "
            "layers are matched by name"
        )
    for layer in common:
        own, its = base.reductions.get(layer), changed.reductions.get(layer)
        if None not in (own, its) and own != its:
            raise ValueError(
                f"layer {layer!r} is reduced by {own!r} in base and by {its!r} in changed: capture "
                "both alike"
            )
    grid = Grid(
        {"layer": len(common)},
        [row],
        {
            "correct": True,
            "interval": interval,
            "chance": interval,
            "n_permutations": _SHUFFLES,
            "seed": seed,
        },
    )
    x_ranks, y_ranks, dead = [], [], []
    for i, layer in enumerate(track(common, "compare", len(common), progress)):
        x, y = (
            prepare(side, layer, name, "auto")
            for side, name in ((base, "base"), (changed, "changed"))
        )
        grid.fill((i,), x, y)
        x_ranks += ranks([x])
        y_ranks += ranks([y])
        if isinstance(x, NoVarianceError) and isinstance(y, NoVarianceError):
            dead.append(layer)
    table = grid.dataset(
        {"layer": common}, {"x_rank": ("layer", x_ranks), "y_rank": ("layer", y_ranks)}
    )
    return Diff(
        table=table.drop_sel(layer=dead),
        measure=row.name,
        fail_below=fail_below,
        removed=tuple(layer for layer in wanted if layer not in found),
        added=tuple(layer for layer in found if layer not in wanted),
        dead=tuple(dead),
    )


def checked(measure: str, fail_below: float | None) -> Measure:
    """Return the measure of that name; the bar must be in the range of its similarity."""
    row = one_measure(measure)
    low, high = row.similarity_range
    if fail_below is not None and not low <= fail_below <= high:
        raise ValueError(
            f"fail_below must be between {low:g} and {high:g} for {row.name}, got {fail_below}"
        )
    return row


def _patterns(layers: str | Iterable[str]) -> list[str]:
    patterns = [layers] if isinstance(layers, str) else list(layers)
    if not patterns:
        raise ValueError("no layer to compare: pass at least one name or glob, or '*' for all")
    return patterns


def _layers_wanted(
    base: Representations, changed: Representations, patterns: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return which layers of each side are asked for; a name in full must be on both."""
    for pattern in patterns:
        for side, other, name in ((base, changed, "base"), (changed, base, "changed")):
            if pattern in other and pattern not in side:
                raise ValueError(unknown_name(f"layer of {name}", pattern, side))
        if not _matching([pattern], [*base, *changed]):
            raise ValueError(unknown_name("layer", pattern, base))
    return _matching(patterns, base), _matching(patterns, changed)


def _matching(patterns: Sequence[str], layers: Iterable[str]) -> list[str]:
    """Return the layers that a pattern matches; what matches a layer matches its later calls."""
    return [
        layer
        for layer in layers
        if any(
            pattern == name or fnmatchcase(name, pattern)
            for pattern in patterns
            for name in (layer, layer.rpartition("#")[0])
            if name
        )
    ]


def _some(layers: Sequence[str]) -> str:
    return ", ".join(layers[:4]) + (f" and {len(layers) - 4} more" if len(layers) > 4 else "")
