"""PWCCA: projection weighted CCA, as Morcos, Raghu and Bengio (2018) define it."""

from __future__ import annotations

from math import sqrt
from typing import Any, Literal

import numpy as np
from array_api_compat import array_namespace

from isorep._utils.arrays import Array, to_numpy
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import Stack
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure

Weighting = Literal["paper", "variance", "google"]
Side = Literal["x", "y", "both"]


def _weighted_mean(overlap: Overlap | Stack, side: str, weighting: Weighting) -> Array:
    xp = array_namespace(overlap.whitened)
    if weighting == "variance":
        loadings = overlap.x_loadings if side == "x" else overlap.y_loadings
        # In units of the largest, so that squares neither overflow nor vanish.
        unit = xp.max(xp.abs(loadings), axis=(-2, -1), keepdims=True)
        alpha = xp.sum((loadings / unit) ** 2, axis=-1)
        alpha = alpha / xp.sum(alpha, axis=-1, keepdims=True)
    else:
        alpha = overlap.x_weights if side == "x" else overlap.y_weights
    weighted: Array = xp.sum(alpha * overlap.correlations, axis=-1)
    return weighted


def _stacked(stack: Stack, weights_from: Side, weighting: Weighting) -> Array | None:
    if weighting == "google":
        return None
    first, *others = (_weighted_mean(stack, side, weighting) for side in _sides(weights_from))
    return sum(others, start=first) / (1 + len(others))


def _sides(weights_from: Side) -> tuple[str, ...]:
    return ("x", "y") if weights_from == "both" else (weights_from,)


def _google_mean(overlap: Overlap, side: str) -> float:
    if side == "x":
        return _google(overlap.x, overlap.y, to_numpy(overlap.matrix))
    return _google(overlap.y, overlap.x, to_numpy(overlap.matrix).T)


def _google(x: Basis, y: Basis, matrix: np.ndarray[Any, Any]) -> float:
    """Return what the code published with the paper computes, with weights from x.

    Its directions are not whitened: ``D_i = (x - mean) u_i`` where the paper has variates, with
    ``u_i`` a left singular vector of ``Sxx^(-1/2) Sxy Syy^(-1/2)`` in the coordinates of x's
    features. The code then adds the mean of neuron i to direction i, orthonormalises D by QR, and
    projects the *uncentred* features. All these vectors are in the span of Q and the constant
    vector, so a few rows represent them: ``[diag(s) V^T u; sqrt(n) mean]`` and ``[R; sqrt(n)
    mean]``.

    The sum of a direction and a mean depends on the arbitrary sign of the direction. So this
    function decomposes the same matrix with LAPACK on the host, as the published code does.
    """
    x_s, x_r = to_numpy(x.singular_values)[:, None], to_numpy(x.loadings)
    y_s, y_r = to_numpy(y.singular_values)[:, None], to_numpy(y.loadings)
    u, rho, _ = np.linalg.svd((x_r / x_s).T @ matrix @ (y_r / y_s), full_matrices=False)
    # Beyond the ranks, directions are arbitrary and their correlations 0.
    k = min(x.rank, y.rank)
    u, rho = u[:, :k], rho[:k]
    mean = sqrt(x.n_samples) * to_numpy(x.mean)[None, :]
    directions, _ = np.linalg.qr(np.concat([x_r @ u, mean[:, : u.shape[1]]]))
    features = np.concat([x_r, mean])
    alpha = np.abs(directions.T @ (features / np.abs(features).max())).sum(axis=1)
    return float(alpha @ rho / alpha.sum())


_DIRECTIONS = {"x": "weights of x", "y": "weights of y", "both": ""}


@measure(
    title="PWCCA",
    formula="sum(alpha rho), alpha_i = sum_j |<h_i, z_j>| normalised",
    description="projection weighted canonical correlation (weights from x by default)",
    reference="Morcos et al. 2018, section 2",
    invariance="linear",
    any_axes=True,
    emphasis="norm",
    direction_rule=lambda weights_from, **_: _DIRECTIONS[weights_from],
    stack_rule=_stacked,
)
def pwcca(
    overlap: Overlap, *, weights_from: Side = "x", weighting: Weighting = "paper"
) -> MeasureValue:
    """Projection weighted CCA: canonical correlations weighted by how much of x they account for.

    ``similarity = sum_i alpha_i rho_i`` with ``alpha_i`` proportional to
    ``sum_j |<h_i, z_j>|``, where ``h_i`` is the i-th canonical variate of x (unit norm) and ``z_j``
    the j-th centred feature of x. Directions with little of x hardly count.

    The weights come from one side, so the measure is not symmetric: the paper calls its distance a
    pseudo-distance. If several correlations are equal, for example many zeros or ones, their
    variates are only defined up to a rotation. The paper's weights depend on that rotation; those
    of ``weighting="variance"`` do not.

    Parameters
    ----------
    weights_from : {"x", "y", "both"}
        Side whose features weight the correlations; "both" is the mean of the two scores, and
        symmetric.
    weighting : {"paper", "variance", "google"}
        Weights of the correlations. "paper": as above. "variance": ``alpha_i`` proportional to
        ``sum_j <h_i, z_j>^2``, the variance of the side that the variate explains. "google": what
        the code published with the paper (google/svcca) computes, for comparison with its numbers.
        It equals that code if p <= q; if p > q, that code stops with an IndexError where
        ``weights_from="y"`` would be right.

    Returns
    -------
    Score
        1 for any two invertible linear maps of one representation. In general, invariant to
        invertible linear maps of the side without weights and to isotropic scaling of the side with
        the weights; with ``weighting="variance"``, to its rotations too. Not symmetric; in [0, 1].

    Raises
    ------
    ValueError
        If `weights_from` or `weighting` is unknown.

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
    values = [
        _google_mean(overlap, side)
        if weighting == "google"
        else float(_weighted_mean(overlap, side, weighting))
        for side in _sides(weights_from)
    ]
    return MeasureValue(sum(values) / len(values), overlap, whitened=True)
