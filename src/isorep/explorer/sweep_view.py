"""Sweep view: the section of a table of `isorep.pairwise`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.comparison.clustering import Clustering, cluster
from isorep.comparison.compare_groups import compare_groups
from isorep.comparison.network_groups import group_of_each, pairs_by_group
from isorep.core.coded_warning import CodedWarning
from isorep.core.warning_text import in_results_alone
from isorep.explorer.embedding import embedding
from isorep.explorer.packing import ends, floats, names
from isorep.plot.axis import bounds, display_name, inferred_values

if TYPE_CHECKING:
    import xarray


def sweep(
    table: xarray.Dataset, measures: list[str], groups: Mapping[Any, Hashable] | None
) -> dict[str, Any]:
    """Return the section: distances, tree and embedding for each measure and layer."""
    table = table.transpose("layer", "x", "y", ...)
    networks = names(table["x"].to_numpy().tolist())
    group_of = None if groups is None else names(group_of_each(groups, networks))
    return {
        "kind": "sweep",
        "networks": networks,
        "layers": names(table["layer"].to_numpy().tolist()),
        "opened": widest_layer(table[f"{measures[0]}_distance"].to_numpy()),
        "groups": group_of,
        "measures": [_measure(table, name, networks, group_of) for name in measures],
    }


def _tests(
    table: xarray.Dataset, measure: str, networks: Sequence[str], group_of: Sequence[str]
) -> dict[str, Any]:
    """Return the tests of the groups at each layer, or why there are none."""
    with in_results_alone(CodedWarning):  # the page shows it
        try:
            tests = compare_groups(
                table, dict(zip(networks, group_of, strict=True)), measure=measure
            )
        except ValueError as error:
            return {"reason": str(error)}
    return {
        "groups": names(tests["group"].to_numpy().tolist()),
        "warnings": tests.attrs["warnings"],
        "reasons": tests["reason"].to_numpy().tolist(),
        **{str(name): floats(tests[name]) for name in tests.data_vars if name != "reason"},
    }


def _measure(
    table: xarray.Dataset, name: str, networks: Sequence[str], group_of: Sequence[str] | None
) -> dict[str, Any]:
    distance = table[f"{name}_distance"]
    values = distance.to_numpy()
    inferred = _inferred(table, name)
    return {
        "name": name,
        "title": display_name(name),
        "description": table[name].attrs["long_name"],
        "direction": table[name].attrs["direction"],
        "units": distance.attrs["units"],
        "symmetric": bool(table[name].attrs["symmetric"]),
        "range": ends(bounds(distance.attrs["range"], values)),
        "layers": [
            _with_inferred(_layer(matrix, reason, networks), inferred, k)
            for k, (matrix, reason) in enumerate(
                zip(values, table["reason"].to_numpy(), strict=True)
            )
        ],
        "curves": None if group_of is None else curves(values, group_of),
        "tests": None if group_of is None else _tests(table, name, networks, group_of),
    }


def _inferred(table: xarray.Dataset, name: str) -> dict[str, NDArray[np.float64]]:
    """Return what the table infers for a measure, on the scale of its distance."""
    arrays = {
        key: values
        for key in ("low", "high", "chance")
        if (values := inferred_values(table, name, key, "distance")) is not None
    }
    p_values = {key: f"{name}_{key}" for key in ("p_adjusted", "p_max") if f"{name}_{key}" in table}
    return arrays | {key: table[variable].to_numpy() for key, variable in p_values.items()}


def _with_inferred(
    layer: dict[str, Any], inferred: Mapping[str, NDArray[np.float64]], place: int
) -> dict[str, Any]:
    """Add what was inferred for the networks that the layer shows."""
    kept = layer["kept"]
    shown = {key: floats(values[place][np.ix_(kept, kept)]) for key, values in inferred.items()}
    return {**layer, "inferred": shown}


def _layer(
    distances: NDArray[np.float64], reason: NDArray[Any], networks: Sequence[str]
) -> dict[str, Any]:
    kept, excluded = comparable(distances)
    values = distances[np.ix_(kept, kept)]
    if len(kept) > 1:
        tree = cluster(values)
        order = list(tree.order)
        heights, across = branches(tree)
    else:
        order, heights, across = list(range(len(kept))), np.zeros((0, 4)), np.zeros((0, 4))
    points, share = embedding(values) if kept else (np.zeros((0, 2)), 1.0)
    return {
        "kept": kept,
        "excluded": [
            {
                "network": networks[i],
                "reason": next(
                    (str(text) for text in (reason[i, i], *reason[i], *reason[:, i]) if text),
                    "one of its distances is infinite",
                ),
            }
            for i in excluded
        ],
        "distances": floats(values),
        "order": order,
        "tree_across": floats(across),
        "tree_heights": floats(heights),
        "points": floats(points),
        "share": share,
    }


def widest_layer(distances: NDArray[np.float64]) -> int:
    """Return the layer whose distances between different networks have the largest spread.

    The spread is their standard deviation: a layer at which all networks are equally far apart
    says little about them.

    Examples
    --------
    >>> distances = np.zeros((2, 3, 3))
    >>> distances[1, 0, 1:] = 0.5, 0.7
    >>> widest_layer(distances)
    1
    """
    between = distances[:, ~np.eye(distances.shape[1], dtype=bool)]
    known = np.ma.masked_invalid(between)
    return int(np.argmax(known.std(axis=1).filled(-1.0)))


def comparable(distances: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Return the networks to show and those to exclude, so that all distances shown are finite.

    The network with the most missing distances is excluded first.

    Examples
    --------
    >>> distances = np.zeros((3, 3))
    >>> distances[1] = distances[:, 1] = np.nan
    >>> comparable(distances)
    ([0, 2], [1])
    """
    kept = list(range(len(distances)))
    excluded: list[int] = []
    while True:
        is_missing = ~np.isfinite(distances[np.ix_(kept, kept)])
        if not is_missing.any():
            return kept, sorted(excluded)
        n_missing = is_missing.sum(axis=0) + is_missing.sum(axis=1)
        excluded.append(kept.pop(int(np.argmax(n_missing))))


