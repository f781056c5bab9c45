"""Measure: a row of the table of measures, and what turns its formula into a `Score`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from math import acos, inf
from typing import Any, Literal, get_args, get_origin, get_type_hints

from isorep._utils.arrays import epsilon
from isorep._utils.validation import check_name
from isorep.core.basis import Solver
from isorep.core.overlap import Overlap, count_forced, overlap
from isorep.core.score import Score
from isorep.measures.measure_spec import plain, spec_text
from isorep.random_matrix.population import Excess, Population, shared_scale

FEW_SAMPLES = 10
"""Samples per direction under which canonical correlations of unrelated data are visibly above 0:
their mean square is then above 1/10."""

ENOUGH_TO_CORRECT = 2
"""Samples per direction of both sides under which the correction itself errs visibly."""

FEWEST_TO_CORRECT = 30
"""Samples under which one correlation alone is too uncertain to correct."""

SHARED_SCALE = 1.25
"""`shared_scale` over which the correction may leave a part of the excess."""

SHAPES_APART = 0.01
"""Standard deviation of the corrected number over the shapes that correlations lost in noise may
have, from which on it is worth saying."""

VISIBLE = 1e-4
"""Error of canonical correlations that is not passed over in silence."""

SMALL_EXCESS = 0.02
"""What the correction may miss a part of without a warning."""


@dataclass(frozen=True)
class MeasureValue:
    """What a measure's formula found, before it becomes a `Score`.

    `used` is the overlap whose directions entered, after any truncation; `whitened` says whether
    each of them counted in full, so that too few samples show. A formula that finds the distance
    first hands it on, with the digits that going by the similarity would cost. `warnings` are the
    formula's own.
    """

    similarity: float
    used: Overlap
    whitened: bool = False
    distance: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Distance:
    """How a distance follows from a similarity; `of` falls from 0 at similarity 1.

    Attributes
    ----------
    formula : str
        Of the distance, in the symbols of `Measure.formula`.
    units : str
        "1" for a plain number.
    from_similarity : callable
        ``similarity -> distance``.
    """

    formula: str
    units: str
    from_similarity: Callable[[float], float]


def _complement(similarity: float) -> float:
    return 1.0 - similarity


def of_reciprocal(similarity: float) -> float:
    """Return the distance d of ``similarity = 1 / (1 + d)``."""
    return 1 / similarity - 1 if similarity > 0 else inf


COMPLEMENT = Distance("1 - similarity", "1", _complement)
ANGLE = Distance("arccos(similarity)", "radians", acos)


@dataclass(frozen=True)
class Measure:
    """A measure of similarity: one formula of an `Overlap`, and what holds for it.

    Attributes
    ----------
    name : str
        As the literature names it.
    formula : str
        Of the similarity, in the symbols of `Overlap`.
    description : str
        What it is, in a line.
    reference : str
        Paper, and where in it.
    function : callable
        ``(overlap, **options) -> MeasureValue``, the formula.
    invariance : str
        Maps A of features for which x and ``x A`` have distance 0. "linear": every invertible
        linear map; "orthogonal": rotations and reflections; "permutation": another order of the
        neurons; all three beside translation and isotropic scaling. "rotation": as "orthogonal",
        without translation. "neurons": another order of the neurons, with an offset and a positive
        factor for each; "signed": factors of either sign. "common": another order, with one offset
        and one factor, of either sign, for all. "scaling": positive multiples alone. "none": only x
        itself has distance 0 from x.
    metric : bool
        Whether the distance obeys the triangle inequality, with default options.
    requires : {"moments", "samples", "maps"}
        What of the overlap the formula needs: the second moments of the two sides, which few
        numbers hold, or every sample, whose number then decides the cost. "maps": more than an
        overlap holds, (n, channels, height, width) arrays.
    similarity_range : (float, float)
        Least and greatest similarity.
    distance : Distance
        How the distance follows from the similarity.
    fixed_options : mapping
        Options that differ from their defaults; see `with_options`.
    chance_rule : callable, optional
        ``(overlap, **options) -> float or None``; see `chance`. Like every rule, it gets all
        options by name.
    holds_out_rule : callable, optional
        ``(**options) -> bool``; see `holds_out`.
    direction_rule : callable, optional
        ``(**options) -> str``; see `direction`.
    range_rule : callable, optional
        ``(**options) -> (float, float)``: the similarity's range, where options change it.
    """

    name: str
    formula: str
    description: str
    reference: str
    function: Callable[..., MeasureValue]
    invariance: Literal[
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
    metric: bool = False
    requires: Literal["moments", "samples", "maps"] = "moments"
    similarity_range: tuple[float, float] = (0.0, 1.0)
    distance: Distance = COMPLEMENT
    fixed_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    chance_rule: Callable[..., float | None] | None = None
    holds_out_rule: Callable[..., bool] | None = None
    direction_rule: Callable[..., str] | None = None
    range_rule: Callable[..., tuple[float, float]] | None = None

    @property
    def label(self) -> str:
        """Name of the measure with the options that differ from their defaults.

        Such as "pwcca" or "linear_regression(folds=10)".
        """
        return spec_text(self.name, self.fixed_options)

    @property
    def options(self) -> dict[str, Any]:
        """Names of the options that the measure takes, and their values."""
        return {**self._defaults, **self.fixed_options}

    @property
    def _defaults(self) -> Mapping[str, Any]:
        return _options(self.function)[0]

    def with_options(self, **options: Any) -> Measure:
        """Return the measure with these options in place of its defaults.

        Raises
        ------
        ValueError
            If an option is unknown, or is none of the words that it may be.
        """
        if not options:
            return self
        self.check_options(options)
        defaults, choices = _options(self.function)
        for name in options.keys() & choices.keys():
            check_name(name, options[name], choices[name])
        values = {**defaults, **self.fixed_options, **{k: plain(v) for k, v in options.items()}}
        return replace(
            self,
            fixed_options={k: v for k, v in values.items() if not _same(v, defaults[k])},
            similarity_range=self.range_rule(**values)
            if self.range_rule
            else self.similarity_range,
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

    def from_moments(self, options: Mapping[str, Any]) -> bool:
        """Tell whether second moments, which can be simulated, are all that the measure needs."""
        return self.requires == "moments" and not self.holds_out(**options)

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

    def compute(self, overlap: Overlap, **options: Any) -> MeasureValue:
        """Compute the formula."""
        return self.function(overlap, **{**self.fixed_options, **options})

    def __call__(self, overlap: Overlap, **options: Any) -> Score:
        """Compute the measure of an overlap."""
        measure = self.with_options(**options)
        value = measure.compute(overlap)
        low, high = measure.similarity_range
        similarity = min(max(value.similarity, low), high)  # only rounding leaves the range
        distance = value.distance
        return Score(
            similarity=similarity,
            distance=self.distance.from_similarity(similarity) if distance is None else distance,
            measure=self.label,
            n_samples=overlap.n_samples,
            x_rank=value.used.x.rank,
            y_rank=value.used.y.rank,
            warnings=value.warnings
            or (_sample_size_warnings(value.used) if value.whitened else ()),
        )

    def corrected(
        self,
        overlap: Overlap,
        *,
        seed: int = 0,
        population: Population | None = None,
        excess: Excess | None = None,
        **options: Any,
    ) -> Score:
        """Read the measure off, less what it owes to the number of samples.

        `seed` is that of the simulated samples, and of the measure's own draws where it has any. A
        `population` or an `excess` found before is not found again. See `isorep.similarity`.
        """
        self.check_correctable(options)
        options = self.seeded(options, seed)
        raw = self(overlap, **options)
        if excess is None:
            excess = (population or Population.estimate(overlap, seed)).excess(
                lambda sample: self.compute(sample, **options).similarity, seed
            )
        low, high = self.with_options(**options).similarity_range
        similarity = min(max(raw.similarity - float(excess.mean), low), high)
        return replace(
            raw,
            similarity=similarity,
            distance=self.distance.from_similarity(similarity),
            uncorrected=raw.similarity,
            warnings=_correction_warnings(overlap, similarity, excess),
        )

    def check_correctable(self, options: Mapping[str, Any]) -> None:
        """Make sure that second moments, which can be simulated, are all that is read."""
        if self.from_moments(options):
            return
        correctable = "pwcca, cca, svcca, cka or procrustes, among others"
        read = "maps" if self.requires == "maps" else "the samples themselves"
        if self.requires == "moments":
            read += " to hold some out"
        raise ValueError(
            f"{self.name} reads {read}, and the correction simulates second moments only; "
            f"without correction, or with {correctable}"
        )

    def seeded(self, options: Mapping[str, Any], seed: int) -> dict[str, Any]:
        """Return the options, with the seed if the measure draws and does not fix its seed."""
        takes_seed = "seed" in self._defaults and "seed" not in self.fixed_options
        return {**options, "seed": seed} if takes_seed else dict(options)

    def between(
        self,
        x: Any,
        y: Any,
        *,
        solver: Solver = "auto",
        correct: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> Score:
        """Couple two representations and read the measure off; its warnings are issued."""
        self.check_options(options)
        if not correct:
            score = self(overlap(x, y, solver=solver), **self.seeded(options, seed))
        else:
            self.check_correctable(options)
            score = self.corrected(overlap(x, y, solver=solver), seed=seed, **options)
        return score.warn(stacklevel=3)


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


def _correction_warnings(used: Overlap, corrected: float, excess: Excess) -> tuple[str, ...]:
    """Say where the correction is known to fall short (see docs/sample-size.md)."""
    n, both, found = used.n_samples, used.x.rank + used.y.rank, []
    enough = max(ENOUGH_TO_CORRECT * both, FEWEST_TO_CORRECT)
    if n < enough:
        found.append(
            f"{n} samples are few even to correct {used.x.rank} and {used.y.rank} directions: with "
            f"fewer than {enough} the corrected number may be off by more than 0.04"
        )
    if excess.shape_error > SHAPES_APART:
        likely = excess.shapes[excess.likelihoods > 0.05]
        found.append(
            "the samples do not tell whether the correlations lost in noise are few or many: by "
            f"one or the other the corrected number lies from {corrected + likely.min():.2f} to "
            f"{corrected + likely.max():.2f}; take more samples, or keep fewer directions"
        )
    much = abs(excess.mean) > SMALL_EXCESS
    if much and used.knows_samples and shared_scale(used) > SHARED_SCALE:
        found.append(
            "samples that are large on one side are large on the other too, more than their "
            "correlations explain: the correction counts them for fewer, and may yet leave a part "
            "of the excess; scale each sample to unit norm, or take more samples"
        )
    return tuple(found)


def _sample_size_warnings(used: Overlap) -> tuple[str, ...]:
    found = few_samples(used.n_samples, used.x.rank, used.y.rank)
    if used.knows_samples:  # and whitening has had a second pass over them
        return found
    spread = max(float(s[0] / s[-1]) for s in (used.x.singular_values, used.y.singular_values))
    error = epsilon("float64") * spread**2
    if error > VISIBLE:
        found += (
            f"the spectrum of a layer spans {spread:.0e}: whitened from second moments alone, "
            f"canonical correlations may be off by {error:.0e}; compare fewer samples in memory, "
            "or keep fewer directions (svcca)",
        )
    return found


def few_samples(n: int, rx: int, ry: int) -> tuple[str, ...]:
    """Warn where n samples are few for canonical correlations of rx with ry directions."""
    # The greater first: the text is the same for (x, y) and (y, x).
    ranks = f"{n} samples are few for {max(rx, ry)} and {min(rx, ry)} directions"
    others = "keep fewer directions (svcca), or use cka_debiased"
    forced = count_forced(n, rx, ry)
    if forced:
        return (
            f"{ranks}: {forced} of the {min(rx, ry)} canonical correlations are 1 whatever "
            f"the data; take more samples, {others}",
        )
    # For independent data E ||M||_F^2 = rx ry / (n - 1), whatever their distributions' shape.
    chance = max(rx, ry) / (n - 1)
    if n < FEW_SAMPLES * max(rx, ry):
        return (
            f"{ranks}: unrelated data would show a mean squared canonical correlation of "
            f"{chance:.2f}; take more samples ({FEW_SAMPLES * max(rx, ry) + 1} for "
            f"{1 / FEW_SAMPLES:.2f}), {others}",
        )
    return ()
