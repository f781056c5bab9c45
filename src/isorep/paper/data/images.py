"""Images: the data set of a figure, and its reader."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isorep.paper.data.cifar10 import load as load_cifar10
from isorep.paper.data.digits import load as load_digits
from isorep.paper.data.image_data import ImageData


@dataclass(frozen=True)
class ImageSource:
    """The images of a figure.

    Attributes
    ----------
    name : {"digits", "cifar10"}
        Name of the data set.
    n_train : int
        Number of training images, chosen at random.
    n_test : int
        Largest number of test images.
    """

    name: Literal["digits", "cifar10"] = "digits"
    n_train: int = 1400
    n_test: int = 10_000

    def load(self, folder: Path | None, seed: int) -> ImageData:
        """Read the images: digits from scikit-learn, CIFAR-10 from `folder`."""
        if self.name == "digits":
            return load_digits(seed, self.n_train)
        return load_cifar10(folder, seed, self.n_train, self.n_test)
