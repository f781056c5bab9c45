"""Reductions: the output of a layer for n samples, (n, ...), to rows of features.

The named ones see positions: an output (n, p) has none and passes; (n, T, p) has T of them, (n, p,
height, width) has height * width. A mask (n, T), True for tokens, takes padded positions out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isorep._utils.validation import unknown_name
from isorep.activations.outputs import Unusable


@dataclass(frozen=True)
class Reduction:
    """A reduction by name, or the caller's own function."""

    name: str
    function: Callable[..., Any]
    own: bool = False

    def rows(self, output: Tensor, axis: int, mask: Tensor | None) -> Tensor:
        """Reduce `output` (n, ...), with features on `axis`, to (rows, p).

        Raises
        ------
        Unusable
            The mask does not fit the positions.
        ValueError
            The reduction is not for an output of this shape, or, if it is the caller's own,
            returned something else than a floating point tensor (n, p).
        """
        if self.own:
            return self._own_rows(output)
        if output.ndim == 1:
            return output[:, None]
        if output.ndim == 2:
            return output
        if output.ndim > 3:
            mask = None  # a grid of pixels or attention weights, where no token is padding
        elif mask is not None and mask.shape[1] != output.movedim(axis, -1).shape[1]:
            raise Unusable(
                f"has shape {tuple(output.shape)}, while the attention mask is for "
                f"{mask.shape[1]} positions, so that padding cannot be told"
            )
        rows: Tensor = self.function(output, axis, mask)
        return rows

    def _own_rows(self, output: Tensor) -> Tensor:
        rows = self.function(output)
        if not isinstance(rows, Tensor):
            came = type(rows).__name__
        elif rows.ndim != 2 or len(rows) != len(output) or not rows.is_floating_point():
            came = f"shape {tuple(rows.shape)}, {rows.dtype}"
        else:
            return rows
        raise ValueError(
            f"{self.name} should reduce {tuple(output.shape)} to a floating point tensor "
            f"({len(output)}, p), got {came}"
        )


def reduction(given: str | Callable[..., Any]) -> Reduction:
    """Return the reduction called `given`, or the function `given` as one."""
    if isinstance(given, str):
        if given not in _NAMED:
            raise ValueError(unknown_name("reduction", given, _NAMED))
        return Reduction(given, _NAMED[given])
    if callable(given):
        name = getattr(given, "__name__", type(given).__name__)
        return Reduction(f"callable {name}", given, own=True)
    raise TypeError(
        f"a reduction is one of {', '.join(_NAMED)} or a callable, got {type(given).__name__}"
    )


def _positions_before_features(output: Tensor, axis: int) -> Tensor:
    """Return (n, positions, p)."""
    return output.movedim(axis, -1).flatten(1, -2)


def _mean(output: Tensor, axis: int, mask: Tensor | None) -> Tensor:
    x = _positions_before_features(output, axis)
    # Half precision would lose digits, or overflow, in a long sum.
    dtype = torch.promote_types(x.dtype, torch.float32)
    if mask is None:
        return x.mean(1, dtype=dtype)
    # where, as 0 * NaN is NaN and padding may hold anything.
    tokens = torch.where(mask[..., None], x, 0)
    return tokens.sum(1, dtype=dtype) / mask.sum(1, keepdim=True)


def _max(output: Tensor, axis: int, mask: Tensor | None) -> Tensor:
    x = _positions_before_features(output, axis)
    if mask is not None:
        x = torch.where(mask[..., None], x, -torch.inf)
    return x.amax(1)


def _positions(output: Tensor, axis: int, mask: Tensor | None) -> Tensor:
    x = _positions_before_features(output, axis)
    return x.flatten(0, 1) if mask is None else x[mask]


def _flatten(output: Tensor, axis: int, mask: Tensor | None) -> Tensor:
    if mask is not None:
        output = torch.where(mask[..., None] if axis == -1 else mask[:, None], output, 0)
    return output.flatten(1)


def _first(output: Tensor, axis: int, mask: Tensor | None) -> Tensor:
    x = _tokens(output, axis, "first")
    return x[:, 0] if mask is None else _at(x, mask.int().argmax(1))


def _last(output: Tensor, axis: int, mask: Tensor | None) -> Tensor:
    x = _tokens(output, axis, "last")
    if mask is None:
        return x[:, -1]
    return _at(x, mask.shape[1] - 1 - mask.flip(1).int().argmax(1))


def _tokens(output: Tensor, axis: int, name: str) -> Tensor:
    if output.ndim != 3:
        raise ValueError(
            f"has shape {tuple(output.shape)}: {name!r} is for sequences of tokens (n, T, p); "
            "reduce a map with 'mean', 'max', 'flatten' or 'positions'"
        )
    return _positions_before_features(output, axis)


def _at(x: Tensor, index: Tensor) -> Tensor:
    return x[torch.arange(len(x), device=x.device), index]


_NAMED: dict[str, Callable[[Tensor, int, Tensor | None], Tensor]] = {
    "mean": _mean,
    "positions": _positions,
    "flatten": _flatten,
    "max": _max,
    "last": _last,
    "first": _first,
}
