"""Fit: how the names and shapes in a state dict match those of a model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from isorep._utils.name_list import listed

_WRAPPERS = re.compile(r"(^|(?<=\.))(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""Parts of names that torch.compile, FSDP and activation checkpointing put anywhere."""

_COUNTER = "num_batches_tracked"
"""Counter of batch norm, which old checkpoints lack and evaluation does not use."""

_SHOWN = 10


@dataclass(frozen=True)
class Fit:
    """A state dict under the names of a model.

    Parameters
    ----------
    prefix
        What is stripped from the names in the file; empty if it is added.
    state
        The weights to load, under the model's names.
    implied
        Names that the file lacks and need not have: batch counters, and the second name of a tied
        weight.
    missing, unknown
        Names of the model that the file lacks; names in the file that the model lacks.
    shapes
        Name to (shape in the file, shape in the model), where they differ.
    left_out
        Names in the file outside the prefix.
    """

    prefix: str
    state: dict[str, Any]
    implied: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether the file has every weight of the model, and under the prefix no other."""
        return not (self.missing or self.unknown or self.shapes)

    @property
    def n_common(self) -> int:
        """Number of names that both have."""
        return len(self.state)


def fits_of(model: Any, state: Mapping[str, Any]) -> list[Fit]:
    """Return how `state` fits `model`, once for each prefix that may be stripped or added."""
    wanted = model.state_dict(keep_vars=True)
    prefixes = dict.fromkeys(_prefixes(wanted, state))
    return [_fit(model, wanted, state, in_file, in_model) for in_file, in_model in prefixes]


def describe_misfit(fit: Fit, place: str) -> str:
    """Return why the weights at `place` of a checkpoint do not fit, with ten names of each kind."""
    n_names = fit.n_common + len(fit.unknown)
    shapes = [f"{name} {file} for {own}" for name, (file, own) in fit.shapes.items()]
    parts = [
        f"{len(names)} {text}: {listed(names, _SHOWN)}"
        for names, text in (
            (fit.missing, "that the model wants are missing"),
            (fit.unknown, "are unknown to the model"),
            (shapes, "have another shape"),
        )
        if names
    ]
    where = f" in {place!r}" if place else ""
    return f"of the {n_names} weights{where}, {fit.n_common} have names of the model; " + "; ".join(
        parts
    )


def _prefixes(wanted: Mapping[str, Any], state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield pairs of prefixes, of the file's names and of the model's, that may be exchanged."""
    yield "", ""
    names = [_plain(name) for name in state]
    for in_model in _common_prefixes([_plain(name) for name in wanted]):
        first = next((_plain(name)[len(in_model) :] for name in wanted), None)
        if first is None:
            return
        for name in names:
            if name == first or name.endswith(f".{first}"):
                in_file = name[: len(name) - len(first)]
                # A last part that both share is no reason to exchange them.
                if not in_model or in_file.split(".")[-2:] != in_model.split(".")[-2:]:
                    yield in_file, in_model


def _common_prefixes(names: list[str]) -> Iterator[str]:
    """Yield the prefixes of whole parts that all names share, the empty one first."""
    yield ""
    parts = [name.split(".") for name in names]
    for n in range(1, min(map(len, parts), default=1)):
        if len({tuple(part[:n]) for part in parts}) > 1:
            return
        yield ".".join(parts[0][:n]) + "."


def _plain(name: str) -> str:
    return _WRAPPERS.sub("", name)


def _fit(
    model: Any, wanted: Mapping[str, Any], state: Mapping[str, Any], in_file: str, in_model: str
) -> Fit:
    """Return the fit after `in_file` is stripped from the file's names, and `in_model` added."""
    own_names = {_plain(name): name for name in wanted}
    fit = Fit(in_file, {})
    for name, value in state.items():
        plain = _plain(name)
        if not plain.startswith(in_file):
            if _is_tensor(value):
                fit.left_out.append(name)
            continue
        own = own_names.get(in_model + plain[len(in_file) :])
        if own is not None:
            fit.state[own] = value
            if _is_tensor(value) and _is_tensor(wanted[own]) and value.shape != wanted[own].shape:
                fit.shapes[own] = (tuple(value.shape), tuple(wanted[own].shape))
        elif _is_tensor(value) and not _is_constant(model, in_model + plain[len(in_file) :], value):
            fit.unknown.append(name)
    tied = {id(wanted[name]) for name in fit.state}
    for name, value in wanted.items():
        if name not in fit.state:
            implied = name.rpartition(".")[2] == _COUNTER or id(value) in tied
            (fit.implied if implied else fit.missing).append(name)
    return fit


def _is_constant(model: Any, name: str, value: Any) -> bool:
    """Tell whether `name` is a buffer that the model makes itself, with the same values."""
    buffers = {_plain(key): buffer for key, buffer in model.named_buffers(remove_duplicate=False)}
    buffer = buffers.get(name)
    return (
        buffer is not None
        and buffer.shape == value.shape
        and bool((buffer.to("cpu").to(value.dtype) == value).all())
    )


def _is_tensor(value: Any) -> bool:
    # The shape of a lazy module's parameter raises an error before its first batch.
    return hasattr(value, "dtype") and not type(value).__name__.startswith("Uninitialized")
