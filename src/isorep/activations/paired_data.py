"""Paired data: the same samples for two models that take different inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PairedData:
    """The same samples in two forms, for two models that are compared.

    The id of a sample is a digest of both its forms.

    Parameters
    ----------
    a
        Data for the first model, as `isorep.capture` takes them. Without `b`: an iterable of
        batches ``(x_a, x_b)``, such as a `DataLoader`, which may shuffle.
    b
        Data for the second model. Both are read side by side: they have the same samples in the
        same order and in batches of the same size, so neither may shuffle.

    Examples
    --------
    >>> import torch, isorep
    >>> from isorep.activations import PairedData
    >>> images = torch.rand(100, 3, 8, 8)
    >>> a = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3))
    >>> b = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3))
    >>> data = PairedData(images, images.mean(1, keepdim=True))
    >>> isorep.compare(a, b, data=data, measures="cca")["n_samples"].item()
    100
    """

    a: Any
    b: Any = None

    def side(self, number: int) -> OneSide:
        """Return the data of model number 0 or 1 alone, with the ids of the pairs."""
        return OneSide(self, number)


@dataclass(frozen=True)
class OneSide:
    """The data of one model of a pair."""

    data: PairedData
    number: int
