"""Axis rules: the axes of an operation's output, by those of its inputs.

An operation without a rule keeps the axes of its first input as far as their number and lengths
allow; the others are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isorep.activations.axes import (
    SAMPLES,
    Axes,
    Axis,
    Feature,
    demoted,
    feature_of,
    joined,
    length,
    new_axis,
    reshaped,
    resized,
    with_feature,
)


@dataclass(frozen=True)
class Operation:
    """A call of an ATen operation.

    Parameters
    ----------
    name
        Name without the namespace, overload and the underscore of in-place operations.
    arguments
        Arguments by name, with defaults left out.
    axes
        Axes of each tensor among the arguments that depends on the inputs of the model, in order.
    is_pointwise
        Whether the operation broadcasts its inputs and works element by element.
    """

    name: str
    arguments: dict[str, Any]
    axes: Callable[[Any], Axes | None]
    is_pointwise: bool

    def tensors(self) -> list[Tensor]:
        """Return the tensors among the arguments, also those in lists."""
        tensors = []
        for value in self.arguments.values():
            values = value if isinstance(value, list | tuple) else [value]
            tensors += [x for x in values if isinstance(x, Tensor)]
        return tensors

    def output_axes(self, shape: Sequence[int]) -> Axes:
        """Return the axes of an output of this shape."""
        rule = _RULES.get(self.name)
        axes = None if rule is None else rule(self, shape)
        if axes is None and self.is_pointwise:
            axes = _pointwise(self, shape)
        if axes is None or tuple(map(length, axes)) != tuple(shape):
            axes = self._kept(shape)
        return axes

    def _kept(self, shape: Sequence[int]) -> Axes:
        known = [axes for x in self.tensors() if (axes := self.axes(x)) is not None]
        for axes in known:
            if tuple(map(length, axes)) == tuple(shape):
                return axes
        first = known[0]
        if len(first) == len(shape):
            return tuple(resized(axis, size) for axis, size in zip(first, shape, strict=True))
        dims = self.arguments.get("dim")
        if dims is not None and len(shape) < len(first):  # a reduction
            dropped = {d % len(first) for d in (dims if isinstance(dims, list) else [dims])}
            left = tuple(axis for k, axis in enumerate(first) if k not in dropped)
            if tuple(map(length, left)) == tuple(shape):
                return left
        return tuple(new_axis(size, *first) for size in shape)


def _pointwise(op: Operation, shape: Sequence[int]) -> Axes | None:
    operands = [axes for x in op.tensors() if (axes := op.axes(x)) is not None]
    axes = joined(operands, shape)
    if any(map(feature_of, axes)):
        return axes
    # A scale or bias, which has one value for each feature, says which axis the features are on.
    for x in op.tensors():
        if (
            op.axes(x) is None
            and x.is_floating_point()
            and x.ndim
            and x.numel() == max(x.shape) > 1
        ):
            k = list(x.shape).index(x.numel()) - x.ndim
            if shape[k] == x.numel():
                return _with_features_on(axes, k)
    return axes


def _with_features_on(axes: Axes, k: int) -> Axes:
    """Return axes with features on axis `k`, in place of those on other axes."""
    k %= len(axes)
    if any(part.origin.root is SAMPLES for part in axes[k]):
        return axes
    return tuple(
        with_feature(axis, Feature.YES) if i == k else demoted(axis) for i, axis in enumerate(axes)
    )


def _contracted(axes: Axes, k: int) -> None:
    """Record that axis `k` was contracted with weights: it holds features, if no other does."""
    if any(map(feature_of, axes)) or len(axes[k]) != 1:
        return
    origin = axes[k][0].origin.root
    if origin is not SAMPLES:
        origin.contracted_with_weights = True


def _matrix_product(op: Operation, shape: Sequence[int], first: str, second: str) -> Axes | None:
    x, y = op.arguments[first], op.arguments[second]
    return _product(op.axes(x), op.axes(y), shape)


def _product(x: Axes | None, y: Axes | None, shape: Sequence[int]) -> Axes | None:
    """Return the axes of a product of matrices, or of two stacks of them."""
    if x is None and y is None:
        return None
    features_last = new_axis(shape[-1], feature=Feature.YES)
    if x is None:
        assert y is not None
        _contracted(y, len(y) - 2)
        rows = new_axis(shape[-2], feature=Feature.YES)
        return (*y[:-2], rows, demoted(y[-1]))
    if y is None:
        _contracted(x, len(x) - 1)
        return (*x[:-2], demoted(x[-2]), features_last)
    batch = joined([x[:-2], y[:-2]], shape[:-2]) if len(shape) > 2 else ()
    return (*batch, x[-2], y[-1])


def _linear(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None:
        return None
    _contracted(x, len(x) - 1)
    return (*map(demoted, x[:-1]), new_axis(shape[-1], feature=Feature.YES))


def _convolution(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None:
        return None
    samples = [part for part in x[1] if part.origin.root is SAMPLES]
    if samples:  # one group of filters for each sample
        n = samples[0].size
        features: Axis = (samples[0], *new_axis(shape[1] // n, feature=Feature.YES))
    else:
        _contracted(x, 1)
        features = new_axis(shape[1], feature=Feature.YES)
    positions = (resized(demoted(axis), size) for axis, size in zip(x[2:], shape[2:], strict=True))
    return (x[0], features, *positions)


def _layer_norm(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None or len(op.arguments["normalized_shape"]) != 1:
        return x
    return _with_features_on(x, -1)


def _features_on_second(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None or tuple(map(length, x)) != tuple(shape):
        return None
    return _with_features_on(x, 1)


def _grouped_product(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None or len(x) != 2:
        return None
    return (demoted(x[0]), new_axis(shape[-1], feature=Feature.YES))


def _embedding(op: Operation, shape: Sequence[int]) -> Axes | None:
    indices = op.axes(op.arguments["indices"])
    if indices is None:
        return None
    return (*indices, new_axis(shape[-1], feature=Feature.YES))


def _attention(op: Operation, shape: Sequence[int]) -> Axes | None:
    query, value = op.axes(op.arguments["query"]), op.axes(op.arguments["value"])
    if query is None or value is None or len(shape) != len(query):
        return None
    return (*joined([query[:-2], value[:-2]], shape[:-2]), query[-2], value[-1])


def _recurrent(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None or len(shape) != len(x):
        return None
    return (*map(demoted, x[:-1]), new_axis(shape[-1], feature=Feature.YES))


def _reshape(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    return None if x is None else reshaped(x, shape)


def _permute(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    return None if x is None else tuple(x[d] for d in op.arguments["dims"])


def _transpose(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None or len(x) < 2:
        return x
    axes = list(x)
    i, j = op.arguments.get("dim0", 0), op.arguments.get("dim1", 1)
    axes[i], axes[j] = axes[j], axes[i]
    return tuple(axes)


def _unsqueeze(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None:
        return None
    k = op.arguments["dim"] % (len(x) + 1)
    return (*x[:k], (), *x[k:])


def _squeeze(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None or len(shape) == len(x):
        return x
    dims = op.arguments.get("dim")
    if dims is None:
        return tuple(axis for axis in x if length(axis) > 1)
    chosen = {d % len(x) for d in (dims if isinstance(dims, list) else [dims])}
    return tuple(axis for k, axis in enumerate(x) if k not in chosen or length(axis) > 1)


def _without_axis(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None:
        return None
    k = op.arguments.get("dim", 0) % len(x)
    return (*x[:k], *x[k + 1 :])


def _expand(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None:
        return None
    x = ((),) * (len(shape) - len(x)) + x
    return tuple(
        axis if length(axis) == size else new_axis(size)
        for axis, size in zip(x, shape, strict=True)
    )


def _repeat(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None:
        return None
    x = ((),) * (len(shape) - len(x)) + x
    return tuple(
        axis if length(axis) == size else (*new_axis(size // length(axis)), *axis)
        for axis, size in zip(x, shape, strict=True)
    )


def _cat(op: Operation, shape: Sequence[int]) -> Axes | None:
    tensors = op.arguments["tensors"]
    operands = [
        axes for x in tensors if (axes := op.axes(x)) is not None and len(axes) == len(shape)
    ]
    if not operands:
        return None
    k = op.arguments.get("dim", 0) % len(shape)
    others = joined([axes[:k] + axes[k + 1 :] for axes in operands], [*shape[:k], *shape[k + 1 :]])
    along = [axes[k] for axes in operands]
    axis = along[0]
    if length(axis) != shape[k]:
        axis = new_axis(shape[k], *along, feature=max(map(feature_of, along)))
    return (*others[:k], axis, *others[k:])


def _stack(op: Operation, shape: Sequence[int]) -> Axes | None:
    operands = [axes for x in op.arguments["tensors"] if (axes := op.axes(x)) is not None]
    k = op.arguments.get("dim", 0) % len(shape)
    axes = joined(operands, [*shape[:k], *shape[k + 1 :]])
    return (*axes[:k], new_axis(shape[k]), *axes[k:])


def _windows(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None or len(shape) != len(x) + 1:
        return None
    k = op.arguments["dimension"] % len(x)
    axes = [resized(axis, size) for axis, size in zip(x, shape, strict=False)]
    return (*axes, new_axis(shape[-1], x[k], feature=feature_of(x[k])))


def _image_to_columns(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None or len(x) != 4:
        return None
    features = (*x[1], *new_axis(shape[1] // length(x[1]), feature=feature_of(x[1])))
    return (x[0], features, new_axis(shape[2], *x[2:]))


def _columns_to_image(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None or len(x) != 3:
        return None
    return (x[0], resized(x[1], shape[1]), *(new_axis(size, x[2]) for size in shape[2:]))


def _index(op: Operation, shape: Sequence[int]) -> Axes | None:
    x, indices = op.axes(op.arguments["self"]), op.arguments["indices"]
    if x is None:
        return None
    places: list[int] = []
    k = 0
    for index in indices:
        if index is not None:
            width = index.ndim if index.dtype in (torch.bool, torch.uint8) else 1
            places += range(k, k + width)
            k += width
        else:
            k += 1
    adjacent = places == list(range(places[0], places[-1] + 1)) if places else False
    n_new = len(shape) - (len(x) - len(places))
    if not adjacent or n_new < 0:
        return None
    start, sources = places[0], [x[k] for k in places]
    feature = max(map(feature_of, sources))
    new = (new_axis(size, *sources, feature=feature) for size in shape[start : start + n_new])
    return (*x[:start], *new, *x[places[-1] + 1 :])


def _written(op: Operation, shape: Sequence[int]) -> Axes | None:
    """Return the axes of a tensor that values are written into, at places that an index says."""
    axes = op.axes(op.arguments["self"])
    if axes is not None:
        return axes
    values = next(
        (
            op.axes(op.arguments[name])
            for name in ("source", "src", "values")
            if name in op.arguments
        ),
        None,
    )
    if values is None or not values:
        return None
    k = op.arguments.get("dim", 0) % len(shape)
    offset = len(values) - len(shape)
    return tuple(
        values[i + offset]
        if i != k and i + offset >= 0 and length(values[i + offset]) == size
        else new_axis(size, *values)
        for i, size in enumerate(shape)
    )


def _distances(op: Operation, shape: Sequence[int]) -> Axes | None:
    return _product(op.axes(op.arguments["x1"]), _turned(op.axes(op.arguments["x2"])), shape)


def _turned(axes: Axes | None) -> Axes | None:
    return None if axes is None else (*axes[:-2], axes[-1], axes[-2])


def _packed(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None or len(shape) != 2:
        return None
    return (new_axis(shape[0], *x[:-1]), x[-1])


def _of(first: str, second: str) -> Callable[[Operation, Sequence[int]], Axes | None]:
    return lambda op, shape: _matrix_product(op, shape, first, second)


_Rule = Callable[[Operation, Sequence[int]], Axes | None]

_RULES: dict[str, _Rule] = {
    "mm": _of("self", "mat2"),
    "bmm": _of("self", "mat2"),
    "addmm": _of("mat1", "mat2"),
    "baddbmm": _of("batch1", "batch2"),
    "_grouped_mm": _grouped_product,
    "linear": _linear,
    "mkldnn_linear": _linear,
    "convolution": _convolution,
    "mkldnn_convolution": _convolution,
    "native_layer_norm": _layer_norm,
    "_fused_rms_norm": _layer_norm,
    "native_group_norm": _features_on_second,
    "native_batch_norm": _features_on_second,
    "_native_batch_norm_legit_no_training": _features_on_second,
    "_native_batch_norm_legit": _features_on_second,
    "cudnn_batch_norm": _features_on_second,
    "miopen_batch_norm": _features_on_second,
    "embedding": _embedding,
    "_scaled_dot_product_flash_attention_for_cpu": _attention,
    "_scaled_dot_product_flash_attention": _attention,
    "_scaled_dot_product_efficient_attention": _attention,
    "_scaled_dot_product_cudnn_attention": _attention,
    "_scaled_dot_product_attention_math": _attention,
    "_scaled_dot_product_fused_attention_overrideable": _attention,
    "mkldnn_rnn_layer": _recurrent,
    "_cudnn_rnn": _recurrent,
    "view": _reshape,
    "_unsafe_view": _reshape,
    "_reshape_alias": _reshape,
    "reshape": _reshape,
    "permute": _permute,
    "transpose": _transpose,
    "t": _transpose,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "select": _without_axis,
    "unbind": _without_axis,
    "expand": _expand,
    "repeat": _repeat,
    "cat": _cat,
    "stack": _stack,
    "unfold": _windows,
    "im2col": _image_to_columns,
    "col2im": _columns_to_image,
    "index": _index,
    "index_add": _written,
    "index_put": _written,
    "index_copy": _written,
    "scatter": _written,
    "scatter_add": _written,
    "_cdist_forward": _distances,
    "_pack_padded_sequence": _packed,
}
