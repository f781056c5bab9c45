"""Trajectory: the states of one network over time against one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, groupby
from numbers import Real
from os import PathLike
from typing import TYPE_CHECKING, Any

from isorep._utils.validation import unknown_name
from isorep.comparison.inputs import Label, labelled, plain
from isorep.comparison.sweeps.network import Network
from isorep.comparison.sweeps.scheduler import run
from isorep.comparison.sweeps.sweep import (
    Precision,
    Sweep,
    Tile,
    cut,
    edge_of,
    outlines,
    precision_for,
)
from isorep.core.basis import Solver
from isorep.measures.registry import measures_named
from isorep.representations.representations import Layers

if TYPE_CHECKING:
    import xarray

_ENDS = {"first": 0, "last": -1}


def trajectory(
    states: Mapping[Label, Any],
    *,
    reference: Label | Mapping[str, Any] | PathLike[str] = "last",
    layers: str | Sequence[str] | None = None,
    measures: str | Sequence[str] = "pwcca",
    solver: Solver = "auto",
    precision: Precision = "auto",
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    memory: int | str | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Compare every state of a network with one reference, layer by layer.

    Steps may be epochs of training, or positions in a sequence. The state is x and the reference is
    y, which matters to measures that are not symmetric: `isorep.pwcca` weighs by the state. Each
    layer of each state is prepared once, one layer at a time. A layer that cannot be compared costs
    its own cells: they are NaN, with the reason beside them.

    Parameters
    ----------
    states : mapping of step to Representations, mapping of layer to (n, p) array, or path
        In order, on the same samples in the same order; where states know their samples, this is
        checked. Steps are numbers or strings. Or several runs, as a mapping of run to such a
        mapping; each is compared with its own reference. Where their steps differ, the table has
        those of all, numbers in ascending order, and the cells of the others say so.
    reference : {"last", "first"}, step, mapping of layers or pathlib.Path
        What each state is compared with: one of the states of its run, or representations of its
        own.
    layers : str or sequence of str, optional
        Layers to compare, which every state and the reference must have; by default those of the
        first state.
    measures : str or sequence of str
        Names in `isorep.MEASURES`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    precision, out, scheduler, memory
        See `isorep.pairwise`.
    progress : bool
        Show a progress bar, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        Over (step, layer), or (run, step, layer) of several runs:

        - for each measure, ``table["pwcca"]`` is its similarity and ``table["pwcca_distance"]`` its
          distance;
        - ``rank`` (step, layer) and ``reference_rank`` (layer), the directions of each layer;
        - ``n_samples`` (step, layer), rows that entered;
        - ``warnings`` (step, layer), why to read a cell with care, and ``reason``, why a cell is
          NaN; empty strings where there is none.

        ``table.attrs["reference"]`` is the step of the reference; "first" or "last" where that is
        not the same in each run; or "given".

    Raises
    ------
    ValueError
        When the samples or their order differ between two states (it says which), the reference, a
        layer or a measure is unknown, not a single pair could be compared, `out` holds anything but
        this sweep, or `memory` is too little for one tile.
    TypeError
        When `states` is no mapping of mappings or paths, or the reference neither step nor mapping
        nor path.
    OSError
        As in `isorep.pairwise`.

    Examples
    --------
    A representation that settles down:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> end, noise = rng.standard_normal((2, 300, 4))
    >>> states = {epoch: {"lstm": end + (4 - epoch) * noise} for epoch in range(5)}
    >>> table = isorep.trajectory(states)
    >>> table["pwcca_distance"].sel(layer="lstm").round(1).values
    array([0.8, 0.7, 0.6, 0.3, 0. ])

    Two runs of it, each against its own end:

    >>> runs = {"seed0": states, "seed1": {epoch: states[epoch] for epoch in (0, 2, 4)}}
    >>> isorep.trajectory(runs)["pwcca_distance"].sel(layer="lstm").round(1).values
    array([[0.8, 0.7, 0.6, 0.3, 0. ],
           [0.8, nan, 0.6, nan, 0. ]])
    """
    rows = measures_named(measures)
    several = _are_runs(states)
    runs: dict[Label, dict[Label, Any]] = (
        _runs(states) if several else {"": labelled("states", states)}
    )
    steps = _steps(runs)
    sources: list[Network] = []
    ends: list[int] = []
    names: list[Label] = []
    for name, found in runs.items():
        called = f"states[{name!r}]" if several else "states"
        step = _reference_step(reference, found)
        in_order = [label for label in steps if label in found]
        if step is not None:
            ends.append(len(sources) + in_order.index(step))
            names.append(step)
        sources += [
            Network.from_mapping(f"{called}[{label!r}]", found[label]) for label in in_order
        ]
    if not ends:
        sources.append(Network.from_mapping("reference", reference))
        ends = [len(sources) - 1] * len(runs)
    chosen, shapes, samples = outlines(sources, layers)
    products = precision_for(precision, rows, sum(map(len, runs.values())))
    known = "given" if not names else names[0] if len(set(names)) == 1 else str(reference)
    lead = ("run",) if several else ()
    sweep = Sweep(
        kind="trajectory",
        sources=sources,
        shapes=shapes,
        samples=samples,
        layers=chosen,
        measures=rows,
        solver=solver,
        precision=products,
        coords={**({"run": list(runs)} if several else {}), "step": steps, "layer": chosen},
        ranks={"rank": (*lead, "step", "layer"), "reference_rank": (*lead, "layer")},
        tiles=_tiles(
            len(chosen), runs, steps, ends, edge_of(len(sources), shapes, products), several
        ),
        missing=[
            ((i, j, slice(None)), f"run {name!r} has no step {step!r}")
            for i, (name, found) in enumerate(runs.items())
            for j, step in enumerate(steps)
            if step not in found
        ],
        attrs={"reference": known, "precision": products},
    )
    return run(sweep, out=out, scheduler=scheduler, memory=memory, progress=progress)


