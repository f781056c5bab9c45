"""ResNet: the residual network for CIFAR-10 (He et al. 2016), for figure 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from isorep.paper.models.classifier import Classifier


class ResNet(Classifier):
    """A convolution, three stages of residual blocks, global average, linear, softmax.

    The modules ``conv``, ``block1``, ``block2``, ... and ``softmax`` are the layers. Where a block
    halves the image, its input skips the block by taking every other pixel, new filters being zero
    (He et al. 2016, option A).

    Parameters
    ----------
    blocks : int
        Blocks in each stage, of two 3 x 3 convolutions each.
    widths : sequence of int
        Filters in each stage; every stage but the first halves the image.
    channels : int
        Channels of the images.
    classes : int
        Number of classes.

    Examples
    --------
    >>> network = ResNet(1, [4, 8], channels=3, classes=10)
    >>> network.layers
    ('conv', 'block1', 'block2', 'softmax')
    >>> network(torch.zeros(5, 3, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(self, blocks: int, widths: Sequence[int], *, channels: int, classes: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(channels, widths[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        inputs = widths[0]
        self._blocks = [f"block{number}" for number in range(1, blocks * len(widths) + 1)]
        for at, name in enumerate(self._blocks):
            stage, first = at // blocks, at % blocks == 0
            stride = 2 if first and stage > 0 else 1
            self.add_module(name, _Block(inputs, widths[stage], stride))
            inputs = widths[stage]
        self.linear = nn.Linear(inputs, classes)
        self.softmax = nn.Softmax(dim=1)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in order."""
        return ("conv", *self._blocks, "softmax")

    def logits(self, images: Tensor) -> Tensor:
        """Return what the softmax is taken of, (n, classes)."""
        x = self.conv(images)
        for name in self._blocks:
            x = self.get_submodule(name)(x)
        found: Tensor = self.linear(x.mean(dim=(2, 3)))
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Return the probability of each class, (n, classes)."""
        probabilities: Tensor = self.softmax(self.logits(images))
        return probabilities


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.new_filters = outputs - inputs
        self.stride = stride
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        skipped = x[:, :, :: self.stride, :: self.stride]
        if self.new_filters:
            skipped = nn.functional.pad(skipped, (0, 0, 0, 0, 0, self.new_filters))
        return torch.relu(self.body(x) + skipped)
