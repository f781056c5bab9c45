"""Sample dimensions: which named dimension of an array holds the samples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SAMPLE_DIMS = {
    *("batch", "batche", "clip", "condition", "episode", "event", "example", "image", "index"),
    *("instance", "item", "obs", "observation", "presentation", "prompt", "record", "row", "run"),
    *("sample", "seed", "sentence", "sequence", "session", "stim", "stimuli", "stimulus"),
    *("subject", "text", "trial", "video"),
}
_POSITION_DIMS = {"frame", "time", "timepoint", "token", "word"}
"""Words for what is often a position within a sample, and the sample only if nothing else is."""

_FEATURE_DIMS = {
    *("channel", "column", "component", "dim", "electrode", "embedding", "feature", "filter"),
    *("gene", "hidden", "neuroid", "neuron", "pc", "roi", "unit", "var", "variable", "vertex"),
    "voxel",
}


def common_sample_dim(arrays: Iterable[Sequence[str]]) -> str | None:
    """Return the dimension that holds the samples of all arrays; None if it is unknown.

    It is the only dimension that all share and that is not named after features, such as "unit"; or
    "sample"; or the only one of these that is named after samples, such as "stimulus", unless
    another one is named after positions, such as "time".

    Parameters
    ----------
    arrays
        The dimensions of each array. Arrays without named dimensions are ignored.

    Examples
    --------
    >>> common_sample_dim([("unit", "stimulus_id"), ("stimulus_id", "layer", "unit")])
    'stimulus_id'
    >>> common_sample_dim([("batch", "time")]) is None
    True
    """
    shared = _shared_dims(list(arrays))
    if len(shared) == 1:
        return shared[0]
    exact = [dim for dim in shared if str(dim).lower() in ("sample", "samples")]
    likely = exact or [dim for dim in shared if _is_one_of(dim, _SAMPLE_DIMS | _POSITION_DIMS)]
    return likely[0] if len(likely) == 1 and not _is_one_of(likely[0], _POSITION_DIMS) else None


def stored_sample_dim(arrays: Iterable[Sequence[str]]) -> str | None:
    """Return the dimension of the samples of arrays on disk, where samples mostly come first.

    It is `common_sample_dim`, or the first dimension of all arrays, if it is not named after
    features, nor after positions while another one is named after samples.

    Examples
    --------
    >>> stored_sample_dim([("batch", "token", "hidden")])
    'batch'
    >>> stored_sample_dim([("unit", "trial", "time")]) is None
    True
    """
    named = [dims for dims in map(named_dims, arrays) if dims]
    dim = common_sample_dim(named)
    firsts = {dims[0] for dims in named}
    if dim is not None or len(firsts) != 1:
        return dim
    (first,) = firsts
    others = [x for x in _shared_dims(named) if x != first and _is_one_of(x, _SAMPLE_DIMS)]
    if is_feature_dim(first) or (others and _is_one_of(first, _POSITION_DIMS)):
        return None
    return first


def _shared_dims(arrays: Sequence[Sequence[str]]) -> list[str]:
    """Return the dimensions that all arrays share, without those that are named after features."""
    named = [dims for dims in map(named_dims, arrays) if dims]
    first = named[0] if named else []
    return [dim for dim in first if all(dim in x for x in named) and not is_feature_dim(dim)]


def named_dims(dims: Iterable[str]) -> list[str]:
    """Return the dimensions that were named; xarray calls the others "dim_0" and so on."""
    return [dim for dim in dims if not re.fullmatch(r"dim_\d+", str(dim))]


def is_feature_dim(dim: str) -> bool:
    """Return whether a dimension is named after features, such as "unit" or "neuron_id"."""
    return _is_one_of(dim, _FEATURE_DIMS)


def feature_axis(dims: Sequence[str]) -> int | None:
    """Return the axis after the samples that is named after features; None unless it is the only.

    Examples
    --------
    >>> feature_axis(("stimulus", "channel", "time")), feature_axis(("trial", "unit", "neuron"))
    (1, None)
    """
    # The columns of an image, beside its rows, are positions.
    is_image = any(_is_one_of(dim, {"row"}) for dim in dims[1:])
    axes = [
        axis
        for axis, dim in enumerate(dims)
        if axis and is_feature_dim(dim) and not (is_image and _is_one_of(dim, {"column"}))
    ]
    return axes[0] if len(axes) == 1 else None


def _is_one_of(dim: str, words: set[str]) -> bool:
    """Return whether a dimension is named by a word, such as "stimulus_id" and "units"."""
    name = str(dim).lower().removesuffix("_id")
    return name in words or name.removesuffix("s") in words
