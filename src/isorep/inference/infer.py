"""Infer: a similarity with its corrected value, interval, chance level and p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any, NamedTuple

from isorep._utils.arrays import ArrayLike, to_numpy
from isorep._utils.html_table import html_table
from isorep._utils.validation import check_seed
from isorep.core.basis import Basis, Solver
from isorep.core.orders import ONE_GROUP, check_permutations
from isorep.core.overlap import Overlap, overlap
from isorep.core.score import Score
from isorep.core.warning_text import WarningText, heard, not_computed
from isorep.inference.chance import calibrated, is_negative
from isorep.inference.estimate import excesses_of, is_unbiased
from isorep.inference.interval import Interval, check_level, intervals
from isorep.inference.null_distribution import (
    NullDistribution,
    null_distributions,
    order_warnings,
)
from isorep.inference.shared_parts import SharedParts
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named
from isorep.random_matrix.effective_samples import effective_samples, independent_samples
from isorep.random_matrix.equal_lengths import with_equal_lengths
from isorep.random_matrix.population import Excess, Population
from isorep.random_matrix.tracy_widom import n_above_edge
from isorep.random_matrix.undeclared_dependence import dependence_warnings
from isorep.representations.missing_values import NanPolicy

LEVEL = 0.95
"""Default confidence level."""

N_PERMUTATIONS = 199
"""Default number of permutations; the smallest p-value is then 0.005."""


@dataclass(frozen=True)
class Inference:
    """A similarity with its corrected value, interval, chance level and p-value.

    Values that were not requested, or cannot be computed, are NaN.

    Attributes
    ----------
    similarity : float
        Similarity by the measure's formula.
    corrected : float
        Similarity corrected for finite-sample bias; see `isorep.similarity`. Equal to `similarity`
        if the measure has no such bias, as ``cka_debiased``.
    interval : (float, float)
        Confidence interval of the population value; see `isorep.inference.interval`.
    chance : float
        Chance level: the expected similarity of unrelated data with the same spectra.
    calibrated : float
        Calibrated similarity: 0 at the chance level and 1 for identity.
    p_value : float
        Probability of so high a similarity if the two sides are unrelated.
    n_significant : int
        Number of canonical correlations above the noise edge; see
        `isorep.inference.random_matrix_edge`.
    measure : str
        Name of the measure in `isorep.MEASURES`, with options that differ from their defaults.
    n_samples, x_rank, y_rank, n_omitted : int
        As in `isorep.Score`.
    warnings : tuple of str
        Reasons to read the numbers with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, noise = np.random.default_rng(0).standard_normal((2, 500, 4))
    >>> result = isorep.infer(x, x + noise, "pwcca")
    >>> result.interval[0] < result.corrected < result.interval[1]
    True
    >>> result.p_value, result.n_significant
    (0.005, 4)
    """

    similarity: float
    corrected: float
    interval: tuple[float, float]
    chance: float
    calibrated: float
    p_value: float
    n_significant: int
    measure: str
    n_samples: int
    x_rank: int
    y_rank: int
    warnings: tuple[str, ...] = ()
    n_omitted: int = 0

    def __repr__(self) -> str:
        low, high = self.interval
        numbers = ("similarity", "corrected", "chance", "calibrated", "p_value")
        values = ", ".join(f"{name}={getattr(self, name):.4g}" for name in numbers)
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        omitted = f", n_omitted={self.n_omitted}" if self.n_omitted else ""
        return (
            f"Inference({self.measure}: {values}, interval=({low:.4g}, {high:.4g}), "
            f"n_significant={self.n_significant}, n_samples={self.n_samples}{omitted}{warnings})"
        )

    def _repr_html_(self) -> str:
        low, high = self.interval
        rows = {**vars(self), "interval": f"{low:.4g} to {high:.4g}"}
        del rows["warnings"]
        warnings = [("warning", text) for text in self.warnings]
        return html_table("Inference", [*rows.items(), *warnings])

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain Python values, with interval and warnings as lists."""
        return {**vars(self), "interval": list(self.interval), "warnings": list(self.warnings)}


