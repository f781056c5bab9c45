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

from isorep.activations.layouts.axes import (
    NO,
    SAMPLES,
    YES,
    Axes,
    Axis,
    feature_of,
    indexed,
    joined,
    length,
    new_axis,
    reordered,
    reshaped,
    resized,
    with_feature,
    with_features_on,
)


@dataclass(frozen=True)
class Operation:
    """A call of an ATen operation.

    Parameters
    ----------
    name
        Name without overload, the underscore of in-place operations, and PyTorch's own namespace.
    arguments
        Arguments by name, with defaults left out.
    axes
        Axes of each tensor among the arguments that depends on the inputs of the model, in order.
    is_pointwise
        Whether the operation broadcasts its inputs and works element by element.
    is_parameter
        Whether a tensor is a parameter of the model, or was computed from one.
    in_layer
        Whether one of PyTorch's own layers runs, whose weights make features.
    """

    name: str
    arguments: dict[str, Any]
    axes: Callable[[Any], Axes | None]
    is_pointwise: bool
    is_parameter: Callable[[Tensor], bool]
    in_layer: bool

    def tensors(self) -> list[Tensor]:
        """Return the tensors among the arguments, also those in lists."""
        tensors = []
        for value in self.arguments.values():
            values = value if isinstance(value, list | tuple) else [value]
            tensors += [x for x in values if isinstance(x, Tensor)]
        return tensors

    def output_axes(self, shape: Sequence[int]) -> Axes:
        """Return the axes of an output of this shape; new ones if the rule fails."""
        rule = _RULES.get(self.name)
        try:
            axes = None if rule is None else rule(self, shape)
            if axes is None and self.is_pointwise:
                axes = _pointwise(self, shape)
        except Exception:  # an argument that the rule does not know must not end the capture
            axes_of_inputs = [axis for x in self.tensors() for axis in self.axes(x) or ()]
            return tuple(new_axis(size, *axes_of_inputs) for size in shape)
        if axes is None or tuple(map(length, axes)) != tuple(shape):
            axes = self._kept(shape)
        return axes

    def _kept(self, shape: Sequence[int]) -> Axes:
        # Integers are places in other tensors.
        integers_last = sorted(
            self.tensors(), key=lambda x: not (x.is_floating_point() or x.is_complex())
        )
        known = [axes for x in integers_last if (axes := self.axes(x)) is not None]
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
        if op.is_parameter(x) and x.ndim and x.numel() == max(x.shape) > 1:
            k = list(x.shape).index(x.numel()) - x.ndim
            if shape[k] == x.numel():
                return _scaled(axes, k)
    return axes


def _scaled(axes: Axes, k: int) -> Axes:
    """Return axes of a tensor that has a scale or a bias for each index on axis `k`."""
    if any(part.origin.root is SAMPLES for part in axes[k]):
        return axes
    return with_features_on(axes, k, with_feature(axes[k], YES))


def _contracted(axes: Axes, k: int) -> None:
    """Record that axis `k` was contracted with weights: it holds features, if no other does."""
    if any(map(feature_of, axes)) or len(axes[k]) != 1:
        return
    origin = axes[k][0].origin.root
    if origin is not SAMPLES:
        origin.contracted_with_weights = True


def _matrix_product(op: Operation, shape: Sequence[int], first: str, second: str) -> Axes | None:
    """Return the axes of a product of matrices, or of two stacks of them."""
    x, y = op.axes(op.arguments[first]), op.axes(op.arguments[second])
    if x is None or y is None:
        weights = op.arguments[second if y is None else first]
        if x is not None:
            return _weighted(op, x, -1, weights, shape[-1])
        if y is not None:
            return _weighted(op, y, -2, weights, shape[-2])
        return None
    return _product(x, y[:-2], y[-1], shape)


def _product(x: Axes, batch: Axes, last: Axis, shape: Sequence[int]) -> Axes:
    """Return the axes (..., m, p) of a product with x (..., m, k), if p is the axis `last`."""
    others = max(feature_of(x[-2]), feature_of(last))
    return (*joined([x[:-2], batch], shape[:-2], others), x[-2], last)


def _weighted(op: Operation, axes: Axes, k: int, weights: Tensor, size: int) -> Axes:
    """Return the axes of a stack of matrices, axis `k` of which was contracted with weights."""
    features_known = any(feature_of(axis) == YES for axis in axes)
    makes_features = (
        op.in_layer
        or feature_of(axes[k]) == YES
        or (op.is_parameter(weights) and (feature_of(axes[k]) > NO or not features_known))
    )
    k %= len(axes)
    if not makes_features:  # weights between positions, such as an adjacency matrix
        return (*axes[:k], new_axis(size, axes[k]), *axes[k + 1 :])
    _contracted(axes, k)
    # One matrix for each index on the axes before does not replace their features.
    features = new_axis(size, axes[k], feature=YES)
    return (*axes[:-2], *with_features_on(axes, k, features)[-2:])


