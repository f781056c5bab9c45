"""PWCCA: projection weighted CCA, as Morcos, Raghu and Bengio (2018) define it."""

from __future__ import annotations

from math import sqrt
from typing import Any, Literal, get_args

import numpy as np
from array_api_compat import array_namespace

from isorep._utils.arrays import to_numpy
from isorep._utils.validation import unknown_name
from isorep.core.basis import Basis, Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Measure, MeasureValue

Weighting = Literal["paper", "variance", "google"]
Side = Literal["x", "y", "both"]


def _compute(
    overlap: Overlap, weights_from: Side = "x", weighting: Weighting = "paper"
) -> MeasureValue:
    if weights_from not in get_args(Side):
        raise ValueError(unknown_name("weights_from", str(weights_from), get_args(Side)))
    if weighting not in get_args(Weighting):
        raise ValueError(unknown_name("weighting", str(weighting), get_args(Weighting)))
    sides = ("x", "y") if weights_from == "both" else (weights_from,)
    values = [_weighted_mean(overlap, side, weighting) for side in sides]
    return MeasureValue(sum(values) / len(values), overlap, whitened=True)


def _weighted_mean(overlap: Overlap, side: str, weighting: Weighting) -> float:
    xp = array_namespace(overlap.matrix)
    if weighting == "google":
        if side == "x":
            return _google(overlap.x, overlap.y, to_numpy(overlap.matrix))
        return _google(overlap.y, overlap.x, to_numpy(overlap.matrix).T)
    if weighting == "variance":
        alpha = xp.sum((overlap.x_loadings if side == "x" else overlap.y_loadings) ** 2, axis=1)
        alpha = alpha / xp.sum(alpha)
    else:
        alpha = overlap.x_weights if side == "x" else overlap.y_weights
    return float(xp.sum(alpha * overlap.correlations))


def _google(x: Basis, y: Basis, matrix: np.ndarray[Any, Any]) -> float:
    """Return what the code published with the paper computes, weights from x.

    Its directions lack the whitening: ``D_i = (x - mean) u_i`` where the paper has variates, with
    ``u_i`` a left singular vector of ``Sxx^(-1/2) Sxy Syy^(-1/2)`` in the coordinates of x's
    features. It then adds neuron i's mean to direction i, orthonormalises D by QR, and projects the
    *uncentred* features. All of it lives in the span of Q and the constant vector, so few rows hold
    it: ``[diag(s) V^T u; sqrt(n) mean]`` and ``[R; sqrt(n) mean]``.

    The sum of a direction and a mean depends on the direction's arbitrary sign, hence LAPACK, which
    that code calls, on the host, and the same matrix.
    """
    x_s, x_r = to_numpy(x.singular_values)[:, None], to_numpy(x.loadings)
    y_s, y_r = to_numpy(y.singular_values)[:, None], to_numpy(y.loadings)
    u, rho, _ = np.linalg.svd((x_r / x_s).T @ matrix @ (y_r / y_s), full_matrices=False)
    mean = sqrt(x.n_samples) * to_numpy(x.mean)[None, :]
    directions, _ = np.linalg.qr(np.concat([x_r @ u, mean[:, : u.shape[1]]]))
    alpha = np.abs(directions.T @ np.concat([x_r, mean])).sum(axis=1)
    return float(alpha @ rho / alpha.sum())


_DIRECTIONS = {"x": "weights of x", "y": "weights of y", "both": ""}

PWCCA = Measure(
    name="pwcca",
    formula="sum(alpha rho), alpha_i = sum_j |<h_i, z_j>| normalised",
    description="projection weighted canonical correlation, weights from x's features",
    reference="Morcos et al. 2018, section 2",
    function=_compute,
    invariance="linear",
    direction_rule=lambda weights_from, **_: _DIRECTIONS[weights_from],
)


def pwcca(
    x: Any,
    y: Any,
    *,
    weights_from: Side = "x",
    weighting: Weighting = "paper",
    correct: bool = False,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Projection weighted CCA: canonical correlations weighted by how much of x they account for.

    ``similarity = sum_i alpha_i rho_i`` with ``alpha_i`` proportional to
    ``sum_j |<h_i, z_j>|``, where ``h_i`` is the i-th canonical variate of x (unit norm) and ``z_j``
    the j-th centred feature of x. Directions that carry little of x hardly count.

    The weights come from one side, so the measure is not symmetric: the paper calls its distance a
    pseudo-distance. Where several correlations are equal, many zeros or many ones, the variates
    are only defined up to a rotation among them, and the paper's weights depend on that rotation;
    ``weighting="variance"`` does not.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    weights_from : {"x", "y", "both"}
        Whose features weigh the correlations; "both" is the mean of the two scores, and symmetric.
    weighting : {"paper", "variance", "google"}
        "paper": as above. "variance": ``alpha_i`` proportional to ``sum_j <h_i, z_j>^2``, the
        variance of the side that the variate explains. "google": what the code published with the
        paper (google/svcca) computes, to compare with numbers that came out of it. It equals that
        code where a <= b; where a > b that code stops with an IndexError, and
        ``weights_from="y"`` is what it means to do.
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        1 for any two invertible linear maps of one representation. In general, invariant to
        invertible linear maps of the side that gives no weights and to isotropic scaling of the one
        that does; with ``weighting="variance"``, to its rotations too. Not symmetric; in [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and for an unknown `weights_from` or `weighting`.

    References
    ----------
    Morcos, Raghu and Bengio 2018, Insights on representational similarity in neural networks with
    canonical correlation, section 2.

    Examples
    --------
    Two strong shared dimensions and 20 weak ones that are not shared:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((500, 2))
    >>> x, y = (np.hstack([shared, 0.1 * rng.standard_normal((500, 20))]) for _ in range(2))
    >>> round(isorep.pwcca(x, y).similarity, 2), round(isorep.cca(x, y).similarity, 2)
    (0.37, 0.24)
    """
    return PWCCA.between(
        x,
        y,
        solver=solver,
        correct=correct,
        seed=seed,
        weights_from=weights_from,
        weighting=weighting,
    )
