"""The measures: each a short formula of an `isorep.Overlap`, all in one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from isorep._names import unknown_name
from isorep.basis import Solver
from isorep.measures._measure import Measure
from isorep.measures.cca import CCA, cca
from isorep.measures.cka import CKA, cka
from isorep.measures.cka_rbf import CKA_RBF, CKA_RBF_DEBIASED, cka_rbf, cka_rbf_debiased
from isorep.measures.correlation_match import (
    HARD_CORRELATION,
    SOFT_CORRELATION,
    hard_correlation,
    soft_correlation,
)
from isorep.measures.cosine import COSINE, cosine
from isorep.measures.distance_correlation import DISTANCE_CORRELATION, distance_correlation
from isorep.measures.euclidean import EUCLIDEAN, euclidean
from isorep.measures.jaccard_knn import JACCARD_KNN, jaccard_knn
from isorep.measures.mutual_knn import MUTUAL_KNN, mutual_knn
from isorep.measures.permutation import PERMUTATION, permutation
from isorep.measures.procrustes import PROCRUSTES, procrustes
from isorep.measures.pwcca import PWCCA, pwcca
from isorep.measures.rank_similarity import RANK_SIMILARITY, rank_similarity
from isorep.measures.rsa import RSA, rsa
from isorep.measures.second_order_cosine import SECOND_ORDER_COSINE, second_order_cosine
from isorep.measures.soft_matching import SOFT_MATCHING, soft_matching
from isorep.measures.svcca import SVCCA, svcca
from isorep.score import Score

__all__ = [
    "MEASURES",
    "Measure",
    "cca",
    "cka",
    "cka_rbf",
    "cka_rbf_debiased",
    "cosine",
    "distance_correlation",
    "euclidean",
    "hard_correlation",
    "jaccard_knn",
    "mutual_knn",
    "permutation",
    "procrustes",
    "pwcca",
    "rank_similarity",
    "rsa",
    "second_order_cosine",
    "similarity",
    "soft_correlation",
    "soft_matching",
    "svcca",
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
    x: Any, y: Any, measure: str = "pwcca", *, solver: Solver = "auto", **options: Any
) -> Score:
    """Compare two representations of the same samples by a measure, given by name.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    measure : str
        A name in `isorep.MEASURES`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    **options
        The measure's own, such as ``weighting`` of `isorep.pwcca`.

    Returns
    -------
    Score
        Similarity and distance, ranks, sample count and warnings.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and for an unknown measure or option.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((300, 5))
    >>> score = isorep.similarity(x, x[:, ::-1], "pwcca", weighting="variance")
    >>> score.measure, round(score.similarity, 9), score.x_rank
    ('pwcca', 1.0, 5)
    """
    return measure_named(measure).between(x, y, solver=solver, **options)