def branches(tree: Clustering) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return heights and positions, (n - 1, 4) each, of the four corners of each merge's bracket.

    The leaves are at positions 0 to n - 1, in the order of the tree, and at height 0. A merge is
    midway between its two branches.
    """
    n = len(tree.names)
    position, height = np.zeros(2 * n - 1), np.zeros(2 * n - 1)
    position[list(tree.order)] = np.arange(n)
    heights, positions = np.zeros((n - 1, 4)), np.zeros((n - 1, 4))
    for merge, (a, b, top) in enumerate(tree.linkage[:, :3].tolist()):
        first, second = int(a), int(b)
        positions[merge] = position[first], position[first], position[second], position[second]
        heights[merge] = height[first], top, top, height[second]
        position[n + merge] = (position[first] + position[second]) / 2
        height[n + merge] = top
    return heights, positions


def curves(distances: NDArray[np.float64], group_of: Sequence[str]) -> list[dict[str, Any]]:
    """Return the mean distance within each group and between groups, for each layer.

    Each curve has the mean, standard deviation and number of the ordered pairs of different
    networks. Pairs with a missing distance do not count.

    Parameters
    ----------
    distances : (layers, n, n) array
        Distances between n networks at each layer.
    group_of : sequence of n str
        Group of each network.
    """
    group_curves = []
    for group, group_pairs in pairs_by_group(group_of).items():
        rows, columns = np.array(group_pairs, dtype=np.int64).reshape(-1, 2).T
        values = distances[:, rows, columns]
        is_known = np.isfinite(values)
        count = is_known.sum(axis=1)
        divisor = np.where(count > 0, count, np.nan)
        mean = np.where(is_known, values, 0.0).sum(axis=1) / divisor
        squares = np.where(is_known, values - mean[:, None], 0.0) ** 2
        sd = np.sqrt(squares.sum(axis=1) / divisor)
        group_curves.append(
            {"group": group, "mean": floats(mean), "sd": floats(sd), "pairs": count.tolist()}
        )
    return group_curves
