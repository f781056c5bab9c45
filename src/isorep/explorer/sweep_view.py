"""Sweep: what the page shows of `isorep.pairwise`'s table."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.comparison.clustering import Clustering, cluster
from isorep.explorer.embedding import embedding
from isorep.explorer.packing import ends, floats, names
from isorep.plot.axis import bounds

if TYPE_CHECKING:
    import xarray

BETWEEN = "between groups"


def sweep(
    table: xarray.Dataset, measures: list[str], groups: Mapping[Any, Hashable] | None
) -> dict[str, Any]:
    """Return a section of the page: for each measure and layer, matrix, tree and embedding."""
    table = table.transpose("layer", "x", "y", ...)
    networks = names(table["x"].to_numpy().tolist())
    group_of = None if groups is None else _groups(groups, networks)
    return {
        "kind": "sweep",
        "networks": networks,
        "layers": names(table["layer"].to_numpy().tolist()),
        "groups": group_of,
        "measures": [_measure(table, name, networks, group_of) for name in measures],
    }


def _groups(groups: Mapping[Any, Hashable], networks: Sequence[str]) -> list[str]:
    """Return the group of each network; the names may be numbers on either side."""
    if not isinstance(groups, Mapping):
        raise TypeError(
            f"groups should be a mapping of network to group, got {type(groups).__name__}"
        )
    given = {str(network): str(group) for network, group in groups.items()}
    for network in networks:
        if network not in given:
            raise ValueError(f"network {network!r} has no group; groups has {list(given)}")
    found = [given[network] for network in networks]
    if BETWEEN in found:
        raise ValueError(f"a group cannot be called {BETWEEN!r}: the page has a curve of that name")
    return found


def _measure(
    table: xarray.Dataset, name: str, networks: Sequence[str], group_of: Sequence[str] | None
) -> dict[str, Any]:
    distance = table[f"{name}_distance"]
    values = distance.to_numpy()
    return {
        "name": name,
        "description": table[name].attrs["long_name"],
        "units": distance.attrs["units"],
        "symmetric": bool(table[name].attrs["symmetric"]),
        "range": ends(bounds(distance.attrs["range"], values)),
        "layers": [
            _layer(matrix, reason, networks)
            for matrix, reason in zip(values, table["reason"].to_numpy(), strict=True)
        ],
        "curves": None if group_of is None else curves(values, group_of),
    }


def _layer(
    distances: NDArray[np.float64], reason: NDArray[Any], networks: Sequence[str]
) -> dict[str, Any]:
    kept, left_out = comparable(distances)
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
                    "a distance from it is infinite",
                ),
            }
            for i in left_out
        ],
        "distances": floats(values),
        "order": order,
        "tree_across": floats(across),
        "tree_heights": floats(heights),
        "points": floats(points),
        "share": share,
    }


def comparable(distances: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Leave out the networks that could not be compared, the worst first, until all others can.

    Examples
    --------
    >>> distances = np.zeros((3, 3))
    >>> distances[1] = distances[:, 1] = np.nan
    >>> comparable(distances)
    ([0, 2], [1])
    """
    kept = list(range(len(distances)))
    left_out: list[int] = []
    while True:
        bad = ~np.isfinite(distances[np.ix_(kept, kept)])
        if not bad.any():
            return kept, sorted(left_out)
        left_out.append(kept.pop(int(np.argmax(bad.sum(axis=0) + bad.sum(axis=1)))))


def branches(tree: Clustering) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return heights and places, (n - 1, 4) each, of the four corners of each merge's bracket.

    Leaves stand at 0 to n - 1 in the tree's order, at height 0; a merge in the middle of its two.
    """
    n = len(tree.names)
    place, height = np.zeros(2 * n - 1), np.zeros(2 * n - 1)
    place[list(tree.order)] = np.arange(n)
    heights, places = np.zeros((n - 1, 4)), np.zeros((n - 1, 4))
    for merge, (a, b, top) in enumerate(tree.linkage[:, :3].tolist()):
        left, right = int(a), int(b)
        places[merge] = place[left], place[left], place[right], place[right]
        heights[merge] = height[left], top, top, height[right]
        place[n + merge], height[n + merge] = (place[left] + place[right]) / 2, top
    return heights, places


def curves(distances: NDArray[np.float64], group_of: Sequence[str]) -> list[dict[str, Any]]:
    """Return each group's mean distance over ordered pairs of different networks, by layer.

    Pairs within each group, then those of different groups; with the standard deviation and how
    many pairs. Pairs that could not be compared do not count.

    Parameters
    ----------
    distances : (layers, n, n) array
    group_of : sequence of n str
    """
    distinct = list(dict.fromkeys(group_of))
    pairs: dict[str, list[tuple[int, int]]] = {group: [] for group in distinct}
    if len(distinct) > 1:
        pairs[BETWEEN] = []
    for i, j in product(range(len(group_of)), repeat=2):
        if i != j:
            pairs[group_of[i] if group_of[i] == group_of[j] else BETWEEN].append((i, j))
    found = []
    for group, own in pairs.items():
        rows, columns = np.array(own, dtype=np.int64).reshape(-1, 2).T
        values = distances[:, rows, columns]
        known = np.isfinite(values)
        count = known.sum(axis=1)
        some = np.where(count > 0, count, np.nan)
        mean = np.where(known, values, 0.0).sum(axis=1) / some
        spread = np.sqrt((np.where(known, values - mean[:, None], 0.0) ** 2).sum(axis=1) / some)
        found.append(
            {"group": group, "mean": floats(mean), "sd": floats(spread), "pairs": count.tolist()}
        )
    return found
