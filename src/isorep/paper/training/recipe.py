"""Recipe: the architecture and the training of the image networks (appendix A.4).

This module does not import PyTorch, so a figure's set-up can be read and changed without it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from isorep.paper.models.classifier import Classifier


@dataclass(frozen=True)
class Recipe:
    """The training of a network with Adam.

    Training ends after the first epoch at whose end the mean loss over the training images is below
    `target_loss`, and after `max_epochs` at the latest. The loss is computed in evaluation mode, in
    which the networks are compared. A target of 0 is never reached.
    """

    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    batch_size: int = 32
    target_loss: float = 0.005
    max_epochs: int = 200


PAPER_RECIPE = Recipe(target_loss=0.0, max_epochs=100)


@dataclass(frozen=True)
class ConvNetPlan:
    """The plain convolutional network.

    Attributes
    ----------
    widths, strides : tuple of int
        Filters and stride of each convolution.
    axes : {1, 2}
        Axes of the positions: signals have 1, images 2. A filter is 3 or 3 x 3 positions.
    batch_norm : bool
        Whether a batch norm follows each convolution. Without it, weights start He-normal.
    """

    widths: tuple[int, ...] = (16, 16, 32, 32, 32, 64, 64, 64)
    strides: tuple[int, ...] = (1, 1, 2, 1, 1, 2, 1, 1)
    axes: Literal[1, 2] = 2
    batch_norm: bool = True

    def scaled(self, factor: float) -> ConvNetPlan:
        """Return the plan with all widths multiplied by a factor."""
        widths = tuple(max(1, round(width * factor)) for width in self.widths)
        return replace(self, widths=widths)

    def build(self, channels: int, classes: int) -> Classifier:
        """Make the network with random weights from PyTorch's global generator."""
        from isorep.paper.models.convnet import ConvNet

        return ConvNet(
            self.widths,
            self.strides,
            channels=channels,
            classes=classes,
            axes=self.axes,
            batch_norm=self.batch_norm,
        )


PAPER_CONVNET = ConvNetPlan(
    widths=(64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512),
    strides=(1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1),
)

SMALL_CONVNET = PAPER_CONVNET.scaled(0.25)


@dataclass(frozen=True)
class ResNetPlan:
    """The residual network for CIFAR-10 of He et al. (2016), with 6 * blocks + 2 layers."""

    blocks: int = 5
    widths: tuple[int, int, int] = (16, 32, 64)

    def build(self, channels: int, classes: int) -> Classifier:
        """Make the network with random weights from PyTorch's global generator."""
        from isorep.paper.models.resnet import ResNet

        return ResNet(self.blocks, self.widths, channels=channels, classes=classes)


@dataclass(frozen=True)
class Wanted:
    """A network that a figure needs: everything that determines it, except the images.

    Attributes
    ----------
    plan : ConvNetPlan or ResNetPlan
        Architecture.
    recipe : Recipe
        Training.
    seed : int
        Random seed of the initial weights and the order of the batches.
    labels : {"true", "random"}
        Labelling that the network learns.
    keep : tuple of int
        Epochs after which the weights are stored, in addition to the end; 0 is before training.
    """

    plan: ConvNetPlan | ResNetPlan
    recipe: Recipe
    seed: int
    labels: Literal["true", "random"] = "true"
    keep: tuple[int, ...] = ()


def network_seed(*numbers: int) -> int:
    """Return the seed of a network from the seed of a figure and the network's number.

    Seeds are spread over 32 bits, so that networks of different figures or groups do not share one.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
