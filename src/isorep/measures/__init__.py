"""The measures: each a short formula of an `isorep.Overlap`, all in one table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from isorep._names import unknown_name
from isorep.basis import Solver
from isorep.measures._measure import Measure
from isorep.measures.cca import CCA, CCA_SQUARED, cca, cca_squared
from isorep.measures.cka import CKA, CKA_DEBIASED, cka, cka_debiased
from isorep.measures.cosine import COSINE, cosine
from isorep.measures.dft_cca import DFT_CCA, dft_cca
from isorep.measures.eigenspace_overlap import EIGENSPACE_OVERLAP, eigenspace_overlap
from isorep.measures.euclidean import EUCLIDEAN, euclidean
from isorep.measures.gulp import GULP, gulp
from isorep.measures.linear_regression import LINEAR_REGRESSION, linear_regression
from isorep.measures.procrustes import (
    PROCRUSTES,
    PROCRUSTES_SQUARED,
    procrustes,
    procrustes_squared,
)
from isorep.measures.pwcca import PWCCA, pwcca
from isorep.measures.ridge_cca import RIDGE_CCA, ridge_cca
from isorep.measures.shape import SHAPE, shape
from isorep.measures.svcca import SVCCA, SVCCA_SQUARED, svcca, svcca_squared
from isorep.score import Score

__all__ = [
    "MEASURES",
    "Measure",
    "cca",
    "cca_squared",
    "cka",
    "cka_debiased",
    "cosine",
    "dft_cca",
    "eigenspace_overlap",
    "euclidean",
    "gulp",
    "linear_regression",
    "procrustes",
    "procrustes_squared",
    "pwcca",
    "ridge_cca",
    "shape",
    "similarity",
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
