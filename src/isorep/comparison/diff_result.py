"""Diff result: how similar each layer is before and after a change of a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._utils.html_table import html_table
from isorep.measures.registry import measure_named

if TYPE_CHECKING:
    import pandas
    import xarray

_ROUNDING = 1e-6
"""Largest difference to the threshold that float32 rounding may cause."""

_MOST_REASONS = 3
"""Number of reasons that a text shows."""

_NOT_COMPARED = "only layers with the same name were compared"
"""Reason of the cells of `Diff.grid` off the diagonal."""


@dataclass(frozen=True)
class LayerDiff:
    """How similar one layer is before and after a change.

    Attributes
    ----------
    layer : str
        Name of the layer in both models.
    similarity : float
        Similarity that is compared with the threshold: corrected for finite-sample bias if the
        measure can be corrected, else as the formula gives it. NaN if it cannot be computed.
    low, high : float
        95 % confidence interval of the population value; NaN without `interval`.
    raw : float
        Similarity as the measure's formula gives it.
    chance : float
        Similarity of unrelated layers like these; NaN without `interval`.
    below : bool
        Whether `similarity` is below the threshold; True if it is NaN.
    n_samples, base_rank, changed_rank : int
        Rows of both sides, and directions of each side.
    reason : str
        Why the similarity is NaN, or should be read with care; empty if there is no reason.
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


