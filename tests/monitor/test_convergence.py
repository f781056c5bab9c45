"""Converged: the rule and its bounds, against naive loops and the library's jackknife."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

import isorep
from isorep import Representations
from isorep.inference import jackknife
from isorep.inference.held_out import assign_folds
from isorep.measures.registry import measure_named
from isorep.monitor import converged

N = 120


def run(n=N, steps=range(0, 24, 2), seed=0):
    """Draw a layer that settles halfway, one that jitters, and one that never moves."""
    rng = np.random.default_rng(seed)
    end, start, fixed = rng.standard_normal((3, n, 4))
    last = max(steps)
    return {
        step: {
            "settles": end + max(0, 2 - 4 * step / last) * start,
            "jitters": end
            + max(0, 3 - 9 * step / last) * start
            # Noise that is new at every step, never at rest.
            + 0.3 * np.random.default_rng(step).standard_normal((n, 4)),
            "fixed": fixed,
        }
        for step in steps
    }


def naive(states, layer, name, tolerance, factor):
    """Return the distances, noise, and index from which on the rule holds."""
    arrays = [state[layer] for state in states.values()]
    to_last = [isorep.similarity(x, arrays[-1], name).distance for x in arrays]
    late = arrays[len(arrays) - len(arrays) // 4 - 1 :]
    moves = [isorep.similarity(after, before, name).distance for before, after in pairwise(late)]
    assert len(moves) == len(arrays) // 4
    threshold = max(tolerance, factor * np.median(moves))
    at = len(arrays)
    while at > 0 and to_last[at - 1] <= threshold:
        at -= 1
    return to_last, np.median(moves), threshold, at


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["pwcca", "procrustes"])
def test_the_rule_is_the_one_described(measure):
    states = run()
    table = converged(states, measure=measure, tolerance=0.01, factor=1.5)
    assert table["layer"].to_numpy().tolist() == ["settles", "jitters", "fixed"]
    for layer in table["layer"].to_numpy():
        to_last, noise, threshold, at = naive(states, layer, measure, 0.01, 1.5)
        cell = table.sel(layer=layer)
        np.testing.assert_allclose(cell["distance"], to_last, rtol=0, atol=1e-12)
        assert cell["noise"].item() == pytest.approx(noise, abs=1e-12)
        assert cell["threshold"].item() == pytest.approx(threshold, abs=1e-12)
        assert cell["converged"].item() == list(states)[at]
    assert (table.attrs["kind"], table.attrs["reference"]) == ("converged", 22)


@pytest.mark.slow
def test_layers_converge_where_they_do():
    table = converged(run())
    found = dict(zip(table["layer"].to_numpy(), table["converged"].to_numpy(), strict=True))
    assert found["fixed"] == 0
    assert 8 <= found["settles"] <= 11  # within the tolerance a little before it arrives
    assert 6 <= found["jitters"] <= 8  # where nothing but the jitter is left
    np.testing.assert_allclose(table["distance_error"].sel(layer="fixed"), 0, atol=1e-9)
    assert (table["converged_low"] <= table["converged"]).all()
    assert (table["converged_high"] >= table["converged"]).all()
    assert table["warnings"].sel(layer="fixed").item().endswith("[same-at-start]")
    assert (table["warnings"].drop_sel(layer="fixed") == "").all()
    assert (table["reason"] == "").all()


@pytest.mark.slow
def test_the_errors_are_those_of_the_jackknife():
    states = run()
    table = converged(states)
    read = measure_named("pwcca")
    for layer in ("settles", "jitters"):
        for step in (0, 8, 20):
            overlap = isorep.overlap(states[step][layer], states[22][layer])
            error = jackknife(overlap, lambda o: read(o).distance)
            found = table["distance_error"].sel(step=step, layer=layer).item()
            assert found == pytest.approx(float(error), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "seed"), [(60, 1), (100, 0)])  # where it makes a difference
def test_the_bounds_are_those_of_the_difference_from_the_threshold(n, seed):
    states = run(n=n, steps=range(24), seed=seed)
    rule = {"name": "pwcca", "tolerance": 0.0, "factor": 1.3}
    to_last, _, threshold, _ = naive(states, "jitters", **rule)
    block_of = assign_folds(n, 20, None, seed=0)
    without = []
    for block in range(20):
        kept = block_of != block
        part = {step: {"jitters": state["jitters"][kept]} for step, state in states.items()}
        distances, _, bound, _ = naive(part, "jitters", **rule)
        without.append(np.array(distances) - bound)
    error = np.sqrt(19 * np.var(without, axis=0))  # (19 / 20) sum of squares
    reach = scipy.stats.t(19).ppf(0.975) * error
    beyond = np.array(to_last) - threshold
    wanted = {}
    for name, bound in (("low", beyond - reach), ("high", beyond + reach)):
        at = len(bound)
        while at > 0 and bound[at - 1] <= 0:
            at -= 1
        wanted[name] = list(states)[min(at, len(bound) - 1)]
    table = converged(states, layers="jitters", tolerance=0.0, factor=1.3)
    assert table["converged_low"].item() == wanted["low"]
    assert table["converged_high"].item() == wanted["high"]
    assert wanted["low"] < wanted["high"]


@pytest.mark.slow
def test_bounds_are_wider_for_fewer_samples():
    def width(n):
        table = converged(run(n=n, steps=range(30)), layers="jitters", tolerance=0.0, factor=1.1)
        return (table["converged_high"] - table["converged_low"]).item()

    assert width(40) > width(1000)


@pytest.mark.slow
def test_the_bounds_say_what_other_samples_would_have_shown():
    def other(seed):
        table = converged(run(seed=seed, n=60), layers="settles", tolerance=0.1)
        at = table["converged"].item()
        return at, table["converged_low"].item(), table["converged_high"].item()

    found = np.array([other(seed) for seed in range(12)])
    middle = np.median(found[:, 0])
    assert np.mean((found[:, 1] <= middle) & (middle <= found[:, 2])) >= 0.9


def test_the_pixels_of_an_image_are_left_out_together():
    rng = np.random.default_rng(0)
    images = {step: rng.standard_normal((40, 4)) + step for step in range(8)}
    states = {
        step: Representations(
            {"conv": np.repeat(one, 9, axis=0)},
            reductions={"conv": "positions"},
            n_samples=40,
        )
        for step, one in images.items()
    }
    # Pixels that all are the same tell no more than their image does.
    alone = converged({step: {"conv": one} for step, one in images.items()})
    table = converged(states)
    np.testing.assert_allclose(table["distance"], alone["distance"], atol=1e-9)
    np.testing.assert_allclose(table["distance_error"], alone["distance_error"], atol=1e-9)


def test_a_layer_that_cannot_be_compared_costs_its_own_numbers():
    states = run()
    states[16]["settles"] = states[16]["settles"] * np.nan
    states[22]["jitters"] = np.ones((N, 4))
    table = converged(states)
    settles, jitters = table.sel(layer="settles"), table.sel(layer="jitters")
    assert settles["converged"].item() == 18
    assert np.isnan(settles["distance"].sel(step=16))
    assert settles["warnings"].item().startswith("states[16]['settles'] holds 480 NaN")
    assert np.isnan(
        [jitters["converged"], jitters["converged_low"], jitters["converged_high"]]
    ).all()
    assert jitters["reason"].item().startswith("states[22]['jitters'] has no variance")
    assert table["converged"].sel(layer="fixed").item() == 0


def test_what_moves_as_much_as_it_learned_is_warned_of():
    rng = np.random.default_rng(0)
    states = {step: {"layer": rng.standard_normal((N, 4))} for step in range(9)}
    table = converged(states)
    assert "are 0.8" in table["warnings"].item()
    assert "the noise hides what the layer learned" in table["warnings"].item()


def test_what_cannot_be_judged():
    states = run()
    with pytest.raises(ValueError, match=r"at least 8 states, at ascending steps, got \[0, 2, 4\]"):
        converged({step: states[step] for step in (0, 2, 4)})
    with pytest.raises(ValueError, match="at ascending steps, got"):
        converged(dict(reversed(states.items())))
    with pytest.raises(TypeError, match="steps must be numbers, got"):
        converged({str(step): state for step, state in states.items()})
    with pytest.raises(ValueError, match="15 samples are too few for bounds: the jackknife leaves"):
        converged(run(n=15))
    with pytest.raises(ValueError, match=r"unknown layer of states\[0\] 'setles'"):
        converged(states, layers="setles")
    with pytest.raises(ValueError, match="tolerance and factor must be at least 0, got -1"):
        converged(states, tolerance=-1)
    with pytest.raises(ValueError, match="level, the confidence level, must be in"):
        converged(states, level=95)
