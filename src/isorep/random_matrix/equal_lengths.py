"""Equal lengths: samples scaled to one length, so that heavy tails do not count as relations."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace

from isorep._utils.arrays import Array, to_numpy
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap, couple

HEAVY = 2.0
"""Variance of squared lengths, relative to normal samples, from which tails count as heavy."""


def with_equal_lengths(overlap: Overlap) -> Overlap:
    """Return the overlap of samples of equal length, if lengths vary much on both sides.

    Where few samples are long on both sides, by chance or because classes have another spread, they
    raise canonical correlations above the noise edge without any relation of directions. Each
    sample is then divided by its length in whitened coordinates. This leaves related directions
    related. Lengths that vary on one side alone do no harm.

    Returns
    -------
    Overlap
        The overlap itself if lengths vary little on a side, or it knows no samples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.standard_normal((2, 500, 5)) / np.sqrt(rng.chisquare(3, (2, 500, 1)))
    >>> o = couple(Basis.from_array(x), Basis.from_array(y))
    >>> q = with_equal_lengths(o).x.samples
    >>> np.linalg.norm(q, axis=1)[:3].round(6)
    array([1., 1., 1.])
    """
    if not overlap.knows_samples:
        return overlap
    sides = (overlap.x, overlap.y)
    if any(_spread(side) < HEAVY for side in sides):
        return overlap
    x, y = (Basis.from_array(_normalised(side.q)) for side in sides)
    return couple(x, y)


def _spread(side: Basis) -> float:
    """Return the variance of squared whitened lengths relative to that of normal samples, 2 r."""
    squares = np.sum(to_numpy(side.q) ** 2, axis=1) * side.n_samples
    return float(np.var(squares)) / (2 * side.rank)


def _normalised(q: Array) -> Array:
    xp = array_namespace(q)
    lengths = xp.sqrt(xp.sum(q**2, axis=1, keepdims=True))
    normalised: Array = q / xp.where(lengths > 0, lengths, xp.ones_like(lengths))
    return normalised
