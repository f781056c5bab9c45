"""Sample dimensions: which named dimension of an array holds the samples."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SAMPLE_DIMS = {
    *("condition", "event", "example", "frame", "image", "index", "instance", "item", "obs"),
    *("observation", "presentation", "record", "row", "sample", "sentence", "stim", "stimuli"),
    *("stimulus", "text", "time", "token", "trial", "word"),
}
_FEATURE_DIMS = {
    *("channel", "column", "component", "dim", "electrode", "embedding", "feature", "filter"),
    *("gene", "hidden", "neuroid", "neuron", "pc", "roi", "unit", "var", "variable", "vertex"),
    "voxel",
}


def common_sample_dim(arrays: Iterable[Sequence[str]]) -> str | None:
    """Return the dimension that holds the samples of all arrays; None if it is unknown.

    It is the only dimension that all share and that is not named after features, such as "unit"; or
    the only one of these that is named after samples, such as "stimulus".

    Parameters
    ----------
    arrays
        The dimensions of each array. Arrays without named dimensions are ignored.

    Examples
    --------
    >>> common_sample_dim([("unit", "stimulus_id"), ("stimulus_id", "layer", "unit")])
    'stimulus_id'
    """
    named = [named_dims(dims) for dims in arrays]
    named = [dims for dims in named if dims]
    if not named:
        return None
    shared = [
        dim for dim in named[0] if all(dim in dims for dims in named) and not is_feature_dim(dim)
    ]
    likely = [dim for dim in shared if _is_one_of(dim, _SAMPLE_DIMS)] or shared
    return likely[0] if len(likely) == 1 else None


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