def infer(
    x: ArrayLike | Basis,
    y: ArrayLike | Basis,
    measure: Spec = "pwcca",
    *,
    level: float = LEVEL,
    n_permutations: int = N_PERMUTATIONS,
    groups: ArrayLike | None = None,
    order: ArrayLike | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    nan_policy: NanPolicy = "raise",
    **options: Any,
) -> Inference:
    """Compare two representations, with interval, chance level and p-value.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        Representations of the same n samples in rows. For mappings of layers, use `isorep.compare`
        with ``correct``, ``interval`` and ``chance``.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options, such as
        "linear_regression(folds=10)" or ``{"linear_regression": {"folds": 10}}``.
    level : float
        Confidence level of the interval.
    n_permutations : int
        Number of permutations for the p-value, and for the chance level if theory has no formula.
    groups, order : (n,) array-like, optional
        Group and time of each sample, if samples depend on each other; see `isorep.overlap`.
    seed : int
        Random seed for the correction, interval and p-value.
    solver : {"auto", "gram", "svd"}
        Whitening of arrays; see `isorep.Basis.from_array`.
    nan_policy : {"raise", "omit"}
        Whether rows with NaN raise an error or are left out; see `isorep.overlap`.
    **options
        Options of the measure.

    Returns
    -------
    Inference
        Values that cannot be computed from the samples are NaN, and a warning gives the reason.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; also if the measure or an option is unknown, or `level` is not in
        (0, 1).

    References
    ----------
    See `isorep.similarity`, and `interval`, `chance`, `null_distribution` and `random_matrix_edge`
    of `isorep.inference`.

    Examples
    --------
    Five shared dimensions among fifty:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((2000, 5))
    >>> x, y = (np.hstack([shared, rng.standard_normal((2000, 45))]) for _ in range(2))
    >>> result = isorep.infer(x, y, "cca")
    >>> result.n_significant, result.p_value, result.interval[0] < 0.1 < result.interval[1]
    (5, 0.005, True)
    >>> round(result.similarity, 2), round(result.chance, 2), round(result.calibrated, 2)
    (0.21, 0.13, 0.09)
    """
    for side, name in ((x, "x"), (y, "y")):
        if isinstance(side, Mapping):
            raise TypeError(
                f"infer compares two arrays, got a mapping of layers as {name}: use "
                "isorep.compare(a, b, correct=True, interval=True, chance=True) for two mappings"
            )
    row = measure_named(measure).with_options(**options)
    check_level(level)
    check_permutations(n_permutations)
    check_seed(seed)
    coupled = overlap(x, y, groups=groups, order=order, solver=solver, nan_policy=nan_policy)
    result = examine(coupled, [row], level=level, n_permutations=n_permutations, seed=seed)[
        row.label
    ]
    if isinstance(result, Exception):
        raise result
    return result.inference


class Examined(NamedTuple):
    """An inference, with the numbers behind it that tests of a whole table need.

    Attributes
    ----------
    inference : Inference
    null : NullDistribution or None
        Similarities after each permutation, if they were computed.
    """

    inference: Inference
    null: NullDistribution | None


