"""Animal ceiling: the similarity that what other animals share would reach with an animal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.html_table import html_table
from isorep._utils.parallel import one_thread
from isorep.core.overlap import overlap
from isorep.core.warning_text import WarningText, about, code_of, heard, issue
from isorep.inference.noise_ceiling import ceiling_measure
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.representations.representations import Representations


@dataclass(frozen=True)
class AnimalCeiling:
    """Bounds of the similarity that the best model would reach with an average animal.

    Attributes
    ----------
    lower : float
        Mean similarity of each animal to the others.
    upper : float
        Mean similarity of each animal to all, itself included.
    animals : dict of str to (float, float)
        Lower and upper bound of each animal.
    measure : str
        Name of the measure, with options that differ from their defaults.
    n_samples : int
        Number of stimuli.
    warnings : tuple of str
        Reasons to read the numbers with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> common = rng.standard_normal((60, 10))
    >>> animals = {name: common + 0.5 * rng.standard_normal((60, 10)) for name in "abc"}
    >>> ceiling = isorep.inference.animal_ceiling(animals, "cka_debiased")
    >>> 0 < ceiling.lower < ceiling.upper < 1, list(ceiling.animals)
    (True, ['a', 'b', 'c'])
    """

    lower: float
    upper: float
    animals: dict[str, tuple[float, float]]
    measure: str
    n_samples: int
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        warnings = f", warnings={len(self.warnings)}" if self.warnings else ""
        return (
            f"AnimalCeiling({self.measure}: lower={self.lower:.4g}, upper={self.upper:.4g}, "
            f"{len(self.animals)} animals, n_samples={self.n_samples}{warnings})"
        )

    def _repr_html_(self) -> str:
        bounds = {name: f"{low:.4g} to {high:.4g}" for name, (low, high) in self.animals.items()}
        rows: dict[str, Any] = {**vars(self), **bounds}
        del rows["animals"], rows["warnings"]
        return html_table(
            "AnimalCeiling", [*rows.items(), *(("warning", w) for w in self.warnings)]
        )


def animal_ceiling(
    animals: Mapping[str, Any], measure: Spec = "pwcca", **options: Any
) -> AnimalCeiling:
    """Return bounds of the similarity that a model can reach with an animal, from other animals.

    The best model of an average animal is what the animals share. Its similarity to one animal is
    at least that of the other animals together, which lack what they do not show, and at most that
    of all animals together, which include the animal itself. "Together" means the neurons of the
    animals side by side, each animal scaled to the same total variance, so that squared distances
    of stimuli are means over animals (Nili et al. average the matrices themselves).

    Parameters
    ----------
    animals : mapping of animal to (n, p) array or table
        Responses of at least 2 animals, or sessions, to the same n stimuli in rows, averaged over
        trials. Tables are brought into one order by their labels. Animals may have different
        numbers of neurons.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options; see `isorep.infer`. For a
        measure with a direction, x is the model and y the animal.
    **options
        Options of the measure.

    Returns
    -------
    AnimalCeiling

    Raises
    ------
    TypeError, ValueError
        If there are fewer than 2 animals, their stimuli differ, an animal is constant, or the
        measure cannot be computed.

    References
    ----------
    Nili, Wingfield, Walther, Su, Marslen-Wilson and Kriegeskorte 2014, A toolbox for
    representational similarity analysis.

    Examples
    --------
    Five animals with a common signal and responses of their own:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> common = rng.standard_normal((80, 30))
    >>> animals = {f"mouse{i}": common + rng.standard_normal((80, 30)) for i in range(5)}
    >>> ceiling = isorep.inference.animal_ceiling(animals, "cka_debiased")
    >>> ceiling.lower < isorep.measures.cka_debiased(common, animals["mouse0"]).similarity
    True
    """
    row = ceiling_measure(measure).with_options(**options)
    bounds, warnings = animal_bounds(animals, row)
    lower, upper = np.mean(list(bounds.values()), axis=0).tolist()
    first = next(iter(animals.values()))
    return AnimalCeiling(
        lower=lower,
        upper=upper,
        animals=bounds,
        measure=row.label,
        n_samples=np.shape(first)[0],
        warnings=issue(warnings, stacklevel=2),
    )


def animal_bounds(
    animals: Mapping[str, Any], row: Measure
) -> tuple[dict[str, tuple[float, float]], tuple[str, ...]]:
    """Return the lower and upper bound of each animal, and warnings; see `animal_ceiling`."""
    if len(animals) < 2:
        raise ValueError(
            f"expected at least 2 animals, got {len(animals)}: for one animal, take the noise "
            "ceiling of its trials (isorep.inference.noise_ceiling)"
        )
    responses = Representations.from_mapping(animals)
    scaled = {name: _scaled(name, np.asarray(values)) for name, values in responses.items()}
    options = row.seeded({}, 0)
    bounds = {}
    texts: dict[str, str] = {}
    with one_thread():
        for name, values in scaled.items():
            others = np.hstack([other for key, other in scaled.items() if key != name])
            lower, upper = (
                row(overlap(x, values), **options) for x in (others, np.hstack([others, values]))
            )
            bounds[name] = (lower.similarity, upper.similarity)
            for text in lower.warnings:
                # What affects one animal affects others too, in other numbers.
                subject = f"{row.label} of {name} and the other animals"
                texts.setdefault(code_of(text), about(subject, text))
    if row.invariance != "linear":
        return bounds, heard(texts.values())
    vacuous = WarningText(
        "vacuous-ceiling",
        f"{row.name} ignores linear maps, and all animals together contain each animal, so the "
        "upper bound is 1 by construction",
        "read the lower bound, or use a measure that is invariant to rotations only, such as "
        "cka_debiased",
    )
    return bounds, heard([*texts.values(), vacuous])


def _scaled(name: str, responses: NDArray[Any]) -> NDArray[np.float64]:
    centred = responses.astype(np.float64) - responses.mean(axis=0, dtype=np.float64)
    norm = float(np.linalg.norm(centred))
    if not norm > 0:
        raise ValueError(
            f"animal {name!r} has the same response to all {len(responses)} stimuli, or NaN: leave "
            "it out"
        )
    return np.asarray(centred / norm)
