"""Reductions: turn the output of a layer for n samples, (n, ...), into rows of features.

Named reductions reduce positions. An output (n, p) has none and stays unchanged; (n, T, p) has T
positions, (n, p, height, width) has height * width. A mask (n, T), True for tokens, excludes padded
positions.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isorep._utils.validation import unknown_name
from isorep.activations.position_mask import PositionMask


@dataclass(frozen=True)
class Reduction:
    """A named reduction, or a function of the caller (`custom`), which may take the mask."""

    name: str
    function: Callable[..., Any]
    custom: bool = False
    takes_mask: bool = False

    def rows(
        self, output: Tensor, features: Sequence[int], mask: Tensor | PositionMask | None
    ) -> Tensor:
        """Reduce `output` (n, ...), with features on the axes `features`, to (rows, p).

        A `PositionMask` saves time if several outputs have the same mask.

        Raises
        ------
        ValueError
            The reduction does not apply to this shape, or a custom function did not return a
            floating point tensor (n, p).
        """
        mask = PositionMask(mask) if isinstance(mask, Tensor) else mask
        if self.custom:
            return self._custom_rows(output, None if mask is None else mask.values)
        if output.ndim == 1:
            return output[:, None]
        if output.ndim - len(features) < 2:  # no positions
            return output.flatten(1)
        rows: Tensor = self.function(output, tuple(features), mask)
        return rows

    @property
    def keeps_positions(self) -> bool:
        """Whether every position is a row."""
        return self.function is _positions

    def _custom_rows(self, output: Tensor, mask: Tensor | None) -> Tensor:
        rows = self.function(output, mask=mask) if self.takes_mask else self.function(output)
        if not isinstance(rows, Tensor):
            description = type(rows).__name__
        elif rows.ndim != 2 or len(rows) != len(output) or not rows.is_floating_point():
            description = f"shape {tuple(rows.shape)}, {rows.dtype}"
        else:
            return rows
        raise ValueError(
            f"{self.name} should reduce {tuple(output.shape)} to a floating point tensor "
            f"({len(output)}, p), got {description}"
        )


def reduction(spec: str | Callable[..., Any]) -> Reduction:
    """Return the reduction with the name `spec`, or the function `spec` as a reduction."""
    if isinstance(spec, str):
        if spec not in _NAMED:
            raise ValueError(unknown_name("reduction", spec, _NAMED))
        return Reduction(spec, _NAMED[spec])
    if callable(spec):
        name = getattr(spec, "__name__", type(spec).__name__)
        return Reduction(f"callable {name}", spec, custom=True, takes_mask=_takes_mask(spec))
    raise TypeError(
        f"a reduction is one of {', '.join(_NAMED)} or a callable, got {type(spec).__name__}"
    )


def _takes_mask(function: Callable[..., Any]) -> bool:
    try:
        return "mask" in inspect.signature(function).parameters
    except ValueError:  # a function of C, such as torch.sum
        return False


def _positions_before_features(output: Tensor, features: tuple[int, ...]) -> Tensor:
    """Return (n, positions, p)."""
    if features == (1,) and len(output):  # a map or signal; the same view in fewer steps
        return output.flatten(2).mT
    if output.ndim == 3 and features == (2,):  # tokens
        return output
    positions = [k for k in range(1, output.ndim) if k not in features]
    x = output.permute(0, *positions, *features)
    p = math.prod(output.shape[k] for k in features)
    return x.reshape(len(x), -1, p) if len(x) else x.reshape(0, 1, p)


def _mean(output: Tensor, features: tuple[int, ...], mask: PositionMask | None) -> Tensor:
    x = _positions_before_features(output, features)
    # In half precision, a long sum would lose digits or overflow.
    dtype = torch.promote_types(x.dtype, torch.float32)
    return x.mean(1, dtype=dtype) if mask is None else mask.sum(x, dtype) / mask.counts


def _max(output: Tensor, features: tuple[int, ...], mask: PositionMask | None) -> Tensor:
    x = _positions_before_features(output, features)
    return (x if mask is None else mask.set_padding(-torch.inf, x)).amax(1)


def _positions(output: Tensor, features: tuple[int, ...], mask: PositionMask | None) -> Tensor:
    x = _positions_before_features(output, features)
    return x.flatten(0, 1) if mask is None else mask.select(x)


def _flatten(output: Tensor, features: tuple[int, ...], mask: PositionMask | None) -> Tensor:
    if mask is not None:
        shape = [1 if k in features else size for k, size in enumerate(output.shape)]
        output = torch.where(mask.values.reshape(shape), output, 0)
    return output.flatten(1)


def _first(output: Tensor, features: tuple[int, ...], mask: PositionMask | None) -> Tensor:
    x = _tokens(output, features, "first")
    return x[:, 0] if mask is None else _at(x, mask.values.int().argmax(1))


def _last(output: Tensor, features: tuple[int, ...], mask: PositionMask | None) -> Tensor:
    x = _tokens(output, features, "last")
    if mask is None:
        return x[:, -1]
    return _at(x, mask.values.shape[1] - 1 - mask.values.flip(1).int().argmax(1))


def _tokens(output: Tensor, features: tuple[int, ...], name: str) -> Tensor:
    if output.ndim - len(features) != 2:
        raise ValueError(
            f"has shape {tuple(output.shape)}: {name!r} needs sequences of tokens (n, T, p); "
            "reduce a map with 'mean', 'max', 'flatten' or 'positions'"
        )
    return _positions_before_features(output, features)


def _at(x: Tensor, index: Tensor) -> Tensor:
    return x[torch.arange(len(x), device=x.device), index]


_NAMED: dict[str, Callable[[Tensor, tuple[int, ...], PositionMask | None], Tensor]] = {
    "mean": _mean,
    "positions": _positions,
    "flatten": _flatten,
    "max": _max,
    "last": _last,
    "first": _first,
}
