"""Convergence: the step from which on each layer stays close to its final state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from isorep._utils.progress import track
from isorep._utils.version import __version__
from isorep.comparison.aligned_sides import aligned_sides
from isorep.comparison.grid import score_prepared
from isorep.comparison.inputs import Label, check_same_samples, labelled, layers_of_all
from isorep.core.basis import Basis
from isorep.core.folds import assign_folds
from isorep.core.prepare import Prepared
from isorep.core.score import Score
from isorep.core.warning_text import WarningText, heard, line_of
from isorep.inference.interval import check_level
from isorep.inference.jackknife import BLOCKS, standard_error
from isorep.measures.base import Measure
from isorep.measures.registry import one_measure
from isorep.representations.representations import Representations
from isorep.representations.sample_structure import SampleStructure

if TYPE_CHECKING:
    import xarray

Floats = NDArray[np.float64]

TOLERANCE = 0.05
"""Distance up to which two states count as equal."""

FACTOR = 2.0
"""Multiple of the noise up to which a distance counts as noise."""

SAME = 1e-4
"""Distance up to which the first state equals the last one."""

LEVEL = 0.95

FEWEST_STATES = 8
"""Smallest number of states whose last quarter holds two distances between neighbours."""


def converged(
    states: Mapping[Label, Mapping[str, Any]],
    *,
    layers: str | Sequence[str] | None = None,
    measure: str = "pwcca",
    tolerance: float = TOLERANCE,
    factor: float = FACTOR,
    level: float = LEVEL,
    progress: bool = True,
) -> xarray.Dataset:
    """Find the step from which on each layer stays close to its final state.

    A layer has converged at the first state from which on its distance to the last state stays
    within ``max(tolerance, factor * noise)``. Its noise is the median distance between neighbouring
    states in the last quarter: how far training moves the layer from one state to the next at the
    end. For a layer that settles, this is the state after which it stays as close to its end as the
    threshold asks. A layer that keeps moving converges a few states before the end.

    It says when a representation had converged, and nothing more: a network whose layers are
    frozen at these steps can end with a lower accuracy.

    The bounds come from the jackknife over 20 blocks of samples: the earliest and latest step that
    other samples of the same kind might have shown. They do not cover other training seeds.

    Parameters
    ----------
    states : mapping of step to Representations, or to mapping of layer to (n, p) array
        At least 8 states in ascending order, on the same samples; see `isorep.trajectory`. Steps
        must be numbers.
    layers : str or sequence of str, optional
        Layers to examine; by default those of the first state.
    measure : str or mapping
        Name in `isorep.MEASURES`, with options if any; see `isorep.compare`.
    tolerance : float
        Distance that counts as 0, in units of the measure.
    factor : float
        Multiple of its noise up to which the distance of a layer to its end counts as noise.
    level : float
        Confidence level of the bounds, above 0 and at most 0.999999.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.

    Returns
    -------
    xarray.Dataset
        - ``converged`` (layer): a step, with bounds ``converged_low`` and ``converged_high``; NaN
          if the layer cannot be compared with its last state, and ``reason`` (layer) says why;
        - ``threshold`` and ``noise`` (layer): distances;
        - ``distance`` (step, layer): distance of a state to the last state, and
          ``distance_error``, its standard error;
        - ``warnings`` (layer): what affects the step of a layer, one line a code, or an empty
          string.

    Raises
    ------
    TypeError, ValueError
        If the states, layers or measure are not as described.

    References
    ----------
    Morcos, Raghu and Bengio 2018, figure 6, for distances to the final state. Raghu et al. 2017,
    SVCCA, section 4.1, for freezing layers that have converged. Efron and Stein 1981, The jackknife
    estimate of variance.

    Examples
    --------
    One layer never moves, one settles halfway, and one moves until the end:

    >>> import numpy as np
    >>> from isorep.monitor import converged
    >>> end, start = np.random.default_rng(0).standard_normal((2, 200, 3))
    >>> def state(step, settled):
    ...     return end + max(0, settled - step) * start
    >>> table = converged(
    ...     {k: {"a": state(k, 0), "b": state(k, 10), "c": state(k, 20)} for k in range(0, 21, 2)}
    ... )
    >>> table["converged"].values.tolist()
    [0.0, 10.0, 18.0]
    """
    row = one_measure(measure)
    check_level(level)
    if tolerance < 0 or factor < 0:
        raise ValueError(f"tolerance and factor must be at least 0, got {tolerance} and {factor}")
    by_step = labelled("states", states)
    if any(isinstance(step, str) for step in by_step):
        raise TypeError(f"steps must be numbers, got {list(by_step)}")
    steps = np.array(list(by_step), dtype=np.float64)
    if len(steps) < FEWEST_STATES or (np.diff(steps) <= 0).any():
        raise ValueError(
            f"expected at least {FEWEST_STATES} states, at ascending steps, got {list(by_step)}; a "
            "monitor takes more states with a smaller every"
        )
    sides, _, _ = aligned_sides({f"states[{step!r}]": state for step, state in by_step.items()})
    by_name = {name: Representations.from_mapping(state) for name, state in sides.items()}
    check_same_samples(by_name)
    n_samples = next(iter(by_name.values())).n_samples
    if n_samples < BLOCKS:
        raise ValueError(
            f"{n_samples} samples are too few for bounds: the jackknife leaves out each of "
            f"{BLOCKS} blocks of samples in turn; pass more samples"
        )
    names = layers_of_all(layers, by_name)
    rule = _Rule(row, tolerance, factor)
    results = [
        _examine(
            [
                _LayerState(f"{name}[{layer!r}]", state[layer], state.dtypes[layer])
                for name, state in by_name.items()
            ],
            n_samples,
            rule,
            level,
        )
        for layer in track(names, "converged", len(names), progress, unit="layers")
    ]
    return _table(results, names, list(by_step), row, level)


class _LayerState(NamedTuple):
    """Activations of a layer at a step."""

    name: str
    rows: NDArray[Any]
    dtype: str

    def prepared(self) -> Prepared:
        try:
            return Basis.from_array(self.rows, dtype=self.dtype, name=self.name)
        except (TypeError, ValueError) as error:
            return error


class _Distances(NamedTuple):
    """Distance of each of T states to the last, (T,), and the threshold for it."""

    to_last: Floats
    noise: float
    threshold: float
    reasons: tuple[str, ...]  # why some distances are NaN


class _Rule:
    """Measure and threshold by which a layer has converged."""

    def __init__(self, measure: Measure, tolerance: float, factor: float) -> None:
        self._measure, self._tolerance, self._factor = measure, tolerance, factor

    def distances(self, layer: Sequence[_LayerState]) -> _Distances:
        bases = [state.prepared() for state in layer]
        scores = [score_prepared(self._measure, basis, bases[-1]) for basis in bases]
        last_quarter = bases[-(len(bases) // 4) - 1 :]
        moves = [
            score_prepared(self._measure, after, before) for before, after in pairwise(last_quarter)
        ]
        step_sizes = [move.distance for move in moves if isinstance(move, Score)]
        noise = float(np.median(step_sizes)) if step_sizes else np.nan
        return _Distances(
            np.array([score.distance if isinstance(score, Score) else np.nan for score in scores]),
            noise,
            float(np.maximum(self._tolerance, self._factor * noise)),
            tuple(dict.fromkeys(str(error) for error in scores if isinstance(error, Exception))),
        )


class _Result(NamedTuple):
    """Convergence of a layer: index of the step and its two bounds, None where unknown."""

    distances: _Distances
    errors: Floats
    steps: tuple[int | None, int | None, int | None]
    warnings: str


def _examine(layer: Sequence[_LayerState], n_samples: int, rule: _Rule, level: float) -> _Result:
    """Find the step at which a layer converged, with bounds from the jackknife."""
    distances = rule.distances(layer)
    excess = distances.to_last - distances.threshold
    if np.isnan(excess[-1]):
        return _Result(distances, np.full_like(excess, np.nan), (None, None, None), "")
    # The rows of one sample, such as its pixels or tokens, are adjacent and not independent.
    n_rows = len(layer[-1].rows)
    samples = SampleStructure.from_labels(np.arange(n_rows) * n_samples // n_rows)
    block_of = assign_folds(n_rows, BLOCKS, samples, seed=0)
    replicates = []
    for block in range(BLOCKS):
        kept = block_of != block
        replicates.append(
            rule.distances([state._replace(rows=state.rows[kept]) for state in layer])
        )
    to_last = np.array([replicate.to_last for replicate in replicates])
    thresholds = np.array([replicate.threshold for replicate in replicates])
    # The decision depends on the difference, so its error counts, not that of the distance.
    error = stdtrit(BLOCKS - 1, (1 + level) / 2) * standard_error(to_last - thresholds[:, None])
    steps = (
        _stays_from(excess <= 0),
        _stays_from(excess - error <= 0),
        _stays_from(excess + error <= 0),
    )
    warnings = "\n".join(map(line_of, heard(_warnings(distances))))
    return _Result(distances, standard_error(to_last), steps, warnings)


def _stays_from(within: NDArray[np.bool_]) -> int:
    """Return the index from which on all are true, or the last index if there is none."""
    outside = np.flatnonzero(~within)
    return min(int(outside[-1]) + 1, len(within) - 1) if len(outside) else 0


def _warnings(distances: _Distances) -> list[WarningText]:
    """Say which states could not be compared, and if the step says nothing about learning."""
    texts = [WarningText("not-computed", reason) for reason in distances.reasons]
    first = distances.to_last[0]
    if first <= SAME:
        texts.append(
            WarningText(
                "same-at-start",
                "the first state already equals the last one: the layer is frozen, or it is a "
                "linear map at least as wide as its input, which this measure cannot tell from "
                "any other",
                "take the output of the nonlinearity after it, or measure='cka'",
            )
        )
    if distances.noise > TOLERANCE and distances.threshold > first / 2:
        texts.append(
            WarningText(
                "noisy-states",
                f"neighbouring states at the end are {distances.noise:.2g} apart, but the first "
                f"state is only {first:.2g} from the last: the noise hides what the layer learned",
                "take states more often",
            )
        )
    return texts


def _table(
    results: Sequence[_Result],
    layers: Sequence[str],
    steps: Sequence[Label],
    measure: Measure,
    level: float,
) -> xarray.Dataset:
    import xarray

    units = {"units": measure.distance.units, "measure": measure.label}
    estimate, low, high = (
        [np.nan if index is None else float(steps[index]) for index in indices]
        for indices in zip(*(result.steps for result in results), strict=True)
    )
    return xarray.Dataset(
        {
            "converged": (
                "layer",
                estimate,
                {"long_name": "step from which on the layer stays close to its final state"},
            ),
            "converged_low": ("layer", low),
            "converged_high": ("layer", high),
            "threshold": ("layer", [result.distances.threshold for result in results], units),
            "noise": ("layer", [result.distances.noise for result in results], units),
            "distance": (
                ("step", "layer"),
                np.stack([result.distances.to_last for result in results], axis=1),
                {**units, "long_name": "distance to the last state"},
            ),
            "distance_error": (
                ("step", "layer"),
                np.stack([result.errors for result in results], axis=1),
                {**units, "long_name": "standard error of the distance"},
            ),
            "warnings": ("layer", [result.warnings for result in results]),
            "reason": (
                "layer",
                [
                    "; ".join(result.distances.reasons[:1]) if result.steps[0] is None else ""
                    for result in results
                ],
            ),
        },
        coords={"step": list(steps), "layer": list(layers)},
        attrs={
            "kind": "converged",
            "isorep_version": __version__,
            "level": level,
            "reference": steps[-1],
        },
    )
