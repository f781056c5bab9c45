"""Contrast: the difference between the similarities of two pairs of representations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from math import exp, hypot, isnan, log, nan
from typing import Any, get_args

import numpy as np

from isorep._utils.arrays import ArrayLike
from isorep._utils.html_table import html_table
from isorep._utils.validation import check_name, check_seed
from isorep.core.basis import Basis, Solver
from isorep.core.orders import ONE_GROUP
from isorep.core.overlap import Overlap, couple
from isorep.core.warning_text import WarningText, about, heard, not_computed
from isorep.inference.estimate import Estimate, estimates, profile_widths, student_quantile
from isorep.inference.infer import LEVEL, N_PERMUTATIONS
from isorep.inference.interval import GREATEST_LEVEL, check_level
from isorep.inference.shared_parts import SharedParts
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named
from isorep.random_matrix.population import Population
from isorep.random_matrix.undeclared_dependence import dependence_warnings
from isorep.representations.missing_values import NanPolicy, complete_rows
from isorep.representations.sample_structure import SampleStructure, common_structure
from isorep.representations.sample_table import by_label, is_table, read_tables

SMALLEST_P = 1 - GREATEST_LEVEL
"""Smallest p-value that is computed: the populations that a sample allows are known no further."""

Pair = Sequence[Any]
"""Two representations: arrays or Basis."""


@dataclass(frozen=True)
class Contrast:
    """The difference between two similarities on the same samples, with interval and p-value.

    Attributes
    ----------
    difference : float
        Similarity of the first pair minus that of the second. NaN if it cannot be computed; a
        warning then gives the reason, as also for `interval` and `p_value`.
    interval : (float, float)
        Confidence interval of the difference in the population.
    p_value : float
        Two-sided p-value of no difference in the population.
    first, second : float
        The two similarities; corrected for finite-sample bias if `corrected`.
    corrected : bool
        Whether the similarities are corrected.
    measure : str
        Name of the measure in `isorep.MEASURES`, with options that differ from their defaults.
    n_samples, n_omitted : int
        As in `isorep.Score`.
    warnings : tuple of str
        Reasons to read the numbers with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> a, b, c = np.random.default_rng(0).standard_normal((3, 500, 4))
    >>> result = isorep.contrast((a + b, b), (c, b), "cca")
    >>> result.first > result.second, result.interval[0] > 0, result.p_value < 0.001
    (True, True, True)
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    first: float
    second: float
    corrected: bool
    measure: str
    n_samples: int
    warnings: tuple[str, ...] = ()
    n_omitted: int = 0

    def __repr__(self) -> str:
        low, high = self.interval
        numbers = ("difference", "p_value", "first", "second")
        values = ", ".join(f"{name}={getattr(self, name):.4g}" for name in numbers)
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        omitted = f", n_omitted={self.n_omitted}" if self.n_omitted else ""
        return (
            f"Contrast({self.measure}: {values}, interval=({low:.4g}, {high:.4g}), "
            f"corrected={self.corrected}, n_samples={self.n_samples}{omitted}{warnings})"
        )

    def _repr_html_(self) -> str:
        low, high = self.interval
        rows = {**vars(self), "interval": f"{low:.4g} to {high:.4g}"}
        del rows["warnings"]
        warnings = [("warning", text) for text in self.warnings]
        return html_table("Contrast", [*rows.items(), *warnings])

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as plain Python values, with interval and warnings as lists."""
        return {**vars(self), "interval": list(self.interval), "warnings": list(self.warnings)}


def contrast(
    first: Pair,
    second: Pair,
    measure: Spec = "pwcca",
    *,
    corrected: bool = True,
    level: float = LEVEL,
    groups: ArrayLike | str | None = None,
    order: ArrayLike | str | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    nan_policy: NanPolicy = "raise",
    **options: Any,
) -> Contrast:
    """Test whether one pair of representations is more similar than another.

    Is a closer to b than c is? ``isorep.contrast((a, b), (c, b))`` subtracts the similarity of c
    and b from that of a and b. Both come from the same samples, so their errors are paired: the
    standard error of the difference is that of the delete-a-block jackknife, with the same blocks
    left out of both pairs, and the test is Student's t over the blocks. For corrected similarities,
    the interval and the p-value also contain the errors of the correction; see
    `isorep.inference.interval`.

    Parameters
    ----------
    first, second : pair of (n, p) arrays or Basis
        Two pairs ``(x, y)`` of representations, all of the same n samples in the same order. For a
        measure that is not symmetric, x and y are its first and second argument. For mappings of
        layers, use `isorep.contrasts`.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options; see `isorep.infer`.
    corrected : bool
        Whether the similarities are corrected for finite-sample bias, which differs between the
        pairs if their ranks differ. Measures that cannot be corrected are compared as they are,
        with a warning.
    level : float
        Confidence level of the interval.
    groups, order : (n,) array-like or str, optional
        Group and time of each sample, if samples depend on each other; see `isorep.overlap`.
    seed : int
        Random seed of the blocks and the correction.
    solver : {"auto", "gram", "svd"}
        Whitening of arrays; see `isorep.Basis.from_array`.
    nan_policy : {"raise", "omit"}
        Whether samples with NaN raise an error or are left out of both pairs; see `isorep.overlap`.
    **options
        Options of the measure.

    Returns
    -------
    Contrast
        Values that cannot be computed from the samples are NaN, and a warning gives the reason.

    Raises
    ------
    TypeError, ValueError
        If `first` or `second` is no pair, the representations have different samples, the measure
        or an option is unknown, or `level` is not in (0, 1); and see `isorep.overlap`.

    References
    ----------
    Efron and Stein 1981, The jackknife estimate of variance. docs/contrasts.md measures the level
    and the power.

    Examples
    --------
    Network a shares five of its ten dimensions with b, network c two:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> b = rng.standard_normal((800, 10))
    >>> a, c = (np.hstack([b[:, :k], rng.standard_normal((800, 10 - k))]) for k in (5, 2))
    >>> result = isorep.contrast((a, b), (c, b), "cca")
    >>> round(result.first, 1), round(result.second, 1), round(result.difference, 1)
    (0.5, 0.2, 0.3)
    >>> result.p_value < 0.001
    True
    """
    row = measure_named(measure).with_options(**options)
    check_level(level)
    check_seed(seed)
    sides = {**_sides(first, "first"), **_sides(second, "second")}
    pairs, n_omitted = _coupled(sides, groups, order, solver, nan_policy)
    shared = SharedParts(N_PERMUTATIONS, seed)
    similarities = []
    for name, coupled in pairs.items():
        (similarity,) = uncertain_similarities(coupled, [row], corrected, seed, shared).values()
        if isinstance(similarity, Exception):
            raise type(similarity)(f"{name}: {similarity}") from similarity
        similarities.append(similarity)
    result = difference(*similarities, level=level)
    return replace(result, n_omitted=n_omitted)


@dataclass(frozen=True, eq=False)
class UncertainSimilarity:
    """A similarity of one pair, and what a contrast needs of it.

    Attributes
    ----------
    measure : Measure
    raw : float
        Similarity by the measure's formula.
    estimate : Estimate or None
        The similarity with the parts of its error; None if they cannot be computed.
    n_samples : int
    warnings : tuple of str
    """

    measure: Measure
    raw: float
    estimate: Estimate | None
    n_samples: int
    warnings: tuple[str, ...]


def uncertain_similarities(
    coupled: Overlap, rows: Sequence[Measure], corrected: bool, seed: int, shared: SharedParts
) -> dict[str, UncertainSimilarity | ValueError | TypeError]:
    """Return the similarities of a pair by several measures, or the errors that prevent them.

    The measures share the jackknife and the simulated samples.

    Parameters
    ----------
    corrected
        Whether similarities are corrected where they can be.
    shared
        What other pairs computed with the same `seed`.
    """
    known = _estimates(coupled, rows, corrected, seed, shared)
    dependence = dependence_warnings(coupled)
    results: dict[str, UncertainSimilarity | ValueError | TypeError] = {}
    for row in rows:
        try:
            score = row(coupled, **row.seeded({}, seed))
        except (TypeError, ValueError) as error:
            results[row.label] = error
            continue
        warnings = [*score.warnings, *dependence]
        estimate = known[row.label]
        if isinstance(estimate, TypeError):
            results[row.label] = estimate
            continue
        if isinstance(estimate, Estimate):
            warnings = [*estimate.warnings, *dependence]
            if not estimate.is_unbiased:
                warnings.append(_biased(row))
        else:
            warnings.append(not_computed(estimate))
        results[row.label] = UncertainSimilarity(
            row,
            score.similarity,
            estimate if isinstance(estimate, Estimate) else None,
            score.n_samples,
            heard(warnings),
        )
    return results


def _estimates(
    coupled: Overlap, rows: Sequence[Measure], corrected: bool, seed: int, shared: SharedParts
) -> Mapping[str, Estimate | ValueError | TypeError]:
    structure = coupled.structure
    if structure is not None and structure.n_groups == 1 and structure.order is None:
        return {row.label: ValueError(ONE_GROUP) for row in rows}
    without_each = shared.without_each if structure is None else None
    correctable = [row for row in rows if corrected and row.from_moments(row.seeded({}, seed))]
    others = [row for row in rows if row not in correctable]
    known = estimates(coupled, others, seed=seed, population=None, without_each=without_each)
    if not correctable:
        return known
    try:
        population = Population.estimate(coupled, seed)
    except ValueError as error:
        return {**known, **{row.label: error for row in correctable}}
    return {
        **known,
        **estimates(
            coupled, correctable, seed=seed, population=population, without_each=without_each
        ),
    }


def difference(
    first: UncertainSimilarity, second: UncertainSimilarity, *, level: float = LEVEL
) -> Contrast:
    """Return the contrast of two similarities by one measure on the same samples."""
    value, bounds, p_value = nan, (nan, nan), nan
    similarities = [nan, nan]
    if first.estimate is not None and second.estimate is not None:
        error = _DifferenceError(first.estimate, second.estimate)
        similarities = [first.estimate.value, second.estimate.value]
        value = similarities[0] - similarities[1]
        to_low, to_high = error.half_widths(level)
        low, high = first.measure.similarity_range
        bounds = max(value - to_low, low - high), min(value + to_high, high - low)
        p_value = error.p_value(value)
    warnings = [
        text if text in other.warnings else about(name, text)
        for name, pair, other in (("first", first, second), ("second", second, first))
        for text in pair.warnings
    ]
    return Contrast(
        difference=value,
        interval=bounds,
        p_value=p_value,
        first=similarities[0],
        second=similarities[1],
        corrected=first.estimate is not None and first.estimate.excess is not None,
        measure=first.measure.label,
        n_samples=first.n_samples,
        warnings=heard(warnings),
    )


class _DifferenceError:
    """The error of a difference of two estimates on the same blocks of samples."""

    def __init__(self, first: Estimate, second: Estimate) -> None:
        self._first, self._second = first, second
        deviations = first.deviations - second.deviations
        self._blocks = len(deviations)
        self._spread = float(np.sqrt(np.mean(deviations**2)))
        scale = float(np.linalg.norm(first.deviations) * np.linalg.norm(second.deviations))
        # How much the errors of the two similarities have in common.
        self._correlation = float(first.deviations @ second.deviations) / scale if scale else 0.0

    def half_widths(self, level: float) -> tuple[float, float]:
        """Return how far the confidence interval reaches down and up."""
        quantile = student_quantile(level, self._blocks)
        first, second = self._first.excess, self._second.excess
        spread = quantile * self._spread
        if first is None or second is None:
            return spread, spread
        error = quantile * self._paired(float(first.error), float(second.error))
        down, up = profile_widths(first, level)
        other_down, other_up = profile_widths(second, level)
        # The jackknife and the populations that the sample allows both contain how the sample's
        # correlations vary: the larger counts, since a sum would count that twice.
        return (
            hypot(error, max(spread, self._paired(down, other_up))),
            hypot(error, max(spread, self._paired(up, other_down))),
        )

    def _paired(self, first: float, second: float) -> float:
        """Return the error of a difference whose parts correlate as the jackknife's deviations."""
        variance = first**2 + second**2 - 2 * self._correlation * first * second
        return float(np.sqrt(max(variance, 0.0)))

    def p_value(self, value: float) -> float:
        """Return the two-sided p-value: 1 minus the level of the interval that ends at 0."""
        if value == 0 or isnan(value):
            return nan if isnan(value) else 1.0
        from scipy.optimize import brentq

        def reach(log_p: float) -> float:
            widths = self.half_widths(1 - exp(log_p))
            return widths[0 if value > 0 else 1] - abs(value)

        least, most = log(SMALLEST_P), log(1 - SMALLEST_P)
        if reach(least) <= 0:
            return SMALLEST_P
        return exp(brentq(reach, least, most, xtol=1e-6)) if reach(most) < 0 else 1.0


