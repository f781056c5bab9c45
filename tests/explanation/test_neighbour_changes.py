"""Neighbour changes: groups of samples that one side links, and pairs."""

import numpy as np
import pytest

import isorep
from isorep.explanation.neighbour_changes import neighbour_changes


@pytest.fixture(scope="module")
def changes():
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((200, 5))
    x, y = (latent + 0.3 * rng.standard_normal((200, 5)) for _ in range(2))
    x[:25] = 4 + 0.3 * rng.standard_normal((25, 5))
    overlap = isorep.overlap(x, y)
    return x, y, neighbour_changes(overlap, (x, y), np.arange(200) >= 25, k=10, alpha=0.05, seed=0)


def test_the_group_that_x_links_is_found(changes):
    *_, result = changes
    first = result.groups.loc[1]
    assert first["grouped_by"] == "x"
    assert set(np.flatnonzero(result.group == 1)) == set(range(25))
    assert first["x_links"] > 9 > 3 > first["y_links"]
    assert first["p_value"] <= 0.05


def test_the_share_of_neighbours_kept_equals_a_naive_loop(changes):
    x, y, result = changes

    def near(side, j):
        distances = np.linalg.norm(side - side[j], axis=1)
        return set(np.argsort(distances)[1:11])

    expected = [len(near(x, j) & near(y, j)) / 10 for j in range(200)]
    np.testing.assert_allclose(result.kept, expected)


def test_pairs_are_neighbours_on_one_side_and_far_on_the_other(changes):
    _, y, result = changes
    row = result.pairs[result.pairs["grouped_by"] == "x"].iloc[0]
    i, j = int(row["sample"]), int(row["other"])
    root_mean_square = np.sqrt(2 * np.var(y, axis=0, ddof=1).sum())
    np.testing.assert_allclose(
        row["y_distance"], np.linalg.norm(y[i] - y[j]) / root_mean_square, rtol=1e-9
    )
    assert row["x_distance"] < row["y_distance"]


def test_equal_sides_differ_in_no_pair():
    x = np.random.default_rng(1).standard_normal((60, 3))
    result = neighbour_changes(
        isorep.overlap(x, 2 * x), (x, x), np.ones(60, dtype=bool), k=5, alpha=0.05, seed=0
    )
    assert not len(result.groups)
    assert not len(result.pairs)
    assert (result.kept == 1).all()
