"""Classifier: the interface of the paper's image networks."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Classifier(nn.Module, ABC):
    """A network from images to classes; `isorep.capture` finds its layers by name."""

    softmax: nn.Softmax

    @property
    @abstractmethod
    def layers(self) -> tuple[str, ...]:
        """Names of the layers to compare, in execution order; the last is the softmax."""

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """Return the input of the softmax, (n, classes)."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the probability of each class, (n, classes)."""
        probabilities: Tensor = self.softmax(self.logits(images))
        return probabilities
