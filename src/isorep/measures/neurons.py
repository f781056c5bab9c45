"""Inner product and norm of raw activation matrices, for the controls."""

from __future__ import annotations

from math import sqrt

from array_api_compat import array_namespace

from isorep.core.basis import Basis
from isorep.core.overlap import Overlap


def norm(basis: Basis) -> float:
    """Return the Frobenius norm of the representation, not centred."""
    xp = array_namespace(basis.mean)
    mean = sqrt(basis.n_samples) * basis.mean
    # In units of the largest entry: its square could overflow or vanish.
    unit = float(xp.maximum(xp.max(xp.abs(basis.loadings)), xp.max(xp.abs(mean))))
    return unit * sqrt(xp.sum((basis.loadings / unit) ** 2) + xp.sum((mean / unit) ** 2))


def cosine_similarity(overlap: Overlap) -> float:
    """Return ``<X, Y>_F / (||X||_F ||Y||_F)``, neither side centred.

    Raises
    ------
    ValueError
        If the two sides have different numbers of neurons.
    """
    means = means_product(overlap)
    x, y = overlap.x, overlap.y
    xp = array_namespace(overlap.matrix)
    centred = xp.sum((x.loadings / norm(x)) * (overlap.matrix @ (y.loadings / norm(y))))
    return float(centred) + means


def means_product(overlap: Overlap) -> float:
    """Return the part of `cosine_similarity` that comes from the means of the two sides.

    Raises
    ------
    ValueError
        If the two sides have different numbers of neurons.
    """
    x, y = overlap.x, overlap.y
    if x.n_features != y.n_features:
        raise ValueError(
            f"x has {x.n_features} features and y has {y.n_features}, but neuron j of x is "
            "compared with neuron j of y; use pwcca, cca, svcca, cka or procrustes for any widths"
        )
    xp = array_namespace(overlap.matrix)
    return float(overlap.n_samples * xp.sum((x.mean / norm(x)) * (y.mean / norm(y))))
