"""Subspaces: known correlations come back, in order; what is shared stays and the rest goes."""

import numpy as np
import pytest

from isorep.paper.analysis import subspaces


@pytest.fixture
def states():
    """Three directions that stay and two that are drawn anew at every step, mixed."""
    random = np.random.default_rng(0)
    shared = random.standard_normal((4001, 3))
    return {
        step: {
            "h": np.hstack([shared, random.standard_normal((4001, 2))])
            @ random.standard_normal((5, 5))
        }
        for step in range(4)
    }


def test_coefficients_are_sorted_and_one_at_the_end(states):
    correlations = subspaces.coefficients(states, "h")
    assert correlations.shape == (4, 5)
    np.testing.assert_allclose(correlations[-1], 1)
    np.testing.assert_allclose(correlations[:3, :3], 1)
    assert correlations[:3, 3:].max() < 0.1
    assert (np.diff(correlations, axis=1) <= 1e-12).all()


def test_a_state_of_lower_rank_has_zeros(states):
    states[0] = {"h": states[0]["h"][:, :2]}
    correlations = subspaces.coefficients(states, "h")
    assert (correlations[0, 2:] == 0).all()
    assert (correlations[0, :2] > 0).all()


def test_what_stays_is_told_from_what_goes(states):
    stable, unstable = subspaces.split(states, "h", 0, 1, 2)
    np.testing.assert_allclose(stable.T @ stable, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(subspaces.drift(stable, states, "h"), 0, atol=1e-9)
    gone = subspaces.drift(unstable, states, "h")
    assert gone[0] == pytest.approx(0, abs=1e-9)
    assert (gone[1:] > 0.9).all()


def test_halves_are_of_the_samples(states):
    first, second = subspaces.halves(states)
    for step, layers in states.items():
        np.testing.assert_array_equal(first[step]["h"], layers["h"][:2000])
        np.testing.assert_array_equal(second[step]["h"], layers["h"][2000:])


def test_variates_are_judged_in_other_samples_than_they_were_chosen_in(states):
    chosen, judged = subspaces.halves(states)
    stable, unstable = subspaces.split(chosen, "h", 0, 1, 2, judged=judged)
    assert stable.shape == unstable.shape == (2001, 2)
    np.testing.assert_allclose(subspaces.drift(stable, judged, "h"), 0, atol=1e-9)
    # The directions of the first half, applied to the second.
    in_first = np.hstack(subspaces.split(chosen, "h", 0, 1, 2))
    x = chosen[0]["h"] - chosen[0]["h"].mean(axis=0)
    directions = np.linalg.lstsq(x, in_first, rcond=None)[0]
    other = judged[0]["h"] - judged[0]["h"].mean(axis=0)
    np.testing.assert_allclose(np.hstack([stable, unstable]), other @ directions, atol=1e-9)


def test_in_other_samples_noise_is_not_stable():
    random = np.random.default_rng(1)
    noise = {step: {"h": random.standard_normal((200, 20))} for step in range(3)}
    chosen, judged = subspaces.halves(noise)
    by_chance = subspaces.split(chosen, "h", 0, 1, 1).stable
    assert subspaces.drift(by_chance, chosen, "h")[1] < 0.4
    honest = subspaces.split(chosen, "h", 0, 1, 1, judged=judged).stable
    assert subspaces.drift(honest, judged, "h")[1] > 0.4


def test_no_variate_is_in_both(states):
    with pytest.raises(ValueError, match="5 canonical variates, so k must be from 1 to 2"):
        subspaces.split(states, "h", 0, 1, 3)


def test_first_at_least():
    assert subspaces.first_at_least([0.1, 0.5, 0.4], 0.4) == 1
    with pytest.raises(ValueError, match=r"no value reaches 0\.9; the largest is 0\.5"):
        subspaces.first_at_least([0.1, 0.5], 0.9)
