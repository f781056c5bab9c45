"""Cell details: what lies behind the cells of a layer grid, as far as there is room on the page."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep._utils.progress import track
from isorep._utils.validation import unknown_name
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap, couple
from isorep.core.prepare import Prepared, prepare
from isorep.core.score import FewSamplesWarning
from isorep.explorer.packing import coarse, floats, names
from isorep.explorer.page import as_text
from isorep.inference.random_matrix_edge import random_matrix_edge
from isorep.measures.registry import measure_named
from isorep.random_matrix.tracy_widom import n_above_edge
from isorep.random_matrix.wachter import Wachter
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import xarray

MOST_POINTS = 400
"""Samples drawn in a scatter of variates."""

MOST_VARIATES = 5
"""Leading canonical pairs that a scatter can show."""

SPECTRA_SHARE = 0.7
"""Of the room, at most, for spectra and weights; scatters have what they leave."""

MOST_CLASSES = 20
"""Labels that a scatter tells apart; past it numbers go along a scale, and rare names together."""

OTHERS = "others"

OVERHEAD = 300
"""Bytes of JSON about each part of a cell, beside the numbers themselves."""

SAME = 1e-3
"""How far a measure may be from the table's where the representations are those it was made of."""


CELLS_TRIED = 4
"""At how many cells that is made sure of, at most."""


