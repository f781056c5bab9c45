"""Measure: a row of the table of measures, and what turns its formula into a `Score`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import acos
from typing import Any, Literal

from isorep._names import unknown_name
from isorep.basis import Solver
from isorep.overlap import Overlap, overlap
from isorep.score import Score

FEW_SAMPLES = 10
"""Samples per direction under which canonical correlations of unrelated data are visibly above 0:
their mean square is then above 1/10."""


@dataclass(frozen=True)
class Reading:
    """What a measure's formula found, before it becomes a `Score`.

    `used` is the overlap whose directions entered, after any truncation; `whitened` says whether
    each of them counted in full, so that too few samples show. A formula that finds the distance
    first hands it on, with the digits that going by the similarity would cost.
    """

    similarity: float
    used: Overlap
    whitened: bool = False
    distance: float | None = None


@dataclass(frozen=True)
class Distance:
    """How a distance follows from a similarity; `of` falls from 0 at similarity 1.

    Attributes
    ----------
    formula : str
        Of the distance, in the symbols of `Measure.formula`.
    units : str
        "1" for a plain number.
    of : callable
        ``similarity -> distance``.
    """

    formula: str
    units: str
    of: Callable[[float], float]


def _complement(similarity: float) -> float:
    return 1.0 - similarity


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
    read : callable
        ``(overlap, **options) -> Reading``.
    invariance : {"linear", "orthogonal", "permutation", "scaling", "none"}
        Maps A of features for which x and ``x A`` have distance 0. "linear": every invertible
        linear map; "orthogonal": rotations and reflections; "permutation": another order of the
        neurons; all three beside translation and isotropic scaling. "scaling": positive multiples
        alone. "none": only x itself has distance 0 from x.
    symmetric : bool
        Whether exchanging the two sides leaves the similarity as it is, with default options.
    metric : bool
        Whether the distance obeys the triangle inequality, with default options.
    reads : {"moments", "samples"}
        What of the overlap the formula needs: the second moments of the two sides, which few
        numbers hold, or every sample, whose number then decides the cost.
    similarity_range : (float, float)
        Least and greatest similarity.
    distance : Distance
        How the distance follows from the similarity.
    chance : callable, optional
        ``(overlap, **options) -> float or None``: the similarity to expect of independent samples
        with these spectra, None where theory does not give it; the options are those of `read`.
    """

    name: str
    formula: str
    description: str
    reference: str
    read: Callable[..., Reading]
    invariance: Literal["linear", "orthogonal", "permutation", "scaling", "none"]
    symmetric: bool = True
    metric: bool = False
    reads: Literal["moments", "samples"] = "moments"
    similarity_range: tuple[float, float] = (0.0, 1.0)
    distance: Distance = COMPLEMENT
    chance: Callable[..., float | None] | None = None

    @property
    def distance_range(self) -> tuple[float, float]:
        """Least and greatest distance; the greatest may be infinite."""
        low, high = self.similarity_range
        return self.distance.of(high), self.distance.of(low)

    @property
    def paired(self) -> bool:
        """Whether neuron j of x is compared with neuron j of y, so that both have as many."""
        return self.invariance in ("scaling", "none")

    @property
    def options(self) -> dict[str, Any]:
        """Names and defaults of the options that the measure takes."""
        parameters = list(inspect.signature(self.read).parameters.values())[1:]
        return {parameter.name: parameter.default for parameter in parameters}

    def check_options(self, options: Iterable[str]) -> None:
        """Refuse names that are no options of the measure, with a ValueError."""
        for option in options:
            if option not in self.options:
                raise ValueError(unknown_name(f"option of {self.name}", option, self.options))

    def __call__(self, overlap: Overlap, **options: Any) -> Score:
        """Read the measure off an overlap."""
        self.check_options(options)
        reading = self.read(overlap, **options)
        low, high = self.similarity_range
        similarity = min(max(reading.similarity, low), high)  # only rounding leaves the range
        distance = reading.distance
        return Score(
            similarity=similarity,
            distance=self.distance.of(similarity) if distance is None else distance,
            measure=self.name,
            n_samples=overlap.n_samples,
            x_rank=reading.used.x.rank,
            y_rank=reading.used.y.rank,
            warnings=_few_samples(reading.used) if reading.whitened else (),
        )

    def between(self, x: Any, y: Any, *, solver: Solver = "auto", **options: Any) -> Score:
        """Couple two representations and read the measure off; its warnings are issued."""
        return self(overlap(x, y, solver=solver), **options).announce(stacklevel=3)


def _few_samples(used: Overlap) -> tuple[str, ...]:
    n, rx, ry = used.n_samples, used.x.rank, used.y.rank
    # The greater first: the text is the same for (x, y) and (y, x).
    ranks = f"{n} samples are few for {max(rx, ry)} and {min(rx, ry)} directions"
    remedy = "take more samples, keep fewer directions (svcca), or use cka or procrustes"
    if used.n_forced:
        return (
            f"{ranks}: {used.n_forced} of the {min(rx, ry)} canonical correlations are 1 whatever "
            f"the data; {remedy}",
        )
    # For independent data E ||M||_F^2 = rx ry / (n - 1), whatever their distributions' shape.
    chance = max(rx, ry) / (n - 1)
    if n < FEW_SAMPLES * max(rx, ry):
        return (
            f"{ranks}: unrelated data would show a mean squared canonical correlation of "
            f"{chance:.2f}; {remedy}",
        )
    return ()
