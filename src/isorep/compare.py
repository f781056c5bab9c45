"""Compare: every layer of one network against every layer of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from isorep._grid import Grid, Prepared, measures_named, prepare, ranks
from isorep._progress import track
from isorep.basis import Solver
from isorep.representation import Representations

if TYPE_CHECKING:
    import xarray


def compare(
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    *,
    measures: str | Sequence[str] = "pwcca",
    correct: bool = False,
    interval: bool = False,
    chance: bool = False,
    n_permutations: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    progress: bool = True,
) -> xarray.Dataset:
    """Compare every layer of `a` with every layer of `b`.

    Each layer is prepared once and each pair coupled once, whatever the number of measures. A layer
    that cannot be compared (constant, NaN, other rows than its partner) costs its own cells: they
    are NaN, with the reason beside them.

    Parameters
    ----------
    a, b : Representations or mapping of layer name to (n_samples, n_features) array
        On the same samples in the same order; where both sides know their samples, this is checked.
        Give the same object twice to compare a network with itself.
    measures : str or sequence of str
        Names in `isorep.MEASURES`.
    correct : bool
        Tell each similarity less what it owes to the number of samples; see `isorep.similarity`.
    interval : bool
        Bound the population's value; see `isorep.inference.interval`. Corrects too.
    chance : bool
        Tell what unrelated data would show, and whether a cell is more: p-values by shuffling the
        samples, and adjusted for the many cells (Benjamini and Hochberg 1995): among cells with
        ``p_adjusted <= 0.05``, at most 5 % are expected to be unrelated.
    n_permutations : int, optional
        Shuffles for each p-value, which is at least ``1 / (n_permutations + 1)``. By default 20 for
        each cell of the table, from 199 to 1,999: adjusted for m cells of which k are alike, a
        p-value is no less than ``m / k / (n_permutations + 1)``.
    seed : int
        Of whatever is drawn for these.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    progress : bool
        Show a progress bar, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        Over (x_layer, y_layer), x from `a`:

        - for each measure, ``table["pwcca"]`` is its similarity and ``table["pwcca_distance"]`` its
          distance;
        - with `correct`, ``table["pwcca_corrected"]``; with `interval`, ``_low`` and ``_high``;
          with `chance`, ``_chance``, ``_calibrated`` (0 at chance, 1 at identity), ``_p_value`` and
          ``_p_adjusted``; with any of them, ``n_significant``, the canonical correlations beyond
          the edge of noise;
        - ``x_rank`` (x_layer) and ``y_rank`` (y_layer), the directions of each layer;
        - ``n_samples`` (x_layer, y_layer), rows that entered;
        - ``warnings`` (x_layer, y_layer), why to read a cell with care, and ``reason``, why a cell
          is NaN; empty strings where there is none.

    Raises
    ------
    ValueError
        When the samples or their order differ (it says which), a measure is unknown, or not a
        single pair could be compared.
    TypeError
        When a side is no mapping of layers.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> a = {"conv": rng.standard_normal((300, 4)), "dead": np.zeros((300, 2))}
    >>> table = isorep.compare(a, {"conv": 2 * a["conv"] + 1}, measures=["pwcca", "cka"])
    >>> round(table["pwcca"].sel(x_layer="conv", y_layer="conv").item(), 12)
    1.0
    >>> table["reason"].sel(x_layer="dead", y_layer="conv").item()
    "a['dead'] has no variance: each of its 2 features is constant over the 300 samples"
    """
    rows = measures_named(measures)
    x = Representations.of(a)
    y = x if b is a else Representations.of(b)
    x.check_same_samples(y)
    x_bases = _prepare(x, "a", solver, progress)
    y_bases = x_bases if y is x else _prepare(y, "b", solver, progress)

    if n_permutations is not None and n_permutations < 1:
        raise ValueError(f"at least 1 permutation is needed, not {n_permutations}")
    examined = {"correct": correct, "interval": interval, "chance": chance}
    grid = Grid(
        {"x_layer": len(x), "y_layer": len(y)},
        rows,
        {
            **examined,
            "n_permutations": min(max(199, 20 * len(x) * len(y)), 1999)
            if n_permutations is None
            else n_permutations,
            "seed": seed,
        }
        if any(examined.values())
        else None,
    )
    cells = list(product(range(len(x)), range(len(y))))
    if y is x:  # one coupling serves a pair of layers both ways round
        cells = [(i, j) for i, j in cells if i <= j]
    for i, j in track(cells, "compare", len(cells), progress):
        mirror = (j, i) if y is x and i != j else None
        grid.fill((i, j), x_bases[i], y_bases[j], mirror=mirror)
    return grid.dataset(
        {"x_layer": list(x), "y_layer": list(y)},
        {"x_rank": ("x_layer", ranks(x_bases)), "y_rank": ("y_layer", ranks(y_bases))},
    )


def _prepare(layers: Representations, name: str, solver: Solver, progress: bool) -> list[Prepared]:
    """Prepare every layer; one that cannot be is represented by what is wrong with it."""
    described = f"prepare {name}"
    return [
        prepare(layers, layer, name, solver)
        for layer in track(layers, described, len(layers), progress)
    ]
