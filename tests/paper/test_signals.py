import random

import numpy as np
import pytest

from isorep.paper.data.images import ImageSource
from isorep.paper.data.signals import load


def test_signals_are_those_of_the_package():
    from mnist1d.data import get_dataset_args, make_dataset

    arguments = get_dataset_args()
    arguments.num_samples, arguments.seed, arguments.train_split = 60, 3, 1.0
    made = make_dataset(arguments)
    data = load(seed=3, n_train=33, n_test=20)
    signals = np.concatenate([data.train_images, data.test_images])
    np.testing.assert_array_equal(signals[:, 0], made["x"][:53].astype(np.float32))
    assert np.concatenate([data.train_labels, data.test_labels]).tolist() == made["y"][:53].tolist()


def test_noise_is_added_and_classes_are_merged():
    plain, noisy = (load(seed=1, n_train=400, n_test=50, noise=noise) for noise in (0, 0.5))
    difference = noisy.train_images - plain.train_images
    assert difference.std() == pytest.approx(0.5, rel=0.05)
    two = load(seed=1, n_train=400, n_test=50, classes=2)
    assert two.n_classes == 2
    assert np.array_equal(two.train_labels, plain.train_labels % 2)
    assert np.array_equal(np.bincount(two.random_labels), np.bincount(two.train_labels))


def test_the_seed_decides_and_global_generators_are_left_alone():
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    expected = np.random.rand(), random.random()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    first, again, other = (load(seed=seed, n_train=30, n_test=10) for seed in (1, 1, 2))
    assert (np.random.rand(), random.random()) == expected  # noqa: NPY002
    assert first.digest == again.digest
    assert first.digest != other.digest


def test_a_source_of_signals():
    source = ImageSource("mnist1d", 30, 10, noise=0.1, classes=2)
    data = source.load(None, seed=4)
    assert data.digest == load(4, 30, 10, noise=0.1, classes=2).digest
    assert data.name == "MNIST-1D (signals of 40 values, noise of 0.1, digit modulo 2)"
