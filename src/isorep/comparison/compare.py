"""Compare: every layer of one network against every layer of another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args, overload

from isorep._utils.arrays import ArrayLike
from isorep._utils.layer_patterns import patterns_of_each
from isorep._utils.validation import check_name
from isorep.activations.options import ModelOptions, check_for_models
from isorep.comparison.aligned_sides import aligned_sides
from isorep.comparison.complete_samples import complete_samples
from isorep.comparison.grid import Grid
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.open_pairs import open_pairs
from isorep.comparison.provenance import describe_model, libraries_of, provenance
from isorep.comparison.sides import (
    is_file,
    is_model,
    name_of,
    open_models,
    patterns_of_sides,
    with_patterns,
)
from isorep.comparison.streaming.plan import Plan
from isorep.comparison.table import make_table, table_attributes
from isorep.core.basis import Solver
from isorep.core.prepare import Coupled
from isorep.core.single_basis import Precision
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measures_named
from isorep.representations.missing_values import NanPolicy

if TYPE_CHECKING:
    import torch
    import xarray

    Side = Mapping[str, Any] | ArrayLike | str | PathLike[str] | torch.nn.Module


class CompareOptions(ModelOptions, total=False):
    """Types of the options of `compare`, for its two return types."""

    data: Any
    layers: str | Iterable[str] | tuple[Iterable[str], Iterable[str]]
    measures: Spec | Sequence[Spec]
    correct: bool
    interval: bool
    chance: bool
    n_permutations: int | None
    groups: ArrayLike | str | None
    order: ArrayLike | str | None
    seed: int
    solver: Solver
    precision: Precision
    nan_policy: NanPolicy
    memory: str | float | None
    progress: bool


@overload
def compare(
    a: Side, b: Side, *, plan_only: Literal[False] = False, **options: Unpack[CompareOptions]
) -> xarray.Dataset: ...


@overload
def compare(
    a: Side, b: Side, *, plan_only: Literal[True], **options: Unpack[CompareOptions]
) -> Plan: ...


def compare(
    a: Side,
    b: Side,
    *,
    data: Any = None,
    layers: str | Iterable[str] | tuple[Iterable[str], Iterable[str]] = "*",
    measures: Spec | Sequence[Spec] = "pwcca",
    correct: bool = False,
    interval: bool = False,
    chance: bool = False,
    n_permutations: int | None = None,
    groups: ArrayLike | str | None = None,
    order: ArrayLike | str | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    precision: Precision = "auto",
    nan_policy: NanPolicy = "raise",
    memory: str | float | None = None,
    plan_only: bool = False,
    progress: bool = True,
    **options: Unpack[ModelOptions],
) -> xarray.Dataset | Plan:
    """Compare every layer of `a` with every layer of `b`.

    Each layer is prepared once and each pair coupled once, for any number of measures. If a layer
    cannot be compared (it is constant, contains NaN, or has other rows than its partner), its cells
    are NaN and ``table["reason"]`` says why.

    Two models, and stores too large to read into memory, are streamed: their rows are read in
    parts and only second moments are kept, in float64. This suffices for all measures of second
    moments; with `interval` the moments are kept in 20 blocks, for the jackknife. Canonical
    correlations then err by about ``1e-16 k^2`` if the spectrum of a layer spans k. A stream cannot
    give measures that read the samples, ``solver="svd"``, or the p-values of `chance`.

    Parameters
    ----------
    a, b : mapping of layer name to (n_samples, n_features) array; array or arrays; path; or model
        Two networks on the same samples in the same order; the order is checked if both sides know
        their sample ids. Mappings of tables (pandas, xarray, AnnData) with the same labels are
        brought into one order; see `isorep.Representations.from_mapping`. Pass the same object
        twice to compare a network with itself. A path is that of a store (see
        `isorep.storage.open_store`, `isorep.load`); arrays may be zarr arrays or h5py datasets. An
        array alone is the layer "array", and a list of arrays are the layers "0", "1", ... A
        model is a `torch.nn.Module` or its name: ``"module:name"``, ``"module:name@weights"``, or a
        Hugging Face folder. Two models are run together on each batch of `data`; a model beside
        activations is captured into memory.
    data : iterable of batches, list of str, or str, optional
        Data to run models on; see `isorep.capture`. Each batch is read once and goes through both
        models, so the order does not matter. For Hugging Face folders also texts. A string is
        ``"module:name"`` of the batches, or a file of inputs or of texts.
    layers : str, iterable of str, or tuple of two lists
        Globs over the names of layers; each must match in both networks. A tuple of two lists has
        globs of its own for `a` and for `b`: ``(["h.*"], ["layers.*"])``.
    measures : str, mapping, or sequence of these
        Names in `isorep.MEASURES`, alone or with options: "linear_regression(folds=10)" or
        ``{"linear_regression": {"folds": 10}}``.
    correct : bool
        Also return each similarity corrected for finite-sample bias; see `isorep.similarity`.
    interval : bool
        Also return a 95 % confidence interval of each population value; see
        `isorep.inference.interval`. This includes the corrected similarity.
    chance : bool
        Also return the similarity of unrelated data, and whether a cell exceeds it: p-values by
        permuting the samples, and p-values adjusted for the number of cells (Benjamini and Hochberg
        1995). Among cells with ``p_adjusted <= 0.05``, at most 5 % are expected to be unrelated.
        `p_max` is the p-value against the largest of all cells of unrelated data, for the best cell
        of a table (see `isorep.best`): the probability that any of the unrelated cells has
        ``p_max <= 0.05`` is at most 5 %.
    n_permutations : int, optional
        Permutations for each p-value, which is at least ``1 / (n_permutations + 1)``. Default: 20
        for each cell of the table, but at least 199 and at most 1,999. Adjusted for m cells of
        which k have the smallest p-value, a p-value is at least ``m / k / (n_permutations + 1)``;
        `p_max` is at least ``1 / (n_permutations + 1)`` for any number of cells.
    groups, order : (n_samples,) array-like or str, optional
        Group and time of each sample, if samples depend on each other: the stimulus of a trial, the
        text of a token. A string names a coordinate of tables, or an array in files. They take the
        place of what the two sides know (see `Representations`).
    seed : int
        Random seed for the correction, intervals and p-values.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    precision : {"auto", "double", "single"}
        Precision of the products of layers in memory. "auto" takes float32 products, in about half
        of the time, if all measures are `cka` or `cka_debiased` without groups, all layers are
        float32, float16 or bfloat16, and one is large (``n_samples * n_features^2`` of 1e9).
        The error of each product is measured. Where it leaves the rank of a layer uncertain, or
        could change a similarity by more than 1e-5, or by more than 1 % of its distance from 1, the
        products are float64. "single" takes float32 products of all layers of these measures, under
        the same conditions; "double" takes none. Streams are always in double precision.
    nan_policy : {"raise", "omit"}
        What to do with NaN: "raise" makes the cells of the layer NaN, with the reason; "omit"
        leaves out every sample that has NaN in a selected layer of either side, and
        ``table.attrs["n_omitted"]`` is their number.
    memory : int or str, optional
        Memory limit, bytes or text such as "2 GB", for what is held at a time; default half of the
        free memory. Stores are read into memory if they take up to 256 MB, or if samples are
        needed; all others are streamed, in several passes if a table is too wide for one.
    plan_only : bool
        Return the plan and compare nothing; ``print(plan)`` shows the passes and their memory. Two
        models are run on the first batch, which shows the sizes of their layers.
    progress : bool
        Report the progress on standard error: an estimate of the time if it is long, a bar on a
        terminal, and elsewhere a line a minute; also the plan if it has several passes.
    **options
        How to capture models: ``reduce``, ``mask``, ``heads``, ``skip``, ``channels``,
        ``max_samples``, ``device`` and ``probe``; see `isorep.capture`. ``reduce`` and ``channels``
        also apply to files; see `isorep.load`.

    Returns
    -------
    xarray.Dataset
        Table over (x_layer, y_layer), with x from `a`:

        - for each measure, ``table["pwcca"]`` is its similarity and ``table["pwcca_distance"]`` its
          distance; options are part of the name, as in ``table["linear_regression(folds=10)"]``;
        - with `correct`, ``table["pwcca_corrected"]``; with `interval`, ``_low`` and ``_high``;
          with `chance`, ``_chance``, ``_calibrated`` (0 at chance, 1 at identity), ``_p_value``,
          ``_p_adjusted`` and ``_p_max``; with any of them, ``n_significant``, the number of
          canonical correlations beyond the edge of noise;
        - ``x_rank`` (x_layer) and ``y_rank`` (y_layer), the directions of each layer;
        - ``n_samples`` (x_layer, y_layer), the rows that were compared;
        - ``table.attrs["precision"]``, "single" if any cell is of float32 products, and
          ``["precision_error"]``, the bound of the error that these cause in any similarity;
        - ``table.attrs["a"]`` and ``["b"]``, the names of networks given by a path or name, and
          the classes of models;
        - ``warnings`` (x_layer, y_layer), why to read a cell with care, and ``reason``, why a cell
          is NaN; empty strings where there is none.

        With `plan_only`, a `Plan` instead.

    Raises
    ------
    ValueError
        When the samples or their order differ (it says which), a measure is unknown, or no pair
        could be compared; when samples are needed and do not fit into memory, or data that can be
        read only once would be needed several times.
    TypeError
        When a side cannot be compared, or an option is unknown.

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
    >>> print(isorep.compare(a, a, memory="1 GB", plan_only=True))
    all layers in memory, 46.88 kiB of 0.93 GiB

    Two models on one loader, whose activations are never held in memory:

    >>> import torch
    >>> model, other = (torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()) for _ in "ab")
    >>> batches = [torch.rand(50, 3) for _ in range(6)]
    >>> table = isorep.compare(model, other, data=batches, layers="0", measures="cca")
    >>> table["n_samples"].item(), round(table["cca"].item(), 6)
    (300, 1.0)
    """
    rows = measures_named(measures)
    inference = InferenceOptions(correct, interval, chance, n_permutations, seed)
    inference.check_used()
    names = {key: name for key, side in (("a", a), ("b", b)) if (name := name_of(side))}
    a, b, data = open_models(a, b, data)
    general = ("reduce", "channels") if is_file(a) or is_file(b) else ()
    check_for_models(compare, is_model(a) or is_model(b), general, **options)
    of_a, of_b = patterns_of_each(layers, 2)
    if of_a == of_b:
        of_a, of_b = patterns_of_sides((a, b), of_a)
    models = {name: describe_model(side) for name, side in (("a", a), ("b", b)) if is_model(side)}
    libraries = libraries_of(a, b)
    (a, of_a), (b, of_b) = with_patterns(a, of_a, options), with_patterns(b, of_b, options)
    layers = (of_a, of_b)
    sides, groups, order = aligned_sides({"a": a, "b": b}, groups, order)
    a, b = sides.values()
    check_name("nan_policy", nan_policy, get_args(NanPolicy))
    omitted: dict[str, int] = {}
    if nan_policy == "omit":
        a, b, kept = complete_samples(a, b, layers, memory, groups, order)
        omitted["n_omitted"] = len(kept) - int(kept.sum())
        groups = order = None  # both sides know them now
        layers = "*"  # of the selected layers
    with open_pairs(
        a,
        b,
        data=data,
        layers=layers,
        model_options=options,
        measures=rows,
        inference=inference,
        groups=groups,
        order=order,
        solver=solver,
        precision=precision,
        memory=memory,
        progress=progress and not plan_only,
    ) as pairs:
        if plan_only:
            return pairs.plan
        shape = (len(pairs.x_layers), len(pairs.y_layers))
        inference = inference.for_cells(shape[0] * shape[1])
        grid = Grid(shape, rows, inference)

        def take(i: int, j: int, coupled: Coupled) -> None:
            mirror = (j, i) if pairs.same and i != j else None
            grid.fill((i, j), coupled, mirror=mirror, same=pairs.same and i == j)

        ranks = pairs.couple(take, inference.work(len(rows)))
        made_by = provenance(
            {name: {**models.get(name, {}), **data} for name, data in pairs.data.items()},
            {
                "solver": solver,
                "precision": precision,
                **inference.used,
                "nan_policy": nan_policy,
                **options,
            },
            libraries,
        )
    return make_table(
        {"x_layer": pairs.x_layers, "y_layer": pairs.y_layers},
        grid.arrays(),
        rows,
        {"x_rank": ("x_layer", ranks.x), "y_rank": ("y_layer", ranks.y)},
        table_attributes("compare", rows) | grid.precision | names | omitted | made_by,
        inference,
    )
