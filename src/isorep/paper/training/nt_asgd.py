"""NT-ASGD: SGD that averages its iterates once the loss stops improving (Merity et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def no_longer_improving(losses: Sequence[float], nonmono: int) -> bool:
    """Return whether the last loss exceeds the best loss from more than `nonmono` epochs before it.

    The non-monotonic criterion of Merity et al. (2017), algorithm 1.

    Examples
    --------
    >>> no_longer_improving([3.0, 4.0, 2.0, 3.1], 2), no_longer_improving([3.0, 4.0, 2.0, 2.9], 2)
    (True, False)
    """
    older = losses[: max(0, len(losses) - 1 - nonmono)]
    return bool(older) and losses[-1] > min(older)


class Average:
    """The running arithmetic mean of each parameter."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.count = 0
        self.mean = [torch.zeros_like(parameter) for parameter in parameters]

    @torch.no_grad()
    def add(self, parameters: Sequence[Tensor]) -> None:
        """Include the current values of the parameters in the mean."""
        self.count += 1
        for mean, parameter in zip(self.mean, parameters, strict=True):
            mean.lerp_(parameter, 1 / self.count)


@torch.no_grad()
def copy_values(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    """Copy the values of the source tensors into the target tensors."""
    for new, old in zip(source, target, strict=True):
        old.copy_(new)
