"""Crossnobis: whether two sides agree on the cross-validated distances between conditions."""

from __future__ import annotations

from typing import Literal

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.core.basis import Basis
from isorep.core.kernel import ROUNDING
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText
from isorep.measures.base import MeasureValue
from isorep.measures.crossnobis_distances import Floats, Integers, Noise, distances, occurrences
from isorep.measures.measure_function import measure
from isorep.representations.sample_structure import SampleStructure

Comparison = Literal["whitened_cosine", "cosine", "pearson"]

HIGH = 0.5
"""Similarity of unrelated distances above which the measure warns."""

FEWEST_CONDITIONS = 3
"""Conditions that two lists of distances need to differ in more than their size."""


def _design(structure: SampleStructure | None) -> tuple[Integers, Integers]:
    """Return the condition and the repeat of each sample."""
    if structure is None:
        raise ValueError(
            "crossnobis needs repeated samples of conditions: pass groups= the condition of each "
            "sample, and order= the number of its repeat if the rows of a condition are not in the "
            "order of the repeats"
        )
    if structure.n_groups < FEWEST_CONDITIONS:
        raise ValueError(
            f"crossnobis needs at least {FEWEST_CONDITIONS} conditions (groups), got "
            f"{structure.n_groups}"
        )
    if structure.order is None:
        return structure.groups, occurrences(structure.groups)
    return structure.groups, np.unique(structure.order, return_inverse=True)[1]


def _distances(
    basis: Basis, conditions: Integers, repeats: Integers, noise: Noise, name: str
) -> Floats:
    # In units of the largest singular value: squares of anything else could overflow.
    samples = to_numpy(basis.combine(basis.loadings / basis.singular_values[0]))
    matrix = distances(samples, conditions, repeats, noise, name)
    if np.abs(matrix).max() <= ROUNDING:
        raise ValueError(
            f"all crossnobis distances between the conditions of {name} are 0, so there is nothing "
            "to compare"
        )
    return matrix


def _compared(x: Floats, y: Floats, comparison: Comparison) -> tuple[float, float]:
    """Return the similarity of two matrices of distances, and its mean over orders of conditions.

    The whitened cosine weighs the distances by the inverse covariance that their noise has because
    they share conditions. It equals the cosine of the matrices of centred inner products.
    """
    n = len(x)
    if comparison == "whitened_cosine":
        x, y = (
            matrix - matrix.mean(axis=0) - matrix.mean(axis=1)[:, None] + matrix.mean()
            for matrix in (x, y)
        )
        by_chance = float(np.trace(x) * np.trace(y)) / (n - 1)
    else:
        x, y = (matrix[np.triu_indices(n, 1)] for matrix in (x, y))
        if comparison == "pearson":
            x, y = x - x.mean(), y - y.mean()
        by_chance = float(x.sum() * y.sum()) / len(x)
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    if norms == 0:
        raise ValueError("all distances of a side are equal, so pearson is 0/0; use cosine")
    return float(np.vdot(x, y)) / norms, by_chance / norms


@measure(
    formula="cosine(w_x, w_y), w = V^(-1/2) d, d_ij crossnobis distance of conditions, i < j",
    description="agreement of the cross-validated distances between repeated conditions",
    reference="Walther et al. 2016; Diedrichsen et al. 2021 (whitened cosine)",
    invariance="signed",
    emphasis="equal",
    requires="repeats",
    similarity_range=(-1.0, 1.0),
)
def crossnobis(
    overlap: Overlap,
    *,
    noise: Noise = "shrinkage",
    comparison: Comparison = "whitened_cosine",
) -> MeasureValue:
    """Cross-validated RSA: how well two sides agree on the distances between conditions.

    For designs of conditions by repeats: groups are the conditions, and the order is the number of
    the repeat (by default, the rows of a condition are its repeats in turn). The distances are from
    `crossnobis_distances`, so noise does not make them larger, whereas it adds to all distances of
    `rsa`.

    Parameters
    ----------
    noise : {"identity", "diagonal", "shrinkage"}
        Noise precision of each side; see `crossnobis_distances`.
    comparison : {"whitened_cosine", "cosine", "pearson"}
        Agreement of the two lists of distances. "whitened_cosine" takes into account that distances
        which share a condition share its noise, and equals the linear CKA of conditions without
        noise. "cosine" of two lists of positive distances is far above 0 for unrelated data; the
        score warns if the level of unrelated data is above 0.5, and `isorep.infer` computes it.

    Returns
    -------
    Score
        Invariant to the order of features, and to an offset and a factor for each (with
        ``noise="identity"``, to rotation, reflection, translation and isotropic scaling);
        symmetric; similarity in [-1, 1], distance in [0, 2].

    Raises
    ------
    ValueError
        If there are no groups or fewer than 3, or distances are undefined; see
        `crossnobis_distances`.

    References
    ----------
    Walther et al. 2016, Reliability of dissimilarity measures for multi-voxel pattern analysis.
    Diedrichsen et al. 2021, Comparing representational geometries using whitened
    unbiased-distance-matrix similarity.

    Examples
    --------
    Forty conditions, four noisy repeats, and a second area with a rotation of the same code:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> conditions = np.tile(np.arange(40), 4)
    >>> code = 3 * rng.standard_normal((40, 20))
    >>> turn = np.linalg.qr(rng.standard_normal((20, 20)))[0]
    >>> x, y = (side[conditions] + rng.standard_normal((160, 20)) for side in (code, code @ turn))
    >>> score = isorep.measures.crossnobis(x, y, groups=conditions, noise="identity")
    >>> round(score.similarity, 1)
    1.0
    """
    conditions, repeats = _design(overlap.structure)
    x, y = (
        _distances(side, conditions, repeats, noise, name)
        for side, name in ((overlap.x, "x"), (overlap.y, "y"))
    )
    similarity, chance = _compared(x, y, comparison)
    return MeasureValue(similarity, overlap, warnings=_unrelated_level(chance, len(x), comparison))


def _unrelated_level(
    chance: float, n_conditions: int, comparison: Comparison
) -> tuple[WarningText, ...]:
    if chance <= HIGH:
        return ()
    return (
        WarningText(
            "few-samples",
            f"unrelated distances of {n_conditions} conditions would show a crossnobis "
            f"({comparison}) of {chance:.2f}",
            "take more conditions, use comparison='pearson', or compare with this level "
            "(isorep.infer)",
        ),
    )
