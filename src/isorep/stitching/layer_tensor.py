"""Layer tensor: the activations of a layer, read from a model and put in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from isorep.activations.batch import Batch
from isorep.activations.hooked_runs import hooks_run, in_eval_mode
from isorep.activations.layers import select
from isorep.activations.layouts.evidence import gather_evidence
from isorep.activations.layouts.layout import Layout, NoSamples
from isorep.activations.model_call import call_model
from isorep.activations.outputs import dense, tensors_in
from isorep.activations.recorder import brief


class _Reached(Exception):  # noqa: N818  no error: the rest of the model is not needed
    """The layer has run."""


@dataclass(frozen=True)
class LayerTensor:
    """The main tensor that a layer of a model returns.

    Attributes
    ----------
    model : nn.Module
    module : nn.Module
        The layer.
    name : str
        Its name in the model.
    layout : Layout
        Which axes of the tensor are samples and features.
    """

    model: nn.Module
    module: nn.Module
    name: str
    layout: Layout

    @classmethod
    def find(cls, model: nn.Module, name: str, batch: Batch, channels: str) -> LayerTensor:
        """Find the tensor by small runs of the model, in eval mode.

        Raises
        ------
        ValueError
            If the layer is unknown, does not run exactly once, has no row for each sample or no
            features.
        """
        (module, *others), what = select(model, [name], "mean"), f"layer {name!r}"
        if others:
            raise ValueError(f"expected one layer, got the pattern {name!r}, which matches several")
        with in_eval_mode(model), hooks_run():
            try:
                layouts = gather_evidence(model, batch, channels).layouts
            except Exception as error:
                raise ValueError(f"the model failed on the first batch: {brief(error)}") from error
        calls = [layout for (called, _), layout in layouts.items() if called is module]
        if len(calls) != 1:
            raise ValueError(f"{what} runs {len(calls)} times in a pass; stitching needs one run")
        (layout,) = calls
        if isinstance(layout, NoSamples):
            raise ValueError(f"{what} {layout.reason}; select another layer")
        if not layout.features:
            raise ValueError(
                f"{what} returns shape {layout.shape}, one number for each sample; select a layer "
                "with features"
            )
        return cls(model, module, name, layout)

    def read(self, batch: Batch) -> Tensor:
        """Run the model up to the layer, and return its activations; see `rows`."""
        tensors: list[Tensor] = []

        def keep(module: nn.Module, args: Any, output: Any) -> None:
            tensors.append(self.rows(self._tensor(output), batch.n))
            raise _Reached

        handle = self.module.register_forward_hook(keep)
        try:
            call_model(self.model, batch)
        except _Reached:
            pass
        finally:
            handle.remove()
        return tensors[0]

    @contextmanager
    def replaced(self, n: int, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Replace the activations (see `rows`) of `n` samples by ``change(them)``."""

        def put(module: nn.Module, args: Any, output: Any) -> Any:
            tensor = self._tensor(output)
            rows = change(self.rows(tensor, n))
            return _with_tensor(output, tensor, self._from_rows(rows, tensor))

        handle = self.module.register_forward_hook(put)
        try:
            yield
        finally:
            handle.remove()

    def rows(self, tensor: Tensor, n: int) -> Tensor:
        """Return activations as (n, ..., p): samples, positions if any, and features."""
        features = self.layout.features
        moved = self.layout.samples.first(dense(tensor), n).movedim(
            features, tuple(range(-len(features), 0))
        )
        return moved.flatten(-len(features))

    def _from_rows(self, rows: Tensor, like: Tensor) -> Tensor:
        """Return rows in the axes and the dtype of the layer's own tensor."""
        n, features, samples = len(rows), self.layout.features, self.layout.samples
        first = samples.first(like, n)
        sizes = [first.shape[k] for k in features]
        split = rows.reshape(*rows.shape[:-1], *sizes)
        moved = split.movedim(tuple(range(-len(features), 0)), features)
        axis = samples.axis + (len(samples.others) if samples.order == "after positions" else 0)
        return moved.movedim(0, axis).reshape(like.shape).to(like.dtype)

    def _tensor(self, output: Any) -> Tensor:
        tensors = tensors_in(output)
        tensor = tensors[self.layout.tensor] if self.layout.tensor < len(tensors) else None
        if not isinstance(tensor, Tensor) or tensor.ndim != len(self.layout.shape):
            raise ValueError(
                f"layer {self.name!r} had shape {self.layout.shape} at first, and in another batch "
                "returns something else"
            )
        return tensor


def _with_tensor(output: Any, old: Tensor, new: Tensor) -> Any:
    """Return what a module returned, with one of its tensors replaced."""
    if output is old:
        return new
    if isinstance(output, dict):  # also the outputs of Hugging Face's models
        for key, value in output.items():
            output[key] = _with_tensor(value, old, new)
        return output
    if isinstance(output, tuple | list):
        parts = [_with_tensor(value, old, new) for value in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output


def main_tensor(output: Any) -> Tensor:
    """Return the main tensor of a model's output: the logits of a classifier."""
    tensors = tensors_in(output)
    if not tensors or not isinstance(tensors[0], torch.Tensor):
        raise ValueError(f"the model returns {type(output).__name__}, expected a tensor")
    return tensors[0]