def examine(
    coupled: Overlap,
    rows: Sequence[Measure],
    *,
    correct: bool = True,
    interval: bool = True,
    chance: bool = True,
    level: float = LEVEL,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
    shared: SharedParts | None = None,
) -> dict[str, Examined | ValueError | TypeError]:
    """Return the requested parts of an inference by several measures; see `infer`.

    The measures share the population, the simulated samples, the jackknife and the permutations.

    Parameters
    ----------
    shared
        What other pairs of the table computed with the same `seed` and `n_permutations`.

    Returns
    -------
    dict
        By label of the measure, the inference or the error that prevents it.
    """
    shared = shared or SharedParts(n_permutations, seed)
    scores: dict[Measure, Score] = {}
    results: dict[str, Examined | ValueError | TypeError] = {}
    for row in rows:
        try:
            scores[row] = row(coupled, **row.seeded({}, seed))
        except (TypeError, ValueError) as error:
            results[row.label] = error
    correctable = [row for row in scores if row.from_moments(row.seeded({}, seed))]
    no_population: ValueError | None = None
    population: Population | None = None
    excesses: dict[str, Excess | ValueError | TypeError] = {}
    structure = coupled.structure
    dependence: tuple[str, ...] = dependence_warnings(coupled)
    if structure is not None and structure.n_groups == 1 and structure.order is None:
        dependence += (ONE_GROUP,)
        correct = interval = chance = False
        n_effective = 1.0
    else:
        n_effective = effective_samples(coupled, seed)
    if (correct or interval) and correctable:
        try:
            population = Population.estimate(coupled, seed, n_effective)
        except ValueError as error:
            no_population = error
        else:
            excesses = excesses_of(population, correctable, seed)
    bounds: dict[str, Interval | ValueError | TypeError] = {}
    if interval:
        bounds = intervals(
            coupled,
            [row for row in scores if population is not None or row not in correctable],
            level=level,
            seed=seed,
            population=population,
            excesses=excesses,
            without_each=shared.without_each if structure is None else None,
        )
    nulls: dict[str, NullDistribution | ValueError | TypeError] = {}
    if chance and coupled.knows_samples:
        similarities = {row: score.similarity for row, score in scores.items()}
        nulls = null_distributions(coupled, similarities, shared.orders(coupled))
    n_significant = _n_significant(coupled, n_effective, seed)
    dependence += order_warnings(coupled) if chance else ()
    for row, score in scores.items():
        warnings = [*score.warnings, *dependence]
        if no_population is not None and row in correctable:
            warnings.append(not_computed(no_population))
        try:
            corrected, low, high = _corrected(
                coupled, row, score, seed, excesses.get(row.label), bounds.get(row.label), warnings
            )
            level_of_chance, p_value = nan, nan
            if chance:
                level_of_chance, p_value = _chance(
                    coupled, row, seed, nulls.get(row.label), warnings
                )
        except (TypeError, ValueError) as error:
            results[row.label] = error
            continue
        if is_negative(level_of_chance):
            warnings.append(
                WarningText(
                    "negative-chance",
                    f"unrelated data would show a {row.name} of {level_of_chance:.2f}, below 0, so "
                    "there is no calibrated value",
                    "read the similarity itself, for which 0 is no relation",
                )
            )
        null = nulls.get(row.label)
        inference = Inference(
            similarity=score.similarity,
            corrected=corrected if correct or interval else nan,
            interval=(low, high),
            chance=level_of_chance,
            calibrated=calibrated(score.similarity, level_of_chance),
            p_value=p_value,
            n_significant=n_significant,
            measure=row.label,
            n_samples=score.n_samples,
            n_omitted=score.n_omitted,
            x_rank=score.x_rank,
            y_rank=score.y_rank,
            warnings=heard(warnings),
        )
        null = null if isinstance(null, NullDistribution) else None
        results[row.label] = Examined(inference, null)
    return results


def _n_significant(coupled: Overlap, n_effective: float, seed: int) -> int:
    """Return the number of correlations above the noise edge; see `random_matrix_edge`."""
    counted = with_equal_lengths(coupled)
    n = n_effective if counted is coupled else independent_samples(coupled, seed)
    return n_above_edge(to_numpy(counted.correlations), n, counted.x.rank, counted.y.rank)


def _corrected(
    coupled: Overlap,
    row: Measure,
    score: Score,
    seed: int,
    excess: Excess | ValueError | TypeError | None,
    bounds: Interval | ValueError | TypeError | None,
    warnings: list[str],
) -> tuple[float, float, float]:
    """Return the corrected similarity and its bounds, NaN if unknown, and add their warnings."""
    corrected = score.similarity if is_unbiased(row, coupled, row.seeded({}, seed)) else nan
    low, high = nan, nan
    for part in (bounds, excess):
        if isinstance(part, TypeError):
            raise part
        if isinstance(part, ValueError):
            warnings.append(not_computed(part))
    if isinstance(bounds, Interval):
        low, high = bounds.low, bounds.high
        warnings += bounds.warnings
        if excess is not None:
            corrected = bounds.estimate
    elif isinstance(excess, Excess) and isnan(corrected):
        corrected_score = row.corrected(coupled, seed=seed, excess=excess)
        corrected = corrected_score.similarity
        warnings += corrected_score.warnings
    return corrected, low, high


def _chance(
    coupled: Overlap,
    row: Measure,
    seed: int,
    null: NullDistribution | ValueError | TypeError | None,
    warnings: list[str],
) -> tuple[float, float]:
    """Return the chance level and the p-value, NaN if unknown, and add their warnings."""
    # Theory is about independent samples.
    theory = row.chance(coupled, **row.seeded({}, seed)) if coupled.structure is None else None
    if isinstance(null, Exception):
        raise null
    if null is not None:
        return null.chance if theory is None else theory, null.p_value
    warnings.append(
        WarningText(
            "not-computed",
            "a stream keeps only second moments: it has no p-values, and no chance level of a "
            "measure without a formula",
            "compare fewer samples in memory",
        )
    )
    return nan if theory is None else theory, nan
