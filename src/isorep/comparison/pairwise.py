"""Pairwise: every network against every other, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from os import PathLike
from typing import TYPE_CHECKING, Any

from isorep.comparison.inputs import Label, labelled
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

if TYPE_CHECKING:
    import xarray


def pairwise(
    networks: Mapping[Label, Mapping[str, Any] | str | PathLike[str]],
    *,
    layers: str | Sequence[str] | None = None,
    measures: str | Sequence[str] = "pwcca",
    solver: Solver = "auto",
    precision: Precision = "auto",
    out: str | PathLike[str] | None = None,
    scheduler: Any = None,
    memory: int | str | None = None,
    progress: bool = True,
) -> xarray.Dataset:
    """Compare every network with every other at each layer, both ways round.

    The work is cut into tiles of up to 64 networks by 64, one layer at a time, and runs on all
    cores or on a Dask cluster. Each layer of each network is prepared once, as long as `memory`
    allows. Each pair is coupled once for both orders; a symmetric measure is computed once and
    written into both. Networks are compared with themselves like with any other. A layer that
    cannot be compared costs its own cells: they are NaN, with the reason beside them.

    Parameters
    ----------
    networks : mapping of name to Representations, mapping of layer to (n, p) array, or path
        On the same samples in the same order; where networks know their samples, this is checked.
        Names are strings or numbers. Of what is given by the path of its store, no more is read at
        a time than one layer. PyTorch and CuPy arrays on a GPU are compared there.
    layers : str or sequence of str, optional
        Layers to compare, which every network must have; by default those of the first.
    measures : str or sequence of str
        Names in `isorep.MEASURES`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    precision : {"auto", "double", "single"}
        Of the products of two bases; everything else is float64. "double" gives the numbers of
        `isorep.similarity`. "single", for measures of second moments, takes about half of the time
        and moves correlations by some 1e-7 and measures by less than 1e-5, but for PWCCA where
        correlations are tied and its weights therefore arbitrary. "auto" is "single" for more than
        1,000 pairs of networks (45 networks and more) where every measure allows it. A network is
        like itself in either, to rounding.
    out : path, optional
        A zarr store that is filled tile by tile. A sweep that was stopped, in whatever way, goes on
        when it is called again with the same networks, layers and options: no finished tile is
        computed twice, and the numbers are bit for bit those of a sweep that was never stopped, as
        they do not depend on the number of threads or workers either, on processors of one kind.
    scheduler : str or distributed.Client, optional
        A Dask cluster to compute on, by the address of its scheduler, such as
        ``"tcp://10.0.0.1:8786"``, or by its client. Its workers must see the stores under the same
        paths; arrays in memory are sent to them. By default, threads of this process, as many as
        there are cores, or ``dask.config.set(num_workers=...)``, each with one BLAS thread.
    memory : int or str, optional
        Bytes, or a text such as ``"8 GB"``, for what is held at a time beside the arrays given, on
        a cluster by all workers together. By default, one layer of all networks, prepared.
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

        With `out`, the table of that store, whose numbers are read when they are asked for; so does
        ``xarray.open_zarr(out)`` read them. ``table.attrs["precision"]`` is that of the products.

    Raises
    ------
    ValueError
        When the samples or their order differ between two networks (it says which), a layer or a
        measure is unknown, not a single pair could be compared, `out` holds anything but this
        sweep, or `memory` is too little for one tile.
    TypeError
        When `networks` is no mapping of mappings and paths.
    OSError
        When a store cannot be read (it says which), or no scheduler answers. Finished tiles stay in
        `out`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> z = rng.standard_normal((300, 4))
    >>> networks = {
    ...     f"seed{i}": {"early": z + 1e-3 * i, "late": rng.standard_normal((300, 4))}
    ...     for i in range(3)
    ... }
    >>> table = isorep.pairwise(networks, measures="cca")
    >>> dict(table.sizes)
    {'x': 3, 'y': 3, 'layer': 2}
    >>> table["cca"].sel(x="seed0", layer="early").round(6).values
    array([1., 1., 1.])
    >>> table["cca_distance"].sel(x="seed0", y="seed2", layer="late").item() > 0.8
    True

    From stores, into a store that can be continued:

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = {name: Path(folder) / f"{name}.zarr" for name in networks}
    ...     for name, layers in networks.items():
    ...         isorep.Representations(layers).save(paths[name])
    ...     stored = isorep.pairwise(paths, measures="cca", out=Path(folder) / "sweep.zarr")
    ...     stored.equals(table)
    True
    """
    rows = measures_named(measures)
    given = labelled("networks", networks)
    sources = [
        Network.from_mapping(f"networks[{name!r}]", network) for name, network in given.items()
    ]
    chosen, shapes, samples = outlines(sources, layers)
    n = len(sources)
    products = precision_for(precision, rows, n * (n + 1) // 2)
    sweep = Sweep(
        kind="pairwise",
        sources=sources,
        shapes=shapes,
        samples=samples,
        layers=chosen,
        measures=rows,
        solver=solver,
        precision=products,
        coords={"x": list(given), "y": list(given), "layer": chosen},
        ranks={"rank": ("x", "layer")},
        tiles=_tiles(len(chosen), cut(n, edge_of(n, shapes, products))),
        attrs={"precision": products},
    )
    return run(sweep, out=out, scheduler=scheduler, memory=memory, progress=progress)


def _tiles(n_layers: int, parts: Sequence[range]) -> list[Tile]:
    """Pair the parts of the networks, on and above the diagonal, at each layer."""
    tiles: list[Tile] = []
    for layer in range(n_layers):
        for x, y in combinations_with_replacement(parts, 2):
            rows, columns = slice(x.start, x.stop), slice(y.start, y.stop)
            tiles.append(
                Tile(
                    number=len(tiles),
                    layer=layer,
                    x=x,
                    y=y,
                    at=(rows, columns, layer),
                    back=None if x == y else (columns, rows, layer),
                    ranks=(("rank", "x", (rows, layer)),) if x == y else (),
                )
            )
    return tiles
