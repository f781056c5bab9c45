"""Data frames, sparse matrices and labels: what they become, or which words they get."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

import isorep

x = np.random.default_rng(0).standard_normal((30, 4))


def frame():
    return pd.DataFrame(x, columns=list("abcd"))


def test_dtypes_that_hold_missing_values_are_numbers():
    nullable = frame().convert_dtypes()
    assert isorep.cka(nullable, x).similarity == pytest.approx(1, abs=1e-12)
    np.testing.assert_array_equal(isorep.Representations({"v": nullable})["v"], x)
    nullable.iloc[3, 1] = pd.NA
    with pytest.raises(ValueError, match="x holds 1 NaN and 0 infinite values, the first at row 3"):
        isorep.cka(nullable, x)


def test_columns_that_are_not_numbers_are_named():
    text = r"has columns that are not numbers, 'name' \((object|str)\): leave them out"
    table = frame().assign(name="s")
    with pytest.raises(TypeError, match=f"x {text}"):
        isorep.cka(table, x)
    with pytest.raises(TypeError, match=f"layer 'v' {text}"):
        isorep.Representations({"v": table})


@pytest.mark.parametrize("make", [scipy.sparse.csr_array, scipy.sparse.coo_matrix])
def test_sparse_matrices_say_how_to_go_on(make):
    with pytest.raises(TypeError, match=r"y is a sparse matrix; pass y.toarray\(\)"):
        isorep.cka(x, make(x))
    with pytest.raises(TypeError, match=r"layer 'v' is a sparse tensor; pass layer 'v'.to_dense"):
        isorep.Representations({"v": torch.tensor(x).to_sparse()})


@pytest.mark.parametrize(
    "labels",
    [
        pd.Series(["a", "b"] * 15),
        pd.Categorical(["a", "b"] * 15),
        pd.Series([1, 2] * 15, dtype="category"),
        pd.array([1, 2] * 15, dtype="Int64"),
        np.array(["a", "b"] * 15, dtype=np.dtypes.StringDType()),
    ],
    ids=["Series", "Categorical", "category of numbers", "Int64", "StringDType"],
)
def test_labels_and_groups_of_every_kind(labels):
    expected = np.asarray(labels).tolist()
    reps = isorep.Representations({"v": x}, labels=labels, groups=labels)
    assert reps.labels.tolist() == reps.groups.tolist() == expected
    assert reps.structure("v").groups.tolist() == [0, 1] * 15


def test_dates_are_groups():
    days = np.repeat(np.array(["2026-01-02", "2026-01-05"], "datetime64[D]"), 15)
    reps = isorep.Representations({"v": x}, groups=days)
    assert reps.groups[[0, 29]].tolist() == ["2026-01-02", "2026-01-05"]


def test_labels_that_are_no_labels():
    with pytest.raises(ValueError, match=r"expected one label per sample, .* dtype object"):
        isorep.Representations({"v": x}, labels=[object()] * 30)
