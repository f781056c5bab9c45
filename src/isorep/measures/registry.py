"""The table of measures, and the ways to look one up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from isorep._utils.arrays import ArrayLike
from isorep._utils.validation import unknown_name
from isorep.core.basis import Solver
from isorep.core.score import Score
from isorep.core.single_basis import Precision
from isorep.measures.base import PREDICTION, PREDICTION_SUFFIX, Measure
from isorep.measures.cca import cca, cca_squared
from isorep.measures.cka import cka, cka_debiased
from isorep.measures.cka_rbf import cka_rbf, cka_rbf_debiased
from isorep.measures.correlation_match import hard_correlation, soft_correlation
from isorep.measures.cosine import cosine
from isorep.measures.crossnobis import crossnobis
from isorep.measures.dft_cca import dft_cca
from isorep.measures.distance_correlation import distance_correlation
from isorep.measures.eigenspace_overlap import eigenspace_overlap
from isorep.measures.euclidean import euclidean
from isorep.measures.gulp import gulp
from isorep.measures.jaccard_knn import jaccard_knn
from isorep.measures.linear_regression import linear_regression
from isorep.measures.measure_spec import Spec, parse_spec
from isorep.measures.mutual_knn import mutual_knn
from isorep.measures.permutation import permutation
from isorep.measures.pls_regression import pls_regression
from isorep.measures.plugins import PLUGINS, load_plugin
from isorep.measures.procrustes import procrustes, procrustes_squared
from isorep.measures.pwcca import pwcca
from isorep.measures.rank_similarity import rank_similarity
from isorep.measures.ridge_cca import ridge_cca
from isorep.measures.ridge_regression import ridge_regression
from isorep.measures.rsa import rsa
from isorep.measures.second_order_cosine import second_order_cosine
from isorep.measures.shape import shape
from isorep.measures.soft_matching import soft_matching
from isorep.measures.svcca import svcca, svcca_squared
from isorep.representations.missing_values import NanPolicy

_ROWS: dict[str, Measure] = {
    function.measure.name: function.measure
    for function in (
        pwcca,
        cca,
        svcca,
        cka,
        procrustes,
        cca_squared,
        svcca_squared,
        ridge_cca,
        eigenspace_overlap,
        linear_regression,
        ridge_regression,
        pls_regression,
        cka_debiased,
        procrustes_squared,
        shape,
        gulp,
        dft_cca,
        cosine,
        euclidean,
        cka_rbf,
        cka_rbf_debiased,
        rsa,
        crossnobis,
        distance_correlation,
        mutual_knn,
        jaccard_knn,
        rank_similarity,
        second_order_cosine,
        permutation,
        soft_matching,
        hard_correlation,
        soft_correlation,
    )
}
MEASURES: Mapping[str, Measure] = MappingProxyType(_ROWS)
"""Every measure by name, registered ones last; `isorep measures` prints the table.

Examples
--------
>>> import isorep
>>> measure = isorep.MEASURES["pwcca"]
>>> measure.formula, measure.direction, measure.invariance
('sum(alpha rho), alpha_i = sum_j |<h_i, z_j>| normalised', 'weights of x', 'linear')
>>> [name for name, measure in isorep.MEASURES.items() if measure.requires == "maps"]
['dft_cca']
"""


def add_measure(row: Measure) -> None:
    """Add a row to `MEASURES`, in place of an earlier row of the same function.

    Raises
    ------
    ValueError
        If a measure of another function has the name.
    """
    known = _ROWS.get(row.name)
    if known is not None and _origin(known) != _origin(row):
        raise ValueError(
            f"a measure {row.name!r} exists ({known.description}): register yours by another name"
        )
    _ROWS[row.name] = row


def _origin(row: Measure) -> tuple[str, str]:
    """Return the module and the qualified name of the function of a row."""
    return row.function.__module__, getattr(row.function, "__qualname__", "")


def measure_named(spec: Spec) -> Measure:
    """Return a measure, with its options if the spec states any.

    Parameters
    ----------
    spec : str or mapping
        A name in `isorep.MEASURES`, alone or with options: "linear_regression(folds=10)" or
        ``{"linear_regression": {"folds": 10}}``; or a label of a table, such as
        "linear_regression_y_from_x(folds=10)".

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
    stem = name.removesuffix(PREDICTION_SUFFIX)
    if name not in MEASURES and stem in MEASURES and MEASURES[stem].direction == PREDICTION:
        name = stem
    if name not in MEASURES:
        if name not in PLUGINS.names:
            raise ValueError(unknown_name("measure", str(name), [*MEASURES, *PLUGINS.names]))
        add_measure(load_plugin(name))
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
    groups: ArrayLike | None = None,
    order: ArrayLike | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    precision: Precision = "auto",
    nan_policy: NanPolicy = "raise",
    **options: Any,
) -> Score:
    """Compare two representations of the same samples by a measure.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        The same n samples in rows.
    measure : str or mapping
        A name in `isorep.MEASURES`, alone or with options: "linear_regression(folds=10)" or
        ``{"linear_regression": {"folds": 10}}``.
    correct : bool
        Correct for finite-sample bias. The correction searches for a population whose simulated
        samples have the observed canonical correlations. Samples of this population, with the
        observed loadings, show by how much the measure exceeds its population value. It needs a
        measure of second moments and at least ``rank x + rank y + 1`` samples, and is reliable from
        twice as many. `docs/sample-size.md` shows its accuracy.
    groups, order : (n,) array-like, optional
        Group and time of each sample, if samples depend on each other; see `isorep.overlap`. The
        correction, held-out samples and debiased CKA follow them.
    seed : int
        Random seed of the simulated samples, and of the measure if it draws at random.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    precision : {"auto", "double", "single"}
        Precision of the products of large float32 layers, for `cka` and `cka_debiased`; see
        `isorep.compare`. All other measures are computed from float64 products.
    nan_policy : {"raise", "omit"}
        Whether rows with NaN raise an error or are left out; see `isorep.overlap`.
    **options
        Options of the measure, such as ``weighting`` of `isorep.pwcca`.

    Returns
    -------
    Score
        Similarity and distance, ranks, number of samples and warnings; with a correction, the
        uncorrected similarity as ``.uncorrected``.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; if the measure or an option is unknown; or if a correction is not
        possible, because the measure needs more than second moments, or because samples are so few
        that some correlations are 1 for any data.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((300, 5))
    >>> score = isorep.similarity(x, x[:, ::-1], "pwcca", weighting="variance")
    >>> score.measure, round(score.similarity, 9), score.x_rank
    ('pwcca', 1.0, 5)

    Unrelated data look similar if samples are few:

    >>> x, y = np.random.default_rng(0).standard_normal((2, 200, 20))
    >>> score = isorep.similarity(x, y, "cca", correct=True)
    >>> round(score.uncorrected, 2), score.similarity < 0.1
    (0.27, True)
    """
    return measure_named(measure).between(
        x,
        y,
        groups=groups,
        order=order,
        solver=solver,
        precision=precision,
        nan_policy=nan_policy,
        correct=correct,
        seed=seed,
        **options,
    )
