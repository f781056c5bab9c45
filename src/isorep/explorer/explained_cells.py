"""Explained cells: the cells of a layer grid that open to the explanation of their pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.progress import track
from isorep._utils.validation import as_integer, unknown_name
from isorep.core.coded_warning import CodedWarning
from isorep.core.warning_text import in_results_alone
from isorep.explanation.explain import explain
from isorep.explanation.explanation import Explanation
from isorep.explorer.explanation_view import explanation_view, shown_numbers
from isorep.explorer.matched_sides import TOLERANCE, MatchedSides
from isorep.explorer.page import as_text
from isorep.explorer.rows_of_samples import (
    check_positions,
    samples_by_name,
    samples_of_rows,
    token_texts,
)
from isorep.explorer.shown_samples import ShownSamples

if TYPE_CHECKING:
    import xarray

Cell = tuple[int, int]

Explanations = dict[Cell, Explanation | str]
"""The explanation of each cell, or why there is none."""

SamplesOfRows = dict[Cell, NDArray[np.int64] | None]
"""Number of the sample of each row, by cell."""

EXPLANATIONS_SHARE = 0.7
"""Largest share of the room for explanations."""

SAMPLES_SHARE = 0.7
"""Largest share of the room that explanations leave, for images and texts."""

NO_ROOM = "the page has no room for this explanation: write a page that explains fewer cells"


def explained_cells(
    table: xarray.Dataset,
    measure: str,
    cells: Any,
    sides: MatchedSides | None,
    samples: ShownSamples | None,
    *,
    room: float,
    progress: bool = True,
) -> dict[str, Any]:
    """Return the explanations of some cells, with the samples that they show.

    Parameters
    ----------
    table : xarray.Dataset
        Table of `isorep.compare` or `isorep.diff`.
    measure : str
        Measure to explain.
    cells : int, sequence of layers or pairs of layers, or mapping of pair to Explanation
        See `isorep.report`.
    sides : MatchedSides or None
        Representations that were compared. A mapping of explanations needs none.
    samples : ShownSamples or None
        What the samples are.
    room : float
        Size limit of the JSON, in bytes.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.

    Raises
    ------
    ValueError
        If a layer is unknown, an explanation does not match the table, or `samples` does not have
        one item for each sample.
    """
    table = table.transpose("x_layer", "y_layer")
    if isinstance(cells, Mapping):
        explanations, sample_of_row = _passed(table, cells, samples)
    else:
        explanations, sample_of_row = _computed(table, measure, cells, sides, samples, progress)

    views: dict[Cell, dict[str, Any]] = {}
    explanation_room = EXPLANATIONS_SHARE * room
    for cell, explanation in explanations.items():
        if isinstance(explanation, str):
            view = {"reason": explanation}
        else:
            if samples is not None and samples.kind == "tokens":
                check_positions(explanation, sample_of_row.get(cell), samples.items)
            view = explanation_view(explanation, sample_of_row.get(cell))
            if len(as_text(view)) > explanation_room:
                view = {"reason": NO_ROOM}
        explanation_room -= len(as_text(view)) + 20
        room -= len(as_text(view)) + 20
        views[cell] = view
    content: dict[str, Any] = {"explained": {f"{i},{j}": view for (i, j), view in views.items()}}
    if samples is not None:
        shown = [shown_numbers(view) for view in views.values() if "reason" not in view]
        numbers = [n for ranks in zip_longest(*shown) for n in ranks if n is not None]
        content["samples"] = samples.view(list(dict.fromkeys(numbers)), SAMPLES_SHARE * room)
    return content


def _passed(
    table: xarray.Dataset,
    cells: Mapping[Any, Explanation],
    samples: ShownSamples | None,
) -> tuple[Explanations, SamplesOfRows]:
    """Return explanations that were made before, and the sample of each of their rows."""
    explanations: Explanations = {}
    sample_of_row: SamplesOfRows = {}
    for pair, explanation in cells.items():
        cell = _cell_of(table, pair)
        explanations[cell] = _checked(table, pair, explanation)
        if samples is not None:
            sample_of_row[cell] = samples_by_name(explanation, len(samples))
    return explanations, sample_of_row


def _computed(
    table: xarray.Dataset,
    measure: str,
    cells: Any,
    sides: MatchedSides | None,
    samples: ShownSamples | None,
    progress: bool,
) -> tuple[Explanations, SamplesOfRows]:
    """Return explanations of cells, or why there are none, and the sample of each of their rows."""
    if sides is None:
        raise ValueError(
            "explain= needs the representations that were compared: pass a= and b=, or a mapping "
            "of (x_layer, y_layer) to the result of isorep.explain"
        )
    if samples is not None and len(samples) != sides.n_of_a:
        raise ValueError(
            f"samples has {len(samples)} items, and a has {sides.n_of_a} samples: pass one item "
            "for each sample, in the order of a"
        )
    chosen = _chosen_cells(table, measure, cells)
    explanations: Explanations = {
        cell: _explained(table, measure, cell, sides, samples)
        for cell in track(chosen, "explanations", len(chosen), progress, unit="cells")
    }
    return explanations, {cell: samples_of_rows(sides, cell) for cell in chosen}


def _chosen_cells(table: xarray.Dataset, measure: str, cells: Any) -> list[Cell]:
    """Return the cells to explain.

    A number means that many pairs of layers of the same name, least similar first. If no names are
    the same, it means that many layers of x with the most similar layer of y.
    """
    if isinstance(cells, str):
        cells = [cells]
    if isinstance(cells, tuple) and len(cells) == 2 and all(isinstance(c, str) for c in cells):
        raise ValueError(
            f"explain={cells!r} can mean one pair of layers or two layers: pass [{cells!r}] for "
            f"the pair, or {list(cells)!r} for each layer with the layer of the same name"
        )
    if isinstance(cells, Iterable):
        pairs = [(pair, pair) if isinstance(pair, str) else pair for pair in cells]
        return list(dict.fromkeys(_cell_of(table, pair) for pair in pairs))
    n_cells = as_integer(cells, "explain")
    if n_cells < 1:
        raise ValueError(f"explain must be 1 or more cells, got {cells}")
    similarity = table[measure].to_numpy()
    x_layers, y_layers = (table[dim].to_numpy().tolist() for dim in ("x_layer", "y_layer"))
    candidates = [
        (i, y_layers.index(layer)) for i, layer in enumerate(x_layers) if layer in y_layers
    ]
    if not candidates:
        filled = np.where(np.isnan(similarity), -np.inf, similarity)
        candidates = list(enumerate(filled.argmax(axis=1).tolist()))
    computed = [cell for cell in candidates if np.isfinite(similarity[cell])]
    return sorted(computed, key=lambda cell: similarity[cell])[:n_cells]


def _cell_of(table: xarray.Dataset, pair: Any) -> Cell:
    """Return the place of a pair of layers in the table."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(
            "explain: expected a number of cells, layers, or pairs (x_layer, y_layer), got "
            f"{pair!r}"
        )
    places = []
    for dim, layer in zip(("x_layer", "y_layer"), pair, strict=True):
        layers = table[dim].to_numpy().tolist()
        if layer not in layers:
            raise ValueError(unknown_name(f"{dim} in explain", str(layer), map(str, layers)))
        places.append(layers.index(layer))
    return places[0], places[1]


