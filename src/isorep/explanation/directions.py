"""Directions: the pairs of directions of two representations, and which of them are shared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import epsilon, to_numpy
from isorep._utils.linalg import svd
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.explanation.explained_pair import ExplainedPair
from isorep.explanation.held_out_pairs import Floats, HeldOutPairs, coordinates

if TYPE_CHECKING:
    import xarray

ROUNDINGS = 4
"""Roundings of a typical value that its error may reach, after a product with a matrix."""


def shared_directions(
    pair: ExplainedPair, held_out: HeldOutPairs, *, whiten: bool, alpha: float
) -> xarray.Dataset:
    """Return the pairs of directions, from shared to unshared.

    Canonical pairs if `whiten`. Otherwise the singular pairs of ``Xc^T Yc``, whose squared values
    CKA adds up and whose values Procrustes adds up. The variance of a side in its directions adds
    up to the whole over all pairs, and what the narrower side leaves without a pair is the
    attribute ``x_unpaired_variance`` or ``y_unpaired_variance``. The attribute ``noise_edge`` is
    the held-out correlation up to which a pair may be noise.

    Returns
    -------
    xarray.Dataset
        Over (direction,): ``correlation``; ``held_out_correlation``; ``p_value``, adjusted for the
        number of pairs; ``shared``, whether the pair is above noise; ``x_variance`` and
        ``y_variance``, shares of the variance of each side. Over (x_neuron, direction) and
        (y_neuron, direction): ``x_direction`` and ``y_direction``, the weights of the neurons.
    """
    import xarray

    overlap = pair.overlap
    if whiten:
        values, parts = _canonical(overlap)
    else:
        values, parts = _covariance(overlap)
    variances = {side: part["variance"] for side, part in parts.items()}
    variables: dict[str, Any] = {
        "correlation": ("direction", values),
        "held_out_correlation": ("direction", held_out.correlations),
        "p_value": ("direction", held_out.p_values),
        "shared": ("direction", held_out.p_values <= alpha),
        "x_variance": ("direction", variances["x"]),
        "y_variance": ("direction", variances["y"]),
        "x_direction": (("x_neuron", "direction"), parts["x"]["directions"]),
        "y_direction": (("y_neuron", "direction"), parts["y"]["directions"]),
    }
    return xarray.Dataset(
        variables,
        coords={
            "direction": np.arange(1, len(values) + 1),
            "x_neuron": pair.x_neurons,
            "y_neuron": pair.y_neurons,
        },
        attrs={
            "pairs": "canonical" if whiten else "covariance",
            "alpha": alpha,
            "noise_edge": held_out.noise_edge,
            **{
                f"{side}_unpaired_variance": max(0.0, 1.0 - float(share.sum()))
                for side, share in variances.items()
            },
        },
    )


class SharedScores(NamedTuple):
    """Scores of the samples in the shared pairs of directions.

    Attributes
    ----------
    x, y : (n, k) float64 array
        Scores of both sides.
    rounding : (k,) float64 array
        Share of the variance of each pair that the rounding of the data may have made, of both
        sides together.
    """

    x: Floats
    y: Floats
    rounding: Floats


def shared_scores(overlap: Overlap, whiten: bool, shared: NDArray[np.bool_]) -> SharedScores:
    """Return the scores of both sides in the shared pairs."""
    x, y = (coordinates(side, whiten) for side in (overlap.x, overlap.y))
    u, _, wt = np.linalg.svd(x.T @ y, full_matrices=False)
    u, w = u[:, shared], wt[shared].T
    rounding = _rounding(overlap.x, u, whiten) + _rounding(overlap.y, w, whiten)
    return SharedScores(x @ u, y @ w, rounding)


def _rounding(side: Basis, rotation: Floats, whiten: bool) -> Floats:
    """Return the share of the variance of each direction that rounding may have made, (k,).

    Each value has an error of up to `ROUNDINGS` times its dtype's epsilon, of the size of a typical
    value of the side, its mean included.
    """
    n, s = side.n_samples, to_numpy(side.singular_values)
    mean = to_numpy(side.mean)
    typical = (np.sum(s**2) / n + np.sum(mean**2)) / side.n_features
    error = (ROUNDINGS * epsilon(side.dtype)) ** 2 * (n - 1) * typical
    if whiten:
        return np.asarray(error * np.sum((rotation / s[:, None]) ** 2, axis=0))
    return np.asarray(error / np.sum((rotation * s[:, None]) ** 2, axis=0))


def _canonical(overlap: Overlap) -> tuple[Floats, dict[str, dict[str, Floats]]]:
    parts = {}
    for name, side, directions, loadings in (
        ("x", overlap.x, overlap.x_directions, overlap.x_loadings),
        ("y", overlap.y, overlap.y_directions, overlap.y_loadings),
    ):
        unit = side.singular_values[0]
        total = float((side.singular_values / unit) @ (side.singular_values / unit))
        parts[name] = {
            "directions": to_numpy(directions),
            "variance": np.sum(to_numpy(loadings / unit) ** 2, axis=1) / total,
        }
    return to_numpy(overlap.correlations), parts


def _covariance(overlap: Overlap) -> tuple[Floats, dict[str, dict[str, Floats]]]:
    sizes = [to_numpy(b.singular_values / b.singular_values[0]) for b in (overlap.x, overlap.y)]
    cross = sizes[0][:, None] * to_numpy(overlap.matrix) * sizes[1]
    u, covariances, wt = svd(np, cross)
    parts = {}
    for name, side, size, rotation in (
        ("x", overlap.x, sizes[0], u),
        ("y", overlap.y, sizes[1], wt.T),
    ):
        axes = to_numpy(side.loadings) / to_numpy(side.singular_values)[:, None]
        parts[name] = {
            "directions": axes.T @ rotation,
            "variance": np.sum((size[:, None] * rotation) ** 2, axis=0) / np.sum(size**2),
        }
    norms = np.sqrt(
        parts["x"]["variance"]
        * np.sum(sizes[0] ** 2)
        * parts["y"]["variance"]
        * np.sum(sizes[1] ** 2)
    )
    return np.clip(covariances / norms, 0.0, 1.0), parts
