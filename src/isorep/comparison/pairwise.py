"""Pairwise: compare every network with every other, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from os import PathLike
from typing import TYPE_CHECKING, Any

from isorep._utils.arrays import ArrayLike
from isorep.comparison.aligned_sides import aligned_sides
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.inputs import Label, labelled
from isorep.comparison.sweeps.network import networks_of
from isorep.comparison.sweeps.scheduler import run
from isorep.comparison.sweeps.sweep import Sweep, SweepInputs
from isorep.comparison.sweeps.tile import Tile, tile_sides
from isorep.core.basis import Solver
from isorep.core.single_basis import Precision
from isorep.measures.measure_spec import Spec
from isorep.representations.missing_values import NanPolicy

if TYPE_CHECKING:
    import xarray


def pairwise(
    networks: Mapping[Label, Mapping[str, Any] | str | PathLike[str]],
    *,
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
    """Compare every network with every other at each layer, in both orders.

    The sweep is cut into tiles of up to 64 by 64 networks, one layer at a time, which run on all
    cores or on a Dask cluster. Each layer of each network is prepared once, if `memory` allows, and
    each pair is coupled once for both orders. A symmetric measure is computed once a pair. Every
    network is compared with itself too. If a layer cannot be compared (constant, NaN), its cells
    are NaN and ``table["reason"]`` says why.

    Parameters
    ----------
    networks : mapping of name to Representations, mapping of layer to (n, p) array, or path
        Networks on the same samples in the same order, which is checked if they have sample ids.
        Names are strings or numbers. A network given by the path of its store is read one layer at
        a time. PyTorch and CuPy arrays on a GPU are compared there.
    layers : str or sequence of str, optional
        Layers to compare, which every network must have; globs select among the layers of the first
        network. Default: all its layers. If each network has one layer, and the names differ, as
        of arrays that are named after their files, the layer is "array".
    measures : str, mapping or sequence of these
        Names in `isorep.MEASURES`, alone or with options: ``"linear_regression(folds=10)"`` or
        ``{"linear_regression": {"folds": 10}}``.
    correct, interval, chance, n_permutations, seed
        What to infer for each cell, and the random seed; see `isorep.compare`. All cost far more
        than the similarity: of two layers of 128 features and 2,000 samples, `cka` takes a core
        0.04 s, and 0.5 s more with `correct`, 1.1 s with `interval`, or 0.6 s with `chance` and 199
        permutations (`pwcca`: 1.1 s, 1.4 s and 2.1 s). The default `n_permutations` is 20 for each
        pair of networks and layer, but at least 199 and at most 1,999. The progress says how long
        the whole takes.
    groups, order : (n_samples,) array-like or str, optional
        Group and time of each sample, if samples depend on each other; see `isorep.compare`.
    solver : {"auto", "gram", "svd"}
        How layers are prepared; see `isorep.Basis.from_array`.
    precision : {"auto", "double", "single"}
        Precision of the products of two bases; everything else is float64. "double" gives the
        numbers of `isorep.similarity` with ``precision="double"``. "single", for measures that need
        only second moments, takes about half of the time. It changes correlations by about 1e-7 and
        measures by less than 1e-5, except PWCCA of tied correlations, whose weights are arbitrary.
        "auto" is "single" for more than 1,000 pairs (45 networks and more) if every measure allows
        it. In both, a network compared with itself has correlations of 1, up to rounding. With
        `correct`, `interval` or `chance`, "auto" is "double" and "single" is an error.
    nan_policy : {"raise", "omit"}
        What to do with NaN: "raise" makes the cells of the layer NaN, with the reason; "omit"
        leaves out every sample that has NaN in a selected layer of any network, and
        ``table.attrs["n_omitted"]`` is their number. For this, each layer is read once more.
    out : path, optional
        Path of a zarr store that is filled tile by tile. Call again with the same networks, layers
        and options to resume a sweep that was stopped: finished tiles are not computed again. The
        numbers are bit for bit those of an uninterrupted sweep, and do not depend on `memory` or
        on the number of threads or workers, on processors of the same kind.
    scheduler : str or distributed.Client, optional
        Dask cluster to compute on: the address of its scheduler, such as
        ``"tcp://10.0.0.1:8786"``, or its client. The workers must see the stores under the same
        paths; arrays in memory are sent to them. Default: threads of this process, one per core or
        ``dask.config.set(num_workers=...)`` (Dask comes with the extra cluster), each with one BLAS
        thread.
    memory : int or str, optional
        Memory limit in bytes, or as text such as ``"8 GB"``, for what is held at a time beside
        arrays in `networks`; on a cluster for all workers together. With a lower limit, layers are
        prepared more often. Default: half of the free memory, or on a cluster half of the workers'
        memory limits.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.

    Returns
    -------
    xarray.Dataset
        Table over (x, y, layer); x and y are both all the networks. For a measure that is not
        symmetric, x is the first argument: `isorep.pwcca` takes its weights from x.

        - for each measure, ``table["pwcca"]`` is its similarity and ``table["pwcca_distance"]`` its
          distance. A measure with options has them in its name:
          ``table["linear_regression(folds=10)"]``;
        - with `correct`, `interval` or `chance`, the variables that they add to the table of
          `isorep.compare`. ``_p_adjusted`` and ``_p_max`` are adjusted for all cells of the table;
          a network compared with itself is not a test, and its p-values are not adjusted;
        - ``rank`` (x, layer): number of directions of each network's layer;
        - ``n_samples`` (x, y, layer): number of samples compared;
        - ``warnings`` (x, y, layer): reasons to read a cell with care, and ``reason``: why a cell
          is NaN; both empty if there are none.

        ``table.attrs["precision"]`` is the precision of the products. With `out`, the table of the
        store, as ``xarray.open_zarr(out)`` opens it; its numbers are read when they are used.

    Raises
    ------
    ValueError
        If the samples or their order differ between two networks, a layer or a measure is unknown,
        `n_permutations` or `seed` has no effect, no pair could be compared, `out` exists and is not
        this sweep, or `memory` is too low for one tile.
    TypeError
        If `networks` is not a mapping of mappings and paths.
    OSError
        If a store cannot be read, or no scheduler answers. Finished tiles stay in `out`.

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

    From stores, into a store that can be resumed:

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
    named_networks = labelled("networks", networks)
    sides, groups, order = aligned_sides(
        {f"networks[{name!r}]": side for name, side in named_networks.items()}, groups, order
    )
    n = len(named_networks)
    inputs = SweepInputs.from_networks(
        networks_of(sides, groups, order, layers),
        layers=layers,
        measures=measures,
        solver=solver,
        precision=precision,
        inference=InferenceOptions(correct, interval, chance, n_permutations, seed),
        nan_policy=nan_policy,
        n_pairs=n * (n + 1) // 2,
    )
    names = list(named_networks)
    sweep = Sweep(
        kind="pairwise",
        inputs=inputs,
        coords={"x": names, "y": names, "layer": inputs.layers},
        ranks={"rank": ("x", "layer")},
        tiles=_tiles(len(inputs.layers), tile_sides(n, inputs.edge)),
    )
    return run(sweep, out=out, scheduler=scheduler, memory=memory, progress=progress)


def _tiles(n_layers: int, sides: Sequence[range]) -> list[Tile]:
    """Pair the ranges of networks, on and above the diagonal, at each layer."""
    tiles: list[Tile] = []
    for layer in range(n_layers):
        for x, y in combinations_with_replacement(sides, 2):
            rows, columns = slice(x.start, x.stop), slice(y.start, y.stop)
            tiles.append(
                Tile(
                    number=len(tiles),
                    layer=layer,
                    x=x,
                    y=y,
                    xy=(rows, columns, layer),
                    yx=None if x == y else (columns, rows, layer),
                    ranks=(("rank", "x", (rows, layer)),) if x == y else (),
                )
            )
    return tiles
