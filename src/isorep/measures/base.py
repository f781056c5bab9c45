"""Measure: a row of the table of measures, which turns a formula into a `Score`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import acos, inf
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import Array, ArrayLike, to_numpy
from isorep._utils.validation import check_name
from isorep.core.basis import Solver
from isorep.core.overlap import Overlap, couple_arrays
from isorep.core.sample_stack import Stack
from isorep.core.score import Score
from isorep.core.single_basis import Precision
from isorep.core.warning_text import code_of, heard
from isorep.measures.data_warnings import data_warnings
from isorep.measures.measure_spec import plain, spec_text
from isorep.measures.sample_size_warnings import doubtful_correction, few_samples, lost_digits
from isorep.measures.score_provenance import score_provenance
from isorep.measures.warning_rules.dominant_part import Emphasis
from isorep.random_matrix.population import Excess, Population
from isorep.representations.missing_values import NanPolicy


@dataclass(frozen=True)
class MeasureValue:
    """The value of a measure's formula, before it becomes a `Score`.

    Attributes
    ----------
    similarity : float
    used : Overlap or (int, int)
        The overlap whose directions entered, after any truncation; or only their numbers, of x and
        of y.
    whitened : bool
        Whether each direction counts in full, so that the score warns if samples are few.
    distance : float, optional
        If the formula computes it with more digits than the similarity gives.
    warnings : tuple of str
        Warnings of the formula.
    chance : float, optional
        Similarity to expect of unrelated data, if the formula computes it on the way.
    chosen : mapping
        Options that the formula has chosen itself, such as a penalty by cross-validation.
    """

    similarity: float
    used: Overlap | tuple[int, int]
    whitened: bool = False
    distance: float | None = None
    warnings: tuple[str, ...] = ()
    chance: float | None = None
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ranks(self) -> tuple[int, int]:
        """Numbers of directions used, of x and of y."""
        used = self.used
        return used if isinstance(used, tuple) else (used.x.rank, used.y.rank)

    def sample_size_warnings(self, n: int) -> tuple[str, ...]:
        """Return the warnings of the formula, or those about too few samples."""
        if self.warnings or not self.whitened:
            return self.warnings
        digits = () if isinstance(self.used, tuple) else lost_digits(self.used)
        return few_samples(n, *self.ranks) + digits


@dataclass(frozen=True)
class Distance:
    """The distance that belongs to a similarity; it decreases to 0 at similarity 1.

    Attributes
    ----------
    formula : str
        Formula of the distance, in the symbols of `Measure.formula`.
    units : str
        "1" for a plain number.
    from_similarity : callable
        ``similarity -> distance``.
    """

    formula: str
    units: str
    from_similarity: Callable[[float], float]


Invariance = Literal[
    "linear",
    "orthogonal",
    "rotation",
    "permutation",
    "neurons",
    "signed",
    "common",
    "scaling",
    "none",
]
LARGEST_ERROR = 1e-5
"""Largest bound of the error of a similarity from float32 products."""

SHARE_OF_DISTANCE = 0.01
"""Largest bound of this error, as a share of the distance of the similarity from 1."""

INVARIANCES: tuple[str, ...] = get_args(Invariance)


def _complement(similarity: float) -> float:
    return 1.0 - similarity


def distance_of_reciprocal(similarity: float) -> float:
    """Return the distance d of ``similarity = 1 / (1 + d)``."""
    return 1 / similarity - 1 if similarity > 0 else inf


COMPLEMENT = Distance("1 - similarity", "1", _complement)
ANGLE = Distance("arccos(similarity)", "radians", acos)

PREDICTION = "y predicted from x"
"""Direction of a measure that predicts y."""

PREDICTION_SUFFIX = "_y_from_x"
"""End of the label of a measure that predicts y, so that columns of tables say the direction."""


@dataclass(frozen=True)
class Measure:
    """A measure of similarity: a formula of an `Overlap`, its options, and what holds for it.

    Make one with the decorator `isorep.measures.measure_function.measure`.

    Attributes
    ----------
    name : str
        Its name in the literature.
    function : callable
        ``(overlap, *, options...) -> MeasureValue``, the formula. The first
        argument of a measure of maps is what `couple` returns.
    formula : str
        Formula of the similarity, in the symbols of `Overlap`.
    description : str
        Description in one line.
    reference : str
        Paper, and where in it.
    invariance : str
        Maps A of features for which x and ``x A`` have distance 0. "linear": every invertible
        linear map; "orthogonal": rotations and reflections; "permutation": another order of the
        neurons; all three also translation and isotropic scaling. "rotation": as "orthogonal",
        without translation. "neurons": another order of the neurons, with an offset and a positive
        factor for each; "signed": factors of either sign. "common": another order, with one offset
        and one factor, of either sign, for all. "scaling": positive multiples alone. "none": only x
        itself has distance 0 from x.
    metric : bool
        Whether the distance obeys the triangle inequality, with default options.
    requires : {"moments", "samples", "repeats", "maps"}
        What the formula needs of an overlap: "moments", the second moments of the two sides;
        "samples", every sample, so that time grows with their number; "repeats", every sample, with
        groups that are repeated conditions. "maps": (n, channels, height, width) arrays, which an
        overlap does not hold.
    any_axes : bool
        Whether the formula has the same value in any orthonormal axes of either side. A table of
        only such measures computes no principal components.
    of_products : bool
        Whether the formula needs only the inner products of x's features with y's, and the norms of
        both sides, so that nothing is whitened.
    unbiased_of_groups : bool
        Whether the formula of a measure of samples has no bias if samples of a group depend on each
        other, since it leaves out their pairs.
    similarity_range : (float, float)
        Least and greatest similarity.
    distance : Distance
        The distance that belongs to a similarity.
    chance_rule : callable, optional
        ``(overlap, **options) -> float or None``; see `chance`. Every rule gets all options by
        name.
    holds_out_rule : callable, optional
        ``(**options) -> bool``; see `holds_out`.
    direction_rule : callable, optional
        ``(**options) -> str``; see `direction`.
    range_rule : callable, optional
        ``(**options) -> (float, float)``: the similarity's range, if it depends on options.
    stack_rule : callable, optional
        ``(stack, **options) -> (b,) array``: the similarities of a stack, computed together, or
        None for options with which each is computed alone.
    single_rule : callable, optional
        ``(**options) -> callable or None``: a function of an overlap of float32 products that
        bounds the error of its similarity, infinite if the similarity is not certain to be defined.
        Only measures of norms have it; it returns None for options with which the measure needs
        more than norms.
    couple : callable
        ``(x, y, solver=, nan_policy=) -> first argument of the formula``.
    emphasis : {"equal", "norm", "variance", "squared variance", "distances"}
        How directions count: all alike, by their standard deviation, variance or squared variance,
        so that one large direction or one large sample may decide the similarity. "distances": by
        their variance, in distances or angles between samples, where a large sample affects only
        its own.
    fixed_options : mapping
        Options that differ from their defaults; see `with_options`.
    version : str
        Version of a registered function, by which a resumed sweep sees that it changed; empty for
        isorep's own measures and where it is unknown.
    title : str
        Its name in figures, if that is not `name` with spaces; see `display_name`.

    Examples
    --------
    >>> import isorep
    >>> measure = isorep.MEASURES["linear_regression"].with_options(folds=10)
    >>> measure.label, measure.similarity_range
    ('linear_regression_y_from_x(folds=10)', (-inf, 1.0))
    """

    name: str
    function: Callable[..., MeasureValue]
    formula: str
    description: str
    reference: str
    invariance: Invariance
    metric: bool = False
    requires: Literal["moments", "samples", "repeats", "maps"] = "moments"
    any_axes: bool = False
    of_products: bool = False
    unbiased_of_groups: bool = False
    similarity_range: tuple[float, float] = (0.0, 1.0)
    distance: Distance = COMPLEMENT
    chance_rule: Callable[..., float | None] | None = None
    holds_out_rule: Callable[..., bool] | None = None
    direction_rule: Callable[..., str] | None = None
    range_rule: Callable[..., tuple[float, float]] | None = None
    stack_rule: Callable[..., Array | None] | None = None
    single_rule: Callable[..., Callable[[Overlap], float] | None] | None = None
    # A factory, since the reference would take a function in the class for a method.
    couple: Callable[..., Any] = field(default_factory=lambda: couple_arrays)
    emphasis: Emphasis = "variance"
    fixed_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    version: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """Name of the measure with the options that differ from their defaults.

        Such as "pwcca" or "pwcca(weights_from=y)". The name of a measure that predicts y says so:
        "linear_regression_y_from_x(folds=10)".
        """
        suffix = PREDICTION_SUFFIX if self.direction == PREDICTION else ""
        return spec_text(self.name + suffix, self.fixed_options)

    @property
    def display_name(self) -> str:
        """Name of the measure in figures and pages, with the options that differ from defaults.

        Such as "PWCCA" or "PWCCA (weights_from=y)".
        """
        title = self.title or self.name.replace("_", " ")
        return spec_text(f"{title} ", self.fixed_options).strip()

    @property
    def options(self) -> dict[str, Any]:
        """Names and values of all options."""
        return {**self._defaults, **self.fixed_options}

    @property
    def _defaults(self) -> Mapping[str, Any]:
        return _options(self.function)[0]

    def with_options(self, **options: Any) -> Measure:
        """Return the measure with these options fixed.

        Raises
        ------
        ValueError
            If an option is unknown, a text that the option does not allow, or not True or False
            where it must be.
        """
        if not options:
            return self
        self.check_options(options)
        defaults, choices = _options(self.function)
        for name in options.keys() & choices.keys():
            check_name(name, options[name], choices[name])
        values = {**self.options, **{name: plain(value) for name, value in options.items()}}
        for name, value in values.items():
            if isinstance(defaults[name], bool) and not isinstance(value, bool):
                raise ValueError(f"{name} of {self.name} must be True or False, got {value!r}")
        rule = self.range_rule
        return replace(
            self,
            fixed_options={
                name: value for name, value in values.items() if not _same(value, defaults[name])
            },
            similarity_range=rule(**values) if rule else self.similarity_range,
        )

    def check_options(self, options: Iterable[str]) -> None:
        """Raise ValueError if a name is not an option of the measure."""
        for option in options:
            check_name(f"option of {self.name}", option, self._defaults)

    @property
    def direction(self) -> str:
        """What differs between x and y, such as "y predicted from x"; "" for symmetric measures."""
        return self.direction_rule(**self.options) if self.direction_rule else ""

    @property
    def symmetric(self) -> bool:
        """Whether the similarity stays the same when x and y are swapped."""
        return not self.direction

    def holds_out(self, **options: Any) -> bool:
        """Tell whether the measure holds out samples.

        It then needs the samples where otherwise the second moments would do.
        """
        rule = self.holds_out_rule
        return rule is not None and rule(**self.with_options(**options).options)

    @property
    def follows_structure(self) -> bool:
        """Whether groups of samples change the measure, its held-out samples or its correction."""
        return (
            self.requires in ("moments", "repeats")
            or self.unbiased_of_groups
            or self.holds_out_rule is not None
        )

    def from_moments(self, options: Mapping[str, Any]) -> bool:
        """Tell whether second moments, which can be simulated, are all that the measure needs."""
        return self.requires == "moments" and not self.holds_out(**options)

    def takes_single(self, *, structured: bool = False, **options: Any) -> bool:
        """Tell whether float32 products suffice; of samples that depend on each other, or not."""
        if self.single_rule is None or (structured and self.unbiased_of_groups):
            return False
        return self.single_rule(**self.with_options(**options).options) is not None

    def chance(self, overlap: Overlap, **options: Any) -> float | None:
        """Return the similarity to expect of independent samples with these spectra.

        None where theory does not give it.
        """
        rule = self.chance_rule
        return rule(overlap, **self.with_options(**options).options) if rule else None

    @property
    def distance_range(self) -> tuple[float, float]:
        """Least and greatest distance; the greatest may be infinite."""
        low, high = self.similarity_range
        return self.distance.from_similarity(high), self.distance.from_similarity(low)

    @property
    def paired(self) -> bool:
        """Whether neuron j of x is compared with neuron j of y, so that both have as many."""
        return self.invariance in ("scaling", "none")

    def compute(self, coupled: Any, **options: Any) -> MeasureValue:
        """Compute the formula of an overlap."""
        return self.function(coupled, **{**self.fixed_options, **options})

    def similarities(self, stack: Stack | Sequence[Overlap], **options: Any) -> NDArray[np.float64]:
        """Return the similarity of each overlap of a stack, (b,)."""
        rule = self.stack_rule if isinstance(stack, Stack) else None
        values = rule(stack, **self.with_options(**options).options) if rule else None
        if values is None:
            return np.array(
                [self.clipped(self.compute(part, **options).similarity) for part in stack]
            )
        clipped = np.clip(to_numpy(values), *self.similarity_range)
        return np.asarray(np.broadcast_to(clipped, len(stack)))

    def __call__(self, coupled: Any, **options: Any) -> Score:
        """Compute the measure of an overlap.

        Raises
        ------
        ValueError
            If an option is unknown, or the measure compares maps.
        """
        if self.requires == "maps" and isinstance(coupled, Overlap):
            raise ValueError(
                f"{self.name} compares maps, (n, channels, height, width), which an overlap does "
                f"not hold: call isorep.measures.{self.name}(x, y) with the maps themselves"
            )
        measure = self.with_options(**options)
        coupled, value, error = measure._in_certain_precision(coupled)
        similarity = measure.clipped(value.similarity)
        distance = value.distance
        noticed = data_warnings(measure, coupled, value) if isinstance(coupled, Overlap) else ()
        x_rank, y_rank = value.ranks
        return Score(
            similarity=similarity,
            distance=self.distance.from_similarity(similarity) if distance is None else distance,
            measure=self.label,
            n_samples=coupled.n_samples,
            n_omitted=coupled.n_omitted,
            x_rank=x_rank,
            y_rank=y_rank,
            warnings=heard((*value.sample_size_warnings(coupled.n_samples), *noticed)),
            precision="double" if is_double(coupled) else "single",
            error=error,
        )

    def _in_certain_precision(self, coupled: Any) -> tuple[Any, MeasureValue, float]:
        """Compute the formula, by float64 products if float32 products are not accurate enough.

        Returns the overlap that was used, the value, and the bound of the similarity's error.
        """
        if not is_double(coupled):
            bound = self.single_rule(**self.options) if self.single_rule else None
            error = inf if bound is None else bound(coupled)
            if error <= LARGEST_ERROR:
                value = self.compute(coupled)
                if error <= SHARE_OF_DISTANCE * (1 - self.clipped(value.similarity)):
                    return coupled, value, error
            coupled = coupled.in_double
        return coupled, self.compute(coupled), 0.0

    def clipped(self, similarity: float) -> float:
        """Return the similarity, in the measure's range, which only rounding leaves."""
        low, high = self.similarity_range
        return min(max(similarity, low), high)

    def corrected(
        self,
        overlap: Overlap,
        *,
        seed: int = 0,
        population: Population | None = None,
        excess: Excess | None = None,
        **options: Any,
    ) -> Score:
        """Compute the measure of an overlap and correct it for finite-sample bias.

        Parameters
        ----------
        overlap : Overlap
        seed : int
            Random seed of the simulated samples, and of the measure if it draws at random.
        population, excess : Population and Excess, optional
            Computed before, so that they are not computed again.
        **options
            Options of the measure.

        Raises
        ------
        ValueError
            If the measure cannot be corrected; see `isorep.similarity`.
        """
        self.check_correctable(options)
        options = self.seeded(options, seed)
        raw = self(overlap, **options)
        if excess is None:
            population = population or Population.estimate(overlap, seed)
            excess = population.excess_of_stacks(
                lambda stack: self.similarities(stack, **options), seed
            )
        measure = self.with_options(**options)
        similarity = measure.clipped(raw.similarity - float(excess.mean))
        return replace(
            raw,
            similarity=similarity,
            distance=self.distance.from_similarity(similarity),
            uncorrected=raw.similarity,
            warnings=heard(
                (
                    *doubtful_correction(overlap, similarity, excess, measure.similarity_range),
                    *(text for text in raw.warnings if code_of(text) != "few-samples"),
                )
            ),
        )

    def check_correctable(self, options: Mapping[str, Any]) -> None:
        """Raise ValueError if the measure needs more than second moments."""
        if self.from_moments(options):
            return
        needed = "maps" if self.requires == "maps" else "the samples themselves"
        if self.requires == "moments":
            needed += " to hold some out"
        raise ValueError(
            f"{self.name} needs {needed}, but the correction simulates second moments only; pass "
            "correct=False, or use a measure such as pwcca, cca, svcca, cka or procrustes"
        )

    def seeded(self, options: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """Return the options, with the seed if the measure draws at random and fixes no seed."""
        takes_seed = "seed" in self._defaults and "seed" not in self.fixed_options
        return {**options, "seed": seed} if takes_seed else dict(options)

    def between(
        self,
        x: Any,
        y: Any,
        *,
        groups: ArrayLike | None = None,
        order: ArrayLike | None = None,
        solver: Solver = "auto",
        precision: Precision = "auto",
        nan_policy: NanPolicy = "raise",
        correct: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> Score:
        """Compute the measure of two representations, and issue its warnings."""
        measure = self.with_options(**self.seeded(options, seed))
        if correct:
            measure.check_correctable({})
        structure = {} if groups is None and order is None else {"groups": groups, "order": order}
        if structure and self.requires == "maps":
            raise ValueError(f"{self.name} compares maps: groups= and order= do not apply to it")
        check_precision(precision, [measure], inferred=correct)
        takes_single = measure.takes_single(structured=bool(structure)) and not correct
        products = {"precision": precision} if takes_single else {}
        needed = {"whitened": False} if self.of_products and not correct else {}
        coupled = self.couple(
            x, y, **structure, **products, **needed, solver=solver, nan_policy=nan_policy
        )
        score = measure.corrected(coupled, seed=seed) if correct else measure(coupled)
        return replace(
            score,
            measure=self.label,  # options of this call are not part of the label
            provenance=score_provenance(
                x,
                y,
                measure.options
                | {"correct": correct, "seed": seed, "solver": solver, "nan_policy": nan_policy}
                | products,
                structure,
            ),
        ).warn(stacklevel=3)


def is_double(coupled: Any) -> bool:
    """Tell whether a measure's first argument has no products of float32."""
    return not isinstance(coupled, Overlap) or coupled.single_errors is None


def check_precision(
    precision: Precision, measures: Iterable[Measure], *, inferred: bool = False
) -> None:
    """Raise ValueError if `precision` is unknown, or "single" and a measure does not take it."""
    check_name("precision", precision, get_args(Precision))
    if precision != "single":
        return
    needing = [measure.label for measure in measures if not measure.takes_single()]
    if needing:
        taking = "cka and cka_debiased"
        raise ValueError(
            f"precision='single' is for measures of norms, {taking}, and {', '.join(needing)} "
            "needs more digits: pass precision='auto' or 'double'"
        )
    if inferred:
        raise ValueError(
            "precision='single' is for similarities alone: pass precision='double', or leave out "
            "correct=, interval= and chance="
        )


@cache
def _options(
    function: Callable[..., MeasureValue],
) -> tuple[Mapping[str, Any], Mapping[str, tuple[str, ...]]]:
    """Return the defaults of a formula's options, and the words that some of them may be."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    types = get_type_hints(function)
    return (
        {parameter.name: parameter.default for parameter in parameters},
        {name: get_args(kind) for name, kind in types.items() if get_origin(kind) is Literal},
    )


def _same(value: Any, default: Any) -> bool:
    """Tell whether an option has its default; True is no 1 here."""
    return bool(value == default) and isinstance(value, bool) == isinstance(default, bool)
