"""Explanation text: an explanation in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.name_list import listed
from isorep.explanation.readable_names import readable_names

if TYPE_CHECKING:
    import xarray

    from isorep.explanation.explanation import Explanation

MOST_NAMES = 12
"""Names of samples and neurons that a line shows."""


def explanation_lines(explanation: Explanation) -> dict[str, str]:
    """Return a sentence or two about each part, by the name of the part."""
    score, samples = explanation.score, explanation.samples
    x_name, y_name = explanation.names
    lines = {
        score.measure: f"similarity {score.similarity:.3f} of {x_name} and {y_name}, "
        f"{score.n_samples} samples",
        "directions": _directions(explanation),
        "samples": _samples(samples, explanation.alpha),
    }
    for name, table in (
        ("classes", explanation.classes),
        ("tokens", explanation.tokens),
        ("positions", explanation.positions),
    ):
        if table is not None:
            lines[name] = _classes(name, table)
    lines["groups"] = _groups(explanation)
    for name, table, other in (
        ("x neurons", explanation.x_neurons, y_name),
        ("y neurons", explanation.y_neurons, x_name),
    ):
        lines[name] = _neurons(table, other)
    return lines


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _standing_out(stands_out: NDArray[np.bool_]) -> str:
    number = int(stands_out.sum())
    return f"{number} of {len(stands_out)} {'stands' if number == 1 else 'stand'} out"


def _directions(explanation: Explanation) -> str:
    table = explanation.directions
    shared = table["shared"].to_numpy()
    x, y = table["x_variance"].to_numpy(), table["y_variance"].to_numpy()
    text = (
        f"{int(shared.sum())} of {_count(len(shared), 'pair')} are shared above noise "
        f"({_share(x[shared].sum())} of the variance of x, {_share(y[shared].sum())} of y)"
    )
    if not shared.all():
        number = int((~shared).sum())
        text += (
            f"; {number} {'is' if number == 1 else 'are'} not "
            f"({_share(x[~shared].sum())} of x, {_share(y[~shared].sum())} of y)"
        )
    unpaired = [
        f"{_share(table.attrs[f'{side}_unpaired_variance'])} of {side}"
        for side in ("x", "y")
        if table.attrs[f"{side}_unpaired_variance"] >= 0.005
    ]
    return text + (f"; without a pair: {', '.join(unpaired)}" if unpaired else "")


def _samples(samples: xarray.Dataset, alpha: float) -> str:
    stands_out = samples["stands_out"].to_numpy()
    n = len(stands_out)
    if not np.isfinite(samples["misfit"]).any():
        return f"too few samples or no shared direction to say which of the {n} stand out"
    if not stands_out.any():
        return f"none of the {n} stands out (adjusted p <= {alpha:g})"
    order = np.argsort(-samples["misfit"].to_numpy(), kind="stable")
    rows = order[: int(stands_out.sum())]
    names = readable_names(samples["sample_name"].to_numpy()[rows], rows)
    total = float(samples["contribution"].to_numpy()[stands_out].sum())
    return (
        f"{_standing_out(stands_out)} (adjusted p <= {alpha:g}): "
        f"{listed(names, MOST_NAMES)}. Left out one at a time, they change "
        f"the similarity by {total:+.3g} in all"
    )


def _classes(name: str, table: xarray.Dataset) -> str:
    classes = table[next(iter(table.dims))].to_numpy()
    stands_out = table["stands_out"].to_numpy()
    if len(classes) == 1:
        return f"all samples are of one, {classes[0]}, so there is no other to compare it with"
    if not np.isfinite(table["p_value"]).any():
        return f"too few samples or no shared direction to compare {len(classes)} {name}"
    if not stands_out.any():
        return f"none of {len(classes)} stands out"
    order = np.argsort(-table["misfit"].to_numpy(), kind="stable")
    texts = [
        f"{classes[i]} (misfit {table['misfit'].to_numpy()[i]:.2f}, p "
        f"{table['p_value'].to_numpy()[i]:.2g})"
        for i in order
        if stands_out[i]
    ]
    return f"{_standing_out(stands_out)}: {listed(texts)}"


def _groups(explanation: Explanation) -> str:
    groups, samples = explanation.groups, explanation.samples
    names = np.array(
        readable_names(samples["sample_name"].to_numpy(), range(len(samples["sample"])))
    )
    numbers = samples["group"].to_numpy()
    if not len(groups):
        return "no group of samples is linked on one side alone"
    texts = []
    for number, row in groups.iterrows():
        members = names[numbers == number].tolist()
        texts.append(
            f"{row['grouped_by']} links {row['n_samples']} samples ({listed(members)}): "
            f"{row['x_links']:.1f} neighbours within the group in x, {row['y_links']:.1f} in y"
        )
    return "; ".join(texts)


def _neurons(table: xarray.Dataset, other: str) -> str:
    (dim,) = table["predicted"].dims
    names, predicted = table[dim].to_numpy(), table["predicted"].to_numpy()
    alive = np.isfinite(table["r_squared"].to_numpy())
    unpredicted = names[alive & ~predicted]
    median = float(np.nanmedian(table["r_squared"].to_numpy()))
    text = (
        f"{int(predicted.sum())} of {int(alive.sum())} are predicted from {other} above noise "
        f"(median held-out R^2 {median:.2f})"
    )
    if len(unpredicted):
        text += f"; not: {_listed(unpredicted)}"
    return text + f"; {int(table['has_partner'].sum())} have a partner of their own"


def _listed(names: Any) -> str:
    return listed([str(name) for name in names], MOST_NAMES)
