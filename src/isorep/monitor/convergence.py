"""Converged: from which step on each layer was as good as final."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from isorep._utils.progress import track
from isorep._utils.version import __version__
from isorep.comparison.grid import score_prepared
from isorep.comparison.inputs import Label, check_same_samples, labelled, layers_of_all
from isorep.core.basis import Basis
from isorep.core.folds import assign_folds
from isorep.core.prepare import Prepared
from isorep.core.score import Score
from isorep.inference.interval import check_level
from isorep.inference.jackknife import BLOCKS, standard_error
from isorep.measures import Measure
from isorep.measures.registry import one_measure
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import xarray

Floats = NDArray[np.float64]

TOLERANCE = 0.05
"""Distance up to which two states count as the same."""

FACTOR = 2.0
"""How many times the noise a distance may be."""

LEVEL = 0.95

FEWEST_STATES = 8
"""States under which the last quarter tells of fewer than two steps from one to the next."""


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
    """Tell from which step on each layer was as good as final.

    A layer has converged at the first state from which on its distance to the last state stays
    within ``max(tolerance, factor * noise)``. Its noise is the median distance between neighbours
    among the last quarter of the states: how far training, as it went on at the end, carries the
    layer from one state to the next. A layer that settles down is then found where it came as near
    to its end as it then stays; one that keeps moving, a few states before the end.

    What a layer puts out depends on all layers before it. So from its step on, a layer together
    with all before it could have been frozen.

    Bounds come from the jackknife over 20 blocks of samples: the earliest and latest step that
    other samples of the same kind might have shown. They say nothing of how another seed would have
    trained.

    Parameters
    ----------
    states : mapping of step to Representations, or to mapping of layer to (n, p) array
        In order, at least 8, on the same samples; see `isorep.trajectory`. Steps are numbers.
    layers : str or sequence of str, optional
        Which layers; by default those of the first state.
    measure : str
        A name in `isorep.MEASURES`.
    tolerance : float
        Distance that counts as none, in units of the measure.
    factor : float
        How many times its noise a layer may be from its end.
    level : float
        Of the bounds, in (0, 1).
    progress : bool
        Show a progress bar, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        - ``converged`` (layer), a step, with bounds ``converged_low`` and ``converged_high``; NaN
          where the layer cannot be compared with its last state, with the ``reason`` (layer);
        - ``threshold`` and ``noise`` (layer), distances;
        - ``distance`` (step, layer), of a state to the last, and ``distance_error``, its standard
          error;
        - ``warnings`` (layer), why to read a layer's step with care, or an empty string.

    Raises
    ------
    TypeError, ValueError
        When states, layers or a measure are not as described.

    References
    ----------
    Morcos, Raghu and Bengio 2018, figure 6, for distances to the final state. Raghu et al. 2017,
    SVCCA, section 4.1, for freezing layers that have converged. Efron and Stein 1981, The jackknife
    estimate of variance.

    Examples
    --------
    One layer never moves, one settles halfway, and one does not before the end:

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
        raise ValueError(
            f"tolerance and factor are numbers from 0 on, not {tolerance} and {factor}"
        )
    found = labelled("states", states)
    if any(isinstance(step, str) for step in found):
        raise TypeError(f"steps should be numbers, got {list(found)}")
    steps = np.array(list(found), dtype=np.float64)
    if len(steps) < FEWEST_STATES or (np.diff(steps) <= 0).any():
        raise ValueError(
            f"expected at least {FEWEST_STATES} states, at ascending steps, got {list(found)}: a "
            "monitor takes them more often with a smaller every"
        )
    by_name = {
        f"states[{step!r}]": Representations.from_mapping(given) for step, given in found.items()
    }
    check_same_samples(by_name)
    n_samples = next(iter(by_name.values())).n_samples
    if n_samples < BLOCKS:
        raise ValueError(
            f"{n_samples} samples are too few for bounds: the jackknife leaves out {BLOCKS} parts "
            "in turn"
        )
    chosen = layers_of_all(layers, by_name)
    rule = _Rule(row, tolerance, factor)
    judged = [
        _judge(
            [_State(f"{at}[{layer!r}]", x[layer], x.dtypes[layer]) for at, x in by_name.items()],
            n_samples,
            rule,
            level,
        )
        for layer in track(chosen, "converged", len(chosen), progress)
    ]
    return _table(judged, chosen, list(found), row, level)


class _State(NamedTuple):
    """A layer at a step."""

    name: str
    rows: NDArray[Any]
    dtype: str

    def prepared(self) -> Prepared:
        try:
            return Basis.from_array(self.rows, dtype=self.dtype, name=self.name)
        except (TypeError, ValueError) as error:
            return error


