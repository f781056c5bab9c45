"""Step scale: which steps are drawn on a logarithmic axis."""

import numpy as np
import pytest

from isorep.plot.step_scale import is_geometric, log_positions


@pytest.mark.parametrize(
    "steps",
    [
        [1, 2, 5, 10, 20, 50],
        [0, 1, 2, 4, 8, 16, 32],
        [0, 1, 10, 100],
        [0, 100, 200, 500, 1000, 2000, 5000, 10000],
        2.0 ** np.arange(12),
        [0, *(2 ** np.arange(18)), *range(200_000, 230_000, 10_000)],
    ],
)
def test_steps_that_grow_by_factors(steps):
    assert is_geometric(steps)


@pytest.mark.parametrize(
    "steps",
    [
        range(101),
        range(0, 1000, 100),
        [1, 2, 3],
        [1, 100],
        [0, 10, 20, 30, 40, 45, 50],
        [-1, 1, 10, 100],
        [1.0, 10.0, np.nan],
        ["early", "late"],
        [0],
        [],
    ],
)
def test_other_steps(steps):
    assert not is_geometric(steps)


def test_step_zero_is_one_gap_left_of_the_others():
    np.testing.assert_allclose(log_positions([0, 10, 100]), [1, 10, 100])
    np.testing.assert_allclose(log_positions([5, 50]), [5, 50])
    np.testing.assert_allclose(log_positions([0, 8]), [4, 8])