def _biased(row: Measure) -> WarningText:
    return WarningText(
        "uncorrected-interval",
        f"{row.label} is compared without a correction of its finite-sample bias, and the "
        "difference contains the difference of the biases, which grows with that of the ranks",
        "use corrected=True and a measure that can be corrected, such as pwcca, cca or cka",
    )


def _sides(pair: Any, name: str) -> dict[str, Any]:
    """Return the two representations of a pair by their names in errors."""
    expected = f"{name} must be a pair of representations, such as (a, b)"
    if isinstance(pair, Mapping):
        raise TypeError(
            f"{expected}, got a mapping: use isorep.contrasts(a, b) for mappings of layers"
        )
    if not isinstance(pair, Sequence):
        shape = f" of shape {tuple(pair.shape)}" if hasattr(pair, "shape") else ""
        raise TypeError(f"{expected}, got {type(pair).__name__}{shape}")
    if len(pair) != 2:
        raise ValueError(f"{expected}, got {len(pair)} items")
    for side in pair:
        if isinstance(side, Mapping):
            raise TypeError(
                f"{expected} of arrays, got a mapping of layers in it: pass single layers, or use "
                "isorep.contrasts(a, b) for mappings of layers"
            )
    return {f"{name}[{i}]": side for i, side in enumerate(pair)}


