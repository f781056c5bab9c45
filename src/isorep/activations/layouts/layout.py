"""Layout: which axes of a layer's output are samples, features and positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from isorep.activations.layouts.axes import (
    NO,
    SAMPLES,
    Axes,
    Axis,
    Part,
    feature_of,
    length,
    new_axis,
)

Order = Literal["alone", "before positions", "after positions"]


@dataclass(frozen=True)
class SamplesAxis:
    """The axis of the samples in a tensor, alone or joined with positions, as in (n * T, p)."""

    axis: int
    order: Order = "alone"
    others: tuple[int, ...] = (-1,)
    """Sizes of the axes that the positions become; -1 for what is left."""

    def fits(self, x: Tensor, n: int) -> bool:
        """Return whether this axis of a tensor can hold `n` samples."""
        size = x.shape[self.axis]
        return size == n if self.order == "alone" else size % n == 0

    def first(self, x: Tensor, n: int) -> Tensor:
        """Return a tensor with its `n` samples as first axis of their own."""
        axis = self.axis
        if self.order == "alone" and axis == 0:
            return x
        if self.order == "before positions":
            x = x.reshape(*x.shape[:axis], n, *self.others, *x.shape[axis + 1 :])
        elif self.order == "after positions":
            x = x.reshape(*x.shape[:axis], *self.others, n, *x.shape[axis + 1 :])
            axis += len(self.others)
        return x.movedim(axis, 0)

    def first_of(self, axes: Axes, n: int) -> Axes:
        """Return the axes that `first` gives a tensor of the axes `axes`."""
        joined = axes[self.axis]
        positions: tuple[Axis, ...]
        if self.order == "alone":
            samples, positions = joined, ()
        elif self.order == "before positions" and _are_samples(joined[0]):
            samples, positions = joined[:1], _groups(joined[1:])
        elif self.order == "after positions" and _are_samples(joined[-1]):
            samples, positions = joined[-1:], _groups(joined[:-1])
        else:
            samples, positions = new_axis(n), (new_axis(length(joined) // n, joined),)
        return (samples, *axes[: self.axis], *positions, *axes[self.axis + 1 :])


def _groups(parts: Axis) -> tuple[Axis, ...]:
    """Return an axis as several, so that positions and features do not share one."""
    return tuple(tuple(group) for _, group in groupby(parts, key=lambda part: part.feature))


def _sizes(axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return the sizes of axes, with -1 for the first that is no feature."""
    sizes = list(map(length, axes))
    sizes[min(range(len(axes)), key=lambda k: feature_of(axes[k]))] = -1
    return tuple(sizes)


def _are_samples(part: Part) -> bool:
    return part.origin.root is SAMPLES


@dataclass(frozen=True)
class Layout:
    """How to read a layer's output.

    Parameters
    ----------
    tensor
        Number of the tensor among those that the output holds; see `outputs.tensors_in`.
    shape
        Its shape in the probe run.
    samples
        Its samples.
    features
        Axes of the features, once the samples are first.
    is_guess
        Whether nothing was known about the features.
    mask
        Name of the input that masks padding in the positions; None if no padding is known.
    tokens
        Name of the input whose token ids the positions are; None if there is none.
    includes_padding
        Whether the positions come from masked tokens in a way that is unknown, so that padding
        cannot be left out.
    """

    tensor: int
    shape: tuple[int, ...]
    samples: SamplesAxis
    features: tuple[int, ...]
    is_guess: bool = False
    mask: str | None = None
    tokens: str | None = None
    includes_padding: bool = False


def feature_axes(
    module: nn.Module, axes: Axes | None, shape: Sequence[int], samples: SamplesAxis, channels: str
) -> tuple[tuple[int, ...], bool]:
    """Return the axes of the features once samples are first, and whether they are a guess.

    Parameters
    ----------
    module
        Module that returned the tensor.
    axes
        Axes of the tensor, with samples first; None if they are unknown.
    shape
        Shape with samples first.
    samples
        Where the samples were.
    channels
        ``"auto"``, or ``"first"`` or ``"last"`` for a fixed axis.
    """
    n_axes = len(shape)
    if n_axes < 3:
        return tuple(range(1, n_axes)), False
    if channels != "auto":
        return (1 if channels == "first" else n_axes - 1,), False
    if axes is not None:
        if axis_by_type(module) is None:
            axes = tuple(map(_without_positions, axes))
        by_axis = [NO, *map(feature_of, axes[1:])]
        highest = max(by_axis)
        if highest:
            return tuple(k for k, feature in enumerate(by_axis) if feature == highest), False
        contracted = tuple(
            k
            for k, axis in enumerate(axes)
            if k and any(part.origin.root.contracted_with_weights for part in axis)
        )
        if len(contracted) == 1:
            return contracted, False
    # Nothing that PyTorch ran said it: a quantised layer, or one that saw no input.
    if (axis := axis_by_type(module)) is not None:
        return (axis % n_axes,), False
    if (axis := _by_parameters(module, shape)) is not None:
        return (axis % n_axes,), True
    return (1 if n_axes > 3 else 2,), True


