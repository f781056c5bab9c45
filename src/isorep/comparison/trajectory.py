"""Trajectory: compare the states of a network over time with one reference state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import chain, groupby
from numbers import Real
from operator import itemgetter
from os import PathLike
from typing import TYPE_CHECKING, Any

from isorep._utils.arrays import ArrayLike
from isorep._utils.natural_order import natural_key
from isorep._utils.validation import unknown_name
from isorep.comparison.aligned_sides import aligned_sides
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.inputs import Label, labelled, plain
from isorep.comparison.sweeps.network import networks_of
from isorep.comparison.sweeps.scheduler import run
from isorep.comparison.sweeps.sweep import Sweep, SweepInputs
from isorep.comparison.sweeps.tile import Tile, tile_sides
from isorep.core.basis import Solver
from isorep.core.single_basis import Precision
from isorep.measures.measure_spec import Spec
from isorep.representations.missing_values import NanPolicy
from isorep.representations.representations import Layers

if TYPE_CHECKING:
    import xarray

_ENDS = {"first": 0, "last": -1}


def trajectory(
    states: Mapping[Label, Any],
    *,
    reference: Label | Mapping[str, Any] | PathLike[str] = "last",
    layers: str | Sequence[str] | None = None,
    measures: Spec | Sequence[Spec] = "pwcca",
    correct: bool = False,
    interval: bool = False,
    chance: bool = False,
    n_permutations: int | None = None,
    seed: int = 0,
    groups: ArrayLike | str | None = None,
    order: ArrayLike | str | None = None,
    solver: Solver = "auto",
    precision: Precision = "auto",
    nan_policy: NanPolicy = "raise",
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    memory: int | str | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Compare every state of a network with one reference state, layer by layer.

    Steps are epochs of training, for example, or positions in a sequence. The state is x and the
    reference is y: for a measure that is not symmetric, such as `isorep.pwcca`, the weights are
    those of the state. If a layer cannot be compared (constant, NaN), its cells are NaN and
    ``table["reason"]`` says why.

    Parameters
    ----------
    states : mapping of step to Representations, mapping of layer to (n, p) array, or path
        States on the same samples in the same order, which is checked if they have sample ids.
        Steps are numbers or strings. Numbers, names that are numbers, and names that differ only in
        their numbers ("step-500", "step-1000") are sorted. Other names stay in order, but names
        among them that differ only in their numbers must be in order. For several runs, a mapping
        of run to such a mapping; the states of a run are compared with the reference of that run.
        If the steps of the runs differ, the table has all of them, in order, and cells without a
        state are NaN.
    reference : {"last", "first"}, step, mapping of layers or pathlib.Path
        The reference: a state of each run, or other representations.
    layers : str or sequence of str, optional
        Layers to compare, which every state and the reference must have; globs select among the
        layers of the first state. Default: all its layers. If each state has one layer, and the
        names differ, the layer is "array".
    correct, interval, chance, n_permutations, seed
        What to infer for each cell, and the random seed; see `isorep.pairwise`. The default
        `n_permutations` is 20 for each state and layer, but at least 199 and at most 1,999.
    measures, groups, order, solver, precision, nan_policy, out, scheduler, memory, progress
        See `isorep.pairwise`.

    Returns
    -------
    xarray.Dataset
        Table over (step, layer), or (run, step, layer) for several runs. It has the variables of
        `isorep.pairwise`, but ``rank`` (step, layer) is the rank of the state and
        ``reference_rank`` (layer) that of the reference. ``table.attrs["reference"]`` is the step
        of the reference, "first" or "last" if the step differs between runs, or "given" if the
        reference is not a state.

    Raises
    ------
    ValueError
        If the reference is unknown or the only state, or names of steps are out of order; otherwise
        see `isorep.pairwise`.
    TypeError
        If `states` is not a mapping of mappings or paths, or the reference is not a step, a mapping
        or a path.
    OSError
        See `isorep.pairwise`.

    Examples
    --------
    A representation that converges:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> end, noise = rng.standard_normal((2, 300, 4))
    >>> states = {epoch: {"lstm": end + (4 - epoch) * noise} for epoch in range(5)}
    >>> table = isorep.trajectory(states)
    >>> table["pwcca_distance"].sel(layer="lstm").round(1).values
    array([0.8, 0.7, 0.6, 0.3, 0. ])

    Two runs, each compared with its own last state:

    >>> runs = {"seed0": states, "seed1": {epoch: states[epoch] for epoch in (0, 2, 4)}}
    >>> isorep.trajectory(runs)["pwcca_distance"].sel(layer="lstm").round(1).values
    array([[0.8, 0.7, 0.6, 0.3, 0. ],
           [0.8, nan, 0.6, nan, 0. ]])
    """
    has_runs = _are_runs(states)
    runs: dict[Label, dict[Label, Any]] = (
        _runs(states) if has_runs else {"": _in_order(labelled("states", states))}
    )
    steps = _steps(runs)
    sides: dict[str, Any] = {}
    references: list[int] = []  # of each run, among the networks
    reference_steps: list[Label] = []
    for run_name, run_states in runs.items():
        prefix = f"states[{run_name!r}]" if has_runs else "states"
        step = _reference_step(reference, run_states)
        run_steps = [label for label in steps if label in run_states]
        if step is not None and len(run_states) == 1:
            raise ValueError(
                f"{prefix} has one state, {step!r}, which would be compared with itself: pass two "
                "states or more, or other representations as reference="
            )
        if step is not None:
            references.append(len(sides) + run_steps.index(step))
            reference_steps.append(step)
        sides |= {f"{prefix}[{label!r}]": run_states[label] for label in run_steps}
    if not references:
        references = [len(sides)] * len(runs)
        sides["reference"] = reference
        reference_name: Label = "given"
    else:
        same_step = len(set(reference_steps)) == 1
        reference_name = reference_steps[0] if same_step else str(reference)
    aligned, groups, order = aligned_sides(sides, groups, order)
    inputs = SweepInputs.from_networks(
        networks_of(aligned, groups, order, layers),
        layers=layers,
        measures=measures,
        solver=solver,
        precision=precision,
        inference=InferenceOptions(correct, interval, chance, n_permutations, seed),
        nan_policy=nan_policy,
        n_pairs=sum(map(len, runs.values())),
    )
    run_dims = ("run",) if has_runs else ()
    sweep = Sweep(
        kind="trajectory",
        inputs=inputs,
        coords={
            **({"run": list(runs)} if has_runs else {}),
            "step": steps,
            "layer": inputs.layers,
        },
        ranks={"rank": (*run_dims, "step", "layer"), "reference_rank": (*run_dims, "layer")},
        tiles=_tiles(len(inputs.layers), runs, steps, references, inputs.edge, has_runs),
        missing=[
            ((i, j, slice(None)), f"run {run_name!r} has no step {step!r}")
            for i, (run_name, run_states) in enumerate(runs.items())
            for j, step in enumerate(steps)
            if step not in run_states
        ],
        attrs={"reference": reference_name},
    )
    return run(sweep, out=out, scheduler=scheduler, memory=memory, progress=progress)


