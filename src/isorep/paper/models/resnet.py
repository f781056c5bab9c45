"""ResNet: the residual network for CIFAR-10 (He et al. 2016), for figure 1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from isorep.paper.models.classifier import Classifier


class ResNet(Classifier):
    """A convolution, three stages of residual blocks, global average, linear, softmax.

    The modules ``conv``, ``block1``, ``block2``, ... and ``softmax`` are the layers. If a block
    halves the image, its shortcut takes every other pixel, and its new filters are zero (He et al.
    2016, option A).

    Parameters
    ----------
    blocks : int
        Number of blocks in each stage; each has two 3 x 3 convolutions.
    widths : sequence of int
        Number of filters in each stage; every stage but the first halves the image.
    channels : int
        Number of channels of the images.
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
        for number, name in enumerate(self._blocks):
            stage, first = number // blocks, number % blocks == 0
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
        """Return the input of the softmax, (n, classes)."""
        x = self.conv(images)
        for name in self._blocks:
            x = self.get_submodule(name)(x)
        logits: Tensor = self.linear(x.mean(dim=(2, 3)))
        return logits


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
