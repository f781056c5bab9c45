"""Ceilings: a table of comparisons with the similarity that a perfect model would reach."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike
from isorep._utils.validation import check_seed, unknown_name
from isorep.core.warning_text import WarningText, about, issue, not_computed
from isorep.inference.animal_ceiling import animal_bounds
from isorep.inference.interval import check_level
from isorep.inference.repeated_similarity import (
    RepeatedSimilarity,
    repeated_similarities,
    structure_of_stimuli,
)
from isorep.inference.signal_and_noise import SignalAndNoise
from isorep.measures.base import Measure
from isorep.measures.registry import measure_named
from isorep.representations.repeats import Repeats
from isorep.representations.representations import Layers

if TYPE_CHECKING:
    import xarray

CEILINGS = {
    "ceiling": "similarity that noise-free responses would reach",
    "ceiling_low": "lower bound of the ceiling",
    "ceiling_high": "upper bound of the ceiling",
    "of_ceiling": "similarity as a share of the ceiling",
}
"""Suffix and description of the variables of each measure that a table with ceilings has."""

_DIMS = {"compare": "y_layer", "trajectory": "layer"}
"""Dimension of the layers of a recording, in each kind of table."""

_Bounds = tuple[float, float, float]
"""Ceiling, and its lower and upper bound."""


def with_ceilings(
    table: xarray.Dataset,
    trials: Mapping[str, Any] | None = None,
    *,
    animals: Mapping[str, Any] | None = None,
    repeats: ArrayLike | str | None = None,
    groups: ArrayLike | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> xarray.Dataset:
    """Return a table with the ceiling of each similarity beside it.

    The layers of y (of the reference in a trajectory) are recordings, averaged over trials. Pass
    their single `trials` for the noise ceiling, or, if these layers are `animals`, the averages of
    all of them for bounds between animals.

    Parameters
    ----------
    table : xarray.Dataset
        Table of `isorep.compare`, or of `isorep.trajectory` with a recording as reference.
    trials : mapping of layer to (n_trials, n_neurons) array or table
        Single trials of every layer of y, such as `Representations` whose sample ids repeat. Layers
        may have different trials of the same stimuli. See `isorep.inference.noise_ceiling`.
    animals : mapping of animal to (n, p) array or table
        Averages of each animal, which are the layers of y. See `isorep.inference.animal_ceiling`.
    repeats : (n_trials,) array-like or str, optional
        Stimulus of each trial. By default the sample ids, or the labels of tables.
    groups : (n_trials,) array-like, optional
        Group of each trial, if stimuli of one group depend on each other. By default the groups of
        `Representations`.
    level : float
        Confidence level of the intervals of noise ceilings.
    seed : int
        Random seed of the simulations.

    Returns
    -------
    xarray.Dataset
        The table with, for each measure:

        - ``table["cka_ceiling"]`` (y_layer), with ``_ceiling_low`` and ``_ceiling_high``: the
          interval of the noise ceiling, or the bounds between animals, of which the lower one is
          the ceiling too;
        - ``table["cka_of_ceiling"]``, the similarity divided by the ceiling;
        - if the table has corrected similarities, the same of these, as in
          ``table["cka_corrected_ceiling"]``, from trials only.

        A ceiling that cannot be computed is NaN, with a warning.

    Raises
    ------
    TypeError, ValueError
        If the table is of another kind, trials of a layer are missing, or there are other numbers
        of stimuli than samples in the table; see also `isorep.inference.noise_ceiling`.

    References
    ----------
    See `isorep.inference.noise_ceiling` and `isorep.inference.animal_ceiling`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> images = rng.standard_normal((60, 10))
    >>> shown = np.repeat(np.arange(60), 5)
    >>> v4 = images @ rng.standard_normal((10, 30))
    >>> trials = isorep.Representations(
    ...     {"V4": v4[shown] + 4 * rng.standard_normal((300, 30))}, sample_ids=shown
    ... )
    >>> model = isorep.Representations({"fc": images}, sample_ids=np.arange(60))
    >>> table = isorep.compare(model, trials.average_repeats(), measures="cka_debiased")
    >>> table = isorep.inference.with_ceilings(table, trials)
    >>> bool(table["cka_debiased_ceiling"].sel(y_layer="V4") < 0.9)
    True
    """
    check_level(level)
    check_seed(seed)
    dim = _recorded_dim(table)
    if (trials is None) == (animals is None):
        raise TypeError("pass trials, the single trials of each layer of y, or animals=, not both")
    rows = [measure_named(label) for label in np.atleast_1d(table.attrs["measures"]).tolist()]
    layers = [str(layer) for layer in table[dim].to_numpy().tolist()]
    recorded = trials if trials is not None else animals
    assert recorded is not None
    if not isinstance(recorded, Mapping):
        raise TypeError(
            "trials and animals must be a mapping of layer name to array, got "
            f"{type(recorded).__name__}: wrap a single array as {{{layers[0]!r}: array}}"
        )
    for layer in layers:
        if layer not in recorded:
            raise ValueError(unknown_name("layer of the trials or animals", layer, recorded))
    raw: dict[str, list[_Bounds]] = {row.label: [] for row in rows}
    corrected: dict[str, list[_Bounds]] = {
        row.label: [] for row in rows if trials is not None and f"{row.label}_corrected" in table
    }
    warnings: list[str] = []
    if animals is not None:
        for row in rows:
            try:
                bounds, texts = animal_bounds(animals, row)
            except (TypeError, ValueError) as error:
                bounds, texts = {}, (about(row.label, not_computed(error)),)
            warnings += texts
            raw[row.label] = [_of_animal(bounds.get(layer)) for layer in layers]
    else:
        for layer in layers:
            results = _of_trials(
                table, dim, layer, recorded, rows, corrected, repeats, groups, level, seed
            )
            for row in rows:
                result = results[row.label]
                if isinstance(result, Exception):
                    texts = (not_computed(result),)
                    raw[row.label].append((np.nan,) * 3)
                else:
                    texts = result.warnings
                    raw[row.label].append((result.similarity, *result.interval()))
                    if row.label in corrected:
                        ceiling = (result.corrected, *result.interval(corrected=True))
                        corrected[row.label].append(ceiling)
                warnings += [about(f"ceiling of {layer} by {row.label}", text) for text in texts]
    variables: dict[str, Any] = {}
    for row in rows:
        variables |= _variables(table, dim, row, row.label, raw[row.label])
        if corrected.get(row.label):
            name = f"{row.label}_corrected"
            variables |= _variables(table, dim, row, name, corrected[row.label])
        if trials is not None and row.from_moments({}):
            warnings += _above(table, row, variables, dim)
    issue(warnings, stacklevel=2)
    return table.assign(variables)


def _recorded_dim(table: xarray.Dataset) -> str:
    kind = getattr(table, "attrs", {}).get("kind")
    if kind is None:
        raise TypeError(
            f"expected a table of isorep.compare or isorep.trajectory, got {type(table).__name__}"
        )
    if kind not in _DIMS or _DIMS[kind] not in table.dims:
        raise ValueError(
            "expected a table of isorep.compare over x_layer and y_layer, or of isorep.trajectory "
            f"over step and layer, got one of isorep.{kind} over {', '.join(map(str, table.dims))}"
        )
    if kind == "trajectory" and table.attrs["reference"] != "given":
        raise ValueError(
            "the reference of this trajectory is one of its states, which has no noise from trial "
            "to trial: pass the recording as reference= of isorep.trajectory"
        )
    return _DIMS[kind]


def _of_trials(
    table: xarray.Dataset,
    dim: str,
    layer: str,
    trials: Mapping[str, Any],
    rows: list[Measure],
    corrected: Mapping[str, Any],
    repeats: ArrayLike | str | None,
    groups: ArrayLike | None,
    level: float,
    seed: int,
) -> dict[str, RepeatedSimilarity | ValueError | TypeError]:
    """Return the ceilings of one layer by all measures."""
    if isinstance(trials, Layers):
        repeats = trials.sample_ids if repeats is None else repeats
        groups = trials.groups if groups is None else groups
    try:
        values, stimuli = Repeats.of_rows(trials[layer], repeats)
        recording = SignalAndNoise.from_trials(values, stimuli, seed)
        structure = structure_of_stimuli(groups, stimuli)
    except ValueError as error:
        raise ValueError(f"trials[{layer!r}]: {error}") from error
    compared = int(table["n_samples"].sel({dim: layer}).max())
    if compared not in (0, recording.n_stimuli):
        raise ValueError(
            f"trials[{layer!r}] have {recording.n_stimuli} stimuli, and the table compares "
            f"{compared} samples: compare the averages of these trials, of "
            "Representations.average_repeats()"
        )
    return repeated_similarities(
        recording,
        SignalAndNoise.pair,
        rows,
        structure=structure,
        level=level,
        seed=seed,
        correct=[row for row in rows if row.label in corrected],
    )


def _of_animal(bounds: tuple[float, float] | None) -> _Bounds:
    lower, upper = bounds or (np.nan, np.nan)
    return lower, lower, upper


def _variables(
    table: xarray.Dataset, dim: str, row: Measure, name: str, ceilings: list[_Bounds]
) -> dict[str, Any]:
    """Return the variables of one measure, or of its corrected similarity."""
    columns = np.array(ceilings, dtype=np.float64).T
    variables: dict[str, Any] = {
        f"{name}_{suffix}": ((dim,), column, _attributes(table, row, suffix))
        for suffix, column in zip(CEILINGS, columns, strict=False)
    }
    scores = table[name]
    shares = _shares(scores, dim, columns[0])
    largest = float(np.max(shares, initial=1.0, where=np.isfinite(shares)))
    attributes = _attributes(table, row, "of_ceiling") | {"range": (0.0, largest)}
    return {**variables, f"{name}_of_ceiling": (scores.dims, shares, attributes)}


def _shares(
    scores: xarray.DataArray, dim: str, ceilings: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return scores over their ceilings, NaN where these are not positive."""
    positive = np.where(ceilings > 0, ceilings, np.nan)
    return np.asarray(scores.to_numpy() / _along(scores, dim, positive))


def _along(scores: xarray.DataArray, dim: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values of a dimension in a shape that broadcasts against the scores."""
    return values.reshape([-1 if name == dim else 1 for name in scores.dims])


def _attributes(table: xarray.Dataset, row: Measure, suffix: str) -> dict[str, Any]:
    of_ceiling = {"quantity": suffix, "long_name": CEILINGS[suffix]}
    return {**table[row.label].attrs, **of_ceiling}


def _above(
    table: xarray.Dataset, row: Measure, variables: Mapping[str, Any], dim: str
) -> list[WarningText]:
    """Return a warning if raw similarities exceed the upper bounds of their ceilings."""
    high = variables[f"{row.label}_ceiling_high"][1]
    scores = table[row.label]
    above = int(np.sum(scores.to_numpy() > _along(scores, dim, high)))
    if not above or f"{row.label}_corrected" in table:
        return []
    return [
        WarningText(
            "above-ceiling",
            f"{above} of {scores.size} cells have a {row.label} above the ceiling: the ceiling is "
            "of a model with as many directions as the recording, and finite-sample bias grows "
            "with the features of the model",
            "compare with correct=True, or use a measure without this bias, such as cka_debiased "
            "or linear_regression(folds=10)",
        )
    ]
