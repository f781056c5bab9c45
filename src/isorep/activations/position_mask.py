"""Position mask: which positions of each sample count, and what reductions derive from that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

BAG = 16
"""Positions of a sample that are added one by one; then the sums of bags are added."""


@dataclass(frozen=True, eq=False)
class PositionMask:
    """A mask (n, T) of positions; all layers whose positions it masks share what is derived.

    Parameters
    ----------
    values
        True for positions that count, False for padding and for skipped positions.
    """

    values: Tensor

    @cached_property
    def kept(self) -> Tensor:
        """Numbers of the positions that count, in the order of the flattened mask."""
        return self.values.flatten().nonzero()[:, 0]

    @cached_property
    def padding(self) -> Tensor:
        """Numbers of the other positions."""
        return (~self.values).flatten().nonzero()[:, 0]

    @cached_property
    def counts(self) -> Tensor:
        """How many positions of each sample count, (n, 1), as floats."""
        return self.values.sum(1, keepdim=True).float()

    @cached_property
    def bags(self) -> Tensor:
        """Where in `kept` each bag of `BAG` positions begins, and where the last one ends."""
        whole = pad(self.values, (0, -self.values.shape[1] % BAG))
        return pad(whole.view(-1, BAG).sum(1).cumsum(0), (1, 0))

    @cached_property
    def of_bags(self) -> PositionMask:
        """The mask of the sums of bags: all of them count."""
        shape = self.values.shape[0], -(-self.values.shape[1] // BAG)
        return PositionMask(self.values.new_ones(shape))

    @cached_property
    def bytes(self) -> bytes:
        """The values, to look up what depends on nothing else."""
        return self.values.cpu().numpy().tobytes()

    def select(self, x: Tensor) -> Tensor:
        """Return the positions of x (n, T, p) that count, (rows, p)."""
        # Selection by a mask looks for its positions anew, and copies value by value.
        return self._flat(x).index_select(0, self.kept) if x.is_contiguous() else x[self.values]

    def set_padding(self, value: float, x: Tensor) -> Tensor:
        """Return x (n, T, p) with a value at the positions that do not count.

        Not by multiplication with 0: padding may hold NaN, and 0 * NaN is NaN.
        """
        if x.device.type != "cpu" or not x.is_contiguous():
            return torch.where(self.values[..., None], x, value)
        # On the CPU, `where` selects value by value, which takes four times as long. On a GPU, this
        # would wait for the number of padded positions.
        if not self.padding.numel():
            return x
        return self._flat(x).index_fill(0, self.padding, value).view(x.shape)

    def sum(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the sum of the positions of x (n, T, p) that count, (n, p), in `dtype`."""
        fits = x.numel() and x.shape[2] % 32 == 0 and x.shape[1] <= BAG**4
        if not fits or x.device.type != "cpu" or x.dtype != dtype or not x.is_contiguous():
            return self.set_padding(0, x).sum(1, dtype=dtype)
        # The sum of a copy with zeros, without the copy. It is the same to the last bit, since the
        # sum of PyTorch adds full vectors of features in bags of bags too, of at most four levels.
        flat = self._flat(x)
        sums: Tensor = torch.embedding_bag(flat, self.kept, self.bags, include_last_offset=True)[0]
        n_bags = self.of_bags.values.shape[1]
        if n_bags == 1:
            return sums
        return self.of_bags.sum(sums.view(x.shape[0], n_bags, x.shape[2]), dtype)

    def _flat(self, x: Tensor) -> Tensor:
        """Return x (n, T, p) as (n * T, p), where `kept` and `padding` are numbers of rows."""
        if x.shape[:2] != self.values.shape:
            raise ValueError(
                f"has {tuple(x.shape[:2])} samples and positions, and its mask has "
                f"{tuple(self.values.shape)}; pass mask= for this layer"
            )
        return x.flatten(0, 1)
