"""Mean canonical correlation."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from isorep.basis import Solver
from isorep.measures import _chance
from isorep.measures._measure import Measure, Reading
from isorep.overlap import Overlap
from isorep.score import Score


def mean_correlation(overlap: Overlap) -> float:
    """Return the mean of the canonical correlations."""
    xp = array_namespace(overlap.correlations)
    return float(xp.mean(overlap.correlations))


def _read(overlap: Overlap) -> Reading:
    return Reading(mean_correlation(overlap), overlap, whitened=True)


CCA = Measure(
    name="cca",
    formula="mean(rho)",
    description="mean canonical correlation",
    reference="Hotelling 1936; Raghu et al. 2017; Morcos et al. 2018, section 2",
    read=_read,
    invariance="linear",
    chance=_chance.mean_correlation,
)


def cca(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Mean canonical correlation: the share of directions that the two sides have in common.

    ``similarity = mean(rho)`` over the c = min(rank x, rank y) canonical correlations. Every
    direction counts the same, whether it carries most of the variance or next to none, so noise
    directions pull it down; `pwcca` weighs them. With few samples per feature it is biased upwards,
    and with fewer samples than features it is 1 whatever the data: the score then warns.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to every invertible linear map of either side; symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`.

    References
    ----------
    Hotelling 1936, Relations between two sets of variates. Morcos, Raghu and Bengio 2018,
    section 2.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> round(isorep.cca(x, x @ np.triu(np.ones((4, 4)))).similarity, 9)
    1.0
    """
    return CCA.between(x, y, solver=solver)
