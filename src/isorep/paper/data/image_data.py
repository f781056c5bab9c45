"""Image data: pictures to train on under two labellings, and pictures to test on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images to train on under two labellings, and images to test on.

    Attributes
    ----------
    name : str
        What the images are, in words.
    n_classes : int
        Number of classes; labels run from 0.
    train_images : (n, channels, height, width) float32 array
    train_labels, random_labels : (n,) int64 arrays
        What the images show, and one fixed random labelling of the same images.
    test_images : (m, channels, height, width) float32 array
    test_labels : (m,) int64 array
        What the test images show.
    """

    name: str
    n_classes: int
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    random_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that a training sees."""
        found = hashlib.sha256()
        for array in (
            self.train_images,
            self.train_labels,
            self.random_labels,
            self.test_images,
            self.test_labels,
        ):
            found.update(f"{array.shape} {array.dtype.str}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()

    def labels(self, labelling: Literal["true", "random"]) -> NDArray[np.int64]:
        """Return the training images' labels under either labelling."""
        return self.train_labels if labelling == "true" else self.random_labels


def split(
    name: str,
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    test: tuple[NDArray[np.float32], NDArray[np.int64]],
    random: np.random.Generator,
) -> ImageData:
    """Add the random labelling to images and labels, 10 classes.

    The random labelling is the true one shuffled over the training images, so that both have the
    same number of images in every class and nothing differs but which image has which label.
    """
    return ImageData(name, 10, *train, random.permutation(train[1]), *test)
