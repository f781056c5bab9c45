"""Digits: scikit-learn's bundled handwritten digits, with their labels and a random labelling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._optional import need


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


def load(seed: int = 0, n_train: int = 1400) -> ImageData:
    """Split the 1,797 real 8 x 8 images at random, and draw the random labelling.

    The random labelling is the true one shuffled over the training images, so that both have the
    same number of images in every class and nothing differs but which image has which label.

    Parameters
    ----------
    seed : int
        Of the split and of the random labelling.
    n_train : int
        Images to train on; the others are for testing.

    Raises
    ------
    ImportError
        When scikit-learn is not installed.
    ValueError
        When `n_train` leaves no image to train on or none to test on.

    Examples
    --------
    >>> data = load()
    >>> data.train_images.shape, data.test_images.shape
    ((1400, 1, 8, 8), (397, 1, 8, 8))
    """
    bunch: Any = need("sklearn.datasets", "torch,paper").load_digits()
    images = (bunch.images[:, np.newaxis] / 16).astype(np.float32)  # grey levels are 0 to 16
    labels = bunch.target.astype(np.int64)
    if not 1 <= n_train < len(images):
        raise ValueError(f"n_train must be from 1 to {len(images) - 1}, got {n_train}")
    random = np.random.default_rng(seed)
    order = random.permutation(len(images))
    train, test = order[:n_train], order[n_train:]
    return ImageData(
        name="scikit-learn's digits (8 x 8 pixels)",
        n_classes=10,
        train_images=images[train],
        train_labels=labels[train],
        random_labels=random.permutation(labels[train]),
        test_images=images[test],
        test_labels=labels[test],
    )
