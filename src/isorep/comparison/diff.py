"""Diff: what a change did to a model, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Real
from os import PathLike
from typing import TYPE_CHECKING, Any, Unpack, get_args

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike
from isorep._utils.layer_patterns import as_patterns, matching, patterns_of_each, unmatched
from isorep._utils.progress import track
from isorep._utils.validation import as_integer, check_name, unknown_name
from isorep.activations.options import check_for_models
from isorep.comparison.aligned_sides import aligned_sides
from isorep.comparison.complete_samples import without_nan
from isorep.comparison.diff_result import Diff, shortened
from isorep.comparison.diffing.divergence import ElementwiseError
from isorep.comparison.diffing.equal_layers import fold_equal_layers
from isorep.comparison.diffing.layer_explanations import explain_layers, is_explicable
from isorep.comparison.diffing.layer_matching import (
    LayerMap,
    LayerMatch,
    match_layers,
    of_two_files,
)
from isorep.comparison.diffing.side_capture import CapturedSide, LayerSelection, SideCapture
from isorep.comparison.grid import Grid
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.provenance import describe_layers, provenance
from isorep.comparison.sides import (
    is_file,
    is_model,
    model_of,
    name_of,
    reusable,
    select_layers,
    with_structure,
)
from isorep.comparison.table import make_table, nothing_compared, table_attributes
from isorep.core.overlap import Overlap
from isorep.core.prepare import couple_prepared, prepare, ranks
from isorep.core.principal_axes import NoVarianceError
from isorep.inference.estimate import is_unbiased
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import one_measure
from isorep.measures.sample_size_warnings import near_edge
from isorep.model_files.data_files import make_data
from isorep.model_files.specs import names_model
from isorep.representations.label_agreement import check_same_labels
from isorep.representations.missing_values import NanPolicy
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import torch

    from isorep.activations.options import ModelOptions

    Side = Mapping[str, Any] | str | PathLike[str] | ArrayLike | torch.nn.Module

_RANDOM = "random model"
"""Why layers of a model that is not the same twice are not judged."""

_N_PERMUTATIONS = 99
"""Permutations for the chance level, as in `isorep.inference.chance`."""


def diff(
    base: Side,
    changed: Side,
    data: Any = None,
    *,
    layers: str | Iterable[str] | tuple[Iterable[str], Iterable[str]] = "*",
    map: LayerMap | None = None,  # noqa: A002
    all_layers: bool = False,
    measure: Spec = "pwcca",
    fail_below: float | None = None,
    allow_missing: str | Iterable[str] = (),
    interval: bool = True,
    explain: int = 0,
    groups: ArrayLike | str | None = None,
    order: ArrayLike | str | None = None,
    seed: int = 0,
    nan_policy: NanPolicy = "raise",
    progress: bool = True,
    **options: Unpack[ModelOptions],
) -> Diff:
    """Compare a model before and after a change, layer by layer.

    Each layer is compared with the layer of the same name. If only the basis of a layer changed,
    its similarity is 1. Where both sides have as many features, the elementwise error is computed
    too, and the first layer where it is larger than rounding is named.

    Parameters
    ----------
    base, changed : torch.nn.Module, Representations, mapping, path or array
        The model before and after the change. A side that is already captured may be its
        `Representations`, a mapping of layer name to (n_samples, n_features) array, a file that
        `isorep.load` reads, or the array of a single layer. A model may be given by name:
        ``"module:name"``, ``"module:name@weights"``, or the folder of a Hugging Face model or of a
        PEFT adapter.
    data : iterable of batches, list of str, or str, optional
        Data to run models on, as `isorep.capture` takes them, in the same order each time. Needed
        only if a side is a model. For Hugging Face folders also texts. A string is
        ``"module:name"`` of the batches, or a file of inputs or of texts.
    layers : str, iterable of str, or tuple of two lists
        Globs over the names of layers. A name given in full must be on both sides. A tuple of two
        lists has globs for each side: ``(["h.*"], ["layers.*"])``.
    map : mapping, optional
        Names of layers of `base` to their names in `changed`, if they differ. Globs have as many
        ``*`` on both sides: ``{"h.*.mlp": "layers.*.ffn"}``. Or "order": the i-th layer of `base`
        is the i-th of `changed`, in the order in which they run. Names of wrappers, such as
        ``module.``, ``_orig_mod.`` and ``base_model.model.``, and the prefix of a body inside a
        model with a head need no map.
    all_layers : bool
        Also show layers that have the same values as another one on both sides, such as the last
        submodule of a block and dropout. By default the outermost name stands for them.
    measure : str or mapping
        A name in `isorep.MEASURES`, alone or with options such as "linear_regression(folds=10)",
        but not of a measure that reads maps. A measure that is not symmetric takes `base` as its x.
    fail_below : float, optional
        Threshold: layers with a lower similarity are in `Diff.below`.
    allow_missing : str or iterable of str
        Globs over layers of `base` that may be missing in `changed`. With a threshold, all other
        missing layers are in `Diff.missing`.
    interval : bool
        Also compute a confidence interval and the chance level of each similarity. Without them,
        layers of 64 neurons take a quarter of the time, and layers of 512 a seventh.
    explain : int
        Number of changed layers to explain in words, most changed first: the directions, classes
        and samples that changed more than the others. They are in `Diff.explanations`. Labels and
        sample ids are those that the sides know. A layer of 64 neurons and 1,000 samples takes
        about a second, one of 512 neurons about a minute.
    groups, order : (n_samples,) array-like or str, optional
        Group and time of each sample, if samples depend on each other; see `isorep.compare`.
    seed : int
        Random seed for the correction, intervals, the chance level and explanations.
    nan_policy : {"raise", "omit"}
        What to do with NaN: "raise" reports the layer as not computed; "omit" leaves out every
        sample that has NaN in a layer of either side, and ``Diff.table.attrs["n_omitted"]`` is
        their number.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.
    **options
        How to capture models: ``reduce``, ``mask``, ``heads``, ``skip``, ``channels``,
        ``max_samples``, ``device`` and ``probe``; see `isorep.capture`. ``max_samples``, the number
        of samples to compare, also applies to sides that are captured; ``reduce`` and ``channels``
        also to files, see `isorep.load`.

    Returns
    -------
    Diff
        For measures that can be corrected, the similarity corrected for finite-sample bias (see
        `isorep.similarity`) is compared with the threshold, since layers look more alike with few
        samples. A layer with NaN on one side is below any threshold. A layer is not judged if its
        samples are fewer than 1.2 times the directions of both sides together, since the corrected
        number is then uncertain, or if a model is not the same twice on the same samples.

    Warns
    -----
    FewSamplesWarning
        When the samples are too few to judge some layers of a model, by the widths of the layers:
        before the model runs on all data, if their length is known.

    Raises
    ------
    ValueError
        When a layer or the measure is unknown; no layer is on both sides; every similarity is NaN;
        the samples or the reductions of the two sides differ; or `isorep.capture` or `isorep.load`
        raises it.
    TypeError
        When a side is of another type, or an option is unknown.

    Examples
    --------
    Half of the inputs of the last layer are cut off:

    >>> import copy, isorep, numpy as np, torch
    >>> _ = torch.manual_seed(3)
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4))
    >>> changed = copy.deepcopy(model)
    >>> changed[2].weight.data[:, :4] = 0
    >>> x = np.random.default_rng(0).standard_normal((500, 8), dtype=np.float32)
    >>> x = torch.from_numpy(x)
    >>> diff = isorep.diff(model, changed, x, fail_below=0.95, interval=False)
    >>> print(diff)
    layer  similarity  max error  rel error
    2          0.7847    7.3e-01    8.7e-01  below 0.95
    0          1.0000    0.0e+00    0.0e+00
    1          1.0000    0.0e+00    0.0e+00
    first layer that diverges: 2 (relative error 8.7e-01, tolerance 3.5e-04)
    >>> diff["2"].verdict
    'fail'
    """
    sides = (base, changed)
    aligned, groups, order = aligned_sides({"base": base, "changed": changed}, groups, order)
    base_layers, changed_layers = aligned.values()
    capture = side_capture(
        reusable(make_data(data, sides)),
        layers=layers,
        layer_map=map,
        any_model=any(is_model(side) or names_model(side) for side in sides),
        any_file=any(is_file(side) for side in sides),
        measure=checked_measure(measure, fail_below),  # before any model runs
        progress=progress,
        **options,
    )
    # One model after the other: two names may stand for one object with different weights.
    x = capture.base(model_of(base_layers, sides))
    y = capture.changed(model_of(changed_layers, sides), x)
    return diff_captured(
        x,
        y,
        names=(
            name_of(base) or type(base).__name__,
            name_of(changed) or type(changed).__name__,
        ),
        selection=capture.selection,
        layer_map=map,
        all_layers=all_layers,
        measure=measure,
        fail_below=fail_below,
        allow_missing=allow_missing,
        interval=interval,
        explain=explain,
        groups=groups,
        order=order,
        seed=seed,
        nan_policy=nan_policy,
        progress=progress,
    )


def side_capture(
    data: Any,
    *,
    layers: str | Iterable[str] | tuple[Iterable[str], Iterable[str]],
    layer_map: LayerMap | None,
    any_model: bool,
    any_file: bool,
    measure: Measure,
    progress: bool,
    **options: Unpack[ModelOptions],
) -> SideCapture:
    """Return how to capture both sides, of which one may be a model or a file. See `diff`."""
    if data is not None and not any_model:
        raise ValueError("data= is for models, and neither side is a model: leave it out")
    general = ["max_samples", *(["reduce", "channels"] if any_file else [])]
    check_for_models(diff, any_model, general, **options)
    return SideCapture(
        data=data,
        selection=LayerSelection(*patterns_of_each(layers, 2)),
        layer_map=layer_map,
        options=options,
        needs_samples=measure.from_moments({}) and measure.name != "cka_debiased",
        progress=progress,
    )


def diff_captured(
    base_side: CapturedSide,
    changed_side: CapturedSide,
    *,
    names: tuple[str, str],
    selection: LayerSelection,
    layer_map: LayerMap | None,
    all_layers: bool,
    measure: Spec,
    fail_below: float | None,
    allow_missing: str | Iterable[str],
    interval: bool,
    explain: int,
    groups: ArrayLike | None,
    order: ArrayLike | None,
    seed: int,
    nan_policy: NanPolicy,
    progress: bool,
) -> Diff:
    """Compare the matching layers of both sides; see `diff`. `names` are those of the sides."""
    row = checked_measure(measure, fail_below)
    n_explained = _checked_explain(explain)
    may_be_missing = as_patterns(allow_missing) if allow_missing else []
    if may_be_missing and fail_below is None:
        raise ValueError(
            "allow_missing= says which layers may be missing without failing, and nothing fails "
            "without fail_below=: pass fail_below=, or leave allow_missing out"
        )
    base, changed = base_side.layers, changed_side.layers
    base.check_same_samples(changed, "base", "changed")
    if groups is not None or order is not None:
        base, changed = (with_structure(side, groups, order) for side in (base, changed))
    check_same_labels({"base": base, "changed": changed})
    alone = None if layer_map else of_two_files(list(base), list(changed), names)
    match = alone or _selected(base, changed, selection, layer_map)
    _check_exclusions(base_side, changed_side, selection)
    omitted: dict[str, int] = {}
    check_name("nan_policy", nan_policy, get_args(NanPolicy))
    if nan_policy == "omit":
        base, changed, kept = without_nan(
            base,
            changed,
            select_layers(base, [layer for layer, _ in match.pairs], "base"),
            select_layers(changed, [partner for _, partner in match.pairs], "changed"),
        )
        omitted["n_omitted"] = int((~kept).sum())
        base, changed = (_named_by_row(side, kept) for side in (base, changed))
    for pattern in unmatched(may_be_missing, base):
        raise ValueError(unknown_name("layer of base in allow_missing=", pattern, base))
    _check_reductions(base, changed, match.pairs)
    pairs = match.pairs
    folded: dict[str, tuple[str, ...]] = {}
    if not all_layers:
        named = {name for name in base if name in selection.base}
        pairs, folded = fold_equal_layers(base, changed, pairs, named)
    layers = [layer for layer, _ in pairs]
    options = InferenceOptions(
        correct=True,
        interval=interval,
        chance=interval,
        n_permutations=_N_PERMUTATIONS,
        seed=seed,
    )
    grid = Grid([len(pairs)], [row], options)
    x_ranks, y_ranks, dead, errors = [], [], [], []
    unjudged: dict[str, str] = _random_layers(base_side, changed_side, pairs)
    for i, (layer, partner) in enumerate(
        track(pairs, "compare", len(pairs), progress, unit="layers")
    ):
        x = prepare(base, layer, "base", "auto")
        y = prepare(changed, partner, "changed", "auto")
        coupled = couple_prepared(x, y)
        grid.fill((i,), coupled)
        x_ranks += ranks([x])
        y_ranks += ranks([y])
        errors.append(
            ElementwiseError.between(
                base[layer], changed[partner], (base.dtypes[layer], changed.dtypes[partner])
            )
        )
        if isinstance(x, NoVarianceError) and isinstance(y, NoVarianceError):
            dead.append(layer)
        if isinstance(coupled, Overlap) and _has_too_few_samples(coupled, row):
            unjudged.setdefault(layer, "too few samples")
    table = make_table(
        {"layer": layers},
        grid.arrays(),
        [row],
        {
            "x_rank": ("layer", x_ranks),
            "y_rank": ("layer", y_ranks),
            "changed_layer": ("layer", [partner for _, partner in pairs]),
            "max_error": ("layer", [error.max_error for error in errors]),
            "relative_error": ("layer", [error.relative_error for error in errors]),
            "tolerance": ("layer", [error.tolerance for error in errors]),
        },
        table_attributes("diff", [row])
        | dict(zip(("base", "changed"), names, strict=True))
        | omitted
        | provenance(
            {
                "base": {**base_side.model, **describe_layers(base, layers)},
                "changed": {
                    **changed_side.model,
                    **describe_layers(changed, [partner for _, partner in pairs]),
                },
            },
            {**options.used, "nan_policy": nan_policy, **base_side.options},
            ["torch"] if base_side.model or changed_side.model else [],
        ),
        options,
    ).drop_sel(layer=dead)
    notes = {**grid.warnings, **grid.reasons}
    reasons = {
        layer: [text for texts in notes[i,].values() for text in texts]
        for i, layer in enumerate(layers)
        if (i,) in notes
    }
    similarities = table[f"{row.label}_corrected"] if row.from_moments({}) else table[row.label]
    if np.isnan(similarities).all():
        raise nothing_compared(["; ".join(reasons.get(layer, [])) for layer in layers])
    allowed = matching(may_be_missing, match.removed) if may_be_missing else []
    missing = [name for name in match.removed if name not in allowed]
    result = Diff(
        table=table,
        measure=row.label,
        fail_below=fail_below,
        removed=tuple(match.removed),
        added=tuple(match.added),
        missing=() if fail_below is None else tuple(missing),
        dead=tuple(dead),
        reasons=reasons,
        unjudged=unjudged,
        folded=folded,
        notes=(*match.notes, *_random_notes(base_side, changed_side)),
    )
    if not n_explained:
        return result
    return _explained(result, base, changed, n_explained, seed, progress)


def _explained(
    result: Diff,
    base: Representations,
    changed: Representations,
    most: int,
    seed: int,
    progress: bool,
) -> Diff:
    """Return a diff with explanations of its most changed layers."""
    layers = [layer for layer in result.layers if is_explicable(layer)]
    random = [layer for layer, reason in result.unjudged.items() if reason == _RANDOM]
    explanations = explain_layers(
        base, changed, layers[:most], random=random, seed=seed, progress=progress
    )
    nothing = () if layers else ("no layer changed, so there is nothing to explain",)
    return replace(
        result,
        explanations=explanations,
        not_explained=tuple(layer.layer for layer in layers[most:]),
        notes=(*result.notes, *nothing),
    )


def checked_measure(measure: Spec, fail_below: float | None) -> Measure:
    """Return the measure of that name, after checking that the threshold is in its range."""
    row = one_measure(measure)
    low, high = row.similarity_range
    if fail_below is not None and not isinstance(fail_below, Real):
        raise TypeError(f"fail_below must be a number, got {fail_below!r}")
    if fail_below is not None and not low <= fail_below <= high:
        raise ValueError(
            f"fail_below must be between {low:g} and {high:g} for {row.label}, got {fail_below}"
        )
    return row


def _checked_explain(explain: int) -> int:
    number = as_integer(explain, "explain")
    if number < 0:
        raise ValueError(f"explain must be 0 or more, got {number}")
    return number


def _named_by_row(layers: Representations, kept: NDArray[np.bool_]) -> Representations:
    """Return layers whose samples, if they have no ids, are named by the rows that were kept."""
    if layers.sample_ids is not None:
        return layers
    rows = np.flatnonzero(kept).tolist()
    return Representations(layers, **layers.metadata() | {"sample_ids": rows})


def _selected(
    base: Representations,
    changed: Representations,
    selection: LayerSelection,
    layer_map: LayerMap | None,
) -> LayerMatch:
    """Match the selected layers; a name given in full must be on both sides."""
    in_base, in_changed = matching(selection.base, base), matching(selection.changed, changed)
    if selection.per_side or layer_map == "order":
        match = match_layers(in_base, in_changed, layer_map)
    else:
        whole = match_layers(list(base), list(changed), layer_map)
        match = LayerMatch(
            [pair for pair in whole.pairs if pair[0] in in_base or pair[1] in in_changed],
            [name for name in whole.removed if name in in_base],
            [name for name in whole.added if name in in_changed],
            whole.notes,
        )
    for pattern in selection.base:
        if pattern in match.removed:
            raise ValueError(unknown_name("layer of changed", pattern, changed))
    for pattern in selection.changed:
        if pattern in match.added:
            raise ValueError(unknown_name("layer of base", pattern, base))
    selecting = [x for x in (*selection.base, *selection.changed) if not x.startswith("!")]
    known = dict.fromkeys([*base, *changed])
    for pattern in unmatched(selecting, known):
        raise ValueError(unknown_name("layer of base and changed", pattern, known))
    if not match.pairs:
        raise ValueError(
            f"no layer is on both sides: base has {shortened(list(base))}, and changed "
            f"{shortened(list(changed))}; layers are matched by name. Pass map= (in the "
            "shell --map OLD=NEW) if the names differ, or 'order' as the map if the layers run in "
            "the same order"
        )
    return match


def _check_exclusions(base: CapturedSide, changed: CapturedSide, selection: LayerSelection) -> None:
    """Raise ValueError for a pattern with "!" that leaves out no layer of a side it is for."""
    known = {"base": base.names, "changed": changed.names}
    if not selection.per_side:
        known = {"base and changed": [*base.names, *changed.names]}
    for (side, names), patterns in zip(known.items(), selection, strict=False):
        for pattern in unmatched([x for x in patterns if x.startswith("!")], names):
            raise ValueError(unknown_name(f"layer of {side}", pattern, dict.fromkeys(names)))


def _check_reductions(
    base: Representations, changed: Representations, pairs: Iterable[tuple[str, str]]
) -> None:
    for layer, partner in pairs:
        reduction, other = base.reductions.get(layer), changed.reductions.get(partner)
        if None not in (reduction, other) and reduction != other:
            raise ValueError(
                f"layer {layer!r} is reduced by {reduction!r} in base and by {other!r} in changed: "
                "capture both with the same reduction"
            )


def _has_too_few_samples(overlap: Overlap, row: Measure) -> bool:
    """Return whether the measure is corrected, from too few samples to judge the result."""
    corrected = row.from_moments({}) and not is_unbiased(row, overlap, {})
    return corrected and near_edge(overlap.n_samples, overlap.x.rank, overlap.y.rank)


def _random_layers(
    base: CapturedSide, changed: CapturedSide, pairs: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """Return the layers of base that differ between two runs of one model, with the reason."""
    random, other = set(base.random_layers()), set(changed.random_layers())
    return {layer: _RANDOM for layer, partner in pairs if layer in random or partner in other}


def _random_notes(base: CapturedSide, changed: CapturedSide) -> list[str]:
    return [
        f"{name} is not the same twice on the same samples"
        + (f", first in layer {side.random_from!r}" if side.random_from else "")
        + ": layers from there on are not judged"
        for name, side in (("base", base), ("changed", changed))
        if side.random_from is not None
    ]
