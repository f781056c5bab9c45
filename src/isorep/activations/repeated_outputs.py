"""Repeated outputs: a layer that returns the very tensor of the layer before it, as blocks do."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(slots=True)
class _Output:
    """A tensor that a layer returned, with the count of its changes in place."""

    layer: str
    tensor: weakref.ref[Tensor]
    version: int
    address: int
    how: Any
    rows: Tensor

    def is_still(self, tensor: Tensor) -> bool:
        return (
            self.tensor() is tensor
            and self.version == tensor._version
            and self.address == tensor.data_ptr()
        )


class RepeatedOutputs:
    """Which layers return the tensor of the layer before them, unchanged.

    A block returns what its last layer returned, and dropout in eval mode returns its input. Such
    a tensor is reduced once, and its rows are copied.

    PyTorch counts changes in place, but not by ``x.data``, by NumPy or by kernels of others. The
    axis tracker finds changes by ``x.data``, and the recorder then adds nothing. For the others,
    both rows are computed in the first batch, and copied from then on only if they were the same.
    """

    def __init__(self) -> None:
        self._last: _Output | None = None
        self._same_as: dict[str, str | None] = {}

    def layer_before(self, name: str, tensor: Tensor) -> str | None:
        """Return the layer whose rows of this batch are those of layer `name`, if they are known.

        Parameters
        ----------
        name
            Name of the layer, with the number of its call.
        tensor
            Tensor that it returned.
        """
        before, last = self._same_as.get(name), self._last
        if before is None or last is None or last.layer != before or not last.is_still(tensor):
            return None
        return before

    def add(self, name: str, tensor: Tensor, how: Any, rows: Tensor) -> None:
        """Add the rows of a layer that were computed.

        Parameters
        ----------
        name
            Name of the layer, with the number of its call.
        tensor
            Tensor that it returned.
        how
            Everything that the rows of the layer depend on besides the tensor and the batch.
        rows
            Rows of the layer in this batch.
        """
        if tensor.is_inference():  # its changes in place are not counted
            self._last = None
            return
        last = self._last
        if name not in self._same_as:
            is_same = (
                last is not None
                and last.how == how
                and last.is_still(tensor)
                and torch.equal(last.rows, rows)
            )
            self._same_as[name] = last.layer if last and is_same else None
        if last is None or self._same_as[name] != last.layer:
            version, address = tensor._version, tensor.data_ptr()
            self._last = _Output(name, weakref.ref(tensor), version, address, how, rows)

    def forget(self) -> None:
        """Forget the batch that ended."""
        self._last = None
