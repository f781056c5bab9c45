"""Infer: a similarity with its corrected value, interval, chance level and p-value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from isorep._utils.arrays import ArrayLike, to_numpy
from isorep._utils.html_table import html_table
from isorep._utils.validation import check_seed
from isorep.core.basis import Basis, Solver
from isorep.core.folds import group_labels
from isorep.core.overlap import Overlap, overlap
from isorep.inference.chance import calibrated
from isorep.inference.interval import check_level, is_unbiased
from isorep.inference.interval import interval as bounds
from isorep.inference.null_distribution import check_permutations, null_distribution
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named
from isorep.random_matrix.population import Population
from isorep.random_matrix.tracy_widom import n_above_edge

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
    n_samples, x_rank, y_rank : int
        As in `isorep.Score`.
    warnings : tuple of str
        Reasons to read the numbers with care; empty if there are none.
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

    def __repr__(self) -> str:
        low, high = self.interval
        numbers = ("similarity", "corrected", "chance", "calibrated", "p_value")
        values = ", ".join(f"{name}={getattr(self, name):.4g}" for name in numbers)
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        return (
            f"Inference({self.measure}: {values}, interval=({low:.4g}, {high:.4g}), "
            f"n_significant={self.n_significant}, n_samples={self.n_samples}{warnings})"
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
    seed: int = 0,
    solver: Solver = "auto",
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
        The p-value assumes independent samples.
    groups : (n,) array-like, optional
        Group label of each sample, if samples depend on each other, such as the text of a token. It
        affects only the interval; the result then warns.
    seed : int
        Random seed for the correction, interval and p-value.
    solver : {"auto", "gram", "svd"}
        Whitening of arrays; see `isorep.Basis.from_array`.
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
    coupled = overlap(x, y, solver=solver)
    if groups is not None:
        group_labels(groups, coupled.n_samples)  # check them before the expensive steps
    return examine(
        coupled,
        row,
        level=level,
        n_permutations=n_permutations,
        groups=groups,
        seed=seed,
    )


def examine(
    coupled: Overlap,
    row: Measure,
    *,
    correct: bool = True,
    interval: bool = True,
    chance: bool = True,
    level: float = LEVEL,
    n_permutations: int = N_PERMUTATIONS,
    groups: ArrayLike | None = None,
    seed: int = 0,
    population: Population | None = None,
) -> Inference:
    """Return the requested parts of an inference for an overlap; see `infer`."""
    seeded = row.seeded({}, seed)
    score = row(coupled, **seeded)
    warnings = list(score.warnings)
    if groups is not None:
        warnings.append(
            "groups= affects only the interval. The correction, chance level and p-value assume "
            f"{coupled.n_samples} independent samples and are too optimistic; compare one sample, "
            "or the mean, of each group for these"
        )
    corrected, low, high = nan, nan, nan
    correct = correct or interval
    correctable = row.from_moments(seeded)
    if correct and is_unbiased(row, coupled, seeded):
        corrected = score.similarity
    if correct and correctable and population is None:
        try:
            population = Population.estimate(coupled, seed)
        except ValueError as error:
            warnings.append(str(error))
    if interval and (population is not None or not correctable):
        try:
            result = bounds(
                coupled,
                {row.name: row.fixed_options},
                level=level,
                groups=groups,
                seed=seed,
                population=population,
            )
        except ValueError as error:
            warnings.append(str(error))
        else:
            low, high = result.low, result.high
            warnings += result.warnings
            if correctable:
                corrected = result.estimate
    if correct and population is not None and correctable and isnan(corrected):
        try:
            corrected_score = row.corrected(coupled, seed=seed, population=population)
        except ValueError as error:
            warnings.append(str(error))
        else:
            corrected = corrected_score.similarity
            warnings += corrected_score.warnings
    chance_level, p_value = nan, nan
    if chance:
        theory = row.chance(coupled, **seeded)
        if coupled.knows_samples:
            null = null_distribution(
                coupled,
                {row.name: row.fixed_options},
                n_permutations=n_permutations,
                seed=seed,
            )
            chance_level = null.chance if theory is None else theory
            p_value = null.p_value
        else:
            chance_level = nan if theory is None else theory
            warnings.append(
                "a stream keeps only second moments, without which there are no p-values, nor "
                "chance levels of measures without a formula: compare fewer samples in memory"
            )
    return Inference(
        similarity=score.similarity,
        corrected=corrected,
        interval=(low, high),
        chance=chance_level,
        calibrated=calibrated(score.similarity, chance_level),
        p_value=p_value,
        n_significant=n_above_edge(
            to_numpy(coupled.correlations), coupled.n_samples, coupled.x.rank, coupled.y.rank
        ),
        measure=row.label,
        n_samples=score.n_samples,
        x_rank=score.x_rank,
        y_rank=score.y_rank,
        warnings=tuple(dict.fromkeys(warnings)),
    )
