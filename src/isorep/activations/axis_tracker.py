"""Axis tracker: follows the axes of tensors through everything that a model computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from isorep.activations.axes import SAMPLES, Axes, Axis, Feature, Origin, Part, with_feature
from isorep.activations.axis_rules import Operation


class AxisTracker(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Know the axes of every tensor that depends on the inputs of a model.

    While the tracker is entered, it sees each operation that PyTorch runs, also those of functions,
    and derives the axes of the outputs from those of the inputs.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # Not as attributes of the tensors, which may be parameters or belong to the caller.
        self._axes = WeakTensorKeyDictionary()

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
        axes[k] = with_feature(axes[k], Feature.YES)
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
        operation = _operation(func, args, kwargs, self.axes)
        if any(self.axes(x) is not None for x in operation.tensors()):
            for output in outputs if isinstance(outputs, list | tuple) else [outputs]:
                if isinstance(output, Tensor) and not output.is_nested:
                    self._axes[output] = operation.output_axes(tuple(output.shape))
        return outputs


def _operation(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], axes: Callable[[Any], Axes | None]
) -> Operation:
    if not isinstance(func, torch._ops.OpOverload):  # an operation of higher order has no schema
        return Operation(
            str(func), {str(i): x for i, x in enumerate(args)} | kwargs, axes, is_pointwise=False
        )
    names = [argument.name for argument in func._schema.arguments]
    return Operation(
        name=func._schema.name.partition("::")[2].removesuffix("_"),
        arguments=dict(zip(names, args, strict=False)) | kwargs,
        axes=axes,
        is_pointwise=torch.Tag.pointwise in func.tags,
    )
