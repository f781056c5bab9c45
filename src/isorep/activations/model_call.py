"""Model call: run a model on the inputs of a batch, on the device and in the dtype it needs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from isorep._utils.tokens import longest_text
from isorep.activations.batch import Batch
from isorep.activations.input_names import LABELS

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def call_model(model: nn.Module, batch: Batch) -> Any:
    """Run a model on a batch, and return its output.

    - A tensor or list is the first argument. What followed it in a tuple are the next ones, if the
      model requires them.
    - A dict gives the keywords, or is the only argument of a model whose ``forward`` requires one
      argument that is none of these keywords.
    - ``label`` is passed to a model with a parameter of this name, and ``labels`` to one that
      requires it.
    """
    batch = needed(batch, [model])
    if not isinstance(batch.inputs, dict):
        return model(batch.inputs, *batch.more)
    if _takes_one_dict(_parameters(model), batch.inputs):
        return model({**batch.inputs, **batch.label_inputs})
    return model(**batch.inputs, **batch.label_inputs)


def needed(batch: Batch, models: Sequence[nn.Module]) -> Batch:
    """Return a batch without the arguments and labels that none of the models gets."""
    if not batch.more and not batch.label_inputs:
        return batch
    n_more, labels = 0, set[str]()
    for parameters in map(_parameters, models):
        if not isinstance(batch.inputs, dict):
            n_more = max(n_more, len(_required(parameters)) - 1)
        elif _takes_one_dict(parameters, batch.inputs):
            labels |= set(batch.label_inputs)
        else:
            labels |= {key for key in batch.label_inputs if _takes_label(parameters, key)}
    after = batch.more[n_more] if n_more < len(batch.more) else None
    may_be_input = isinstance(after, Tensor) and after.ndim > 1 and len(after) == batch.n
    return replace(
        batch,
        more=batch.more[:n_more],
        label_inputs={key: x for key, x in batch.label_inputs.items() if key in labels},
        second=after if may_be_input else None,
    )


def accepted_names(models: Sequence[nn.Module]) -> set[str] | None:
    """Return the names that any of the models gives its inputs, and of labels; None: any name."""
    names = set(LABELS)
    for parameters in map(_parameters, models):
        if all(p.kind in _VARIABLE for p in parameters.values()):
            return None
        names |= {p.name for p in parameters.values() if p.kind not in _VARIABLE}
    return names


def longest_input(model: nn.Module) -> int:
    """Return how many tokens a model of Hugging Face takes, by its configuration."""
    config: Any = getattr(model, "config", None)
    return longest_text(config.get_text_config() if hasattr(config, "get_text_config") else config)


def ignored_parameter(model: nn.Module, batch: Batch) -> str | None:
    """Return the optional parameter in whose place `batch.second` stands; None if there is none."""
    if batch.second is None:
        return None
    positional = [p.name for p in _parameters(model).values() if p.kind in _POSITIONAL]
    return next(iter(positional[1 + len(batch.more) :]), None)


def _takes_label(parameters: Mapping[str, inspect.Parameter], key: str) -> bool:
    parameter = parameters.get(key)
    return parameter is not None and (key == "label" or parameter.default is parameter.empty)


def as_one_dict(model: nn.Module, batch: Batch) -> str:
    """Return what to say of a model that failed with its inputs as one dict; else nothing."""
    if not isinstance(batch.inputs, dict) or not _takes_one_dict(_parameters(model), batch.inputs):
        return ""
    return (
        f"forward has no parameter for {', '.join(map(repr, batch.inputs))}, and failed with all "
        "of them as one dict; name the inputs as its parameters are: "
    )


def _parameters(model: nn.Module) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of ``forward``, of the model inside if a wrapper passes all on."""
    try:
        parameters = inspect.signature(model.forward).parameters
    except (TypeError, ValueError):  # a forward of C
        return {}
    inner = getattr(model, "module", None)  # of DataParallel and its like
    if isinstance(inner, nn.Module) and all(p.kind in _VARIABLE for p in parameters.values()):
        return _parameters(inner)
    return parameters


def _takes_one_dict(parameters: Mapping[str, inspect.Parameter], inputs: dict[str, Any]) -> bool:
    required = _required(parameters)
    return len(required) == 1 and required[0].name not in inputs


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
    """Return the dtype for floating point inputs of a model: that of its first such parameter.

    Quantised parameters of 8 bits do not count.
    """
    floating = (x.dtype for x in model.parameters() if x.dtype in _DTYPES)
    return next(floating, None)


def is_offloaded(model: nn.Module) -> bool:
    """Return whether some parameters of a model are elsewhere until they are needed."""
    return any(x.is_meta for x in _tensors(model))


def _tensors(model: nn.Module) -> Iterator[Tensor]:
    yield from model.parameters()
    yield from model.buffers()