def _without_positions(axis: Axis) -> Axis:
    """Return an axis without features that are added to positions later on."""
    return tuple(replace(part, feature=NO) if part.origin.is_position else part for part in axis)


_FEATURES_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,  # batch and instance norms
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.Upsample,
)
# The layers in these files have no common base class.
_FEATURES_FIRST_FILES = {"torch.nn.modules.pooling", "torch.nn.modules.padding"}
_FEATURES_LAST = (
    nn.Linear,
    nn.Bilinear,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.LayerNorm,
    nn.RNNBase,
    nn.MultiheadAttention,
    nn.Transformer,
    nn.TransformerEncoder,
    nn.TransformerDecoder,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)


def axis_by_type(module: nn.Module) -> int | None:
    """Return the axis of the features in the output of PyTorch's own layers, 1 or -1."""
    files = {base.__module__ for base in type(module).__mro__}
    if _is(module, _FEATURES_FIRST) or files & _FEATURES_FIRST_FILES:
        return 1
    return -1 if _is(module, _FEATURES_LAST) else None


def _is(module: nn.Module, kinds: tuple[type, ...]) -> bool:
    """Return whether a module, or the module that it is the quantised form of, is of `kinds`."""
    if isinstance(module, kinds):
        return True
    for base in type(module).__mro__:
        floats = vars(base).get("_FLOAT_MODULE", ())
        floats = floats if isinstance(floats, tuple | list) else [floats]
        if any(issubclass(original, kinds) for original in floats):
            return True
    return False


def _by_parameters(module: nn.Module, shape: Sequence[int]) -> int | None:
    """Return the axis of the features of a user's class, as long as an axis of its parameters."""
    parameters = [tuple(x.shape) for x in module.parameters(recurse=False)]
    # A bias has one number for each feature; a weight may have the inputs first.
    lengths = {x[0] for x in parameters if len(x) == 1} or {n for x in parameters for n in x}
    if (shape[1] in lengths) == (shape[-1] in lengths):
        return None
    return 1 if shape[1] in lengths else -1


@dataclass(frozen=True)
class NoSamples:
    """Why an output has no row for each sample. The text continues "layer 'name' ..."."""

    reason: str


def samples_axes(
    output: Tensor, axes: Axes | None, n: int, fewer: tuple[int, ...] | None
) -> list[SamplesAxis] | NoSamples:
    """Return which axes may be the samples, the likeliest first, or why none is.

    Parameters
    ----------
    output
        Tensor that a module returned for `n` samples.
    axes
        Its axes, where known.
    fewer
        Shape of the same tensor for n - 1 samples, with as many axes; None if that is unknown.
    """
    shape = tuple(output.shape)
    if fewer is not None:
        changed = [k for k, size in enumerate(shape) if size != fewer[k]]
        if not changed:
            return NoSamples(
                f"has shape {shape} for {n} samples and for {n - 1}, and no row for each sample"
            )
        if len(changed) > 1:
            return NoSamples(
                f"has shape {shape} for {n} samples and {fewer} for {n - 1}, so that more than one "
                "axis follows the samples"
            )
        (k,) = changed
        if shape[k] == n and fewer[k] == n - 1:
            return [SamplesAxis(k)]
        if shape[k] * (n - 1) != fewer[k] * n:
            return NoSamples(
                f"has shape {shape} for {n} samples and {fewer} for {n - 1}: not equally many rows "
                "for each sample"
            )
        known = [] if axes is None else _joined_samples(axes[k], k)
        return known or [SamplesAxis(k, "before positions"), SamplesAxis(k, "after positions")]
    if axes is not None:
        marked = [
            place
            for k, axis in enumerate(axes)
            if any(_are_samples(part) for part in axis)
            for place in _joined_samples(axis, k)
        ]
        if marked:
            return marked
    if n in shape:
        return [SamplesAxis(k) for k, size in enumerate(shape) if size == n]
    return NoSamples(f"has shape {shape}, none of whose axes is the {n} samples of the batch")


def _joined_samples(axis: Axis, k: int) -> list[SamplesAxis]:
    """Return where the samples are in axis number `k`, if its parts are known."""
    if len(axis) == 1 and _are_samples(axis[0]):
        return [SamplesAxis(k)]
    if axis and _are_samples(axis[0]):
        return [SamplesAxis(k, "before positions", _sizes(_groups(axis[1:])))]
    if axis and _are_samples(axis[-1]):
        return [SamplesAxis(k, "after positions", _sizes(_groups(axis[:-1])))]
    return []


def positions_of(axes: Axes, features: Sequence[int]) -> list[Axis]:
    """Return the axes that are neither the samples, which are first, nor features."""
    return [axis for k, axis in enumerate(axes) if k and k not in features]


def is_packed(output: object) -> bool:
    """Return whether an output is a packed sequence, which says its own lengths."""
    return isinstance(output, PackedSequence)