def _are_runs(states: Any) -> bool:
    """Return whether `states` is a mapping of runs: the values of a state are arrays."""
    if not isinstance(states, Mapping) or not states:
        return False
    first = next(iter(states.values()))
    return (
        isinstance(first, Mapping)
        and not isinstance(first, Layers)
        and bool(first)
        and all(isinstance(state, Mapping | str | PathLike) for state in first.values())
    )


def _runs(states: Mapping[Label, Any]) -> dict[Label, dict[Label, Any]]:
    runs = {
        run_name: _in_order(labelled(f"states[{run_name!r}]", run_states))
        for run_name, run_states in labelled("states", states).items()
    }
    # Raises TypeError if some runs have numbers as steps and others have strings.
    labelled("the runs", dict.fromkeys(chain(*runs.values())))
    return runs


def _in_order(states: dict[Label, Any]) -> dict[Label, Any]:
    """Return states by their step, if steps are numbers or names that differ in numbers only."""
    if not all(isinstance(step, str) for step in states):
        return dict(sorted(states.items(), key=itemgetter(0)))
    names = [str(step) for step in states]
    try:
        keys: dict[str, Any] = {name: float(name) for name in names}
    except ValueError:
        keys = {name: natural_key(name) for name in names}
        if len({_without_numbers(name) for name in names}) > 1:
            _check_order(names)
            return states
    return {name: states[name] for name in sorted(names, key=keys.__getitem__)}


def _without_numbers(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _check_order(names: Sequence[str]) -> None:
    """Raise ValueError if a name comes before one that differs in lower numbers only."""
    last: dict[str, str] = {}
    for name in names:
        before = last.get(_without_numbers(name))
        if before is not None and natural_key(before) > natural_key(name):
            raise ValueError(
                f"the steps have names of several kinds, and {before!r} comes before {name!r}: "
                "pass the states in order, or numbers as steps"
            )
        last[_without_numbers(name)] = name


def _steps(runs: Mapping[Label, Mapping[Label, Any]]) -> list[Label]:
    """Return the steps of all runs, in order."""
    first, *others = (list(run_states) for run_states in runs.values())
    if all(steps == first for steps in others):
        return first
    return list(_in_order(dict.fromkeys(chain(first, *others))))


def _tiles(
    n_layers: int,
    runs: Mapping[Label, Mapping[Label, Any]],
    steps: Sequence[Label],
    references: Sequence[int],
    edge: int,
    has_runs: bool,
) -> list[Tile]:
    """Pair ranges of each run's states, without gaps in the table, with the run's reference."""
    tiles: list[Tile] = []
    for layer in range(n_layers):
        first = 0  # network of the run's first state
        for i, run_states in enumerate(runs.values()):
            run_index = (i,) if has_runs else ()
            places = [place for place, step in enumerate(steps) if step in run_states]
            for _, group in groupby(enumerate(places), key=lambda item: item[1] - item[0]):
                block = list(group)
                offset = block[0][1] - (first + block[0][0])
                for x in tile_sides(len(block), edge, first + block[0][0]):
                    cells = (*run_index, slice(x.start + offset, x.stop + offset), layer)
                    tiles.append(
                        Tile(
                            number=len(tiles),
                            layer=layer,
                            x=x,
                            y=range(references[i], references[i] + 1),
                            xy=cells,
                            yx=None,
                            ranks=(
                                ("rank", "x", cells),
                                ("reference_rank", "y", (*run_index, layer)),
                            ),
                        )
                    )
            first += len(places)
    return tiles


def _reference_step(
    reference: Label | Mapping[str, Any] | PathLike[str], states: Mapping[Label, Any]
) -> Label | None:
    """Return the step of the reference, or None if the reference is not a state."""
    if isinstance(reference, Mapping | PathLike):
        return None
    if not isinstance(reference, str | Real):
        raise TypeError(
            "expected the reference to be 'first', 'last', a pathlib.Path, a step or a mapping of "
            f"layers, got {type(reference).__name__}"
        )
    if reference in states:  # first, since a step may be called "first" or "last"
        return plain(reference)
    if reference in _ENDS:
        return list(states)[_ENDS[str(reference)]]
    raise ValueError(unknown_name("reference", str(reference), [*_ENDS, *map(str, states)]))