def _coupled(
    sides: Mapping[str, Any],
    groups: ArrayLike | str | None,
    order: ArrayLike | str | None,
    solver: Solver,
    nan_policy: NanPolicy,
) -> tuple[dict[str, Overlap], int]:
    """Return the overlaps of both pairs, which share bases, and the number of samples left out."""
    check_name("nan_policy", nan_policy, get_args(NanPolicy))
    arrays, witness = read_tables(sides) if any(map(is_table, sides.values())) else (sides, None)
    ids = None if witness is None else witness.ids
    if isinstance(groups, str):
        groups = _coordinate(witness, groups, "groups")
    if isinstance(order, str):
        order = _coordinate(witness, order, "order")
    kept: Any = None
    if nan_policy == "omit":
        arrays, kept = complete_rows(arrays)
    bases = _bases(arrays, sides, solver)
    (name, first), *others = bases.items()
    for other, basis in others:
        if basis.n_samples != first.n_samples:
            raise ValueError(
                f"{name} has {first.n_samples} samples (rows) and {other} {basis.n_samples}: a "
                "contrast compares similarities on the same samples, so pass those of all four"
            )
    structure = None
    if groups is not None or order is not None:
        groups, order = by_label(groups, ids, "groups"), by_label(order, ids, "order")
        n = first.n_samples if kept is None else len(kept)
        structure = SampleStructure.from_labels(groups, order, n)
    elif ids is not None:
        structure = SampleStructure.from_ids(ids)
    if structure is not None:
        structure = structure if kept is None else structure.take(np.flatnonzero(kept))
    a, b, c, d = with_common_structure(list(bases.values()), structure)
    n_omitted = 0 if kept is None else int((~kept).sum())
    return {"first": couple(a, b), "second": couple(c, d)}, n_omitted


