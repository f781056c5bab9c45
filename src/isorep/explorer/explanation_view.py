"""Explanation view: the parts of an explanation that the page shows for a cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.explanation.explanation import Explanation
from isorep.explanation.explanation_text import explanation_lines
from isorep.explorer.packing import floats, number, short
from isorep.plot.axis import display_name

if TYPE_CHECKING:
    import xarray

MOST_POINTS = 400
"""Samples in the figure of misfit and contribution; those that stand out come first."""

MOST_LISTED = 6
"""Samples that stand out, and that lower the similarity most, in a list."""

MOST_MEMBERS = 12
"""Members of a group that are shown."""

MOST_PAIRS = 6
"""Pairs of samples that are shown."""

MOST_MEANS = 30
"""Classes or tokens in a figure, largest misfit first."""

MOST_POSITIONS = 500
"""Positions in a figure, from the first."""

MOST_TEXTS = 6
"""Samples of which every row is shown, if rows are positions."""

MOST_ROWS = 300
"""Rows of such a sample that are shown."""

MOST_NEURONS = 2000
"""Neurons of a side in the figure, worst predicted first."""

N_WEIGHTS = 3
"""Neurons with the largest weights that are named for each direction and side."""

NAME_LENGTH = 80
"""Characters of a name that the page keeps."""

LINE_LENGTH = 1000
"""Characters of a sentence that the page keeps."""


def explanation_view(
    explanation: Explanation, sample_of_row: NDArray[np.int64] | None
) -> dict[str, Any]:
    """Return the parts of an explanation as JSON.

    Parameters
    ----------
    explanation : Explanation
        From `isorep.explain`.
    sample_of_row : (n,) int64 array or None
        Number of the sample of each row, for its image or text.
    """
    score, samples = explanation.score, explanation.samples
    listed = _listed_rows(explanation)
    members = _members(explanation)
    pairs = explanation.pairs.head(MOST_PAIRS)
    rows = {*listed["misfit"], *listed["contribution"], *(row for g in members for row in g)}
    rows |= {*pairs["sample"].tolist(), *pairs["other"].tolist()}
    return {
        "measure": display_name(score.measure),
        "similarity": number(score.similarity),
        "n_rows": samples.sizes["sample"],
        "alpha": explanation.alpha,
        "lines": {
            name: short(text, LINE_LENGTH) for name, text in explanation_lines(explanation).items()
        },
        "warnings": [short(text, LINE_LENGTH) for text in explanation.warnings],
        "method": samples.attrs["method"],
        "directions": _directions(explanation),
        "points": _points(samples),
        "rows": {str(row): _row(samples, row, sample_of_row) for row in sorted(rows)},
        "listed": listed,
        **{
            name: None if table is None else _means(table, name)
            for name, table in (
                ("classes", explanation.classes),
                ("tokens", explanation.tokens),
                ("positions", explanation.positions),
            )
        },
        "texts": _texts(samples, sample_of_row),
        "groups": [
            {
                "grouped_by": group["grouped_by"],
                "n_samples": int(group["n_samples"]),
                "x_links": number(group["x_links"]),
                "y_links": number(group["y_links"]),
                "p_value": number(group["p_value"]),
                "rows": group_rows,
            }
            for (_, group), group_rows in zip(explanation.groups.iterrows(), members, strict=True)
        ],
        "pairs": [
            {
                "rows": [int(pair["sample"]), int(pair["other"])],
                "grouped_by": pair["grouped_by"],
                "x_distance": number(pair["x_distance"]),
                "y_distance": number(pair["y_distance"]),
            }
            for _, pair in pairs.iterrows()
        ],
        "neurons": {
            "x": _neurons(explanation.x_neurons),
            "y": _neurons(explanation.y_neurons),
        },
    }


def shown_numbers(view: dict[str, Any]) -> list[int]:
    """Return the numbers of the samples that a view shows, most important first."""
    listed = [*view["listed"]["misfit"], *view["listed"]["contribution"]]
    of_groups = [row for group in view["groups"] for row in group["rows"]]
    of_pairs = [row for pair in view["pairs"] for row in pair["rows"]]
    of_rows = [view["rows"][str(row)]["sample"] for row in (*listed, *of_groups, *of_pairs)]
    of_texts = [text["sample"] for text in view["texts"]]
    return [sample for sample in dict.fromkeys([*of_texts, *of_rows]) if sample is not None]


def _listed_rows(explanation: Explanation) -> dict[str, list[int]]:
    """Return the rows that stand out, and those that lower the similarity most."""
    misfit = explanation.samples["misfit"].to_numpy()
    contribution = explanation.samples["contribution"].to_numpy()
    outlying = np.flatnonzero(explanation.samples["stands_out"].to_numpy())
    lowering = np.argsort(-contribution, kind="stable")
    return {
        "misfit": outlying[np.argsort(-misfit[outlying], kind="stable")][:MOST_LISTED].tolist(),
        "contribution": [row for row in lowering[:MOST_LISTED].tolist() if contribution[row] > 0],
    }


def _members(explanation: Explanation) -> list[list[int]]:
    """Return some rows of each group."""
    numbers = explanation.samples["group"].to_numpy()
    return [
        np.flatnonzero(numbers == group)[:MOST_MEMBERS].tolist()
        for group in explanation.groups.index.tolist()
    ]


def _row(
    samples: xarray.Dataset, row: int, sample_of_row: NDArray[np.int64] | None
) -> dict[str, Any]:
    known = {
        key: short(samples[key].to_numpy()[row], NAME_LENGTH)
        for key in ("label", "position", "token")
        if key in samples.coords
    }
    return {
        "name": short(samples["sample_name"].to_numpy()[row], NAME_LENGTH),
        **known,
        "sample": None if sample_of_row is None else int(sample_of_row[row]),
        "stands_out": bool(samples["stands_out"].to_numpy()[row]),
        **{
            key: number(samples[key].to_numpy()[row])
            for key in ("contribution", "change", "misfit", "p_value", "neighbours_kept")
        },
    }


def _directions(explanation: Explanation) -> dict[str, Any]:
    table = explanation.directions
    return {
        "pairs": table.attrs["pairs"],
        "noise_edge": number(table.attrs["noise_edge"]),
        "unpaired": [number(table.attrs[f"{side}_unpaired_variance"]) for side in ("x", "y")],
        "shared": table["shared"].to_numpy().astype(int).tolist(),
        **{key: floats(table[key]) for key in ("correlation", "held_out_correlation", "p_value")},
        **{f"{side}_variance": floats(table[f"{side}_variance"]) for side in ("x", "y")},
        **{f"{side}_weights": _largest_weights(table, side) for side in ("x", "y")},
    }


def _largest_weights(table: xarray.Dataset, side: str) -> list[list[str]]:
    """Return the names of the neurons with the largest weights in each direction."""
    weights = np.abs(table[f"{side}_direction"].transpose("direction", ...).to_numpy())
    neurons = np.argsort(-weights, axis=1, kind="stable")[:, :N_WEIGHTS]
    neuron_names = table[f"{side}_neuron"].to_numpy()
    return [_short_names(row) for row in neuron_names[neurons]]


def _points(samples: xarray.Dataset) -> dict[str, Any]:
    """Return the samples of the figure of misfit and contribution."""
    n = samples.sizes["sample"]
    order = np.random.default_rng(0).permutation(n)
    outlying = samples["stands_out"].to_numpy()
    rows = np.sort(order[np.argsort(~outlying[order], kind="stable")][:MOST_POINTS])
    return {
        "rows": rows.tolist(),
        "names": _short_names(samples["sample_name"].to_numpy()[rows]),
        "labels": _short_names(samples["label"].to_numpy()[rows])
        if "label" in samples.coords
        else None,
        "positions": samples["position"].to_numpy()[rows].tolist()
        if "position" in samples.coords
        else None,
        "stands_out": outlying[rows].astype(int).tolist(),
        **{
            key: floats(samples[key].to_numpy()[rows])
            for key in ("contribution", "change", "misfit")
        },
    }


def _means(table: xarray.Dataset, name: str) -> dict[str, Any]:
    """Return the means of classes or tokens, largest misfit first, or of positions in order."""
    (dim,) = table.dims
    rows = np.argsort(-table["misfit"].to_numpy(), kind="stable")[:MOST_MEANS]
    if name == "positions":
        rows = np.arange(min(table.sizes[dim], MOST_POSITIONS))
    return {
        "names": _short_names(table[dim].to_numpy()[rows]),
        "n": table.sizes[dim],
        "stands_out": table["stands_out"].to_numpy()[rows].astype(int).tolist(),
        **{
            key: floats(table[key].to_numpy()[rows])
            for key in (
                *("n_samples", "contribution", "contribution_low", "contribution_high"),
                *("change", "change_low", "change_high", "misfit", "p_value"),
            )
        },
    }


def _texts(
    samples: xarray.Dataset, sample_of_row: NDArray[np.int64] | None
) -> list[dict[str, Any]]:
    """Return all rows of the samples that lower the similarity most, if rows are positions."""
    if "position" not in samples.coords:
        return []
    names = samples["sample_name"].to_numpy()
    keys = names if sample_of_row is None else sample_of_row
    _, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    contribution = samples["contribution"].to_numpy()
    order = np.argsort(-np.bincount(codes, contribution), kind="stable")[:MOST_TEXTS]
    positions = samples["position"].to_numpy()
    texts = []
    for code in order.tolist():
        rows = np.flatnonzero(codes == code)
        rows = rows[np.argsort(positions[rows], kind="stable")][:MOST_ROWS]
        texts.append(
            {
                "name": short(names[first[code]], NAME_LENGTH),
                "sample": None if sample_of_row is None else int(sample_of_row[first[code]]),
                "contribution": float(contribution[codes == code].sum()),
                "positions": positions[rows].tolist(),
                "tokens": _short_names(samples["token"].to_numpy()[rows])
                if "token" in samples.coords
                else None,
                "contributions": floats(contribution[rows]),
            }
        )
    return texts


def _neurons(table: xarray.Dataset) -> dict[str, Any]:
    (dim,) = table["predicted"].dims
    n = table.sizes[dim]
    rows = np.argsort(table["r_squared"].to_numpy(), kind="stable")[:MOST_NEURONS]
    table = table.isel({dim: np.sort(rows)})
    return {
        "n": n,
        "names": _short_names(table[dim].to_numpy()),
        "predicted": table["predicted"].to_numpy().astype(int).tolist(),
        "has_partner": table["has_partner"].to_numpy().astype(int).tolist(),
        "partner": _short_names(table["partner"].to_numpy()),
        **{key: floats(table[key]) for key in ("r_squared", "p_value", "partner_correlation")},
    }


def _short_names(values: Iterable[Any] | Sequence[Any]) -> list[str]:
    return [short(value, NAME_LENGTH) for value in values]
