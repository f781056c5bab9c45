"""A module of a user, for tests of models by name: two architectures and their inputs."""

NAME = "nets_of_user"

SOURCE = """
import torch
from torch import nn

class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.second(self.first(x).tanh())

def of_batches(batch):
    return {"fc": batch}


def plain():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4))

def named():
    torch.manual_seed(1)
    return Named()

model = plain()

def same():
    return model

def inputs():
    torch.manual_seed(2)
    return torch.randn(300, 6)
"""
