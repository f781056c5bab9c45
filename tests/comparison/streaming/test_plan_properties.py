"""A plan takes every pair of layers once, within the limit, whatever the widths."""

from collections import Counter
from itertools import combinations_with_replacement, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isorep.comparison.streaming.plan import make_plan

WIDTHS = st.dictionaries(
    st.text(min_size=1, max_size=3), st.integers(1, 3000), min_size=1, max_size=7
)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    x=WIDTHS,
    y=st.none() | WIDTHS,
    blocks=st.sampled_from([1, 10]),
    memory=st.integers(1, 10).map(lambda exponent: 4**exponent * 1000),
    inferred=st.booleans(),
)
def test_every_pair_once_and_no_pass_above_the_limit(x, y, blocks, memory, inferred):
    try:
        plan = make_plan(x, y, blocks=blocks, memory=memory, inferred=inferred)
    except ValueError as error:
        assert "no two layers fit into memory" in str(error)  # noqa: PT017
        return
    pairs = Counter(pair for step in plan.passes for pair in step.pairs)
    pairs.update(list(plan.too_wide))
    assert set(pairs.values()) == {1}
    if y is None:
        unordered = Counter(tuple(sorted(pair)) for pair in pairs)
        assert unordered == Counter(combinations_with_replacement(sorted(x), 2))
    else:
        assert set(pairs) == set(product(x, y))
    for step in plan.passes:
        assert step.rows >= 1
        assert step.n_bytes <= plan.n_bytes <= memory
