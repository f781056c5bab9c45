"""Images: which pictures a figure uses, and where they are read from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from isorep.paper.data.cifar10 import load as load_cifar10
from isorep.paper.data.digits import load as load_digits
from isorep.paper.data.image_data import ImageData


@dataclass(frozen=True)
class ImageSource:
    """Which images a figure uses.

    Attributes
    ----------
    name : {"digits", "cifar10"}
        Of the data set.
    n_train : int
        Images to train on, chosen at random.
    n_test : int
        Images to test on, at most; all that there are by default.
    """

    name: Literal["digits", "cifar10"] = "digits"
    n_train: int = 1400
    n_test: int = 10_000

    def load(self, folder: Path | None, seed: int) -> ImageData:
        """Read the images; digits come with scikit-learn, all others from `folder`."""
        if self.name == "digits":
            return load_digits(seed, self.n_train)
        return load_cifar10(folder, seed, self.n_train, self.n_test)
