"""A network one layer of which turns out late to have no row for each sample."""

import torch
from torch import nn

WHOLE = 5


class Sometimes(nn.Module):
    def forward(self, x):
        return x if len(x) == WHOLE else x.sum(0)


class LateLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.odd, self.even = Sometimes(), nn.Identity()

    def forward(self, x):
        self.odd(x)
        return self.even(x)


def late_batches(n):
    """Batches in which the layer is as it should be, and a last one that is shorter."""
    return list(torch.randn(n, 3, generator=torch.Generator().manual_seed(1)).split(WHOLE))