def _explained(
    table: xarray.Dataset,
    measure: str,
    cell: Cell,
    sides: MatchedSides,
    samples: ShownSamples | None,
) -> Explanation | str:
    """Return the explanation of a cell, or why there is none."""
    reason = str(table["reason"].to_numpy()[cell])
    if not table["n_samples"].to_numpy()[cell] > 0:
        return reason or "this cell could not be computed"
    i, j = cell
    text_of_token = None
    if samples is not None and samples.kind == "tokens":
        text_of_token = token_texts(sides, cell, samples.items)
    with in_results_alone(CodedWarning):  # the page shows it
        try:
            return explain(
                sides.x,
                sides.y,
                measure,
                x_layer=sides.x_layers[i],
                y_layer=sides.y_layers[j],
                token_text=text_of_token,
            )
        except (TypeError, ValueError) as error:  # too few samples, or a measure of maps
            return str(error)


def _checked(table: xarray.Dataset, pair: Any, explanation: Any) -> Explanation:
    """Return an explanation, or raise an error if it is not that of the pair."""
    if not isinstance(explanation, Explanation):
        raise TypeError(
            f"explain: expected the result of isorep.explain for {pair!r}, got "
            f"{type(explanation).__name__}"
        )
    cell = _cell_of(table, pair)
    score = explanation.score
    n_samples = int(table["n_samples"].to_numpy()[cell])
    if n_samples != score.n_samples:
        raise ValueError(
            f"the explanation of {pair!r} is of {score.n_samples} samples, and the cell of the "
            f"table of {n_samples}: explain the layers that were compared"
        )
    if score.measure in table:
        similarity = float(table[score.measure].to_numpy()[cell])
        if abs(similarity - score.similarity) > TOLERANCE:
            raise ValueError(
                f"the explanation of {pair!r} is of a {score.measure} of {score.similarity:.4f}, "
                f"and the table has {similarity:.4f}: explain the layers that were compared"
            )
    return explanation
