"""Grid: the cells of a table of comparisons, and what every such table says about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.version import __version__
from isorep.core.overlap import Overlap
from isorep.core.prepare import Prepared, couple_prepared
from isorep.core.score import Score
from isorep.measures.base import Measure

if TYPE_CHECKING:
    import xarray

    from isorep.inference.infer import Inference

Index = tuple[int, ...]

_INFERRED = {
    "corrected": {"long_name": "similarity, corrected for the number of samples"},
    "low": {"long_name": "lower bound of the population's similarity"},
    "high": {"long_name": "upper bound of the population's similarity"},
    "chance": {"long_name": "similarity to expect of unrelated data"},
    "calibrated": {"long_name": "similarity, 0 at chance and 1 at identity"},
    "p_value": {"long_name": "chance of so high a similarity of unrelated data"},
    "p_adjusted": {"long_name": "p-value for many cells, by Benjamini and Hochberg"},
}


class Grid:
    """The cells of a table while they are filled: one for each pair of layers compared.

    Parameters
    ----------
    sizes
        Name of each dimension to its length, in order.
    measures
        What each pair is compared by.
    examined : dict, optional
        What else to tell of each cell: the keywords of `isorep.inference.infer.examine`.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        measures: Sequence[Measure],
        examined: Mapping[str, Any] | None = None,
    ) -> None:
        self._dims, shape = tuple(sizes), tuple(sizes.values())
        self._measures = measures
        self._values = {
            name: np.full(shape, np.nan)
            for measure in measures
            for name in (measure.name, _distance(measure))
        }
        self._examined = examined
        self._inferred = {
            f"{measure.name}_{name}": np.full(shape, np.nan)
            for measure in measures
            for name in _inferred_names(examined or {})
        }
        self._n_significant = np.full(shape, np.nan)
        self._itself = np.zeros(shape, dtype=bool)
        self._n_samples = np.zeros(shape, dtype=np.int64)
        self._warnings = np.full(shape, "", dtype=object)
        self._reason = np.full(shape, "", dtype=object)

    def fill(self, at: Index, x: Prepared, y: Prepared, *, mirror: Index | None = None) -> None:
        """Compare x with y into the cell `at`, and y with x into the cell `mirror`.

        The two directions share one coupling, and symmetric measures their score.
        """
        self.enter(at, couple_prepared(x, y), mirror=mirror, itself=x is y)

    def enter(
        self,
        at: Index,
        coupled: Overlap | ValueError | TypeError,
        *,
        mirror: Index | None = None,
        itself: bool = False,
    ) -> None:
        """Read every measure off a coupling into `at`, and off its exchange into `mirror`.

        `itself` says that both sides are one.
        """
        if isinstance(coupled, Exception):
            for cell in (at,) if mirror is None else (at, mirror):
                self._reason[cell] = str(coupled)
            return
        scores = [_score(measure, coupled) for measure in self._measures]
        told = self._infer(coupled, scores, {})
        self._write(at, coupled, scores, told)
        self._itself[at] = itself
        if mirror is not None:
            back = coupled.swap()
            mirrored = [
                score if measure.symmetric and isinstance(score, Score) else _score(measure, back)
                for measure, score in zip(self._measures, scores, strict=True)
            ]
            known = {m.name: told[m.name] for m in self._measures if m.symmetric and m.name in told}
            self._write(mirror, back, mirrored, self._infer(back, mirrored, known))

    def _infer(
        self,
        coupled: Overlap,
        scores: Sequence[Score | Exception],
        known: Mapping[str, Inference | Exception],
    ) -> dict[str, Inference | Exception]:
        """Tell of each measure how far to trust it, or why that cannot be told."""
        if self._examined is None:
            return {}
        from isorep.inference.infer import examine
        from isorep.random_matrix.population import Population

        found = dict(known)
        left = [
            measure
            for measure, score in zip(self._measures, scores, strict=True)
            if measure.name not in known and isinstance(score, Score)
        ]
        fit = any(measure.requires == "moments" for measure in left) and (
            self._examined["correct"] or self._examined["interval"]
        )
        population = (
            Population.estimate(coupled, self._examined["seed"])
            if fit and not coupled.n_forced
            else None
        )
        for measure in left:
            try:
                found[measure.name] = examine(
                    coupled, measure, population=population, **self._examined
                )
            except (TypeError, ValueError) as error:
                found[measure.name] = error
        return found

    def _write(
        self,
        at: Index,
        coupled: Overlap,
        scores: Sequence[Score | Exception],
        told: Mapping[str, Inference | Exception],
    ) -> None:
        self._n_samples[at] = coupled.n_samples
        warned: dict[str, list[str]] = {}
        failed: dict[str, list[str]] = {}
        for measure, score in zip(self._measures, scores, strict=True):
            if isinstance(score, Exception):
                failed.setdefault(str(score), []).append(measure.name)
                continue
            self._values[measure.name][at] = score.similarity
            self._values[_distance(measure)][at] = score.distance
            inferred = told.get(measure.name)
            if inferred is not None and not isinstance(inferred, Exception):
                values = {
                    **vars(inferred),
                    "low": inferred.interval[0],
                    "high": inferred.interval[1],
                }
                for name in _inferred_names(self._examined or {}):
                    if name != "p_adjusted":
                        self._inferred[f"{measure.name}_{name}"][at] = values[name]
                self._n_significant[at] = inferred.n_significant
            if isinstance(inferred, Exception):
                texts: tuple[str, ...] = (*score.warnings, str(inferred))
            else:
                texts = (inferred or score).warnings
            for text in texts:
                warned.setdefault(text, []).append(measure.name)
        self._warnings[at] = _by_measure(warned)
        self._reason[at] = _by_measure(failed)

    def _inferred_variables(self) -> dict[str, Any]:
        if self._examined is None:
            return {}
        for measure in self._measures if self._examined["chance"] else ():
            p_values = self._inferred[f"{measure.name}_p_value"]
            adjusted = self._inferred[f"{measure.name}_p_adjusted"]
            adjusted[...] = p_values
            # That a layer is like itself is no finding, and must not lend others its p-value.
            tested = ~np.isnan(p_values) & ~self._itself
            if tested.any():
                from scipy.stats import false_discovery_control

                adjusted[tested] = false_discovery_control(p_values[tested])
        told: dict[str, Any] = {
            f"{measure.name}_{name}": (
                self._dims,
                self._inferred[f"{measure.name}_{name}"],
                {**_attributes(measure, measure.name), "quantity": name, **_INFERRED[name]},
            )
            for measure in self._measures
            for name in _inferred_names(self._examined)
        }
        return {**told, "n_significant": (self._dims, self._n_significant)}

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that hold the cells, by variable."""
        return {
            **self._values,
            "n_samples": self._n_samples,
            "warnings": self._warnings,
            "reason": self._reason,
        }

    def dataset(
        self, coords: Mapping[str, Any], others: Mapping[str, Any], **attrs: Any
    ) -> xarray.Dataset:
        """Return the table, with `others` among its variables.

        Raises
        ------
        ValueError
            When there is no number in it at all.
        """
        import xarray

        if all(np.isnan(array).all() for array in self._values.values()):
            raise nothing_compared(self._reason.ravel())
        return xarray.Dataset(
            {
                **{
                    name: (self._dims, self._values[name], attributes)
                    for name, attributes in score_variables(self._measures).items()
                },
                **self._inferred_variables(),
                **others,
                "n_samples": (self._dims, self._n_samples),
                "warnings": (self._dims, self._warnings.astype(str)),
                "reason": (self._dims, self._reason.astype(str)),
            },
            coords=coords,
            attrs={**table_attributes(self._measures), **attrs},
        )


def score_variables(measures: Iterable[Measure]) -> dict[str, dict[str, Any]]:
    """Return the variables that hold the measures' numbers, with what each says of itself."""
    return {
        name: _attributes(measure, name)
        for measure in measures
        for name in (measure.name, _distance(measure))
    }


