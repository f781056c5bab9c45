"""Weights: the state of a language model as NumPy arrays, as checkpoints store it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor, nn

Weights = Mapping[str, NDArray[Any]]
"""Name -> array."""


def as_array(tensor: Tensor) -> NDArray[Any]:
    """Return a copy of a tensor as an array."""
    return tensor.detach().cpu().numpy().copy()


def weights_of(model: nn.Module) -> dict[str, NDArray[Any]]:
    """Return a copy of a model's state."""
    return {name: as_array(value) for name, value in model.state_dict().items()}


def set_weights(model: nn.Module, weights: Weights) -> None:
    """Load a model's state from arrays."""
    # Copies: if a tensor shared memory with a checkpoint, training would change the checkpoint.
    model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
