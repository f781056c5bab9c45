"""Images: the data set of a figure, and its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isorep.paper.data.cifar10 import load as load_cifar10
from isorep.paper.data.digits import load as load_digits
from isorep.paper.data.image_data import ImageData
from isorep.paper.data.signals import load as make_signals


@dataclass(frozen=True)
class ImageSource:
    """The images of a figure.

    Attributes
    ----------
    name : {"digits", "mnist1d", "cifar10"}
        Name of the data set.
    n_train : int
        Number of training images, chosen at random.
    n_test : int
        Largest number of test images.
    noise : float
        Standard deviation of noise that is added to the signals of MNIST-1D.
    classes : int
        Number of classes of MNIST-1D: the label is the remainder of the digit by it.
    """

    name: Literal["digits", "mnist1d", "cifar10"] = "digits"
    n_train: int = 1400
    n_test: int = 10_000
    noise: float = 0.0
    classes: int = 10

    def load(self, folder: Path | None, seed: int) -> ImageData:
        """Read the images: digits from scikit-learn, CIFAR-10 from `folder`; or make signals."""
        if self.name == "digits":
            return load_digits(seed, self.n_train)
        if self.name == "mnist1d":
            return make_signals(
                seed, self.n_train, self.n_test, noise=self.noise, classes=self.classes
            )
        return load_cifar10(folder, seed, self.n_train, self.n_test)
