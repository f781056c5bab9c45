"""Model call: run a model on the inputs of a batch, on the device and in the dtype it needs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from isorep.activations.batch import Batch

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def call_model(model: nn.Module, batch: Batch) -> None:
    """Run a model on a batch.

    - A tensor or list is the first argument. What followed it in a tuple are the next ones, if the
      model requires them.
    - A dict gives the keywords, or is the only argument of a model whose ``forward`` takes one
      argument and none of these keywords.
    - ``label`` is passed to a model with a parameter of this name, and ``labels`` to one that
      requires it.
    """
    parameters = _parameters(model)
    if not isinstance(batch.inputs, dict):
        n_required = len(_required(parameters))
        model(batch.inputs, *batch.more[: max(0, n_required - 1)])
        return
    if _takes_one_dict(parameters, batch.inputs):
        _call_with_dict(model, {**batch.inputs, **batch.label_inputs})
        return
    labels = {
        key: value
        for key, value in batch.label_inputs.items()
        if (p := parameters.get(key)) is not None and (key == "label" or p.default is p.empty)
    }
    model(**batch.inputs, **labels)


def _call_with_dict(model: nn.Module, inputs: dict[str, Any]) -> None:
    try:
        model(inputs)
    except Exception as error:
        message = next(iter(str(error).splitlines()), "")
        raise TypeError(
            f"forward has no parameter for {', '.join(map(repr, inputs))}, and failed with all of "
            f"them as one dict ({type(error).__name__}: {message}); name the inputs as its "
            "parameters are"
        ) from error


def _parameters(model: nn.Module) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(model.forward).parameters
    except (TypeError, ValueError):  # a forward of C
        return {}


def _takes_one_dict(parameters: Mapping[str, inspect.Parameter], inputs: dict[str, Any]) -> bool:
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) or set(inputs) & set(parameters):
        return False
    return len(_required(parameters)) == 1


def _required(parameters: Mapping[str, inspect.Parameter]) -> list[inspect.Parameter]:
    """Return the positional parameters without a default."""
    return [p for p in parameters.values() if p.kind in _POSITIONAL and p.default is p.empty]


def device_of(model: nn.Module) -> torch.device | None:
    """Return the device for the inputs of a model; None without parameters and buffers.

    A model that accelerate offloads, whose parameters are on "meta", runs where its hooks say.
    """
    for module in model.modules():
        hook = getattr(module, "_hf_hook", None)
        for one in getattr(hook, "hooks", [hook]):  # a SequentialHook has several
            device = getattr(one, "execution_device", None)
            if device is not None:
                return torch.device(device)
    real = (x.device for x in _tensors(model) if not x.is_meta)
    return next(real, None)


def dtype_of(model: nn.Module) -> torch.dtype | None:
    """Return the dtype for floating point inputs of a model: that of its first such parameter."""
    floating = (x.dtype for x in model.parameters() if x.is_floating_point())
    return next(floating, None)


def is_offloaded(model: nn.Module) -> bool:
    """Return whether some parameters of a model are elsewhere until they are needed."""
    return any(x.is_meta for x in _tensors(model))


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    yield from model.parameters()
    yield from model.buffers()
