"""Options of a capture, with their defaults."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from isorep._utils.validation import unknown_name

if TYPE_CHECKING:
    import torch


class ModelOptions(TypedDict, total=False):
    """Options of `isorep.capture` that the comparisons of models take too."""

    reduce: str | Callable[..., Any] | Mapping[str, Any]
    mask: Mapping[str, str | None] | None
    heads: str | Iterable[str]
    skip: Any
    channels: str
    max_samples: int | None
    device: torch.device | str | int | None
    probe: bool
    tokenizer: Any


class CaptureOptions(ModelOptions, total=False):
    """Options that all functions of `isorep.activations` take; `isorep.capture` describes them."""

    layers: str | Iterable[str]
    sample_ids: Sequence[str | int] | None
    dtype: Any
    progress: bool


_DEFAULTS: CaptureOptions = {
    "layers": "*",
    "reduce": "mean",
    "mask": None,
    "heads": (),
    "skip": None,
    "sample_ids": None,
    "channels": "auto",
    "max_samples": None,
    "device": None,
    "dtype": None,
    "probe": True,
    "tokenizer": None,
    "progress": True,
}


def with_defaults(options: CaptureOptions) -> CaptureOptions:
    """Return `options` with the defaults of all others; raise TypeError for an unknown option."""
    for name in options:
        if name not in _DEFAULTS:
            raise TypeError(unknown_name("option", name, _DEFAULTS))
    return {**_DEFAULTS, **options}


def check_for_models(
    function: Callable[..., Any],
    any_model: bool,
    general: Collection[str] = (),
    **options: Unpack[ModelOptions],
) -> None:
    """Raise an error if an option is unknown, or is set although no side is a model.

    Parameters
    ----------
    function
        Comparison that takes the options, beside its own parameters.
    any_model
        Whether one of its sides is a model.
    general
        Options that apply to other sides too.
    **options
        Options that the caller passed.

    Raises
    ------
    TypeError
        An option is unknown.
    ValueError
        An option has another value than its default, and no side is a model; or channels without
        reduce.
    """
    for name, value in options.items():
        if name not in ModelOptions.__annotations__:
            known = [*list(signature(function).parameters)[:-1], *ModelOptions.__annotations__]
            raise TypeError(unknown_name("option", name, known))
        default = _DEFAULTS[name]  # type: ignore[literal-required]
        is_set = type(value) is not type(default) or value != default
        if is_set and not any_model and name not in general:
            raise ValueError(f"{name} is for models, and neither side is a model: leave it out")
    if not any_model and options.get("channels", "auto") != "auto" and "reduce" not in options:
        raise ValueError(
            "channels= says which axis holds the features of arrays that reduce= reduces: pass "
            "reduce= too, or leave channels out"
        )


_NOT_FOR_FUNCTIONS = {
    "heads": "return each head as a layer",
    "skip": "return the arrays without these positions, or pass mask=",
    "device": "move the data and the weights inside the function",
}


def check_for_function(options: CaptureOptions) -> None:
    """Raise ValueError if an option is set that applies to PyTorch models only."""
    for name, way_out in _NOT_FOR_FUNCTIONS.items():
        if options[name] != _DEFAULTS[name]:  # type: ignore[literal-required]
            raise ValueError(
                f"{name} is for PyTorch models, and the model is a function: {way_out}"
            )
