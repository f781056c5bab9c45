"""The measures: each a short formula of an `isorep.Overlap`, all in one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from isorep._utils.names import unknown_name
from isorep.core.basis import Solver
from isorep.core.score import Score
from isorep.measures.base import Measure
from isorep.measures.cca import CCA, CCA_SQUARED, cca, cca_squared
from isorep.measures.cka import CKA, CKA_DEBIASED, cka, cka_debiased
from isorep.measures.cka_rbf import CKA_RBF, CKA_RBF_DEBIASED, cka_rbf, cka_rbf_debiased
from isorep.measures.correlation_match import (
    HARD_CORRELATION,
    SOFT_CORRELATION,
    hard_correlation,
    soft_correlation,
)
from isorep.measures.cosine import COSINE, cosine
from isorep.measures.dft_cca import DFT_CCA, dft_cca
from isorep.measures.distance_correlation import DISTANCE_CORRELATION, distance_correlation
from isorep.measures.eigenspace_overlap import EIGENSPACE_OVERLAP, eigenspace_overlap
from isorep.measures.euclidean import EUCLIDEAN, euclidean
from isorep.measures.gulp import GULP, gulp
from isorep.measures.jaccard_knn import JACCARD_KNN, jaccard_knn
from isorep.measures.linear_regression import LINEAR_REGRESSION, linear_regression
from isorep.measures.mutual_knn import MUTUAL_KNN, mutual_knn
from isorep.measures.permutation import PERMUTATION, permutation
from isorep.measures.procrustes import (
    PROCRUSTES,
    PROCRUSTES_SQUARED,
    procrustes,
    procrustes_squared,
)
from isorep.measures.pwcca import PWCCA, pwcca
from isorep.measures.rank_similarity import RANK_SIMILARITY, rank_similarity
from isorep.measures.ridge_cca import RIDGE_CCA, ridge_cca
from isorep.measures.rsa import RSA, rsa
from isorep.measures.second_order_cosine import SECOND_ORDER_COSINE, second_order_cosine
from isorep.measures.shape import SHAPE, shape
from isorep.measures.soft_matching import SOFT_MATCHING, soft_matching
from isorep.measures.svcca import SVCCA, SVCCA_SQUARED, svcca, svcca_squared

__all__ = [
    "MEASURES",
    "Measure",
    "cca",
    "cca_squared",
    "cka",
    "cka_debiased",
    "cka_rbf",
    "cka_rbf_debiased",
    "cosine",
    "dft_cca",
    "distance_correlation",
    "eigenspace_overlap",
    "euclidean",
    "gulp",
    "hard_correlation",
    "jaccard_knn",
    "linear_regression",
    "mutual_knn",
    "permutation",
    "procrustes",
    "procrustes_squared",
    "pwcca",
    "rank_similarity",
    "ridge_cca",
    "rsa",
    "second_order_cosine",
    "shape",
    "similarity",
    "soft_correlation",
    "soft_matching",
    "svcca",
    "svcca_squared",
]

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        measure.name: measure
        for measure in (
            PWCCA,
            CCA,
            SVCCA,
            CKA,
            PROCRUSTES,
            CCA_SQUARED,
            SVCCA_SQUARED,
            RIDGE_CCA,
            EIGENSPACE_OVERLAP,
            LINEAR_REGRESSION,
            CKA_DEBIASED,
            PROCRUSTES_SQUARED,
            SHAPE,
            GULP,
            DFT_CCA,
            COSINE,
            EUCLIDEAN,
            CKA_RBF,
            CKA_RBF_DEBIASED,
            RSA,
            DISTANCE_CORRELATION,
            MUTUAL_KNN,
            JACCARD_KNN,
            RANK_SIMILARITY,
            SECOND_ORDER_COSINE,
            PERMUTATION,
            SOFT_MATCHING,
            HARD_CORRELATION,
            SOFT_CORRELATION,
        )
    }
)
"""Every measure by name; `isorep measures` prints the table."""


def measure_named(name: str) -> Measure:
    """Return a row of the table, or say which names come nearest."""
    if not isinstance(name, str):
        raise TypeError(f"a measure is called by its name, a string, not {type(name).__name__}")
    try:
        return MEASURES[name]
    except KeyError:
        raise ValueError(unknown_name("measure", name, MEASURES)) from None


def similarity(
    x: Any,
    y: Any,
    measure: str = "pwcca",
    *,
    correct: bool = False,
    seed: int = 0,
    solver: Solver = "auto",
    **options: Any,
) -> Score:
    """Compare two representations of the same samples by a measure, given by name.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    measure : str
        A name in `isorep.MEASURES`.
    correct : bool
        Correct for finite-sample bias. The canonical correlations of the
        population are found whose simulated samples show the observed ones; samples of it, with the
        observed loadings, show by how much the measure exceeds its value in the population. For
        measures of second moments and at least ``rank x + rank y + 1`` samples; reliable from twice
        as many on. See `docs/sample-size.md` for what it reaches.
    seed : int
        Of those simulations, and of the measure's own draws where it has any: the same seed gives
        the same number.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    **options
        The measure's own, such as ``weighting`` of `isorep.pwcca`.

    Returns
    -------
    Score
        Similarity and distance, ranks, sample count and warnings; with a correction, the
        similarity before it as ``.uncorrected``.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; for an unknown measure or option; and for a correction of a measure
        that reads more than second moments, or of so few samples that correlations are forced to 1.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((300, 5))
    >>> score = isorep.similarity(x, x[:, ::-1], "pwcca", weighting="variance")
    >>> score.measure, round(score.similarity, 9), score.x_rank
    ('pwcca', 1.0, 5)

    Unrelated data, which too few samples make look alike:

    >>> x, y = np.random.default_rng(0).standard_normal((2, 200, 20))
    >>> score = isorep.similarity(x, y, "cca", correct=True)
    >>> round(score.uncorrected, 2), score.similarity < 0.1
    (0.27, True)
    """
    return measure_named(measure).between(
        x, y, solver=solver, correct=correct, seed=seed, **options
    )
