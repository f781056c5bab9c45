"""Image data: training images with two labellings, and test images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ImageData:
    """Training images with two labellings, and test images.

    Attributes
    ----------
    name : str
        Description of the images.
    n_classes : int
        Number of classes; labels start at 0.
    train_images : (n, channels, height, width) or (n, channels, length) float32 array
    train_labels, random_labels : (n,) int64 arrays
        True labels, and one fixed random labelling of the same images.
    test_images : (m, channels, height, width) or (m, channels, length) float32 array
    test_labels : (m,) int64 array
        True labels of the test images.
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
        """SHA-256 of all images and labels."""
        digest = hashlib.sha256()
        for array in (
            self.train_images,
            self.train_labels,
            self.random_labels,
            self.test_images,
            self.test_labels,
        ):
            digest.update(f"{array.shape} {array.dtype.str}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def labels(self, labelling: Literal["true", "random"]) -> NDArray[np.int64]:
        """Return the labels of the training images."""
        return self.train_labels if labelling == "true" else self.random_labels

    def facts(self) -> dict[str, Any]:
        """Return the description and the number of images, in JSON types."""
        return {
            "data": self.name,
            "train_images": len(self.train_images),
            "test_images": len(self.test_images),
        }


def split(
    name: str,
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    test: tuple[NDArray[np.float32], NDArray[np.int64]],
    random: np.random.Generator,
    n_classes: int = 10,
) -> ImageData:
    """Add a random labelling to images and labels.

    The random labelling is the true one shuffled over the training images, so both have the same
    number of images in each class.
    """
    return ImageData(name, n_classes, *train, random.permutation(train[1]), *test)
