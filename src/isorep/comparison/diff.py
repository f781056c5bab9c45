"""Diff: what a change did to a model, layer by layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from isorep._utils.layer_patterns import as_patterns, matching
from isorep._utils.progress import track
from isorep._utils.validation import unknown_name
from isorep.comparison.diff_result import Diff, shortened
from isorep.comparison.grid import Grid
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.sides import activations, reusable
from isorep.comparison.table import make_table, table_attributes
from isorep.core.basis import NoVarianceError
from isorep.core.prepare import couple_prepared, prepare, ranks
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import one_measure
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

    Side = Mapping[str, Any] | str | PathLike[str] | ArrayLike | torch.nn.Module

_N_PERMUTATIONS = 99
"""Permutations for the chance level, as in `isorep.inference.chance`."""


def diff(
    base: Side,
    changed: Side,
    data: Any = None,
    *,
    layers: str | Iterable[str] = "*",
    reduce: Any = "mean",
    measure: Spec = "pwcca",
    fail_below: float | None = None,
    interval: bool = True,
    device: torch.device | str | int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Diff:
    """Compare a model before and after a change, layer by layer.

    Each layer is compared with the layer of the same name. If only the basis of a layer changed,
    its similarity is 1.

    Parameters
    ----------
    base, changed : torch.nn.Module, Representations, mapping, path or array
        The model before and after the change. A side that is already captured may be its
        `Representations`, a mapping of layer name to (n_samples, n_features) array, a file that
        `isorep.load` reads, or the array of a single layer.
    data : iterable of batches, optional
        Data to run models on, as `isorep.capture` takes them, in the same order each time. Needed
        only if a side is a model.
    layers : str or iterable of str
        Globs over the names of layers. A name given in full must be on both sides.
    reduce : str, callable or mapping
        How a model's positions become features; see `isorep.capture`.
    measure : str or mapping
        A name in `isorep.MEASURES`, alone or with options such as "linear_regression(folds=10)",
        but not of a measure that reads maps. A measure that is not symmetric takes `base` as its x.
    fail_below : float, optional
        Threshold: layers with a lower similarity are in `Diff.below`.
    interval : bool
        Also compute a confidence interval and the chance level of each similarity. Without them,
        layers of 64 neurons take a quarter of the time, and layers of 512 a seventh.
    device : torch.device, str or int, optional
        Where to run the models; see `isorep.capture`.
    seed : int
        Random seed for the correction, intervals and the chance level.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.

    Returns
    -------
    Diff
        For measures that can be corrected, the similarity corrected for finite-sample bias (see
        `isorep.similarity`) is compared with the threshold, since layers look more alike with few
        samples. A layer with too few samples to correct, or with NaN on one side, is below any
        threshold. Layers that only one side has are listed, but are not below the threshold.

    Raises
    ------
    ValueError
        When a layer or the measure is unknown; no layer is on both sides, or none could be
        compared; the samples or the reductions of the two sides differ; or `isorep.capture` or
        `isorep.load` raises it.
    TypeError
        When a side is of another type.

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
    layer  similarity
    2          0.7847  below 0.95
    0          1.0000
    1          1.0000
    >>> diff["2"].below
    True
    """
    checked_measure(measure, fail_below)  # before any model runs
    data = reusable(data)
    x, y = (
        activations(
            side, name, data, layers=layers, reduce=reduce, device=device, progress=progress
        )
        for side, name in ((base, "base"), (changed, "changed"))
    )
    return diff_representations(
        x,
        y,
        layers=layers,
        measure=measure,
        fail_below=fail_below,
        interval=interval,
        seed=seed,
        progress=progress,
    )


def diff_representations(
    base: Representations,
    changed: Representations,
    *,
    layers: str | Iterable[str],
    measure: Spec,
    fail_below: float | None,
    interval: bool,
    seed: int,
    progress: bool,
) -> Diff:
    """Compare the layers that have the same name; see `diff`."""
    row = checked_measure(measure, fail_below)
    base.check_same_samples(changed, "base", "changed")
    in_base, in_changed = _selected(base, changed, as_patterns(layers))
    common = [layer for layer in in_base if layer in in_changed]
    if not common:
        raise ValueError(
            f"no layer is on both sides: base has {shortened(in_base)}, and changed "
            f"{shortened(in_changed)}; layers are matched by name"
        )
    _check_reductions(base, changed, common)
    options = InferenceOptions(
        correct=True,
        interval=interval,
        chance=interval,
        n_permutations=_N_PERMUTATIONS,
        seed=seed,
    )
    grid = Grid([len(common)], [row], options)
    x_ranks, y_ranks, dead = [], [], []
    for i, layer in enumerate(track(common, "compare", len(common), progress)):
        x = prepare(base, layer, "base", "auto")
        y = prepare(changed, layer, "changed", "auto")
        grid.fill((i,), couple_prepared(x, y))
        x_ranks += ranks([x])
        y_ranks += ranks([y])
        if isinstance(x, NoVarianceError) and isinstance(y, NoVarianceError):
            dead.append(layer)
    table = make_table(
        {"layer": common},
        grid.arrays(),
        [row],
        {"x_rank": ("layer", x_ranks), "y_rank": ("layer", y_ranks)},
        table_attributes("diff", [row]),
        options,
    )
    notes = {**grid.warnings, **grid.reasons}
    return Diff(
        table=table.drop_sel(layer=dead),
        measure=row.label,
        fail_below=fail_below,
        removed=tuple(layer for layer in in_base if layer not in in_changed),
        added=tuple(layer for layer in in_changed if layer not in in_base),
        dead=tuple(dead),
        reasons={
            layer: [text for texts in notes[i,].values() for text in texts]
            for i, layer in enumerate(common)
            if (i,) in notes
        },
    )


def checked_measure(measure: Spec, fail_below: float | None) -> Measure:
    """Return the measure of that name, after checking that the threshold is in its range."""
    row = one_measure(measure)
    low, high = row.similarity_range
    if fail_below is not None and not low <= fail_below <= high:
        raise ValueError(
            f"fail_below must be between {low:g} and {high:g} for {row.label}, got {fail_below}"
        )
    return row


def _selected(
    base: Representations, changed: Representations, patterns: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the selected layers of each side; a name given in full must be on both sides."""
    for pattern in patterns:
        for side, other, name in ((base, changed, "base"), (changed, base, "changed")):
            if pattern in other and pattern not in side:
                raise ValueError(unknown_name(f"layer of {name}", pattern, side))
        if not matching([pattern], [*base, *changed]):
            raise ValueError(unknown_name("layer", pattern, base))
    return matching(patterns, base), matching(patterns, changed)


def _check_reductions(
    base: Representations, changed: Representations, layers: Iterable[str]
) -> None:
    for layer in layers:
        reduction, other = base.reductions.get(layer), changed.reductions.get(layer)
        if None not in (reduction, other) and reduction != other:
            raise ValueError(
                f"layer {layer!r} is reduced by {reduction!r} in base and by {other!r} in changed: "
                "capture both with the same reduction"
            )
