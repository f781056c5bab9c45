"""Classifier: what the paper's image networks have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn


class Classifier(nn.Module, ABC):
    """A network from images to classes whose layers are modules to be captured by name."""

    @property
    @abstractmethod
    def layers(self) -> tuple[str, ...]:
        """Names of the layers to compare, in execution order; the last is the softmax."""

    @abstractmethod
    def logits(self, images: Tensor) -> Tensor:
        """Return what the softmax is taken of, (n, classes)."""
