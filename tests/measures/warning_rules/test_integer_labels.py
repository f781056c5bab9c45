"""Class labels as one column of numbers are noticed, other columns are not."""

import numpy as np
import pytest

import isorep
from isorep import MEASURES
from isorep.measures.warning_rules.integer_labels import integer_labels

rng = np.random.default_rng(0)
X = rng.standard_normal((300, 5))
LABELS = rng.integers(0, 10, 300)


@pytest.mark.parametrize("labels", [LABELS, LABELS + 1, LABELS.astype(np.float32)])
def test_labels_of_either_side(labels):
    for x, y, name in ((X, labels[:, None], "y"), (labels[:, None], X, "x")):
        (text,) = integer_labels(isorep.overlap(x, y))
        assert text.finding.startswith(f"{name} is one column of 10 distinct integers")
        assert "isorep.one_hot(labels)" in text.advice


@pytest.mark.parametrize("name", ["cka", "linear_regression", "rsa(dissimilarity=euclidean)"])
def test_every_measure_says_so(name):
    from isorep.measures.registry import measure_named

    o = isorep.overlap(X, LABELS[:, None])
    assert "integer-labels" in [text.code for text in measure_named(name)(o).warnings]


@pytest.mark.parametrize(
    "y",
    [
        np.eye(10)[LABELS],
        (LABELS > 4).astype(float)[:, None],  # one column says all about two classes
        LABELS[:, None] + 0.5,
        3 * LABELS[:, None],
        LABELS[:, None] - 4,
        rng.permutation(300)[:, None],  # each value once
        rng.standard_normal((300, 1)),
        np.column_stack([LABELS, LABELS[::-1]]),
    ],
)
def test_other_columns(y):
    assert integer_labels(isorep.overlap(X, y)) == ()


def test_one_hot_columns_find_the_relation_that_the_numbers_hide():
    x = np.eye(10)[LABELS] + 0.1 * rng.standard_normal((300, 10))
    with isorep.silence("integer-labels"):
        as_numbers = MEASURES["cka"](isorep.overlap(x, LABELS[:, None])).similarity
    assert as_numbers < 0.4 < 0.9 < isorep.cka(x, np.eye(10)[LABELS]).similarity
