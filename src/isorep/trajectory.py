"""Trajectory: the states of one network over time against one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._grid import (
    Grid,
    Label,
    Prepared,
    check_same_samples,
    layers_of_all,
    measures_named,
    plain,
    prepare,
    ranks,
    representations_named,
)
from isorep._names import unknown_name
from isorep._progress import track
from isorep.basis import Solver
from isorep.representation import Representations

if TYPE_CHECKING:
    import xarray

_ENDS = {"first": 0, "last": -1}


def trajectory(
    states: Mapping[Label, Mapping[str, Any]],
    *,
    reference: Label | Mapping[str, Any] = "last",
    layers: str | Sequence[str] | None = None,
    measure: str | Sequence[str] = "pwcca",
    solver: Solver = "auto",
    progress: bool = True,
) -> xarray.Dataset:
    """Compare every state of a network with one reference, layer by layer.

    Steps may be epochs of training, or positions in a sequence. The state is x and the reference is
    y, which matters to measures that are not symmetric: `isorep.pwcca` weighs by the state. Each
    layer of each state is prepared once, and held no longer than it is compared. A layer that
    cannot be compared costs its own cells: they are NaN, with the reason beside them.

    Parameters
    ----------
    states : mapping of step to Representations, or to mapping of layer to (n, p) array
        In order, on the same samples in the same order; where states know their samples, this is
        checked. Steps are numbers or strings.
    reference : {"last", "first"}, step or mapping of layers
        What each state is compared with: one of the states, or representations of its own.
    layers : str or sequence of str, optional
        Layers to compare, which every state and the reference must have; by default those of the
        first state.
    measure : str or sequence of str
        Names in `isorep.MEASURES`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    progress : bool
        Show a progress bar, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        Over (step, layer):

        - for each measure, ``table["pwcca"]`` is its similarity and ``table["pwcca_distance"]`` its
          distance;
        - ``rank`` (step, layer) and ``reference_rank`` (layer), the directions of each layer;
        - ``n_samples`` (step, layer), rows that entered;
        - ``warnings`` (step, layer), why to read a cell with care, and ``reason``, why a cell is
          NaN; empty strings where there is none.

        ``table.attrs["reference"]`` is the step of the reference, or "given".

    Raises
    ------
    ValueError
        When the samples or their order differ between two states (it says which), the reference, a
        layer or a measure is unknown, or not a single pair could be compared.
    TypeError
        When `states` is no mapping of mappings, or the reference neither step nor mapping.

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
    """
    rows = measures_named(measure)
    found = representations_named("states", states)
    step = _reference_step(reference, found)
    by_name = {f"states[{label!r}]": given for label, given in found.items()}
    if step is None:
        assert isinstance(reference, Mapping)
        end_name, end = "reference", Representations.of(reference)
    else:
        end_name, end = f"states[{step!r}]", found[step]
    check_same_samples({**by_name, end_name: end})
    chosen = layers_of_all(layers, {**by_name, end_name: end})
    grid = Grid({"step": len(found), "layer": len(chosen)}, rows)
    rank = np.zeros((len(found), len(chosen)), dtype=np.int64)
    reference_rank = np.zeros(len(chosen), dtype=np.int64)

    def pairs() -> Iterator[tuple[int, int, Prepared, Prepared]]:
        for k, layer in enumerate(chosen):
            y = prepare(end, layer, end_name, solver)
            reference_rank[k] = ranks([y])[0]
            for i, (name, given) in enumerate(by_name.items()):
                x = y if given is end else prepare(given, layer, name, solver)
                rank[i, k] = ranks([x])[0]
                yield i, k, x, y

    for i, k, x, y in track(pairs(), "trajectory", len(found) * len(chosen), progress):
        grid.fill((i, k), x, y)
    return grid.dataset(
        {"step": list(found), "layer": chosen},
        {"rank": (("step", "layer"), rank), "reference_rank": ("layer", reference_rank)},
        reference="given" if step is None else step,
    )


def _reference_step(
    reference: Label | Mapping[str, Any], states: Mapping[Label, Representations]
) -> Label | None:
    """Return the step that is the reference, None where it is no step but given."""
    if isinstance(reference, Mapping):
        return None
    if not isinstance(reference, str | Real):
        raise TypeError(
            "expected the reference to be 'first', 'last', a step or a mapping of layers, got "
            f"{type(reference).__name__}"
        )
    if reference in states:  # before the two words, which may be steps' names
        return plain(reference)
    if reference in _ENDS:
        return list(states)[_ENDS[str(reference)]]
    raise ValueError(unknown_name("reference", str(reference), [*_ENDS, *map(str, states)]))
