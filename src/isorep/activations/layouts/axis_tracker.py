"""Axis tracker: follows the axes of tensors through everything that a model computes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from isorep.activations.layouts.axes import (
    SAMPLES,
    YES,
    Axes,
    Axis,
    Origin,
    Part,
    length,
    new_axis,
    resized,
    with_feature,
    with_features_on,
)
from isorep.activations.layouts.axis_rules import Operation
from isorep.activations.layouts.layout import axis_by_type


class AxisTracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Know the axes of every tensor that depends on the inputs of a model.

    Within `following`, the tracker sees each operation that PyTorch runs, also those of functions,
    and derives the axes of the outputs from those of the inputs.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # Not as attributes of the tensors, which may be parameters or belong to the caller.
        self._axes = WeakTensorKeyDictionary()
        self._parameters = WeakTensorKeyDictionary()  # tensors computed from parameters
        self._running: list[nn.Module] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Captures run nothing compiled. If True, PyTorch would import its compiler, for seconds.
        return False

    def add_input(self, x: Tensor, n: int, has_samples: bool) -> None:
        """Add an input of the model.

        Its first axis are the samples if it has length `n`, unless it is of one sample alone.
        """
        axes: list[Axis] = [(Part(size, Origin()),) for size in x.shape]
        if has_samples and x.ndim and len(x) == n:
            axes[0] = (Part(n, SAMPLES),)
        self._axes[x] = tuple(axes)

    def add_features(self, x: Tensor, k: int) -> None:
        """Add a tensor that depends on no input, as a layer of learned queries, by its features."""
        axes: list[Axis] = [(Part(size, Origin()),) for size in x.shape]
        axes[k] = with_feature(axes[k], YES)
        self._axes[x] = tuple(axes)

    def axes(self, x: Any) -> Axes | None:
        """Return the axes of a tensor, or None if it does not depend on an input."""
        if not isinstance(x, Tensor) or x.is_nested or x not in self._axes:
            return None
        axes: Axes = self._axes[x]
        return axes if len(axes) == x.ndim else None

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run an operation, and derive the axes of its outputs."""
        kwargs = kwargs or {}
        outputs = func(*args, **kwargs)
        operation = self._operation(func, args, kwargs)
        tensors = operation.tensors()
        is_known = any(self.axes(x) is not None for x in tensors)
        of_parameters = any(map(self._is_parameter, tensors))
        for output in outputs if isinstance(outputs, list | tuple) else [outputs]:
            if not isinstance(output, Tensor) or output.is_nested:
                continue
            if is_known:
                self._axes[output] = operation.output_axes(tuple(output.shape))
                self._add_base(output)
            elif of_parameters:
                self._parameters[output] = True
        return outputs

    def _add_base(self, view: Tensor) -> None:
        """Also know the tensor that `view` is a part of, if values were written into it."""
        base = view._base
        if base is None or self.axes(base) is not None or base.is_nested:
            return
        axes = dict(zip(view.stride(), self._axes[view], strict=True))
        self._axes[base] = tuple(
            resized(axes[stride], size) if length(axes.get(stride, ())) > 1 else new_axis(size)
            for size, stride in zip(base.shape, base.stride(), strict=True)
        )

    def _is_parameter(self, x: Tensor) -> bool:
        return isinstance(x, nn.Parameter) or x in self._parameters

    def _operation(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operation:
        has_schema = isinstance(func, torch._ops.OpOverload)  # not one of higher order
        names = (
            [argument.name for argument in func._schema.arguments]
            if has_schema
            else map(str, range(len(args)))
        )
        return Operation(
            name=func._schema.name.removeprefix("aten::").removesuffix("_") if has_schema else "",
            arguments=dict(zip(names, args, strict=False)) | kwargs,
            axes=self.axes,
            is_pointwise=has_schema and torch.Tag.pointwise in func.tags,
            is_parameter=self._is_parameter,
            in_layer=bool(self._running) and axis_by_type(self._running[-1]) is not None,
        )

    @contextmanager
    def following(self, model: nn.Module) -> Iterator[None]:
        """Follow what `model` runs, and know which of its modules is running."""

        def enter(module: nn.Module, inputs: Any) -> None:
            self._running.append(module)

        def leave(module: nn.Module, inputs: Any, output: Any) -> None:
            self._running.pop()
            # Its loop over time steps does not show that these are the positions of the input.
            if isinstance(module, nn.RNNBase) and (axes := self.axes(inputs[0])) is not None:
                features = new_axis(output[0].shape[-1], feature=YES)
                self._axes[output[0]] = with_features_on(axes, -1, features)

        handles = []
        for module in model.modules():
            if isinstance(module, torch.jit.ScriptModule):  # takes no such hook
                continue
            handles.append(module.register_forward_pre_hook(enter))
            handles.append(module.register_forward_hook(leave, always_call=True))
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()
