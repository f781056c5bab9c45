"""Repeated outputs: a layer that returns the very tensor of the layer before it, as blocks do."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class _Reduced:
    """An output that was reduced, with the count of its changes in place, and its rows."""

    output: weakref.ref[Tensor]
    version: int
    address: int
    reduction: Any
    rows: Tensor

    def is_of(self, output: Tensor, reduction: Any) -> bool:
        return (
            self.output() is output
            and self.version == output._version
            and self.address == output.data_ptr()
            and self.reduction == reduction
        )


class RepeatedOutputs:
    """The rows of the layer before, which are those of a layer that returns the same tensor.

    A block returns what its last layer returned, and dropout in eval mode returns its input. Such
    an output is reduced once. PyTorch does not count changes in place by ``x.data`` or by kernels
    of others, so the rows of a layer are reused only if they were found to be the same once.
    """

    def __init__(self) -> None:
        self._last: _Reduced | None = None
        self._are_same: dict[str, bool] = {}

    def rows(
        self, name: str, output: Tensor, reduction: Any, reduce: Callable[[], Tensor]
    ) -> Tensor:
        """Return the rows of the output of layer `name`, in memory of their own if they are reused.

        Parameters
        ----------
        name
            Name of the layer, with the number of its call.
        output
            Tensor that the layer returned.
        reduction
            Everything that the rows depend on besides the output.
        reduce
            Function that computes the rows.
        """
        if output.is_inference():  # its changes in place are not counted
            self._last = None
            return reduce()
        last = self._last
        is_repeated = last is not None and last.is_of(output, reduction)
        if last is not None and is_repeated and self._are_same.get(name):
            return last.rows.clone()
        rows = reduce()
        if last is not None and is_repeated and name not in self._are_same:
            self._are_same[name] = torch.equal(rows, last.rows)
        address = output.data_ptr()
        self._last = _Reduced(weakref.ref(output), output._version, address, reduction, rows)
        return rows

    def forget(self) -> None:
        """Keep no rows of the batch that ended."""
        self._last = None