@dataclass(frozen=True, eq=False, repr=False)
class Diff(Mapping[str, LayerDiff]):
    """What a change did to a model: a mapping of layer name to `LayerDiff`, most changed first.

    ``print(diff)`` shows the layers as a table.

    Attributes
    ----------
    table : xarray.Dataset
        Variables of `isorep.compare` over (layer,), in the order in which the base ran the layers.
    measure : str
        Label of the measure: its name, with its options if they are not the defaults.
    fail_below : float or None
        The threshold.
    removed, added : tuple of str
        Layers that only the base has, and layers that only the changed model has.
    dead : tuple of str
        Layers that are constant on both sides, which cannot be compared.
    reasons : mapping of layer to texts
        Why a layer's similarity is NaN, or should be read with care.
    """

    table: xarray.Dataset
    measure: str
    fail_below: float | None
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __getitem__(self, layer: str) -> LayerDiff:
        return self._by_name[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        lowest = min((layer.similarity for layer in self.layers), default=nan)
        threshold = (
            "" if self.fail_below is None else f", {len(self.below)} below {self.fail_below}"
        )
        return f"Diff({self.measure}, {len(self)} layers{threshold}, lowest {lowest:.4f})"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        columns = diff_columns(self, self.layers)
        rows = [
            (layer.layer, *(values[i] for values in columns.values()), diff_mark(self, layer))
            for i, layer in enumerate(self.layers)
        ]
        return html_table(repr(self), rows, ["layer", *columns, ""])

    @cached_property
    def layers(self) -> tuple[LayerDiff, ...]:
        """The layers of both models, most changed first; layers with NaN come before all others."""
        layers = [self._layer(i) for i in range(self.table.sizes["layer"])]
        # sorted is stable: layers that differ only by rounding stay in the order in which they ran.
        return tuple(
            sorted(layers, key=lambda x: -inf if isnan(x.similarity) else round(x.similarity, 9))
        )

    @cached_property
    def _by_name(self) -> dict[str, LayerDiff]:
        return {layer.layer: layer for layer in self.layers}

    @property
    def below(self) -> tuple[LayerDiff, ...]:
        """The layers below the threshold, most changed first; empty without a threshold."""
        return tuple(layer for layer in self.layers if layer.below)

    def _layer(self, i: int) -> LayerDiff:
        row = self.table.isel(layer=i)

        def number(variable: str) -> float:
            return float(row[variable]) if variable in row else nan

        layer, measure = str(row["layer"].item()), self.measure
        raw = number(measure)
        correctable = measure_named(measure).from_moments({})
        similarity = number(f"{measure}_corrected") if correctable else raw
        return LayerDiff(
            layer=layer,
            similarity=similarity,
            low=number(f"{measure}_low"),
            high=number(f"{measure}_high"),
            raw=raw,
            chance=number(f"{measure}_chance"),
            below=self.fail_below is not None and not similarity >= self.fail_below - _ROUNDING,
            n_samples=int(row["n_samples"]),
            base_rank=int(row["x_rank"]),
            changed_rank=int(row["y_rank"]),
            reason="; ".join(self.reasons.get(layer, ())),
        )

    def summary(self) -> str:
        """Return one line that says how many layers are below the threshold."""
        return diff_summary(self)

    def to_text(self, most: int | None = None) -> str:
        """Return a table of the layers in plain text, most changed first.

        Parameters
        ----------
        most : int, optional
            Largest number of layers to show.
        """
        return diff_text(self, most)

    def to_dataframe(self) -> pandas.DataFrame:
        """Return the attributes of each `LayerDiff` as a row, most changed first."""
        import pandas

        columns = list(LayerDiff.__annotations__)
        rows = [vars(layer) for layer in self.layers]
        return pandas.DataFrame(rows, columns=columns).set_index("layer")

    def to_csv(self) -> str:
        """Return the layers as CSV, most changed first; NaN is empty."""
        return self.to_dataframe().to_csv(lineterminator="\n")

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers in the form of JSON; NaN is None."""
        return {
            "isorep_version": self.table.attrs["isorep_version"],
            "measure": self.measure,
            "fail_below": self.fail_below,
            "layers": [
                {
                    key: None if isinstance(value, float) and isnan(value) else value
                    for key, value in vars(layer).items()
                }
                for layer in self.layers
            ],
            "removed": list(self.removed),
            "added": list(self.added),
            "dead": list(self.dead),
        }

    def to_json(self) -> str:
        """Return all numbers as JSON; NaN is null."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def grid(self) -> xarray.Dataset:
        """Return `table` over (x_layer, y_layer), as `isorep.plot.heatmap` takes it.

        The numbers are on the diagonal. All other cells are NaN, and their reason says so.
        """
        import xarray

        n = self.table.sizes["layer"]
        variables: dict[str, Any] = {
            side: (f"{side[0]}_layer", self.table[side].to_numpy()) for side in ("x_rank", "y_rank")
        }
        for name, variable in self.table.drop_vars(variables).data_vars.items():
            values = variable.to_numpy()
            empty = np.nan if values.dtype.kind == "f" else "" if values.dtype.kind == "U" else 0
            square = np.full((n, n), empty, object if empty == "" else values.dtype)
            if name == "reason":
                square[...] = _NOT_COMPARED
            np.fill_diagonal(square, values)
            square = square.astype(str) if empty == "" else square
            variables[str(name)] = (("x_layer", "y_layer"), square, variable.attrs)
        layers = self.table["layer"].to_numpy()
        coords = {"x_layer": layers, "y_layer": layers}
        return xarray.Dataset(variables, coords, self.table.attrs)


def diff_text(diff: Diff, most: int | None = None) -> str:
    """Return a table of the layers, most changed first, with notes below."""
    import pandas

    shown = diff.layers[:most]
    marks = [diff_mark(diff, layer) for layer in shown]
    width = max(map(len, marks), default=0)
    frame = pandas.DataFrame(diff_columns(diff, shown), index=[layer.layer for layer in shown])
    frame[""] = [mark.ljust(width) for mark in marks]
    frame.columns.name = "layer"
    table = frame.to_string(float_format=" {:.4f}".format, na_rep="nan")
    lines = [line.rstrip() for line in table.splitlines()]
    if len(shown) < len(diff.layers):
        lines.append(f"... and {len(diff.layers) - len(shown)} less changed")
    lines += diff_reasons([layer for layer in shown if isnan(layer.similarity)])
    return "\n".join([*lines, *diff_notes(diff)])


def diff_summary(diff: Diff) -> str:
    """Return one line that says how many layers are below the threshold."""
    return (
        f"{diff.measure} similarity of {len(diff.below)} of {len(diff.layers)} layers is below "
        f"{diff.fail_below}:"
    )


def diff_columns(diff: Diff, layers: Sequence[LayerDiff]) -> dict[str, list[float]]:
    """Return the numbers to show for `layers`, by the name of their column."""
    names = ["similarity"]
    if f"{diff.measure}_low" in diff.table:
        names += ["low", "high", "raw", "chance"]
    return {name: [getattr(layer, name) for layer in layers] for name in names}


def diff_mark(diff: Diff, layer: LayerDiff) -> str:
    """Return the text to show after a layer's numbers."""
    marks = [f"below {diff.fail_below}"] if layer.below else []
    lost = layer.base_rank - layer.changed_rank
    if lost > 0 and layer.changed_rank:
        marks.append(f"{lost} of {layer.base_rank} directions lost")
    return ", ".join(marks)


def diff_reasons(layers: Iterable[LayerDiff]) -> list[str]:
    """Return why `layers` should be read with care: each distinct reason once, up to three."""
    layers_of: dict[str, list[str]] = {}
    for layer in layers:
        if layer.reason:
            layers_of.setdefault(layer.reason, []).append(layer.layer)
    lines = [f"{shortened(names)}: {reason}" for reason, names in layers_of.items()]
    more = len(lines) - _MOST_REASONS
    return lines[:_MOST_REASONS] + ([f"... and {more} more reasons"] if more > 0 else [])


def diff_notes(diff: Diff) -> list[str]:
    """Return the lines below the table, about layers that are not in it."""
    others = {
        "only in base": diff.removed,
        "only in changed": diff.added,
        "constant on both sides": diff.dead,
    }
    return [f"{where}: {', '.join(names)}" for where, names in others.items() if names]


def shortened(layers: Sequence[str]) -> str:
    """Return names of layers as text, the first four of them."""
    return ", ".join(layers[:4]) + (f" and {len(layers) - 4} more" if len(layers) > 4 else "")
