"""Signals: the digits of MNIST-1D, made by a procedure, of any number.

Greydanus and Kobak 2024, Scaling down deep learning with MNIST-1D.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.optional import import_optional
from isorep.paper.data.image_data import ImageData, split

CLASSES = 10


def load(
    seed: int = 0,
    n_train: int = 4000,
    n_test: int = 2000,
    *,
    noise: float = 0.0,
    classes: int = CLASSES,
) -> ImageData:
    """Make signals of 40 values, in which a digit is shifted, sheared and blurred by noise.

    Parameters
    ----------
    seed : int
        Random seed of the signals and the random labelling.
    n_train, n_test : int
        Numbers of training and test signals.
    noise : float
        Standard deviation of noise that is added; signals have a standard deviation of 1.
    classes : int
        Number of classes: the label is the remainder of the digit by it.

    Returns
    -------
    ImageData
        Signals (n, 1, 40).

    Raises
    ------
    ImportError
        If mnist1d is not installed.

    Examples
    --------
    >>> signals = load(n_train=30, n_test=20, classes=2)
    >>> signals.train_images.shape, sorted(set(signals.test_labels.tolist()))
    ((30, 1, 40), [0, 1])
    """
    made = _make(seed, n_train + n_test)
    rng = np.random.default_rng(seed)
    signals = made["x"][:, np.newaxis]
    signals = (signals + noise * rng.standard_normal(signals.shape)).astype(np.float32)
    labels = made["y"].astype(np.int64) % classes
    added = f", noise of {noise:g}" if noise else ""
    task = "" if classes == CLASSES else f", digit modulo {classes}"
    return split(
        f"MNIST-1D (signals of 40 values{added}{task})",
        (signals[:n_train], labels[:n_train]),
        (signals[n_train:], labels[n_train:]),
        rng,
        n_classes=classes,
    )


def _make(seed: int, n: int) -> dict[str, NDArray[Any]]:
    """Return n signals and their digits; the global generators are left as they were."""
    mnist1d: Any = import_optional("mnist1d.data", "torch,paper")
    arguments = mnist1d.get_dataset_args()
    # As many of each digit, so that n or a few more are made.
    arguments.num_samples = -(-n // CLASSES) * CLASSES
    arguments.train_split, arguments.seed = 1.0, seed
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        made = mnist1d.make_dataset(arguments)
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
    return {"x": made["x"][:n], "y": made["y"][:n]}
