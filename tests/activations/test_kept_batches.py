"""Kept batches: several passes over data that are read once."""

from __future__ import annotations

import operator

import numpy as np
import pytest

from isorep.activations.kept_batches import KeptBatches


def test_a_pass_that_stops_early_leaves_the_rest_to_the_next():
    read = []

    def data():
        for i in range(5):
            read.append(i)
            yield {"x": np.full(3, i)}

    batches = KeptBatches(data())
    first = iter(batches)
    assert [next(first)["x"][0] for _ in range(2)] == [0, 1]
    assert read == [0, 1]
    for _ in range(2):
        assert [batch["x"][0] for batch in batches] == list(range(5))
    assert read == list(range(5))
    assert operator.length_hint(KeptBatches([1, 2])) == 2


def test_data_larger_than_memory_are_refused(monkeypatch):
    monkeypatch.setattr("isorep.activations.kept_batches.memory_budget", lambda limit: 100)
    batches = KeptBatches([(np.zeros(10), [np.zeros(2)]), np.zeros(2)])
    with pytest.raises(ValueError, match="take more than 100 B, half of the free memory"):
        list(batches)
