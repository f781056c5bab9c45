"""Group comparison: whether groups of networks differ, layer by layer, by exact tests."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from isorep._utils.validation import check_seed
from isorep.comparison.inferred import adjusted_p_values
from isorep.comparison.network_distances import NetworkDistances, few_networks
from isorep.comparison.network_groups import group_of_each
from isorep.core.warning_text import issue
from isorep.inference.network_permutations import (
    Exact,
    Floats,
    Statistic,
    mean_between,
    mean_within,
    members_of,
    observed_value,
    permute_labels,
    total,
)
from isorep.inference.permanova import explained_share, pseudo_f

if TYPE_CHECKING:
    import xarray


def compare_groups(
    distances: xarray.Dataset | xarray.DataArray | ArrayLike,
    groups: Mapping[Any, Hashable],
    *,
    measure: str | None = None,
    seed: int = 0,
) -> xarray.Dataset:
    """Test whether groups of networks differ, layer by layer.

    The networks are the sample: the tests relabel whole networks, since pairs that share a network
    are not independent. If there are at most 200,000 ways to choose the groups, all of them are
    enumerated and the p-values are exact; else 9,999 are drawn at random. Distances from x to y and
    from y to x, which may differ, are averaged.

    Parameters
    ----------
    distances : xarray.Dataset, DataArray or (N, N) array
        Table of `isorep.pairwise`, or distances between N networks.
    groups : mapping of network to group
        Two groups or more, of two networks or more each; sizes may differ. The networks of a matrix
        without coordinates are 0 to N - 1.
    measure : str, optional
        Measure of the table; by default its first.
    seed : int
        Random seed of the drawn labellings.

    Returns
    -------
    xarray.Dataset
        Over layer (if the table has layers), group and other_group:

        - ``distance`` (layer, group, other_group): mean distance, within a group on the diagonal;
        - ``separation`` (layer): mean distance between groups minus that within groups, over all
          pairs, with the one-sided ``separation_p_value``;
        - ``pseudo_f`` and ``r_squared`` (layer): PERMANOVA (Anderson 2001), with
          ``pseudo_f_p_value``. It also reacts to groups that differ in spread alone;
        - ``pair_separation`` (layer, group, other_group): mean distance between two groups minus
          the mean of those within the two, with the one-sided ``pair_separation_p_value``;
        - ``spread_difference`` (layer, group, other_group): mean distance within the group minus
          that within the other group, with the two-sided ``spread_difference_p_value``: is one
          group tighter?
        - for each test, ``..._p_adjusted`` for its number of layers and pairs (Benjamini and
          Hochberg 1995), and ``..._smallest_p_value``, the smallest p-value that so few networks
          allow;
        - ``reason`` (layer): why the numbers of a layer are NaN; empty if they are not.

    Raises
    ------
    TypeError, ValueError
        If `distances` is neither, a network has no group, there are fewer than two groups, or a
        group has fewer than two networks.

    Warns
    -----
    CodedWarning
        If a test of so few networks cannot have a p-value of 0.05 or less.

    References
    ----------
    Anderson 2001, A new method for non-parametric multivariate analysis of variance. Morcos, Raghu
    and Bengio 2018, figure 3, for distances within and between groups.

    Examples
    --------
    Four networks that learned alike, and four that are far from them and from each other:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> z, noise = rng.standard_normal((300, 5)), rng.standard_normal((8, 300, 5))
    >>> networks = {i: {"fc": z + (0.2 if i < 4 else 9) * noise[i]} for i in range(8)}
    >>> table = isorep.pairwise(networks, progress=False)
    >>> groups = {i: "learned" if i < 4 else "random" for i in networks}
    >>> tests = isorep.compare_groups(table, groups).sel(layer="fc")
    >>> tests["distance"].sel(group="learned").round(2).values
    array([0.04, 0.86])
    >>> pair = tests.sel(group="random", other_group="learned")
    >>> [round(pair[f"spread_difference{x}"].item(), 3) for x in ("", "_p_value")]
    [0.85, 0.029]
    """
    check_seed(seed)
    known = NetworkDistances.from_table(distances, measure)
    group_of = group_of_each(groups, known.networks)
    names = list(dict.fromkeys(group_of))
    sizes = [group_of.count(name) for name in names]
    _check_sizes(names, sizes)
    order = np.argsort([names.index(group) for group in group_of], kind="stable")
    arrays = known.by_layer(lambda values: _tests(values[np.ix_(order, order)], sizes, seed))
    for name in _TESTS:
        p_values = arrays[f"{name}_p_value"]
        arrays[f"{name}_p_adjusted"] = adjusted_p_values(p_values, ~np.isnan(p_values))
    coords = {"group": list(map(str, names)), "other_group": list(map(str, names))}
    warnings = few_networks(arrays, _TESTS, f"groups of {', '.join(map(str, sizes))} networks")
    return known.to_dataset(
        arrays,
        coords,
        {"kind": "compare_groups", "warnings": list(issue(warnings, stacklevel=2))},
        _TESTS,
    )


_TESTS = {
    "separation": "mean distance between groups minus mean distance within groups",
    "pseudo_f": "pseudo-F of the groups (PERMANOVA)",
    "pair_separation": "mean distance between two groups minus the mean of those within the two",
    "spread_difference": "mean distance within a group minus that within another group",
}
"""The statistics that are tested, with their descriptions."""


def _tests(distances: Floats, sizes: Sequence[int], seed: int) -> dict[str, Floats]:
    """Return statistics and p-values, each () or (groups, groups); groups are consecutive."""
    ends = np.cumsum([0, *sizes])
    places = [np.arange(start, stop) for start, stop in pairwise(ends)]
    observed = members_of(np.repeat(np.arange(len(sizes), dtype=np.int16), sizes)[None], len(sizes))
    f = pseudo_f(distances)
    by_pair = np.full((len(sizes), len(sizes)), np.nan)
    results: dict[str, Any] = {
        "distance": np.array(
            [
                [
                    (mean_within(distances, x) if x is y else mean_between(distances, x, y))[0]
                    for y in observed
                ]
                for x in observed
            ]
        ),
        "r_squared": explained_share(distances, *observed)[0],
    }
    for name, statistic in (("separation", _separation(distances)), ("pseudo_f", f)):
        exact = permute_labels(statistic, sizes, symmetric=True, seed=seed)
        results |= _named(name, statistic(*observed)[0], exact)
    for name in ("pair_separation", "spread_difference"):
        results |= {f"{name}{suffix}": by_pair.copy() for suffix in _SUFFIXES}
    for i, j in permutations(range(len(sizes)), 2):
        rows = np.concatenate([places[i], places[j]])
        part = distances[np.ix_(rows, rows)]
        pair = (sizes[i], sizes[j])
        for name, statistic, two_sided in (
            ("pair_separation", _pair_separation(part), False),
            ("spread_difference", _spread_difference(part), True),
        ):
            value = observed_value(statistic, pair)
            exact = permute_labels(statistic, pair, two_sided=two_sided, symmetric=True, seed=seed)
            for key, number in _named(name, value, exact).items():
                results[key][i, j] = number
    return {name: np.asarray(value) for name, value in results.items()}


_SUFFIXES = ("", "_p_value", "_smallest_p_value")


def _named(name: str, value: float, exact: Exact) -> dict[str, float]:
    return dict(zip((name + suffix for suffix in _SUFFIXES), (value, *exact), strict=True))


def _separation(distances: Floats) -> Statistic:
    """Return the mean distance between groups minus that within groups, over all pairs."""
    n = len(distances)
    whole = distances.sum()

    def statistic(*members: Floats) -> Floats:
        within = np.sum([total(distances, group, group) for group in members], axis=0)
        n_within = sum(size * (size - 1) for size in (group[0].sum() for group in members))
        difference: Floats = (whole - within) / (n * (n - 1) - n_within) - within / n_within
        return difference

    return statistic


def _pair_separation(distances: Floats) -> Statistic:
    def statistic(first: Floats, second: Floats) -> Floats:
        within = (mean_within(distances, first) + mean_within(distances, second)) / 2
        return mean_between(distances, first, second) - within

    return statistic


def _spread_difference(distances: Floats) -> Statistic:
    def statistic(first: Floats, second: Floats) -> Floats:
        return mean_within(distances, first) - mean_within(distances, second)

    return statistic


def _check_sizes(names: Sequence[Any], sizes: Sequence[int]) -> None:
    if len(names) < 2:
        raise ValueError(
            f"all networks are in one group, {names[0]!r}: expected two groups or more"
        )
    for name, size in zip(names, sizes, strict=True):
        if size < 2:
            raise ValueError(
                f"group {str(name)!r} has one network, which has no distance within the group: "
                "each group needs two networks or more"
            )
