"""Compare: every layer of one network against every layer of another."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from itertools import product
from os import PathLike
from typing import TYPE_CHECKING, Any

from isorep._utils.parallel import parallel_map
from isorep._utils.progress import track
from isorep._utils.validation import check_seed
from isorep.comparison.streaming.plan import Plan
from isorep.comparison.streaming.sources import Capturing
from isorep.comparison.streaming.streamed import Stream, opened
from isorep.comparison.table import Grid
from isorep.core.basis import Solver
from isorep.core.prepare import Prepared, prepare, ranks
from isorep.inference.null_distribution import check_permutations
from isorep.measures.registry import measures_named
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import torch
    import xarray


def compare(
    a: Mapping[str, Any] | str | PathLike[str] | torch.nn.Module,
    b: Mapping[str, Any] | str | PathLike[str] | torch.nn.Module,
    *,
    data: Any = None,
    layers: str | Iterable[str] = "*",
    reduce: str | Callable[..., Any] | Mapping[str, Any] = "mean",
    channels: str = "auto",
    max_samples: int | None = None,
    device: torch.device | str | int | None = None,
    measures: str | Sequence[str] = "pwcca",
    correct: bool = False,
    interval: bool = False,
    chance: bool = False,
    n_permutations: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    memory: str | float | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Compare every layer of `a` with every layer of `b`.

    Each layer is prepared once and each pair coupled once, whatever the number of measures. A layer
    that cannot be compared (constant, NaN, other rows than its partner) costs its own cells: they
    are NaN, with the reason beside them.

    Two models, and stores too large to read into memory, are streamed: their rows go by, and second
    moments are all that is kept, in float64. That does for all measures of second moments, and with
    `interval` the moments are kept in 20 blocks, for the jackknife. Canonical correlations then err
    by about ``1e-16 k^2`` where the spectrum of a layer spans k. What needs the samples themselves
    is refused: measures that read them, ``solver="svd"``, and the p-values of `chance`.

    Parameters
    ----------
    a, b : Representations or mapping of layer name to (n_samples, n_features) array; path; or model
        On the same samples in the same order; where both sides know their samples, this is checked.
        Give the same object twice to compare a network with itself. A path is that of a store (see
        `isorep.storage.open_store`, `isorep.load`); arrays may be zarr arrays or h5py datasets. Two
        `torch.nn.Module` are run on each batch of `data` at once.
    data : iterable of batches, optional
        For models; see `isorep.capture`. Each batch is asked for once and goes through both, so
        that the order does not matter.
    layers, reduce, channels, max_samples, device
        For models; see `isorep.capture`.
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
    memory : int or str, optional
        What a stream, or stores that are read into memory, may take beside Python itself: bytes, or
        a text such as "2 GB"; by default half of what is free. Stores are read into memory where
        they take up to 256 MB, or where samples are needed. Tables too wide are made in
        several passes over the data; the plan is printed before (see `planned`).
    progress : bool
        Show a progress bar, if standard error is a terminal, and the plan if it has several passes.

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
        single pair could be compared; when samples are needed and do not fit into memory, or data
        that can be read only once would be needed several times.
    TypeError
        When a side is nothing that can be compared.

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

    Two models on one loader, whose activations are never held:

    >>> import torch
    >>> model, other = (torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()) for _ in "ab")
    >>> batches = [torch.rand(50, 3) for _ in range(6)]
    >>> table = isorep.compare(model, other, data=batches, layers="0", measures="cca")
    >>> table["n_samples"].item(), round(table["cca"].item(), 6)
    (300, 1.0)
    """
    rows = measures_named(measures)
    examined = _examined(correct, interval, chance, n_permutations, seed)
    given = opened(
        a,
        b,
        data=data,
        capturing=Capturing(layers, reduce, channels, max_samples, device),
        measures=rows,
        correct=correct,
        interval=interval,
        chance=chance,
        solver=solver,
        memory=memory,
        progress=progress,
    )
    if isinstance(given, Stream):
        with given:
            if progress and len(given.plan.passes) > 1:
                sys.stderr.write(f"isorep: {given.plan}\n")
            return given.table(rows, examined, progress)
    x, y, _ = given
    x_bases = _prepare(x, "a", solver, progress)
    y_bases = x_bases if y is x else _prepare(y, "b", solver, progress)
    grid = Grid({"x_layer": len(x), "y_layer": len(y)}, rows, examined(len(x) * len(y)))
    cells = list(product(range(len(x)), range(len(y))))
    if y is x:  # one coupling serves a pair of layers both ways round
        cells = [(i, j) for i, j in cells if i <= j]

    def fill(cell: tuple[int, int]) -> None:
        i, j = cell
        mirror = (j, i) if y is x and i != j else None
        grid.fill(cell, x_bases[i], y_bases[j], mirror=mirror)

    # What reads all pairs of samples may take memory for as many numbers, and so one at a time.
    at_once = None if all(row.requires == "moments" for row in rows) else 1
    with closing(parallel_map(fill, cells, at_once)) as filling:
        for _ in track(filling, "compare", len(cells), progress):
            pass
    return grid.dataset(
        {"x_layer": list(x), "y_layer": list(y)},
        {"x_rank": ("x_layer", ranks(x_bases)), "y_rank": ("y_layer", ranks(y_bases))},
    )


