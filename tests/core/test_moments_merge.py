"""Merging moments: any cut, order and tree of merges gives the moments of the whole."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from isorep.core.moments import CrossMoments, Moments

settings.register_profile("merges", deadline=None, derandomize=True, max_examples=50)
OFFSETS = [0.0, 0.1, -7.0, 1e8, -3e12]


@st.composite
def samples(draw):
    """Two representations of the same samples, with a mean of any size for each feature."""
    n, p, q = draw(st.integers(1, 31)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    offsets = draw(st.lists(st.sampled_from(OFFSETS), min_size=p + q, max_size=p + q))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    features = rng.standard_normal((n, p + q)) @ rng.standard_normal((p + q, p + q)) + offsets
    return features[:, :p], features[:, p:]


def merged(draw, n, moments_of):
    """Merge the moments of unequal parts, some empty or of one row, in any order, by any tree."""
    cuts = sorted(draw(st.lists(st.integers(0, n), max_size=9)))
    rows = draw(st.permutations(range(n)))
    parts = [rows[start:end] for start, end in zip([0, *cuts], [*cuts, n], strict=True)]
    moments = [moments_of(part) for part in draw(st.permutations(parts))]
    while len(moments) > 1:
        i, j = draw(st.permutations(range(len(moments))))[:2]
        union = moments[i] + moments[j]
        moments = [m for k, m in enumerate(moments) if k not in (i, j)] + [union]
    return moments[0]


def exact(x, y):
    """Return the means of both sides as fractions, and the scatter, all in rational arithmetic."""
    x, y = ([[Fraction(value) for value in column] for column in z.T.tolist()] for z in (x, y))
    x_mean, y_mean = ([sum(column) / len(column) for column in z] for z in (x, y))
    scatter = [
        [
            float(sum((a - x_mean[i]) * (b - y_mean[j]) for a, b in zip(u, v, strict=True)))
            for j, v in enumerate(y)
        ]
        for i, u in enumerate(x)
    ]
    return x_mean, y_mean, np.array(scatter)


def assert_mean(mean, compensation, expected, scatter, n):
    """Exact relative to the spread, however large the mean."""
    assert (np.abs(compensation) <= np.spacing(np.abs(mean)) / 2).all()
    for i, exact_mean in enumerate(expected):
        error = Fraction(mean[i]) + Fraction(compensation[i]) - exact_mean
        assert abs(error) <= 1e-15 * np.sqrt(scatter[i] / n)


@settings(settings.get_profile("merges"))
@given(samples(), st.data())
def test_moments_of_any_parts_merge_into_those_of_the_whole(sides, data):
    x, _ = sides
    mean, _, scatter = exact(x, x)
    moments = merged(data.draw, len(x), lambda rows: Moments.from_batch(x[list(rows)]))
    assert moments.n == len(x)
    scale = np.sqrt(np.outer(np.diag(scatter), np.diag(scatter)))
    assert (np.abs(moments.scatter - scatter) <= 1e-14 * scale).all()
    np.testing.assert_array_equal(moments.scatter, moments.scatter.T)
    assert_mean(moments.mean, moments.mean_compensation, mean, np.diag(scatter), len(x))


@settings(settings.get_profile("merges"))
@given(samples(), st.data())
def test_cross_moments_of_any_parts_merge_into_those_of_the_whole(sides, data):
    x, y = sides
    n = len(x)
    x_mean, y_mean, scatter = exact(x, y)
    x_squares, y_squares = np.diag(exact(x, x)[2]), np.diag(exact(y, y)[2])
    cross = merged(data.draw, n, lambda rows: CrossMoments.from_batch(x[list(rows)], y[list(rows)]))
    assert cross.n == n
    scale = np.sqrt(np.outer(x_squares, y_squares))
    assert (np.abs(cross.scatter - scatter) <= 1e-14 * scale).all()
    assert_mean(cross.x_mean, cross.x_mean_compensation, x_mean, x_squares, n)
    assert_mean(cross.y_mean, cross.y_mean_compensation, y_mean, y_squares, n)
