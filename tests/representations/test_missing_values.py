"""Rows with NaN are left out of both sides, in every function of two representations."""

import numpy as np
import pandas as pd
import pytest
import torch

import isorep

N = 200
COMPLETE = np.delete(np.arange(N), [5, 9])


@pytest.fixture
def sides():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((N, 4))
    y = x[:, :3] + rng.standard_normal((N, 3))
    x[5, 0] = y[9, 1] = y[9, 2] = np.nan
    return x, y


def test_the_number_is_that_of_the_other_rows(sides):
    x, y = sides
    rest = x[COMPLETE], y[COMPLETE]
    expected = isorep.similarity(*rest, "cca")
    for score in (
        isorep.cca(x, y, nan_policy="omit"),
        isorep.similarity(x, y, "cca", nan_policy="omit"),
        isorep.MEASURES["cca"](isorep.overlap(x, y, nan_policy="omit")),
        isorep.infer(x, y, "cca", n_permutations=9, nan_policy="omit"),
    ):
        assert score.similarity == expected.similarity
        assert (score.n_samples, score.n_omitted) == (198, 2)
        assert "n_samples=198, n_omitted=2" in repr(score)
        assert score.to_dict()["n_omitted"] == 2
    assert expected.n_omitted == 0
    assert "n_omitted" not in repr(expected)
    corrected = isorep.cca(x, y, correct=True, nan_policy="omit")
    assert corrected.similarity == isorep.cca(*rest, correct=True).similarity
    assert corrected.n_omitted == 2
    with pytest.raises(ValueError, match="x holds 1 NaN"):
        isorep.cca(x, y)
    with pytest.raises(ValueError, match="unknown nan_policy 'drop'"):
        isorep.cca(x, y, nan_policy="drop")


def test_groups_lose_the_same_rows(sides):
    x, y = sides
    groups = np.arange(N) // 4
    coupled = isorep.overlap(x, y, groups=groups, order=np.arange(N), nan_policy="omit")
    np.testing.assert_array_equal(coupled.structure.groups, groups[COMPLETE])
    np.testing.assert_array_equal(coupled.structure.order, COMPLETE)
    with pytest.raises(ValueError, match=r"one label for each of 200 rows, got shape \(198,\)"):
        isorep.overlap(x, y, groups=groups[COMPLETE], nan_policy="omit")
    a, b = {"a": x}, {"b": y}
    with pytest.raises(ValueError, match=r"one label for each of 200 rows, got shape \(198,\)"):
        isorep.compare(a, b, groups=groups[COMPLETE], nan_policy="omit")
    table = isorep.compare(
        a, b, measures="cka", groups=groups, chance=True, n_permutations=19, nan_policy="omit"
    )
    expected = isorep.compare(
        {"a": x[COMPLETE]},
        {"b": y[COMPLETE]},
        measures="cka",
        groups=groups[COMPLETE],
        chance=True,
        n_permutations=19,
    )
    assert table.attrs.pop("n_omitted") == 2
    for one in (table, expected):
        del one.attrs["provenance"]  # the digest is that of the data with NaN
    assert table.identical(expected)


def test_other_arrays(sides):
    x, y = sides
    expected = isorep.cka(x[COMPLETE], y[COMPLETE]).similarity
    tensors = map(torch.from_numpy, sides)
    assert isorep.cka(*tensors, nan_policy="omit").similarity == pytest.approx(expected, abs=1e-12)
    lists = (x.tolist(), y.tolist())
    assert isorep.cka(*lists, nan_policy="omit").similarity == pytest.approx(expected, abs=1e-12)
    names = [f"s{i}" for i in range(N)]
    frames = (pd.DataFrame(x, index=names), pd.DataFrame(y, index=names)[::-1].convert_dtypes())
    assert isorep.cka(*frames, nan_policy="omit").similarity == pytest.approx(expected, abs=1e-12)
    integers = (np.arange(N)[:, None], np.arange(N)[:, None] ** 2)
    assert isorep.cka(*integers, nan_policy="omit") == isorep.cka(*integers)


def test_maps(sides):
    maps = np.random.default_rng(1).standard_normal((N, 2, 3, 3))
    damaged = maps.copy()
    damaged[7, 1, 2, 2] = np.nan
    score = isorep.measures.dft_cca(damaged, maps, nan_policy="omit")
    assert score.n_omitted == 1
    rest = np.delete(maps, 7, axis=0)
    assert score.similarity == isorep.measures.dft_cca(rest, rest).similarity


def test_what_cannot_be_omitted(sides):
    x, y = sides
    with pytest.raises(TypeError, match="removes rows, and y is prepared already: pass its array"):
        isorep.cka(x, isorep.Basis.from_array(np.nan_to_num(y)), nan_policy="omit")
    with pytest.raises(ValueError, match="only 0 of 200 samples have no NaN on either side"):
        isorep.cka(x, np.full((N, 2), np.nan), nan_policy="omit")
    with pytest.raises(ValueError, match=r"x has 200 samples \(rows\) and y has 198"):
        isorep.cka(x, y[COMPLETE], nan_policy="omit")


def test_repeated_labels_of_tables_are_groups():
    rng = np.random.default_rng(2)
    names = np.repeat([f"s{i}" for i in range(50)], 4)
    x, y = (pd.DataFrame(z, index=names) for z in rng.standard_normal((2, N, 3)))
    assert isorep.overlap(x, y).structure.n_groups == 50
    assert isorep.overlap(x, y, groups=range(N)).structure.n_groups == N
    assert isorep.overlap(x[::4], y[::4]).structure is None
    x.iloc[3, 1] = np.nan
    assert isorep.overlap(x, y, nan_policy="omit").structure.groups.tolist() == (
        np.delete(np.repeat(np.arange(50), 4), 3).tolist()
    )


def test_the_row_of_an_infinity_counts_the_rows_that_are_left_out():
    x, y = np.random.default_rng(0).standard_normal((2, 40, 3))
    x[3, 0], y[7, 1] = np.nan, np.inf
    with pytest.raises(ValueError, match="y holds 0 NaN and 1 infinite values, the first at row 7"):
        isorep.similarity(x, y, "cka", nan_policy="omit")
