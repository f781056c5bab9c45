"""Plan: every pair of layers in exactly one pass, and no pass over the budget."""

from collections import Counter
from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from isorep._utils.memory import memory_budget, readable
from isorep.comparison.streaming.plan import make_plan


def layers(n, seed, widest=300):
    rng = np.random.default_rng(seed)
    return {f"layer{i}": int(width) for i, width in enumerate(rng.integers(1, widest, n))}


@pytest.mark.parametrize(
    ("blocks", "memory"),
    [(1, 13_000_000), (1, 40_000_000), (1, 10**10), (20, 60_000_000), (20, 10**9), (20, 10**10)],
)
@pytest.mark.parametrize("sizes", [(1, 1), (7, 4), (3, 23), (12, None), (1, None)])
def test_every_pair_is_in_one_pass_within_the_budget(sizes, memory, blocks):
    x, y = layers(sizes[0], 0), None if sizes[1] is None else layers(sizes[1], 1)
    plan = make_plan(x, y, blocks=blocks, memory=memory)
    pairs = Counter(pair for one in plan.passes for pair in one.pairs)
    pairs.update(list(plan.too_wide))
    wanted = combinations_with_replacement(x, 2) if y is None else product(x, y)
    assert pairs == Counter(wanted)
    for one in plan.passes:
        assert one.n_bytes <= plan.n_bytes <= memory
        assert one.rows >= 1
    if memory == 10**10:
        assert len(plan.passes) == 1


def test_a_smaller_budget_takes_more_passes():
    x, y = layers(20, 2), layers(20, 3)
    passes = [
        len(make_plan(x, y, blocks=1, memory=memory).passes)
        for memory in (10**9, 50_000_000, 25_000_000, 15_000_000)
    ]
    assert passes == sorted(passes)
    assert passes[0] == 1 < passes[-1]


def test_what_is_too_wide_is_left_out_and_said():
    plan = make_plan({"fc": 10, "flat": 5000}, {"fc": 20}, blocks=1, memory=10**7)
    assert list(plan.too_wide) == [("flat", "fc")]
    assert "left out: flat with fc, 5000 and 20 features: second moments take 2.42 GiB" in str(plan)
    with pytest.raises(ValueError, match=r"no two layers fit into memory: flat with flat, 5000"):
        make_plan({"flat": 5000}, None, blocks=1, memory=10**7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500MB", 5e8),
        ("0.5 gb", 5e8),
        ("2GiB", 2**31),
        ("1024", 1024),
        (1e6, 1e6),
        ("3 K", 3000),
        ("1.5e9", 1.5e9),
    ],
)
def test_amounts_of_memory(text, expected):
    assert memory_budget(text) == expected


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1..5GB", "2 XB", 0, -5, True, "nan", "2 GB!"])
def test_what_is_no_amount_of_memory(text):
    with pytest.raises(ValueError, match="memory must be a number of bytes or a text such as"):
        memory_budget(text)


def test_half_of_what_is_free_by_default():
    assert 10**6 <= memory_budget(None) < 10**15
    assert readable(memory_budget("2 GB")) == "1.86 GiB"
