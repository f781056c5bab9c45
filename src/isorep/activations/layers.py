"""Layers: which modules to capture, and how to reduce each output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

from isorep._utils.layer_patterns import matches
from isorep._utils.validation import unknown_name
from isorep.activations.reductions import Reduction, reduction
from isorep.activations.skipped_positions import NOTHING, SkippedPositions, by_pattern

AUTO = "auto"


@dataclass(frozen=True)
class Layer:
    """A module to capture.

    Parameters
    ----------
    name
        Name in the model.
    exact
        Whether the caller named it in full.
    reduction
        Reduction of its positions.
    mask
        Name of the input that masks its positions; ``"auto"`` for the mask of their tokens, None
        for no mask.
    heads
        Whether each head is a layer.
    skip
        Positions that are left out.
    """

    name: str
    exact: bool
    reduction: Reduction
    mask: str | None = AUTO
    heads: bool = False
    skip: SkippedPositions = NOTHING

    def rows(self) -> str:
        """Return what its rows are, as a text."""
        mask = "" if self.mask == AUTO else f", mask {self.mask}"
        heads = ", each head" if self.heads else ""
        skip = f", without {self.skip}" if self.skip else ""
        return f"{self.reduction.name}{mask}{heads}{skip}"


def select(
    model: nn.Module,
    patterns: str | Iterable[str],
    reduce: str | Callable[..., Any] | Mapping[str, Any],
    mask: Mapping[str, str | None] | None = None,
    heads: str | Iterable[str] = (),
    skip: Any = None,
) -> dict[nn.Module, Layer]:
    """Return the modules that match any of the glob patterns `patterns`.

    A pattern that begins with "!" leaves out the modules that it matches. A module that has several
    names in the model is listed under the first name that matches.

    Raises
    ------
    ValueError
        A pattern, in `patterns`, `heads`, or a mapping, matches no layer, or `skip` is unknown.
    """
    of_weights = modules_of_weights(model)
    modules = {
        name: m
        for name, m in model.named_modules(remove_duplicate=False)
        if name and m not in of_weights
    }
    if not modules:
        raise ValueError(
            f"{type(model).__name__} has no submodules to capture; wrap it: "
            "torch.nn.Sequential(model)"
        )
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    if not patterns:
        raise ValueError("expected at least one layer or pattern in layers, got none")
    rules = dict(reduce) if isinstance(reduce, Mapping) else {"*": reduce}
    masks = dict(mask or {})
    heads = [heads] if isinstance(heads, str) else list(heads)
    skipped = by_pattern(skip)
    for pattern in (*patterns, *rules, *masks, *heads, *skipped):
        if not isinstance(pattern, str):
            raise TypeError(f"layers are named by strings, got {pattern!r}")
        if not any(matches(name, pattern.removeprefix("!")) for name in modules):
            raise ValueError(unknown_name("layer", pattern.removeprefix("!"), modules))
    reductions = {pattern: reduction(rule) for pattern, rule in rules.items()}

    excluded = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    patterns = [pattern for pattern in patterns if not pattern.startswith("!")] or ["*"]
    selected: dict[nn.Module, Layer] = {}
    for name, module in modules.items():
        if module in selected or not any(matches(name, pattern) for pattern in patterns):
            continue
        if any(matches(name, pattern) for pattern in excluded):
            continue
        matching = next((p for p in reductions if matches(name, p)), None)
        masked = next((p for p in masks if matches(name, p)), None)
        selected[module] = Layer(
            name=name,
            exact=name in patterns,
            reduction=reduction("mean") if matching is None else reductions[matching],
            mask=AUTO if masked is None else masks[masked],
            heads=any(matches(name, pattern) for pattern in heads),
            skip=next((s for p, s in skipped.items() if matches(name, p)), NOTHING),
        )
    if not selected:
        raise ValueError(f"layers leave out every layer: {', '.join('!' + p for p in excluded)}")
    return selected


def modules_of_weights(model: nn.Module) -> set[nn.Module]:
    """Return the modules that compute weights: their outputs do not depend on the samples."""
    return {
        part for m in model.modules() if isinstance(m, ParametrizationList) for part in m.modules()
    }