def with_common_structure(
    bases: Sequence[Basis], structure: SampleStructure | None = None
) -> list[Basis]:
    """Return bases of the same samples with one structure, so that their jackknife blocks agree.

    Bases that are one object stay one, so that what is computed of it is computed once.

    Parameters
    ----------
    structure
        The structure; by default the one that the bases know.

    Raises
    ------
    ValueError
        If the structures contradict each other.
    """
    if structure is None:
        structure = reduce(common_structure, (basis.structure for basis in bases))
    shared = {id(basis): replace(basis, structure=structure) for basis in bases}
    return [shared[id(basis)] for basis in bases]


def _bases(arrays: Mapping[str, Any], sides: Mapping[str, Any], solver: Solver) -> dict[str, Basis]:
    """Return the basis of each side; one array that is in both pairs is prepared once."""
    known: dict[int, Basis] = {}
    bases = {}
    for name, side in sides.items():
        if id(side) not in known:
            array = arrays[name]
            known[id(side)] = (
                array
                if isinstance(array, Basis)
                else Basis.from_array(array, solver=solver, name=name)
            )
        bases[name] = known[id(side)]
    return bases


def _coordinate(witness: Any, name: str, option: str) -> Any:
    if witness is None:
        raise ValueError(
            f"{option}={name!r} names a coordinate of tables, and no representation is a table: "
            "pass one value for each sample"
        )
    return witness.coordinate(name)
