"""Cell details: canonical correlations, weights and variates of the cells of a layer grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep._utils.progress import track
from isorep.core.coded_warning import FewSamplesWarning
from isorep.core.overlap import Overlap
from isorep.core.warning_text import in_results_alone
from isorep.explorer.matched_sides import MatchedSides
from isorep.explorer.packing import coarse, floats, short
from isorep.explorer.page import as_text
from isorep.inference.random_matrix_edge import RandomMatrixEdge, random_matrix_edge
from isorep.random_matrix.wachter import Wachter
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import xarray

MAX_POINTS = 400
"""Number of samples in a scatter plot of variates."""

MAX_VARIATES = 5
"""Number of leading canonical pairs that a scatter plot can show."""

SPECTRA_SHARE = 0.7
"""Largest share of the room for spectra and weights; scatter plots use the rest."""

MAX_CLASSES = 20
"""Number of distinct labels with their own symbol. If there are more, numeric labels become a
colour scale, and the rarest names become one class."""

OTHERS = "others"

NAME_LENGTH = 200
"""Characters of a label or sample id that the page keeps."""

OVERHEAD = 300
"""Bytes of JSON for each part of a cell, in addition to its numbers."""


def cell_details(
    table: xarray.Dataset,
    measure: str,
    sides: MatchedSides,
    *,
    room: int,
    progress: bool = True,
) -> dict[str, Any]:
    """Return spectra, weights and variates of as many cells as fit.

    The most similar cell of each row and column comes first, then the second most similar, and so
    on.

    Parameters
    ----------
    table : xarray.Dataset
        Table of `isorep.compare`, or a selection of its layers.
    measure : str
        Measure that orders the cells by similarity.
    sides : MatchedSides
        Representations that `isorep.compare` compared.
    room : int
        Size limit of the JSON, in bytes.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.
    """
    table = table.transpose("x_layer", "y_layer")
    x, y = sides.x, sides.y

    cells = _by_interest(table, measure)
    n_samples = table["n_samples"].to_numpy()
    points = {str(n): _points(x, y, n) for n in sorted(set(n_samples[n_samples > 0].tolist()))}
    room -= len(as_text(points))
    spectrum_room = room * SPECTRA_SHARE
    # How many independent samples dependent ones are worth differs between cells.
    shared_laws = not (_has_structure(x, sides.x_layers) or _has_structure(y, sides.y_layers))
    sizes = _spectrum_sizes(table, cells, shared_laws)
    with_spectrum, unused = _fitting(cells, sizes, spectrum_room)
    scatter_room = unused + room * (1 - SPECTRA_SHARE)
    with_scatter, _ = _fitting(with_spectrum, _scatter_sizes(table, with_spectrum), scatter_room)

    scatter_cells = set(with_scatter)
    details: dict[str, Any] = {}
    laws: dict[str, Any] = {}
    for cell, overlap in track(
        sides.overlaps(with_spectrum),
        "details",
        len(with_spectrum),
        progress,
        unit="cells",
    ):
        n, x_rank, y_rank = overlap.n_samples, overlap.x.rank, overlap.y.rank
        law = f"{n},{x_rank},{y_rank}" if shared_laws else f"{n},{cell[0]},{cell[1]}"
        edge = _edge(overlap)
        if law not in laws:
            laws[law] = _law(overlap, edge)
        cell_data = {
            "law": law,
            "correlations": floats(overlap.correlations),
            "x_weights": floats(overlap.x_weights),
            "y_weights": floats(overlap.y_weights),
            "n_significant": edge.n_significant,
            "n_forced": overlap.n_forced,
        }
        if cell in scatter_cells:
            cell_data |= _variates(overlap, points[str(n)]["rows"])
        details[f"{cell[0]},{cell[1]}"] = cell_data
    return {
        "cells": details,
        "laws": laws,
        "points": points,
        "complete": len(with_spectrum) == len(cells),
    }


def _by_interest(table: xarray.Dataset, measure: str) -> list[tuple[int, int]]:
    """Return the computed cells: the best of each row and column, then the second best, ..."""
    values = table[measure].to_numpy()
    is_computed = table["n_samples"].to_numpy() > 0
    similarity = np.where(np.isnan(values), -np.inf, values)
    ranks = [np.argsort(np.argsort(-similarity, axis=axis), axis=axis) for axis in (0, 1)]
    rank = np.minimum(*ranks)
    order = np.lexsort((-similarity.ravel(), rank.ravel()))
    cells = [divmod(int(index), values.shape[1]) for index in order]
    return [cell for cell in cells if is_computed[cell]]


def _fitting(
    cells: Sequence[tuple[int, int]], sizes: Sequence[float], room: float
) -> tuple[list[tuple[int, int]], float]:
    """Return the first cells that fit, and the room that remains."""
    fitting = []
    for cell, size in zip(cells, sizes, strict=True):
        if size > room:
            break
        fitting.append(cell)
        room -= size
    return fitting, room


def _spectrum_sizes(
    table: xarray.Dataset, cells: Sequence[tuple[int, int]], shared_laws: bool
) -> list[int]:
    """Return the bytes of the correlations and weights of each cell, and of each new law."""
    x_rank, y_rank, n_samples = _shape_variables(table)
    laws: set[tuple[int, int, int]] = set()
    sizes = []
    for i, j in cells:
        law = int(n_samples[i, j]), int(x_rank[i]), int(y_rank[j])
        array_size = _base64_size(4 * min(law[1:]))
        sizes.append(OVERHEAD + (3 if shared_laws and law in laws else 5) * array_size)
        laws.add(law)
    return sizes


def _scatter_sizes(table: xarray.Dataset, cells: Sequence[tuple[int, int]]) -> list[int]:
    """Return the bytes of the variates of each cell."""
    x_rank, y_rank, n_samples = _shape_variables(table)
    sizes = []
    for i, j in cells:
        n_points = min(int(n_samples[i, j]), MAX_POINTS)
        n_variates = min(int(x_rank[i]), int(y_rank[j]), MAX_VARIATES)
        sizes.append(OVERHEAD + 2 * _base64_size(2 * n_points * n_variates))
    return sizes


def _shape_variables(table: xarray.Dataset) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    return (
        table["x_rank"].to_numpy(),
        table["y_rank"].to_numpy(),
        table["n_samples"].to_numpy(),
    )


def _base64_size(n_bytes: int) -> int:
    return 4 * -(-n_bytes // 3)


def _law(overlap: Overlap, edge: RandomMatrixEdge) -> dict[str, Any]:
    """Return the correlations of unrelated data of the same ranks, and the significance edges."""
    noise = Wachter.from_overlap(overlap).correlations()
    return {"noise": floats(noise), "edges": floats(edge.edges)}


def _edge(overlap: Overlap) -> RandomMatrixEdge:
    with in_results_alone(FewSamplesWarning):
        return random_matrix_edge(overlap)


def _has_structure(side: Representations, layers: Iterable[str]) -> bool:
    """Return whether rows of some layers depend on each other."""
    for layer in layers:
        with suppress(ValueError):  # of a layer whose structure is unknown, no cell is computed
            if side.structure(layer) is not None:
                return True
    return False


def _points(x: Representations, y: Representations, n: int) -> dict[str, Any]:
    """Return the rows to draw, with the labels and ids of their samples, if known."""
    rows = np.sort(np.random.default_rng(0).permutation(n)[:MAX_POINTS])
    rows_are_samples = n == x.n_samples  # otherwise rows are positions, several for each sample
    labels = x.labels if x.labels is not None else y.labels
    ids = x.sample_ids if x.sample_ids is not None else y.sample_ids
    return {
        "rows": rows.tolist(),
        "n": n,
        "labels": _labels(labels[rows]) if rows_are_samples and labels is not None else None,
        "ids": [short(ids[row], NAME_LENGTH) for row in rows]
        if rows_are_samples and ids is not None
        else None,
    }


def _labels(labels: NDArray[Any]) -> dict[str, Any]:
    """Return labels as classes with codes, or as values if many distinct labels are numbers."""
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) > MAX_CLASSES and labels.dtype.kind in "fiu":
        return {"values": floats(labels)}
    if len(classes) > MAX_CLASSES:
        rare = np.argsort(-np.bincount(codes), kind="stable")[MAX_CLASSES - 1 :]
        codes = np.where(np.isin(codes, rare), len(classes), codes)
        classes = np.append(classes, OTHERS)
    return {
        "classes": [short(name, NAME_LENGTH) for name in classes.tolist()],
        "codes": codes.tolist(),
    }


def _variates(overlap: Overlap, rows: Sequence[int]) -> dict[str, Any]:
    """Return the leading canonical variates at the given rows, in standard deviations."""
    scale = np.sqrt(overlap.n_samples - 1)
    x_rotation, y_rotation = (
        rotation[:, :MAX_VARIATES] for rotation in (overlap.x_rotation, overlap.y_rotation)
    )
    return {
        "x_variates": coarse(scale * to_numpy(overlap.x.combine(x_rotation))[rows].T),
        "y_variates": coarse(scale * to_numpy(overlap.y.combine(y_rotation))[rows].T),
    }