def table_attributes(measures: Iterable[Measure]) -> dict[str, Any]:
    """Return what every table says of itself."""
    return {"isorep_version": __version__, "measures": [measure.name for measure in measures]}


def nothing_compared(reasons: Iterable[str]) -> ValueError:
    """Return the error for a table without a single number."""
    found = list(dict.fromkeys(reasons))
    shown = "; ".join(found[:3]) + ("; ..." if len(found) > 3 else "")
    return ValueError(f"no pair of layers could be compared: {shown}")


def _inferred_names(examined: Mapping[str, Any]) -> list[str]:
    """Name the variables that are told of each measure beside its similarity and distance."""
    names = []
    if examined.get("correct") or examined.get("interval"):
        names.append("corrected")
    if examined.get("interval"):
        names += ["low", "high"]
    if examined.get("chance"):
        names += ["chance", "calibrated", "p_value", "p_adjusted"]
    return names


def _score(measure: Measure, coupled: Overlap) -> Score | Exception:
    """Read a measure off; where it does not apply to this pair, return why."""
    try:
        return measure(coupled)
    except (TypeError, ValueError) as error:
        return error


def _by_measure(told: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{', '.join(names)}: {text}" for text, names in told.items())


def _distance(measure: Measure) -> str:
    return f"{measure.name}_distance"


def _attributes(measure: Measure, variable: str) -> dict[str, Any]:
    is_similarity = variable == measure.name
    return {
        "measure": measure.name,
        "quantity": "similarity" if is_similarity else "distance",
        "range": measure.similarity_range if is_similarity else measure.distance_range,
        "units": "1" if is_similarity else measure.distance.units,
        "symmetric": int(measure.symmetric),
        "long_name": measure.description,
        "reference": measure.reference,
    }
