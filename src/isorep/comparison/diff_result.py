"""Diff result: how similar each layer is before and after a change of a model."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from math import inf, isnan, nan
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._utils.html_table import html_table
from isorep._utils.printable import as_text_cells, encodable
from isorep.comparison.diffing.divergence import first_above_tolerance
from isorep.comparison.diffing.verdict import Verdict, verdict_of
from isorep.comparison.provenance import provenance_content
from isorep.core.warning_text import WarningText, line_of
from isorep.measures.registry import measure_named

if TYPE_CHECKING:
    import pandas
    import xarray

    from isorep.comparison.diffing.layer_explanations import LayerExplanation

_MOST_REASONS = 3
"""Number of reasons that a text shows."""

_LINE = 100
"""Characters of a line of an explanation."""

_NOT_COMPARED = "only layers with the same name were compared"
"""Reason of the cells of `Diff.grid` off the diagonal."""


@dataclass(frozen=True)
class LayerDiff:
    """How similar one layer is before and after a change.

    Attributes
    ----------
    layer, changed_layer : str
        Name of the layer in the base and in the changed model.
    similarity : float
        Similarity that is compared with the threshold: corrected for finite-sample bias if the
        measure can be corrected, else as the formula gives it. NaN if it cannot be computed.
    low, high : float
        95 % confidence interval of the population value; NaN without `interval`.
    raw : float
        Similarity as the measure's formula gives it.
    chance : float
        Similarity of unrelated layers like these; NaN without `interval`.
    max_error : float
        Largest absolute difference of an element; NaN if the shapes differ, or a side holds NaN or
        infinite values.
    relative_error : float
        `max_error` over the largest absolute value of the base.
    verdict : {"pass", "fail", "not judged"} or None
        "fail" if `similarity` is below the threshold or NaN; "not judged" if the samples are too
        few, or a model is not the same twice; None without a threshold.
    below : bool
        Whether the verdict is "fail".
    n_samples, base_rank, changed_rank : int
        Rows of both sides, and directions of each side.
    reason : str
        Why the similarity is NaN, or should be read with care; empty if there is no reason.
    """

    layer: str
    changed_layer: str
    similarity: float
    low: float
    high: float
    raw: float
    chance: float
    max_error: float
    relative_error: float
    verdict: Verdict | None
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
        Variables of `isorep.compare` over (layer,), in the order in which the base ran the layers,
        and the elementwise errors. Attributes ``base`` and ``changed`` name the two sides.
    measure : str
        Label of the measure: its name, with its options if they are not the defaults.
    fail_below : float or None
        The threshold.
    removed, added : tuple of str
        Layers that only the base has, and layers that only the changed model has.
    missing : tuple of str
        With a threshold, the layers in `removed` that are not allowed to be missing.
    dead : tuple of str
        Layers that are constant on both sides, which cannot be compared.
    reasons : mapping of layer to texts
        Why a layer's similarity is NaN, or should be read with care.
    unjudged : mapping of layer to text
        Why a layer cannot be judged, in a few words.
    folded : mapping of layer to tuple of str
        Layers that have the same values on both sides as the one that stands for them.
    notes : tuple of str
        How names were matched, and what makes the whole comparison doubtful.
    explanations : mapping of layer to LayerExplanation
        With ``explain=``, what changed in the most changed layers: ``text``, a paragraph, and
        ``change``, its numbers (``directions``, ``classes``, ``samples``). A layer whose similarity
        is 1.0000 or NaN has none.
    not_explained : tuple of str
        With ``explain=``, the other layers that changed, most changed first.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 500, 4))
    >>> diff = isorep.diff({"a": x, "b": x}, {"a": x, "b": x + y}, interval=False)
    >>> print(diff)
    layer  similarity  max error  rel error
    b          0.7009    3.3e+00    8.4e-01
    a          1.0000    0.0e+00    0.0e+00
    first layer that diverges: b (relative error 8.4e-01, tolerance 1.5e-08)
    """

    table: xarray.Dataset
    measure: str
    fail_below: float | None
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unjudged: Mapping[str, str] = field(default_factory=dict)
    folded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    explanations: Mapping[str, LayerExplanation] = field(default_factory=dict)
    not_explained: tuple[str, ...] = ()

    def __getitem__(self, layer: str) -> LayerDiff:
        stand_in = next((name for name, others in self.folded.items() if layer in others), layer)
        return self._by_name[stand_in]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        lowest = min((layer.similarity for layer in self.layers), default=nan)
        threshold = (
            "" if self.fail_below is None else f", {len(self.below)} below {self.fail_below}"
        )
        threshold += f", {len(self.missing)} missing" if self.missing else ""
        threshold += f", {len(self.not_judged)} not judged" if self.not_judged else ""
        return f"Diff({self.measure}, {len(self)} layers{threshold}, lowest {lowest:.4f})"

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        columns = diff_columns(self, self.layers)
        rows = [
            (layer.layer, *(values[i] for values in columns.values()), diff_mark(self, layer))
            for i, layer in enumerate(self.layers)
        ]
        table = html_table(repr(self), rows, ["layer", *columns, ""])
        return table + "".join(f"<p>{escape(text)}</p>" for text in diff_explanations(self))

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

    @property
    def not_judged(self) -> tuple[LayerDiff, ...]:
        """The layers without a verdict, most changed first; empty without a threshold."""
        return tuple(layer for layer in self.layers if layer.verdict == "not judged")

    @property
    def first_divergence(self) -> LayerDiff | None:
        """The first layer that ran whose values differ by more than rounding; None without one.

        Layers of another shape are passed over.
        """
        i = first_above_tolerance(
            self.table["relative_error"].to_numpy(), self.table["tolerance"].to_numpy()
        )
        return None if i is None else self[str(self.table["layer"].to_numpy()[i])]

    def _layer(self, i: int) -> LayerDiff:
        row = self.table.isel(layer=i)

        def number(variable: str) -> float:
            return float(row[variable]) if variable in row else nan

        layer, measure = str(row["layer"].item()), self.measure
        raw = number(measure)
        correctable = measure_named(measure).from_moments({})
        similarity = number(f"{measure}_corrected") if correctable else raw
        verdict = verdict_of(similarity, self.fail_below, judged=layer not in self.unjudged)
        return LayerDiff(
            layer=layer,
            changed_layer=str(row["changed_layer"].item()),
            similarity=similarity,
            low=number(f"{measure}_low"),
            high=number(f"{measure}_high"),
            raw=raw,
            chance=number(f"{measure}_chance"),
            max_error=number("max_error"),
            relative_error=number("relative_error"),
            verdict=verdict,
            below=verdict == "fail",
            n_samples=int(row["n_samples"]),
            base_rank=int(row["x_rank"]),
            changed_rank=int(row["y_rank"]),
            reason="; ".join(self.reasons.get(layer, ())),
        )

    def summary(self) -> str:
        """Return one line that says how many layers are below the threshold."""
        return diff_summary(self)

    def to_text(self, most: int | None = None) -> str:
        """Return a table of the layers in plain text, most changed first, and the explanations.

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
        rows = [vars(layer) | {"layer": encodable(layer.layer)} for layer in self.layers]
        return pandas.DataFrame(rows, columns=columns).set_index("layer")

    def to_csv(self) -> str:
        """Return the layers as CSV, most changed first, with the names of both sides."""
        names = {side: self.table.attrs[side] for side in ("base", "changed")}
        rows = as_text_cells(self.to_dataframe().assign(**names))
        return rows.to_csv(lineterminator="\n")

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers in the form of JSON; NaN is None."""
        return {
            "isorep_version": self.table.attrs["isorep_version"],
            "base": self.table.attrs["base"],
            "changed": self.table.attrs["changed"],
            **provenance_content(self.table),
            "measure": self.measure,
            "fail_below": self.fail_below,
            "layers": [
                {
                    key: None if isinstance(value, float) and isnan(value) else value
                    for key, value in vars(layer).items()
                }
                for layer in self.layers
            ],
            "first_divergence": diverged.layer if (diverged := self.first_divergence) else None,
            "removed": list(self.removed),
            "added": list(self.added),
            "missing": list(self.missing),
            "dead": list(self.dead),
            "folded": {layer: list(others) for layer, others in self.folded.items()},
            "notes": list(self.notes),
            "explanations": [each.to_dict() for each in self.explanations.values()],
            "not_explained": list(self.not_explained),
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
        of_diff = ("changed_layer", "max_error", "relative_error", "tolerance")
        for name, variable in self.table.drop_vars([*variables, *of_diff]).data_vars.items():
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
    columns = {
        f" {name}": [f" {text}" for text in texts]
        for name, texts in diff_columns(diff, shown).items()
    }
    frame = pandas.DataFrame(columns, index=[layer.layer for layer in shown])
    frame[""] = [mark.ljust(width) for mark in marks]
    frame.columns.name = "layer"
    lines = [line.rstrip() for line in frame.to_string().splitlines()]
    if len(shown) < len(diff.layers):
        lines.append(f"... and {len(diff.layers) - len(shown)} less changed")
    lines += diff_reasons(diff, [layer for layer in shown if isnan(layer.similarity)])
    paragraphs = [fill(text, _LINE, subsequent_indent="  ") for text in diff_explanations(diff)]
    return "\n".join([*lines, *diff_notes(diff), *paragraphs])


def diff_summary(diff: Diff) -> str:
    """Return one line that says how many layers fail, are missing or cannot be judged."""
    parts = [
        f"{diff.measure} similarity of {len(diff.below)} of {len(diff.layers)} layers is below "
        f"{diff.fail_below}"
    ]
    if diff.missing:
        parts.append(f"{len(diff.missing)} of base are missing in changed")
    if diff.not_judged:
        parts.append(f"{len(diff.not_judged)} cannot be judged")
    return "; ".join(parts) + ":"


def diff_columns(diff: Diff, layers: Sequence[LayerDiff]) -> dict[str, list[str]]:
    """Return the numbers to show for `layers`, as text, by the name of their column."""
    formats = {"similarity": ".4f"}
    if f"{diff.measure}_low" in diff.table:
        formats |= dict.fromkeys(("low", "high", "raw", "chance"), ".4f")
    if diff.table["tolerance"].notnull().any():
        formats |= dict.fromkeys(("max_error", "relative_error"), ".1e")
    return {
        name.replace("relative", "rel").replace("_", " "): [
            format(getattr(layer, name), form) for layer in layers
        ]
        for name, form in formats.items()
    }


def diff_mark(diff: Diff, layer: LayerDiff) -> str:
    """Return the text to show after a layer's numbers."""
    marks = [f"below {diff.fail_below}"] if layer.below else []
    if layer.layer in diff.unjudged:
        marks.append(f"not judged: {diff.unjudged[layer.layer]}")
    lost = layer.base_rank - layer.changed_rank
    if lost > 0 and layer.changed_rank:
        marks.append(f"{lost} of {layer.base_rank} directions lost")
    return ", ".join(marks)


def diff_reasons(diff: Diff, layers: Iterable[LayerDiff]) -> list[str]:
    """Return why `layers` should be read with care: one line a code, or else a text, up to three.

    Where layers share a code, the line has the numbers of the first of them.
    """
    layers_of: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for layer in layers:
        for text in diff.reasons.get(layer.layer, ()):
            key = text.code if isinstance(text, WarningText) else text
            layers_of.setdefault(key, []).append(layer.layer)
            first.setdefault(key, line_of(text))
    lines = [f"{shortened(names)}: {first[key]}" for key, names in layers_of.items()]
    more = len(lines) - _MOST_REASONS
    return lines[:_MOST_REASONS] + ([f"... and {more} more reasons"] if more > 0 else [])


def diff_notes(diff: Diff) -> list[str]:
    """Return the lines below the table: the first divergence, and layers that are not in it."""
    notes = list(diff.notes)
    diverged = diff.first_divergence
    tolerances = diff.table["tolerance"].sel(layer=diff.table["tolerance"].notnull())
    if diverged is not None:
        tolerance = diff.table["tolerance"].sel(layer=diverged.layer).item()
        notes.append(
            f"first layer that diverges: {diverged.layer} (relative error "
            f"{diverged.relative_error:.1e}, tolerance {tolerance:.1e})"
        )
    elif tolerances.size:
        notes.append(f"no layer diverges (tolerance of the relative error: {tolerances.max():.1e})")
    others = {
        "missing in changed": diff.missing,
        "only in base": [name for name in diff.removed if name not in diff.missing],
        "only in changed": diff.added,
        "constant on both sides": diff.dead,
    }
    notes += [f"{where}: {', '.join(names)}" for where, names in others.items() if names]
    n_folded = sum(map(len, diff.folded.values()))
    if n_folded:
        layers = "1 layer is" if n_folded == 1 else f"{n_folded} layers are"
        notes.append(f"{layers} not shown, with the values of another one")
    return notes


def diff_explanations(diff: Diff) -> list[str]:
    """Return the paragraphs about the most changed layers, and how many layers have none."""
    texts = [explanation.text for explanation in diff.explanations.values()]
    n = len(diff.not_explained)
    if n:
        layers = "1 more changed layer is" if n == 1 else f"{n} more changed layers are"
        k = len(texts) + n
        texts.append(
            f"{layers} not explained (explain={k}, in the shell --explain {k}, explains all)"
        )
    return texts


def shortened(layers: Sequence[str]) -> str:
    """Return names of layers as text, the first four of them."""
    return ", ".join(layers[:4]) + (f" and {len(layers) - 4} more" if len(layers) > 4 else "")