def _are_runs(states: Any) -> bool:
    """Tell runs of states from states: what is in a state is arrays."""
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
        name: labelled(f"states[{name!r}]", found)
        for name, found in labelled("states", states).items()
    }
    labelled("the runs", dict.fromkeys(chain(*runs.values())))  # numbers or strings in all of them
    return runs


def _steps(runs: Mapping[Label, Mapping[Label, Any]]) -> list[Label]:
    """Return the steps of all runs, in order."""
    first, *others = (list(found) for found in runs.values())
    if all(steps == first for steps in others):
        return first
    steps = list(dict.fromkeys(chain(first, *others)))
    return steps if isinstance(steps[0], str) else sorted(steps)


def _tiles(
    n_layers: int,
    runs: Mapping[Label, Mapping[Label, Any]],
    steps: Sequence[Label],
    ends: Sequence[int],
    edge: int,
    several: bool,
) -> list[Tile]:
    """Pair parts of each run, which are next to each other in the table, with its reference."""
    tiles: list[Tile] = []
    for layer in range(n_layers):
        first = 0  # of the sources
        for i, found in enumerate(runs.values()):
            lead = (i,) if several else ()
            places = [place for place, step in enumerate(steps) if step in found]
            for _, together in groupby(enumerate(places), key=lambda item: item[1] - item[0]):
                block = list(together)
                offset = block[0][1] - (first + block[0][0])
                for x in cut(len(block), edge, first + block[0][0]):
                    at = (*lead, slice(x.start + offset, x.stop + offset), layer)
                    tiles.append(
                        Tile(
                            number=len(tiles),
                            layer=layer,
                            x=x,
                            y=range(ends[i], ends[i] + 1),
                            at=at,
                            back=None,
                            ranks=(("rank", "x", at), ("reference_rank", "y", (*lead, layer))),
                        )
                    )
            first += len(places)
    return tiles


def _reference_step(
    reference: Label | Mapping[str, Any] | PathLike[str], states: Mapping[Label, Any]
) -> Label | None:
    """Return the step that is the reference, None where it is no step but given."""
    if isinstance(reference, Mapping | PathLike):
        return None
    if not isinstance(reference, str | Real):
        raise TypeError(
            "expected the reference to be 'first', 'last', a pathlib.Path, a step or a mapping of "
            f"layers, got {type(reference).__name__}"
        )
    if reference in states:  # before the two words, which may be steps' names
        return plain(reference)
    if reference in _ENDS:
        return list(states)[_ENDS[str(reference)]]
    raise ValueError(unknown_name("reference", str(reference), [*_ENDS, *map(str, states)]))