def _linear(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = _first(op)
    if x is None:
        return None
    _contracted(x, len(x) - 1)
    return with_features_on(x, -1, new_axis(shape[-1], x[-1], feature=YES))


def _first(op: Operation) -> Axes | None:
    return op.axes(next(iter(op.arguments.values())))


def _convolution(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = _first(op)
    if x is None:
        return None
    samples = [part for part in x[1] if part.origin.root is SAMPLES]
    if samples:  # one group of filters for each sample
        n = samples[0].size
        features: Axis = (samples[0], *new_axis(shape[1] // n, feature=YES))
    else:
        _contracted(x, 1)
        features = new_axis(shape[1], x[1], feature=YES)
    axes = with_features_on(x, 1, features, keeps_split=False)
    positions = (resized(axis, size) for axis, size in zip(axes[2:], shape[2:], strict=True))
    return (x[0], features, *positions)


def _layer_norm(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None or len(op.arguments["normalized_shape"]) != 1:
        return x
    if op.arguments.get("weight") is None and any(map(feature_of, x)):
        return x
    return _scaled(x, -1)


def _features_on_second(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None or tuple(map(length, x)) != tuple(shape):
        return None
    return _scaled(x, 1)


def _grouped_product(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None or len(x) != 2:
        return None
    return with_features_on(x, 1, new_axis(shape[-1], x[1], feature=YES))


def _embedding(op: Operation, shape: Sequence[int]) -> Axes | None:
    indices = op.axes(op.arguments["indices"])
    if indices is None:
        return None
    return (*indices, new_axis(shape[-1], feature=YES))


def _attention(op: Operation, shape: Sequence[int]) -> Axes | None:
    query, value = op.axes(op.arguments["query"]), op.axes(op.arguments["value"])
    if query is None or value is None or len(shape) != len(query):
        return None
    return _product(query, value[:-2], value[-1], shape)


def _recurrent(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None or len(shape) != len(x):
        return None
    return with_features_on(x, -1, new_axis(shape[-1], feature=YES))


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
    along = [axes[k] for axes in operands]
    if length(along[0]) == shape[k]:
        return joined(operands, shape)
    whole = [new_axis(shape[k], axis, feature=feature_of(axis)) for axis in along]
    axes = joined(
        [(*x[:k], axis, *x[k + 1 :]) for x, axis in zip(operands, whole, strict=True)], shape
    )
    return (*axes[:k], new_axis(shape[k], *along, feature=feature_of(axes[k])), *axes[k + 1 :])


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
    start, stop = places[0], places[-1] + 1
    new: list[Axis]
    (index, *others) = (index for index in indices if index is not None)
    if index.ndim == 1 and not others:
        is_mask = index.dtype in (torch.bool, torch.uint8)
        new = [indexed(x[start], (index.nonzero().flatten() if is_mask else index).tolist())]
    else:
        source = tuple(part for axis in x[start:stop] for part in axis)
        new = [reordered(source, size) for size in shape[start : start + n_new]]
    return (*x[:start], *new, *x[stop:])


def _gathered(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None or len(x) != len(shape):
        return None
    k = op.arguments.get("dim", -1) % len(x)
    return tuple(
        reordered(axis, size) if i == k else resized(axis, size)
        for i, (axis, size) in enumerate(zip(x, shape, strict=True))
    )


def _flipped(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None:
        return None
    dims = {d % len(x) for d in op.arguments["dims"]}
    return tuple(
        indexed(axis, range(length(axis))[::-1]) if k in dims else axis for k, axis in enumerate(x)
    )


def _rolled(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None:
        return None
    dims = [d % len(x) for d in op.arguments.get("dims", ())]
    if not dims:  # rolled as if it were flat
        return tuple(reordered(axis, length(axis)) for axis in x)
    shifts = dict(zip(dims, op.arguments["shifts"], strict=True))
    return tuple(
        indexed(axis, [i - shifts[k] for i in range(length(axis))]) if k in shifts else axis
        for k, axis in enumerate(x)
    )


def _selected(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    if x is None:
        return None
    k = op.arguments["dim"] % len(x)
    return (*x[:k], indexed(x[k], op.arguments["index"].reshape(-1).tolist()), *x[k + 1 :])


def _complex_as_real(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    return None if x is None else (*x, new_axis(2))


def _real_as_complex(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["self"])
    return None if x is None else x[:-1]


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
    x, y = op.axes(op.arguments["x1"]), op.axes(op.arguments["x2"])
    if x is None or y is None:  # distances from prototypes
        return None if x is None else (*x[:-1], new_axis(shape[-1], feature=YES))
    return _product(x, y[:-2], y[-2], shape)


def _packed(op: Operation, shape: Sequence[int]) -> Axes | None:
    x = op.axes(op.arguments["input"])
    if x is None or len(shape) != 2:
        return None
    return (new_axis(shape[0], *x[:-1]), x[-1])


def _of(first: str, second: str) -> Callable[[Operation, Sequence[int]], Axes | None]:
    return lambda op, shape: _matrix_product(op, shape, first, second)


_QUANTISED_LINEAR = ("linear", "linear_relu", "linear_dynamic", "linear_relu_dynamic")
_QUANTISED_CONVOLUTIONS = [
    f"conv{n}d{end}" for n in (1, 2, 3) for end in ("", "_relu", "_dynamic", "_add_relu")
]

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
    "gather": _gathered,
    "index_select": _selected,
    "sort": _gathered,
    "flip": _flipped,
    "roll": _rolled,
    "view_as_real": _complex_as_real,
    "view_as_complex": _real_as_complex,
    "index_add": _written,
    "index_put": _written,
    "index_copy": _written,
    "scatter": _written,
    "scatter_add": _written,
    "_cdist_forward": _distances,
    **{f"quantized::{name}": _linear for name in _QUANTISED_LINEAR},
    **{f"quantized::{name}": _convolution for name in _QUANTISED_CONVOLUTIONS},
    "_pack_padded_sequence": _packed,
}
