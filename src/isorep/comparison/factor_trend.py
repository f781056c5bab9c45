"""Factor trend: how distances between networks change along an ordered factor, by exact tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.validation import check_seed
from isorep.comparison.inferred import adjusted_p_values
from isorep.comparison.network_distances import NetworkDistances, few_networks
from isorep.comparison.network_groups import group_of_each
from isorep.core.warning_text import WarningText, issue
from isorep.inference.network_permutations import (
    Floats,
    exact_p_value,
    labellings,
    total,
)

if TYPE_CHECKING:
    import xarray

CHUNK = 2**22
"""Number of pairs of networks, over labellings, whose differences are computed at a time."""


def factor_trend(
    distances: xarray.Dataset | xarray.DataArray | ArrayLike,
    factor: Mapping[Any, float],
    *,
    measure: str | None = None,
    seed: int = 0,
) -> xarray.Dataset:
    """Test whether distances between networks change along an ordered factor, layer by layer.

    The factor is a number for each network, such as its width or learning rate; only the order of
    the numbers counts. Two questions are answered:

    - Do networks of the same level get closer to each other, or farther, as the level rises? Wide
      networks are closer to each other than narrow ones (Morcos et al. 2018, figure 4).
    - Are networks farther from each other if their levels are farther apart (Mantel 1967)?

    The tests relabel whole networks; see `isorep.compare_groups`.

    Parameters
    ----------
    distances : xarray.Dataset, DataArray or (N, N) array
        Table of `isorep.pairwise`, or distances between N networks.
    factor : mapping of network to number
        Level of each network, three levels or more.
    measure : str, optional
        Measure of the table; by default its first.
    seed : int
        Random seed of the drawn labellings.

    Returns
    -------
    xarray.Dataset
        Over layer, if the table has layers:

        - ``within_trend``: correlation of distance and rank of the level, over the pairs of
          networks of one level. NaN unless two levels have several networks;
        - ``mantel``: correlation of distance and difference of the ranks of the levels, over all
          pairs of networks;
        - for both, the two-sided ``..._p_value``, ``..._p_adjusted`` for the number of layers
          (Benjamini and Hochberg 1995), and ``..._smallest_p_value``;
        - ``reason``: why the numbers of a layer are NaN; empty if they are not.

    Raises
    ------
    TypeError, ValueError
        If `distances` is neither, a network has no number, or there are fewer than three levels.

    Warns
    -----
    CodedWarning
        If a test of so few networks cannot have a p-value of 0.05 or less, or `within_trend` is
        NaN because fewer than two levels have several networks.

    References
    ----------
    Mantel 1967, The detection of disease clustering and a generalized regression approach.

    Examples
    --------
    Three networks of each width, nearer to each other the wider they are:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> z = rng.standard_normal((400, 6))
    >>> widths = {f"{width}-{seed}": width for width in (16, 64, 256) for seed in range(3)}
    >>> networks = {
    ...     name: {"fc": z + 4 / width**0.5 * rng.standard_normal((400, 6))}
    ...     for name, width in widths.items()
    ... }
    >>> trend = isorep.factor_trend(isorep.pairwise(networks, progress=False), widths)
    >>> trend = trend.sel(layer="fc")
    >>> round(trend["within_trend"].item(), 2), trend["within_trend_p_value"].item() < 0.01
    (-0.98, True)
    """
    check_seed(seed)
    known = NetworkDistances.from_table(distances, measure)
    levels = _levels(group_of_each(factor, known.networks), known.networks)
    sizes = np.bincount(levels).tolist()
    order = np.argsort(levels, kind="stable")
    arrays = known.by_layer(lambda values: _trends(values[np.ix_(order, order)], sizes, seed))
    tests = [name for name in _TESTS if name in arrays]
    for name in tests:
        p_values = arrays[f"{name}_p_value"]
        arrays[f"{name}_p_adjusted"] = adjusted_p_values(p_values, ~np.isnan(p_values))
    warnings = few_networks(arrays, tests, f"levels of {', '.join(map(str, sizes))} networks")
    if "within_trend" not in arrays:
        unknown = np.full_like(arrays["mantel"], np.nan)
        arrays |= {name.replace("mantel", "within_trend"): unknown for name in arrays}
        warnings.append(_no_pairs(sizes))
    attrs = {"kind": "factor_trend", "warnings": list(issue(warnings, stacklevel=2))}
    return known.to_dataset(arrays, {}, attrs, _TESTS)


_TESTS = {
    "within_trend": "correlation of distance and rank of the level, within levels",
    "mantel": "correlation of distance and difference of the ranks of the levels",
}


def _levels(numbers: Sequence[Any], networks: Sequence[Any]) -> NDArray[np.int64]:
    """Return the rank of each network's number among the distinct numbers, from 0."""
    for network, number in zip(networks, numbers, strict=True):
        if not isinstance(number, Real) or isinstance(number, bool) or not isfinite(number):
            raise TypeError(
                f"factor must give a finite number for each network, got {number!r} for "
                f"{network!r}: use isorep.compare_groups for groups without an order"
            )
    distinct, levels = np.unique(np.array(numbers, dtype=np.float64), return_inverse=True)
    if len(distinct) < 3:
        raise ValueError(
            f"factor has {len(distinct)} distinct levels, and a trend needs three or more: use "
            "isorep.compare_groups for two groups"
        )
    return np.asarray(levels, dtype=np.int64)


