"""The table of measures, and the ways to look one up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from isorep._utils.validation import unknown_name
from isorep.core.basis import Solver
from isorep.core.score import Score
from isorep.measures.base import Measure
from isorep.measures.cca import CCA, CCA_SQUARED
from isorep.measures.cka import CKA, CKA_DEBIASED
from isorep.measures.cka_rbf import CKA_RBF, CKA_RBF_DEBIASED
from isorep.measures.correlation_match import HARD_CORRELATION, SOFT_CORRELATION
from isorep.measures.cosine import COSINE
from isorep.measures.dft_cca import DFT_CCA
from isorep.measures.distance_correlation import DISTANCE_CORRELATION
from isorep.measures.eigenspace_overlap import EIGENSPACE_OVERLAP
from isorep.measures.euclidean import EUCLIDEAN
from isorep.measures.gulp import GULP
from isorep.measures.jaccard_knn import JACCARD_KNN
from isorep.measures.linear_regression import LINEAR_REGRESSION
from isorep.measures.measure_spec import Spec, parse_spec
from isorep.measures.mutual_knn import MUTUAL_KNN
from isorep.measures.permutation import PERMUTATION
from isorep.measures.procrustes import PROCRUSTES, PROCRUSTES_SQUARED
from isorep.measures.pwcca import PWCCA
from isorep.measures.rank_similarity import RANK_SIMILARITY
from isorep.measures.ridge_cca import RIDGE_CCA
from isorep.measures.rsa import RSA
from isorep.measures.second_order_cosine import SECOND_ORDER_COSINE
from isorep.measures.shape import SHAPE
from isorep.measures.soft_matching import SOFT_MATCHING
from isorep.measures.svcca import SVCCA, SVCCA_SQUARED

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


def measure_named(spec: Spec) -> Measure:
    """Return a measure, with its options if the spec states any.

    Parameters
    ----------
    spec : str or mapping
        A name in `isorep.MEASURES`, alone or with options: "linear_regression(folds=10)" or
        ``{"linear_regression": {"folds": 10}}``.

    Returns
    -------
    Measure
        Options equal to their defaults do not count, so "pwcca(weights_from=x)" is "pwcca".

    Raises
    ------
    TypeError, ValueError
        If the spec is malformed, or the measure or an option is unknown.

    Examples
    --------
    >>> measure_named("linear_regression(folds=10)").options
    {'folds': 10, 'seed': 0}
    >>> measure_named({"pwcca": {"weights_from": "both"}}).label
    'pwcca(weights_from=both)'
    """
    name, options = parse_spec(spec)
    if name not in MEASURES:
        raise ValueError(unknown_name("measure", str(name), MEASURES))
    return MEASURES[name].with_options(**options)


def measures_named(specs: Spec | Sequence[Spec]) -> list[Measure]:
    """Return the measures to fill a table with, at least one, each once.

    Parameters
    ----------
    specs : str, mapping or sequence of these
        See `measure_named`. A mapping may hold several measures.

    Raises
    ------
    TypeError, ValueError
        See `measure_named`; also if there is no measure, or one that compares maps.
    """
    if isinstance(specs, Mapping):
        specs = [{name: options} for name, options in specs.items()]
    measures = [measure_named(spec) for spec in ([specs] if isinstance(specs, str) else specs)]
    if not measures:
        raise ValueError("no measure to compare by: pass at least one name in isorep.MEASURES")
    for measure in measures:
        if measure.requires == "maps":
            raise ValueError(
                f"{measure.name} compares maps, (n, channels, height, width), and a table's layers "
                f"are (n_samples, n_features): call isorep.measures.{measure.name}(x, y) on the "
                "maps of each pair"
            )
    return list({measure.label: measure for measure in measures}.values())


def one_measure(spec: Spec) -> Measure:
    """Return the measure where a table takes exactly one; see `measures_named`."""
    if not isinstance(spec, str | Mapping):
        raise TypeError(f"measure should be the name of one measure, got {spec!r}")
    (measure,) = measures_named([spec])
    return measure


def similarity(
    x: Any,
    y: Any,
    measure: Spec = "pwcca",
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
    measure : str or mapping
        A name in `isorep.MEASURES`, alone or with options: "linear_regression(folds=10)" or
        ``{"linear_regression": {"folds": 10}}``.
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