class _Distances(NamedTuple):
    """How far each of T states is from the last, (T,), and how far it may be."""

    to_last: Floats
    noise: float
    threshold: float
    reasons: tuple[str, ...]  # why some are NaN


class _Rule:
    """What is allowed to a layer."""

    def __init__(self, measure: Measure, tolerance: float, factor: float) -> None:
        self._measure, self._tolerance, self._factor = measure, tolerance, factor

    def distances(self, layer: Sequence[_State]) -> _Distances:
        bases = [state.prepared() for state in layer]
        scores = [score_prepared(self._measure, basis, bases[-1]) for basis in bases]
        late = bases[-(len(bases) // 4) - 1 :]
        moves = [score_prepared(self._measure, after, before) for before, after in pairwise(late)]
        known = [move.distance for move in moves if isinstance(move, Score)]
        noise = float(np.median(known)) if known else np.nan
        return _Distances(
            np.array([score.distance if isinstance(score, Score) else np.nan for score in scores]),
            noise,
            float(np.maximum(self._tolerance, self._factor * noise)),
            tuple(dict.fromkeys(str(error) for error in scores if isinstance(error, Exception))),
        )


class _Judged(NamedTuple):
    """What there is to tell of a layer: indices of steps, None where it never converged."""

    found: _Distances
    errors: Floats
    at: tuple[int | None, int | None, int | None]
    warnings: str


def _judge(layer: Sequence[_State], n_samples: int, rule: _Rule, level: float) -> _Judged:
    found = rule.distances(layer)
    beyond = found.to_last - found.threshold
    if np.isnan(beyond[-1]):
        return _Judged(found, np.full_like(beyond, np.nan), (None, None, None), "")
    # The rows of one sample, such as its pixels or tokens, lie together and depend on each other.
    n_rows = len(layer[-1].rows)
    block_of = assign_folds(n_rows, BLOCKS, np.arange(n_rows) * n_samples // n_rows, seed=0)
    parts = []
    for block in range(BLOCKS):
        kept = block_of != block
        parts.append(rule.distances([state._replace(rows=state.rows[kept]) for state in layer]))
    to_last = np.array([part.to_last for part in parts])
    thresholds = np.array([part.threshold for part in parts])
    # The decision is on the difference of the two, so it is that one's error that counts.
    error = stdtrit(BLOCKS - 1, (1 + level) / 2) * standard_error(to_last - thresholds[:, None])
    at = (
        _stays_from(beyond <= 0),
        _stays_from(beyond - error <= 0),
        _stays_from(beyond + error <= 0),
    )
    return _Judged(found, standard_error(to_last), at, "; ".join(_correction_warnings(found)))


def _stays_from(within: NDArray[np.bool_]) -> int:
    """Return the index from which on all are true, the last one if there is none."""
    outside = np.flatnonzero(~within)
    return min(int(outside[-1]) + 1, len(within) - 1) if len(outside) else 0


def _correction_warnings(found: _Distances) -> list[str]:
    doubts = list(found.reasons)
    first = found.to_last[0]
    if found.noise > TOLERANCE and found.threshold > first / 2:
        doubts.append(
            f"its neighbouring states at the end are {found.noise:.2g} apart, and the first is "
            f"only {first:.2g} from the last: what it learned hardly shows beside how it moves; "
            "states taken more often may tell"
        )
    return doubts


def _table(
    judged: Sequence[_Judged],
    layers: Sequence[str],
    steps: Sequence[Label],
    measure: Measure,
    level: float,
) -> xarray.Dataset:
    import xarray

    units = {"units": measure.distance.units, "measure": measure.name}
    estimate, low, high = (
        [np.nan if index is None else float(steps[index]) for index in indices]
        for indices in zip(*(one.at for one in judged), strict=True)
    )
    return xarray.Dataset(
        {
            "converged": ("layer", estimate, {"long_name": "step from which on it was final"}),
            "converged_low": ("layer", low),
            "converged_high": ("layer", high),
            "threshold": ("layer", [one.found.threshold for one in judged], units),
            "noise": ("layer", [one.found.noise for one in judged], units),
            "distance": (
                ("step", "layer"),
                np.stack([one.found.to_last for one in judged], axis=1),
                {**units, "long_name": "distance to the last state"},
            ),
            "distance_error": (
                ("step", "layer"),
                np.stack([one.errors for one in judged], axis=1),
                {**units, "long_name": "standard error of the distance"},
            ),
            "warnings": ("layer", [one.warnings for one in judged]),
            "reason": (
                "layer",
                ["; ".join(one.found.reasons[:1]) if one.at[0] is None else "" for one in judged],
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
