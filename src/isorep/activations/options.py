"""Options of a capture, with their defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from isorep._utils.validation import unknown_name

if TYPE_CHECKING:
    import torch


class CaptureOptions(TypedDict, total=False):
    """Options that all functions of `isorep.activations` take; `isorep.capture` describes them."""

    layers: str | Iterable[str]
    reduce: str | Callable[..., Any] | Mapping[str, Any]
    mask: Mapping[str, str | None] | None
    heads: str | Iterable[str]
    skip: Any
    sample_ids: Sequence[str | int] | None
    channels: str
    max_samples: int | None
    device: torch.device | str | int | None
    dtype: Any
    probe: bool
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
    "progress": True,
}


def with_defaults(options: CaptureOptions) -> CaptureOptions:
    """Return `options` with the defaults of all others; raise TypeError for an unknown option."""
    for name in options:
        if name not in _DEFAULTS:
            raise TypeError(unknown_name("option", name, _DEFAULTS))
    return {**_DEFAULTS, **options}
