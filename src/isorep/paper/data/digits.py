"""Digits: scikit-learn's bundled handwritten digits."""

from __future__ import annotations

from typing import Any

import numpy as np

from isorep._utils.optional import import_optional
from isorep.paper.data.image_data import ImageData, split


def load(seed: int = 0, n_train: int = 1400) -> ImageData:
    """Split the 1,797 images of 8 x 8 pixels at random, and draw the random labelling.

    Parameters
    ----------
    seed : int
        Random seed of the split and the random labelling.
    n_train : int
        Number of training images; the others are test images.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If `n_train` leaves no training image or no test image.

    Examples
    --------
    >>> data = load()
    >>> data.train_images.shape, data.test_images.shape
    ((1400, 1, 8, 8), (397, 1, 8, 8))
    """
    bunch: Any = import_optional("sklearn.datasets", "torch,paper").load_digits()
    images = (bunch.images[:, np.newaxis] / 16).astype(np.float32)  # grey levels are 0 to 16
    labels = bunch.target.astype(np.int64)
    if not 1 <= n_train < len(images):
        raise ValueError(f"n_train must be from 1 to {len(images) - 1}, got {n_train}")
    random = np.random.default_rng(seed)
    order = random.permutation(len(images))
    train, test = order[:n_train], order[n_train:]
    return split(
        "scikit-learn's digits (8 x 8 pixels)",
        (images[train], labels[train]),
        (images[test], labels[test]),
        random,
    )
