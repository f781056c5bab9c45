"""Layer change: a known change is named, and nothing else is."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from isorep.explanation.explained_pair import ExplainedPair
from isorep.explanation.layer_change import BUDGET, LayerChange
from isorep.explanation.layer_change_text import layer_change_text
from isorep.representations.representations import Representations

N, P = 400, 10
LABELS = np.arange(N) % 8


def change_of(kind, n=N, labels=LABELS, seed=0):
    """Return what is found when a known part of one of two rotated views is changed."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((n, P))
    rotation = np.linalg.qr(rng.standard_normal((P, P)))[0]
    z = latent.copy()
    if kind == "directions":
        z[:, :3] = rng.standard_normal((n, 3))
    elif kind == "samples":
        z[:20] *= -1
    elif kind == "class":
        z[LABELS[:n] == 4] += rng.standard_normal((np.sum(LABELS[:n] == 4), P))
    elif kind == "classes":
        z[LABELS[:n] >= 4] += rng.standard_normal((np.sum(LABELS[:n] >= 4), P))
    elif kind == "unrelated":
        z = rng.standard_normal((n, P))
    x = latent + 0.2 * rng.standard_normal((n, P))
    y = z @ rotation + 0.2 * rng.standard_normal((n, P))
    labels = None if labels is None else labels[:n]
    return LayerChange.from_pair(ExplainedPair.from_sides(x, y, labels=labels))


def changed_classes(change):
    return {item.label for item in change.classes if item.changed_more}


def test_three_changed_directions():
    change = change_of("directions")
    directions = change.directions
    assert (directions.n_changed, directions.n_pairs) == (3, P)
    assert directions.base_variance == pytest.approx(0.3, abs=0.05)
    assert directions.changed_variance == pytest.approx(0.3, abs=0.05)
    assert not change.samples
    assert not changed_classes(change)
    assert change.low < change.change < change.high
    text = layer_change_text(change)
    share = 100 * directions.base_variance
    assert f"It changed most in 3 of 10 directions, which carry {share:.0f} %" in text
    assert f"they correlate by at most {directions.largest_correlation:.2f}" in text
    assert "No class or sample changed more than the others." in text


def test_twenty_moved_samples():
    change = change_of("samples")
    assert {int(item.sample) for item in change.samples} == set(range(20))
    assert [item.change for item in change.samples] == sorted(
        (item.change for item in change.samples), reverse=True
    )
    assert all(item.label == str(LABELS[int(item.sample)]) for item in change.samples)
    assert min(item.change for item in change.samples) > change.change
    assert not change.directions.n_changed
    names = ", ".join(item.sample for item in change.samples[:8])
    text = layer_change_text(change)
    assert f"20 of 400 samples changed more than the others: {names} and 12 more." in text
    assert "Among the other 380 samples, no direction changed more than the others." in text
    assert text.endswith("No class changed more than the others.")
    assert change.directions.n_samples == 380


def test_one_changed_class():
    change = change_of("class")
    assert changed_classes(change) == {"4"}
    item = change.classes[0]
    assert item.label == "4"
    assert item.low < item.change < item.high
    assert item.others < item.low
    assert item.n_samples == 50
    expected = f"Class 4 changed more than the others ({item.change:#.2g} [{item.low:#.2g}, "
    text = layer_change_text(change)
    assert expected in text
    assert f"against {item.others:#.2g})" in text
    # The samples that stand out are those of the class.
    assert {sample.label for sample in change.samples} <= {"4"}
    assert f"({len(change.samples)} of class 4): " in text


def test_half_of_the_classes():
    change = change_of("classes")
    assert changed_classes(change) == {"4", "5", "6", "7"}
    text = layer_change_text(change)
    assert "4 of 8 classes changed more than the others: " in text
    rest = [item.change for item in change.classes if not item.changed_more]
    mean = float(re.search(r"; the others changed by (0[.][0-9]+)[.]", text)[1])
    assert min(rest) - 0.01 < mean < max(rest) + 0.01


def test_equal_noise_names_nothing():
    text = layer_change_text(change_of("nothing"))
    assert text.endswith("No class, sample or direction changed more than the others.")


def test_without_labels_no_class_is_mentioned():
    change = change_of("nothing", labels=None)
    assert change.classes == ()
    assert layer_change_text(change).endswith(
        "No sample or direction changed more than the others."
    )


def test_directions_of_little_variance_are_not_named():
    rng = np.random.default_rng(2)
    scales = np.array([1.0] * 6 + [0.01])
    x = rng.standard_normal((N, 7)) * scales
    y = x + 0.1 * rng.standard_normal((N, 7)) * scales
    y[:, 6] = 0.01 * rng.standard_normal(N)
    change = LayerChange.from_pair(ExplainedPair.from_sides(x, y))
    assert change.directions.n_below == 1
    text = layer_change_text(change)
    expected = "1 of 7 directions changed more than the others, but carries less than 1 % of its"
    assert expected in text
    # Beside a direction with variance, it is not counted.
    y[:, 0] = rng.standard_normal(N)
    change = LayerChange.from_pair(ExplainedPair.from_sides(x, y))
    assert (change.directions.n_below, change.directions.n_changed) == (2, 1)
    assert "It changed most in 1 of 7 directions, which carries 1" in layer_change_text(change)


def test_unrelated_sides():
    change = change_of("unrelated")
    assert change.change == pytest.approx(1, abs=0.1)
    assert change.samples == ()
    text = layer_change_text(change)
    assert "All of its 10 directions are unrelated to the other side, as far as 400 samples" in text
    assert "class" not in text


def test_too_few_samples_are_said_to_be_too_few():
    change = change_of("directions", n=40)
    assert not change.directions.are_testable
    text = layer_change_text(change)
    assert "Too few samples (40) to say whether some of its 10 directions changed more" in text
    blurred = replace(change.directions, noise_edge=0.6)
    text = layer_change_text(replace(change, directions=blurred))
    assert "Too few samples (40) to say which of its 10 directions changed." in text


def test_names_of_samples_and_positions():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((100, 4))
    y = x + 0.1 * rng.standard_normal((100, 4))
    y[7] += 5
    sides = [Representations({"fc": z}, sample_ids=[f"s{i}" for i in range(100)]) for z in (x, y)]
    (sample,) = LayerChange.from_pair(ExplainedPair.from_sides(*sides)).samples
    assert (sample.sample, sample.row, sample.label, sample.position) == ("s7", 7, None, None)


def test_plain_values_are_json_without_nan():
    change = change_of("unrelated")
    plain = change.to_dict()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["directions"]["bound"] is None
    assert plain["classes"][0].keys() >= {"label", "change", "low", "high", "others", "p_value"}


def test_a_layer_that_takes_too_long(monkeypatch):
    monkeypatch.setattr("isorep.explanation.layer_change.BUDGET", 1e6)
    with pytest.raises(ValueError, match="400 samples of 10 directions would take about"):
        change_of("nothing")
    assert BUDGET > 1e12


@pytest.mark.parametrize("is_relative", [True, False])
def test_a_larger_class_did_not_change_more(is_relative):
    rng = np.random.default_rng(3)
    size = np.where(LABELS == 4, 2.0, 1.0)[:, None]
    x = size * rng.standard_normal((N, P))
    y = x + 0.3 * (size if is_relative else 1) * rng.standard_normal((N, P))
    change = LayerChange.from_pair(ExplainedPair.from_sides(x, y, labels=LABELS))
    assert not changed_classes(change)
