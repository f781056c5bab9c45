import numpy as np
import pytest
from sklearn.datasets import load_digits

from isorep.paper.data.digits import load


def test_split_holds_every_image_once_with_its_label():
    data = load(seed=3)
    bunch = load_digits()
    images = np.concatenate([data.train_images, data.test_images])[:, 0] * 16
    labels = np.concatenate([data.train_labels, data.test_labels])

    def as_rows(pictures, digits):
        return sorted(np.column_stack([pictures.reshape(1797, 64), digits]).tolist())

    assert as_rows(images, labels) == as_rows(bunch.images, bunch.target)


def test_images_lie_between_0_and_1():
    data = load()
    assert data.train_images.dtype == np.float32
    assert (data.train_images.min(), data.train_images.max()) == (0, 1)


def test_random_labels_keep_the_classes_and_nothing_else():
    data = load(seed=3)
    assert np.array_equal(np.bincount(data.random_labels), np.bincount(data.train_labels))
    agree = np.mean(data.random_labels == data.train_labels)
    # One in ten by chance, with a standard deviation of 0.008.
    assert 0.06 < agree < 0.14


def test_seed_decides():
    first, again, other = load(seed=1), load(seed=1), load(seed=2)
    assert np.array_equal(first.random_labels, again.random_labels)
    assert np.array_equal(first.train_images, again.train_images)
    assert not np.array_equal(first.random_labels, other.random_labels)
    assert not np.array_equal(first.train_images, other.train_images)


@pytest.mark.parametrize("n_train", [0, 1797])
def test_refuses_an_empty_part(n_train):
    with pytest.raises(ValueError, match=f"n_train must be from 1 to 1796, got {n_train}"):
        load(n_train=n_train)
