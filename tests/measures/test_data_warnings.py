"""Ordinary data get no warning: layers of random networks, also of related ones."""

import numpy as np
import pytest
from helpers.quick import OF_EACH_KIND, slow_unless, with_few_folds

import isorep
from isorep import MEASURES


def layers(inputs, widths, seed):
    rng = np.random.default_rng(seed)
    states = [inputs]
    for width in widths:
        p = states[-1].shape[1]
        weights = rng.standard_normal((p, width)) * np.sqrt(2 / p)
        states.append(np.maximum(states[-1] @ weights + 0.1 * rng.standard_normal(width), 0))
    return states[1:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    slow_unless(
        OF_EACH_KIND,
        [name for name, row in MEASURES.items() if row.requires not in ("maps", "repeats")],
    ),
)
def test_random_networks(name):
    inputs = np.random.default_rng(0).standard_normal((700, 30))
    a, b = (layers(inputs, (60, 60), seed) for seed in (1, 2))
    measure = with_few_folds(MEASURES[name])
    for x in (inputs, *a):
        for y in (inputs, *b):
            if not measure.paired or x.shape == y.shape:
                assert measure(isorep.overlap(x, y)).warnings == ()