def planned(
    a: Mapping[str, Any] | str | PathLike[str] | torch.nn.Module,
    b: Mapping[str, Any] | str | PathLike[str] | torch.nn.Module,
    *,
    data: Any = None,
    layers: str | Iterable[str] = "*",
    reduce: str | Callable[..., Any] | Mapping[str, Any] = "mean",
    channels: str = "auto",
    max_samples: int | None = None,
    device: torch.device | str | int | None = None,
    measures: str | Sequence[str] = "pwcca",
    correct: bool = False,
    interval: bool = False,
    chance: bool = False,
    solver: Solver = "auto",
    memory: str | float | None = None,
) -> Plan:
    """Return how `compare` would go about it, without comparing anything: ``print(plan)``.

    Of models the first batch is run, since it takes that to know what their layers put out.

    Parameters and errors are those of `compare`.

    Examples
    --------
    >>> import numpy as np
    >>> a = {"conv": np.ones((300, 4)), "fc": np.ones((300, 2))}
    >>> print(planned(a, a, memory="1 GB"))
    all layers in memory, 48 kB of 1 GB
    """
    given = opened(
        a,
        b,
        data=data,
        capturing=Capturing(layers, reduce, channels, max_samples, device),
        measures=measures_named(measures),
        correct=correct,
        interval=interval,
        chance=chance,
        solver=solver,
        memory=memory,
        progress=False,
    )
    if isinstance(given, Stream):
        with given:
            return given.plan
    return given[2]


def _examined(
    correct: bool, interval: bool, chance: bool, n_permutations: int | None, seed: int
) -> Callable[[int], dict[str, Any] | None]:
    """Check what is to be told beside similarities; return it for a table of so many cells."""
    check_seed(seed)
    if n_permutations is not None:
        check_permutations(n_permutations)

    def examined(n_cells: int) -> dict[str, Any] | None:
        if not (correct or interval or chance):
            return None
        return {
            "correct": correct,
            "interval": interval,
            "chance": chance,
            "n_permutations": min(max(199, 20 * n_cells), 1999)
            if n_permutations is None
            else n_permutations,
            "seed": seed,
        }

    return examined


def _prepare(layers: Representations, name: str, solver: Solver, progress: bool) -> list[Prepared]:
    """Prepare every layer; one that cannot be is represented by what is wrong with it."""

    def one(layer: str) -> Prepared:
        return prepare(layers, layer, name, solver)

    with closing(parallel_map(one, list(layers))) as prepared:
        return list(track(prepared, f"prepare {name}", len(layers), progress))
