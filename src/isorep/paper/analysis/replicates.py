"""Replicates: a contrast between two conditions that were measured in every network.

The networks are the sample. Each gives one value, the difference between two conditions. Under the
null hypothesis that the conditions do not differ, each value has either sign with equal
probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

import isorep
from isorep.paper.analysis.claims import Contrast
from isorep.paper.analysis.permutation_tests import CONFIDENCE

MOST_EXACT = 20
"""Largest number of networks; the test enumerates all 2^n changes of sign."""


def contrast(where: str, differences: ArrayLike, *, two_sided: bool = False) -> Contrast:
    """Return the mean difference over networks with its interval and p-value.

    Parameters
    ----------
    where : str
        Description of the difference, such as "late - early".
    differences : (n,) array
        Difference in each network.
    two_sided : bool
        Test against a difference in either direction.

    Returns
    -------
    Contrast
        The interval is Student's, with n - 1 degrees of freedom; it is None for one network. The
        p-value is exact, over the 2^n changes of sign.

    Examples
    --------
    >>> late = contrast("late - early", [0.2, 0.3, 0.1, 0.2, 0.2])
    >>> round(late.effect, 3), late.exact.p_value == 1 / 32
    (0.2, True)
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not 1 <= len(values) <= MOST_EXACT:
        raise ValueError(
            f"differences must have one value for each of 1 to {MOST_EXACT} networks, got shape "
            f"{values.shape}"
        )
    return Contrast(where, float(values.mean()), _interval(values), _signs(values, two_sided))


def largest(where: Sequence[str], differences: ArrayLike) -> Contrast:
    """Return the largest of several mean differences over networks, in absolute value.

    Parameters
    ----------
    where : sequence of str
        Description of each difference.
    differences : (n, k) array
        Differences in each network.

    Returns
    -------
    Contrast
        The effect is not negative. The p-value is exact: in each change of sign, a network changes
        the signs of all its differences, and the largest mean difference is compared.
    """
    values = np.asarray(differences, dtype=np.float64)
    signs = np.array(list(product([1.0, -1.0], repeat=len(values))))
    effects = np.abs(signs @ values).max(axis=1)
    mean = values.mean(axis=0)
    chosen = int(np.abs(mean).argmax())
    oriented = contrast(where[chosen], values[:, chosen] * np.sign(mean[chosen]), two_sided=True)
    extreme = int(np.sum(effects >= effects[0] - 1e-12 * np.abs(values).sum()))
    return replace(
        oriented, exact=isorep.inference.Exact(extreme / len(signs), min(1.0, 2 / len(signs)))
    )


def _interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    n = len(values)
    if n < 2:
        return None
    half = float(t.ppf((1 + CONFIDENCE) / 2, n - 1) * values.std(ddof=1) / n**0.5)
    return float(values.mean()) - half, float(values.mean()) + half


def _signs(values: NDArray[np.float64], two_sided: bool) -> isorep.inference.Exact:
    sums = np.array(list(product([1.0, -1.0], repeat=len(values)))) @ values
    observed = values.sum()
    if two_sided:
        sums, observed = np.abs(sums), abs(observed)
    # The tolerance counts the observed signs in spite of rounding errors.
    extreme = int(np.sum(sums >= observed - 1e-12 * np.abs(values).sum()))
    return isorep.inference.Exact(
        extreme / len(sums), min(1.0, (2 if two_sided else 1) / len(sums))
    )
