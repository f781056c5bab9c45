"""ConvNet: the plain convolutional network of appendix A.4, of any width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from isorep.paper.models.classifier import Classifier


class ConvNet(Classifier):
    """Convolutions of 3 x 3 positions with batch norm and ReLU, global average, linear, softmax.

    The modules ``conv1``, ``conv2``, ... include batch norm and ReLU; ``softmax`` is the output.
    `isorep.capture` finds each layer of figure 3 by its name.

    Parameters
    ----------
    widths : sequence of int
        Number of filters of each convolution.
    strides : sequence of int
        Stride of each convolution.
    channels : int
        Number of channels of the images.
    classes : int
        Number of classes.
    axes : {1, 2}
        Axes of the positions: 1 for signals (n, channels, length), 2 for images.
    batch_norm : bool
        Whether a batch norm follows each convolution. Without it, convolutions have a bias, which
        starts at 0, and weights that start He-normal.

    Examples
    --------
    >>> import torch
    >>> network = ConvNet([4, 6], [1, 2], channels=1, classes=10)
    >>> network.layers
    ('conv1', 'conv2', 'softmax')
    >>> network(torch.zeros(5, 1, 8, 8)).shape
    torch.Size([5, 10])
    """

    def __init__(
        self,
        widths: Sequence[int],
        strides: Sequence[int],
        *,
        channels: int,
        classes: int,
        axes: Literal[1, 2] = 2,
        batch_norm: bool = True,
    ) -> None:
        super().__init__()
        if len(widths) != len(strides) or not widths:
            raise ValueError(
                f"expected a width and a stride for each layer, got {len(widths)} widths and "
                f"{len(strides)} strides"
            )
        convolution = nn.Conv1d if axes == 1 else nn.Conv2d
        norm = nn.BatchNorm1d if axes == 1 else nn.BatchNorm2d
        inputs = channels
        self._convolutions = [f"conv{number}" for number in range(1, len(widths) + 1)]
        for name, width, stride in zip(self._convolutions, widths, strides, strict=True):
            # Batch norm subtracts the mean, so a bias would have no effect.
            linear = convolution(inputs, width, 3, stride=stride, padding=1, bias=not batch_norm)
            if linear.bias is not None:
                nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
                nn.init.zeros_(linear.bias)
            norms = [norm(width)] if batch_norm else []
            self.add_module(name, nn.Sequential(linear, *norms, nn.ReLU()))
            inputs = width
        self.linear = nn.Linear(inputs, classes)
        self.softmax = nn.Softmax(dim=1)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that figure 3 compares, in order."""
        return (*self._convolutions, "softmax")

    def logits(self, images: Tensor) -> Tensor:
        """Return the input of the softmax, (n, classes)."""
        x = images
        for name in self._convolutions:
            x = self.get_submodule(name)(x)
        logits: Tensor = self.linear(x.mean(dim=tuple(range(2, x.ndim))))
        return logits
