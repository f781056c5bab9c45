"""Model call: run a model on the inputs of a batch."""

from __future__ import annotations

from torch import Tensor, nn

from isorep.activations.batches import Batch


def call_model(model: nn.Module, batch: Batch) -> None:
    """Run a model on a batch: a tensor is its first argument, and a dict its keywords."""
    if isinstance(batch.inputs, Tensor):
        model(batch.inputs)
    else:
        model(**batch.inputs)