def cell_details(
    table: xarray.Dataset,
    measure: str,
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    *,
    room: int,
    progress: bool = True,
) -> dict[str, Any]:
    """Return spectra, weights and variates of as many cells as there is room for.

    The most similar pair of each row and column comes first, then the second of each, and so on.

    Parameters
    ----------
    table : xarray.Dataset
        What `isorep.compare` returned for `a` and `b`, or some of its layers.
    measure : str
        By which pairs are the most similar.
    a, b : Representations or mapping of layer name to array
    room : int
        Bytes of JSON to stay under.
    progress : bool
        Show a progress bar, if standard error is a terminal.

    Raises
    ------
    ValueError
        When a layer of the table is in neither, or the table was not made of them.
    """
    table = table.transpose("x_layer", "y_layer")
    x = Representations.from_mapping(a)
    y = x if b is a else Representations.from_mapping(b)
    x.check_same_samples(y)
    x_layers, y_layers = (table[dim].to_numpy().tolist() for dim in ("x_layer", "y_layer"))
    _check_layers(x_layers, x, "a")
    _check_layers(y_layers, y, "b")

    cells = _by_interest(table, measure)
    rows = table["n_samples"].to_numpy()
    points = {str(n): _points(x, y, n) for n in sorted(set(rows[rows > 0].tolist()))}
    room -= len(as_text(points))
    with_spectrum, left = _fitting(cells, _costs_of_spectra(table, cells), room * SPECTRA_SHARE)
    with_scatter, _ = _fitting(
        with_spectrum,
        _costs_of_scatters(table, with_spectrum),
        left + room * (1 - SPECTRA_SHARE),
    )

    shown = set(with_scatter)
    # Some of all ranks: the most similar pair may be one layer on both sides, the same both ways.
    tried = set(with_spectrum[:: -(-len(with_spectrum) // CELLS_TRIED) or 1])
    found: dict[str, Any] = {}
    laws: dict[str, Any] = {}
    for cell, coupled in track(
        _overlaps(x, y, x_layers, y_layers, with_spectrum),
        "details",
        len(with_spectrum),
        progress,
    ):
        if cell in tried:
            _check_belongs(table, measure, cell, coupled)
        n, rx, ry = coupled.n_samples, coupled.x.rank, coupled.y.rank
        law = f"{n},{rx},{ry}"
        if law not in laws:
            laws[law] = _law(coupled)
        told = {
            "law": law,
            "correlations": floats(coupled.correlations),
            "x_weights": floats(coupled.x_weights),
            "y_weights": floats(coupled.y_weights),
            "n_significant": n_above_edge(to_numpy(coupled.correlations), n, rx, ry),
            "n_forced": coupled.n_forced,
        }
        if cell in shown:
            told |= _variates(coupled, points[str(n)]["rows"])
        found[f"{cell[0]},{cell[1]}"] = told
    return {
        "cells": found,
        "laws": laws,
        "points": points,
        "complete": len(with_spectrum) == len(cells),
    }


def _check_layers(layers: Sequence[str], given: Representations, name: str) -> None:
    for layer in layers:
        if layer not in given:
            raise ValueError(unknown_name(f"layer of {name}", str(layer), given))


def _by_interest(table: xarray.Dataset, measure: str) -> list[tuple[int, int]]:
    """Sort the cells that were computed: the best of each row and column, the second best ..."""
    values = table[measure].to_numpy()
    computed = table["n_samples"].to_numpy() > 0
    similarity = np.where(np.isnan(values), -np.inf, values)
    places = [np.argsort(np.argsort(-similarity, axis=axis), axis=axis) for axis in (0, 1)]
    place = np.minimum(*places)
    order = np.lexsort((-similarity.ravel(), place.ravel()))
    cells = [divmod(int(at), values.shape[1]) for at in order]
    return [cell for cell in cells if computed[cell]]


def _fitting(
    cells: Sequence[tuple[int, int]], costs: Sequence[float], room: float
) -> tuple[list[tuple[int, int]], float]:
    """Take cells in their order while there is room; return them and the room that is left."""
    taken = []
    for cell, cost in zip(cells, costs, strict=True):
        if cost > room:
            break
        taken.append(cell)
        room -= cost
    return taken, room


def _costs_of_spectra(table: xarray.Dataset, cells: Sequence[tuple[int, int]]) -> list[int]:
    """Bytes of each cell's correlations and weights, and of its law where it is the first of it."""
    x_rank, y_rank, rows = (table[name].to_numpy() for name in ("x_rank", "y_rank", "n_samples"))
    laws: set[tuple[int, int, int]] = set()
    costs = []
    for i, j in cells:
        law = int(rows[i, j]), int(x_rank[i]), int(y_rank[j])
        array = _base64(4 * min(law[1:]))
        costs.append(OVERHEAD + (3 if law in laws else 5) * array)
        laws.add(law)
    return costs


def _costs_of_scatters(table: xarray.Dataset, cells: Sequence[tuple[int, int]]) -> list[int]:
    """Bytes of each cell's variates of both sides."""
    x_rank, y_rank, rows = (table[name].to_numpy() for name in ("x_rank", "y_rank", "n_samples"))
    costs = []
    for i, j in cells:
        count = min(int(rows[i, j]), MOST_POINTS) * min(
            int(x_rank[i]), int(y_rank[j]), MOST_VARIATES
        )
        costs.append(OVERHEAD + 2 * _base64(2 * count))
    return costs


def _base64(n_bytes: int) -> int:
    return 4 * -(-n_bytes // 3)


def _overlaps(
    x: Representations,
    y: Representations,
    x_layers: Sequence[str],
    y_layers: Sequence[str],
    cells: Sequence[tuple[int, int]],
) -> Iterator[tuple[tuple[int, int], Overlap]]:
    """Prepare each layer once, when first needed."""
    prepared: dict[tuple[int, str], Prepared] = {}

    def basis(side: Representations, layer: str, name: str) -> Basis:
        key = id(side), layer
        if key not in prepared:
            prepared[key] = prepare(side, layer, name, "auto")
        made = prepared[key]
        if isinstance(made, Exception):
            raise ValueError(f"{_NOT_THESE}: {made}") from made
        return made

    for i, j in cells:
        yield (i, j), couple(basis(x, x_layers[i], "a"), basis(y, y_layers[j], "b"))


_NOT_THESE = "the table was not made of these a and b"


def _check_belongs(
    table: xarray.Dataset, measure: str, cell: tuple[int, int], coupled: Overlap
) -> None:
    """Make sure, at one cell, that the table tells of these representations."""
    i, j = cell
    x_layer, y_layer = table["x_layer"].to_numpy()[i], table["y_layer"].to_numpy()[j]
    where = f"{_NOT_THESE}: at ({x_layer}, {y_layer})"
    told, here = int(table["n_samples"].to_numpy()[cell]), coupled.n_samples
    if told != here:
        raise ValueError(f"{where} it has {told} samples, and they have {here}")
    similarity = float(table[measure].to_numpy()[cell])
    if isnan(similarity):  # the measure does not apply; another's number stands in the table
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewSamplesWarning)
        now = measure_named(measure)(coupled).similarity
    if not abs(similarity - now) <= SAME:
        raise ValueError(f"{where} its {measure} is {similarity:.4f}, and theirs {now:.4f}")


def _law(coupled: Overlap) -> dict[str, Any]:
    """Tell what unrelated data of these ranks would show, and what they would not exceed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FewSamplesWarning)
        edges = random_matrix_edge(coupled).edges
    return {"noise": floats(Wachter.from_overlap(coupled).correlations()), "edges": floats(edges)}


def _points(x: Representations, y: Representations, n: int) -> dict[str, Any]:
    """Choose the rows to draw, and say which samples they are where that is known."""
    rows = np.sort(np.random.default_rng(0).permutation(n)[:MOST_POINTS])
    whole = n == x.n_samples  # else rows are positions, of which several are one sample's
    labels = x.labels if x.labels is not None else y.labels
    ids = x.sample_ids if x.sample_ids is not None else y.sample_ids
    return {
        "rows": rows.tolist(),
        "n": n,
        "labels": _labels(labels[rows]) if whole and labels is not None else None,
        "ids": [ids[row] for row in rows] if whole and ids is not None else None,
    }


def _labels(labels: NDArray[Any]) -> dict[str, Any]:
    """Tell classes, each with a mark of its own, from amounts, along a scale."""
    known, at = np.unique(labels, return_inverse=True)
    if len(known) > MOST_CLASSES and labels.dtype.kind in "fiu":
        return {"amounts": floats(labels)}
    if len(known) > MOST_CLASSES:
        rare = np.argsort(-np.bincount(at), kind="stable")[MOST_CLASSES - 1 :]
        at = np.where(np.isin(at, rare), len(known), at)
        known = np.append(known, OTHERS)
    return {"classes": names(known.tolist()), "at": at.tolist()}


def _variates(coupled: Overlap, rows: Sequence[int]) -> dict[str, Any]:
    """Return the leading canonical variates, in standard deviations, at the rows to draw."""
    unit = np.sqrt(coupled.n_samples - 1)
    k = MOST_VARIATES
    return {
        "x_variates": coarse(unit * to_numpy(coupled.x.combine(coupled.x_rotation[:, :k]))[rows].T),
        "y_variates": coarse(unit * to_numpy(coupled.y.combine(coupled.y_rotation[:, :k]))[rows].T),
    }
