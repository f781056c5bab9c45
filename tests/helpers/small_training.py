"""A small training and the log of its monitor, for the tests of the monitor."""

import json
import random

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, dropout

PROBE = torch.randn(97, 1, 6, 6, generator=torch.Generator().manual_seed(5))


class Net(nn.Module):
    """Convolution, batch norm and dropout; if `noisy`, it also draws in evaluation mode."""

    def __init__(self, noisy=False):
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.drop = nn.Dropout(0.3)
        self.out = nn.Linear(5, 3)
        self.noisy = noisy

    def forward(self, x):
        x = self.drop(torch.relu(self.norm(self.conv(x))))
        if self.noisy:
            x = dropout(x, 0.1, training=True)
            random.random(), np.random.rand()  # noqa: NPY002
        return self.out(x.mean((2, 3)))


def net(seed=0, **options):
    torch.manual_seed(seed)
    return Net(**options)


class Training:
    """Steps on random batches from the global generator."""

    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=0.02)

    def step(self):
        x = torch.randn(16, 1, 6, 6)
        y = (x.mean((1, 2, 3)) > 0).long() + (x[:, 0, 0, 0] > 1).long()
        self.optimizer.zero_grad()
        cross_entropy(self.model(x), y).backward()
        self.optimizer.step()

    def run(self, steps, monitor):
        for _ in range(steps):
            self.step()
            monitor.step()


def log(store, event=None):
    lines = [json.loads(line) for line in (store / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if event in (None, line["event"])]
