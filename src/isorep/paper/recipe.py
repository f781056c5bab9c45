"""Recipe: how the paper's convolutional networks are trained (appendix A.4)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a network is trained (with Adam), and when it is done.

    Training ends after the first epoch at whose end the mean loss over the training images, of the
    network as it will be compared (batch norm in its evaluation mode), is under `target_loss`.
    """

    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    batch_size: int = 32
    target_loss: float = 0.005
    max_epochs: int = 200