def _no_pairs(sizes: Sequence[int]) -> WarningText:
    return WarningText(
        "few-networks",
        "within_trend is NaN: it compares networks of one level with each other, and only "
        f"{sum(size > 1 for size in sizes)} of {len(sizes)} levels have two networks or more",
        "train several networks of each level; mantel needs one of each",
    )


def _trends(distances: Floats, sizes: Sequence[int], seed: int) -> dict[str, Floats]:
    """Return both correlations with their p-values; networks are sorted by level."""
    labels = labellings(tuple(sizes), seed)
    trends = {"mantel": _mantel(distances, labels)}
    if sum(size > 1 for size in sizes) > 1:
        trends = {"within_trend": _within_trend(distances, labels, sizes), **trends}
    results = {}
    for name, values in trends.items():
        # Levels in reverse order give the same value of a Mantel correlation, and the negative of
        # the other, if the sizes allow it.
        alike = 2 if list(sizes) == list(sizes)[::-1] else 1
        exact = exact_p_value(values, two_sided=True, alike=alike)
        results[name] = np.asarray(values[0])
        results[f"{name}_p_value"], results[f"{name}_smallest_p_value"] = map(np.asarray, exact)
    return results


def _within_trend(distances: Floats, labels: NDArray[np.int16], sizes: Sequence[int]) -> Floats:
    """Return the correlation of distance and level over pairs of one level, (m,)."""
    pairs = np.array([size * (size - 1) for size in sizes], dtype=np.float64)
    ranks = np.arange(len(sizes)) - np.average(np.arange(len(sizes)), weights=pairs)
    products, sums, squares = np.zeros((3, len(labels)))
    for level in np.flatnonzero(pairs):
        members = (labels == level).astype(np.float64)
        inside = total(distances, members, members)
        sums += inside
        squares += total(distances**2, members, members)
        products += ranks[level] * inside
    n = pairs.sum()
    deviation = np.sqrt(np.maximum(squares - sums**2 / n, 0.0) * np.sum(pairs * ranks**2))
    return _ratio(products, deviation)


def _mantel(distances: Floats, labels: NDArray[np.int16]) -> Floats:
    """Return the correlation of distance and difference of levels over all pairs, (m,)."""
    first, second = np.triu_indices(len(distances), 1)
    values = distances[first, second] - distances[first, second].mean()
    step = max(1, CHUNK // len(first))
    products = []
    for start in range(0, len(labels), step):
        part = labels[start : start + step].astype(np.float64)
        products.append(np.abs(part[:, first] - part[:, second]) @ values)
    steps = np.abs(labels[0, first] - labels[0, second]).astype(np.float64)
    deviation = np.linalg.norm(values) * np.linalg.norm(steps - steps.mean())
    return _ratio(np.concatenate(products), np.full(len(labels), deviation))


def _ratio(products: Floats, deviations: Floats) -> Floats:
    """Return correlations; 0 where all distances are equal."""
    ratios: Floats = np.divide(
        products, deviations, out=np.zeros_like(products), where=deviations > 0
    )
    return ratios
