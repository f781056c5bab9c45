"""Pairwise: every network against every other, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._grid import (
    Grid,
    Label,
    Prepared,
    check_same_samples,
    layers_of_all,
    measures_named,
    prepare,
    ranks,
    representations_named,
)
from isorep._progress import track
from isorep.basis import Solver

if TYPE_CHECKING:
    import xarray


def pairwise(
    networks: Mapping[Label, Mapping[str, Any]],
    *,
    layers: str | Sequence[str] | None = None,
    measure: str | Sequence[str] = "pwcca",
    solver: Solver = "auto",
    progress: bool = True,
) -> xarray.Dataset:
    """Compare every network with every other at each layer, both ways round.

    Each layer of each network is prepared once, one layer at a time, so that memory holds the bases
    of one layer of all networks. Each pair is coupled once for both orders; a symmetric measure is
    computed once and written into both. Networks are compared with themselves like with any other.
    A layer that cannot be compared costs its own cells: they are NaN, with the reason beside them.

    Parameters
    ----------
    networks : mapping of name to Representations, or to mapping of layer to (n, p) array
        On the same samples in the same order; where networks know their samples, this is checked.
        Names are strings or numbers.
    layers : str or sequence of str, optional
        Layers to compare, which every network must have; by default those of the first.
    measure : str or sequence of str
        Names in `isorep.MEASURES`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    progress : bool
        Show a progress bar, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        Over (x, y, layer), x and y both all the networks. Measures that are not symmetric take x as
        their first argument: `isorep.pwcca` takes its weights from x.

        - for each measure, ``table["pwcca"]`` is its similarity and ``table["pwcca_distance"]`` its
          distance;
        - ``rank`` (x, layer), the directions of each network's layer;
        - ``n_samples`` (x, y, layer), rows that entered;
        - ``warnings`` (x, y, layer), why to read a cell with care, and ``reason``, why a cell is
          NaN; empty strings where there is none.

    Raises
    ------
    ValueError
        When the samples or their order differ between two networks (it says which), a layer or a
        measure is unknown, or not a single pair could be compared.
    TypeError
        When `networks` is no mapping of mappings.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> z = rng.standard_normal((300, 4))
    >>> networks = {
    ...     f"seed{i}": {"early": z + 1e-3 * i, "late": rng.standard_normal((300, 4))}
    ...     for i in range(3)
    ... }
    >>> table = isorep.pairwise(networks, measure="cca")
    >>> dict(table.sizes)
    {'x': 3, 'y': 3, 'layer': 2}
    >>> table["cca"].sel(x="seed0", layer="early").round(6).values
    array([1., 1., 1.])
    >>> table["cca_distance"].sel(x="seed0", y="seed2", layer="late").item() > 0.8
    True
    """
    rows = measures_named(measure)
    found = representations_named("networks", networks)
    by_name = {f"networks[{name!r}]": given for name, given in found.items()}
    check_same_samples(by_name)
    chosen = layers_of_all(layers, by_name)
    n = len(found)
    grid = Grid({"x": n, "y": n, "layer": len(chosen)}, rows)
    rank = np.zeros((n, len(chosen)), dtype=np.int64)

    def pairs() -> Iterator[tuple[int, int, int, Prepared, Prepared]]:
        for k, layer in enumerate(chosen):
            bases = [prepare(given, layer, name, solver) for name, given in by_name.items()]
            rank[:, k] = ranks(bases)
            for i, j in combinations_with_replacement(range(n), 2):
                yield i, j, k, bases[i], bases[j]
            del bases  # before the next layer's are made

    total = n * (n + 1) // 2 * len(chosen)
    for i, j, k, x, y in track(pairs(), "pairwise", total, progress):
        grid.fill((i, j, k), x, y, mirror=None if i == j else (j, i, k))
    names = list(found)
    return grid.dataset({"x": names, "y": names, "layer": chosen}, {"rank": (("x", "layer"), rank)})
