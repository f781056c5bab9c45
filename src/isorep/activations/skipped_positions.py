"""Skipped positions: which positions of a sample stay out of the rows, by number or token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from isorep._utils.validation import as_integer, unknown_name

_KEYS = ("positions", "tokens")


@dataclass(frozen=True)
class SkippedPositions:
    """The positions of each sample that are left out.

    Parameters
    ----------
    positions
        Numbers of positions, from 0, or from -1 backwards; padding does not count.
    tokens
        Token ids.
    """

    positions: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.positions or self.tokens)

    def __str__(self) -> str:
        parts = [f"positions {self.positions}"] if self.positions else []
        return ", ".join(parts + ([f"tokens {self.tokens}"] if self.tokens else []))

    def kept(self, mask: Tensor, tokens: Tensor | None) -> Tensor:
        """Return the mask (n, T) without these positions.

        Parameters
        ----------
        mask
            Mask (n, T), True for positions that are no padding.
        tokens
            Token ids (n, T), if the positions are tokens.

        Raises
        ------
        ValueError
            Tokens are to be left out and are unknown, or no position of a sample is left.
        """
        number = mask.int().cumsum(1) - 1
        length = mask.sum(1, keepdim=True)
        kept = mask.clone()
        for position in self.positions:
            kept &= number != (position if position >= 0 else length + position)
        if self.tokens:
            if tokens is None:
                raise ValueError(
                    "skip leaves out tokens, and the positions of this layer are not the tokens of "
                    "an input: give skip for the layers of tokens, as {'text_model.*': ...}"
                )
            kept &= ~torch.isin(tokens, torch.tensor(self.tokens, device=tokens.device))
        if not kept.any(1).all():
            sample = int(kept.any(1).int().argmin())
            raise ValueError(f"skip leaves no position of sample {sample} of the batch")
        return kept


NOTHING = SkippedPositions()


def skipped_positions(spec: Any) -> SkippedPositions:
    """Return what `skip` says for a layer: numbers of positions, or a dict of positions and tokens.

    Raises
    ------
    ValueError
        A key is unknown.
    TypeError
        A position or token is no integer.
    """
    if isinstance(spec, Mapping):
        for key in spec:
            if key not in _KEYS:
                raise ValueError(unknown_name("key of skip", str(key), _KEYS))
        return SkippedPositions(*(_integers(spec.get(key, ()), key) for key in _KEYS))
    return SkippedPositions(_integers(spec, "positions"))


def _integers(values: int | Sequence[int], name: str) -> tuple[int, ...]:
    values = [values] if isinstance(values, int) else list(values)
    return tuple(as_integer(value, f"skip {name}") for value in values)


def by_pattern(skip: Any) -> dict[str, SkippedPositions]:
    """Return glob pattern to skipped positions; numbers alone are for all layers."""
    if isinstance(skip, Mapping) and not set(skip) & set(_KEYS):
        return {pattern: skipped_positions(spec) for pattern, spec in skip.items()}
    return {"*": skipped_positions(() if skip is None else skip)}
