"""Shared parts: a table that shares them has the numbers that each cell has alone."""

import itertools

import numpy as np
import pytest

import isorep
from isorep.core import orders as orders_module
from isorep.core.folds import assign_folds
from isorep.core.orders import Orders
from isorep.inference import shared_parts
from isorep.inference.infer import examine
from isorep.inference.shared_parts import SharedParts
from isorep.measures.registry import measures_named

MEASURES_SHARING = [
    pytest.param(["pwcca(weights_from=y)", "cka"], id="moments"),
    pytest.param(
        ["pwcca", "pwcca(weights_from=y)", "procrustes", "linear_regression"],
        id="more moments",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        ["cka", "cka_debiased", "linear_regression(folds=5)", "mutual_knn"],
        id="samples",
        marks=pytest.mark.slow,
    ),
]


def nets(n=120):
    rng = np.random.default_rng(3)
    shared = rng.standard_normal((n, 3))

    def layer(width):
        return np.hstack([shared, rng.standard_normal((n, width))]) @ rng.standard_normal(
            (width + 3, width)
        )

    return {"a0": layer(4), "a1": layer(7)}, {"b0": layer(5), "b1": layer(3)}


@pytest.mark.slow
@pytest.mark.parametrize("specs", MEASURES_SHARING)
def test_a_table_of_several_measures_holds_what_infer_says_of_each(specs):
    a, b = nets()
    del b["b1"]
    inferred = {"correct": True, "interval": True, "chance": True}
    table = isorep.compare(a, b, measures=specs, **inferred, n_permutations=29, seed=2)
    for (i, x), (j, y) in itertools.product(a.items(), b.items()):
        cell = table.sel(x_layer=i, y_layer=j)
        for row in measures_named(specs):
            alone = isorep.infer(x, y, row.label, n_permutations=29, seed=2)
            low, high = alone.interval
            values = {**vars(alone), "low": low, "high": high}
            for name in ("corrected", "low", "high", "chance", "calibrated", "p_value"):
                np.testing.assert_allclose(
                    cell[f"{row.label}_{name}"].item(), values[name], rtol=1e-9, atol=1e-12
                )


def test_a_measure_that_fails_costs_its_own_numbers_alone():
    x, y = (next(iter(side.values())) for side in nets())
    rows = measures_named(["cka", "cosine"])  # cosine needs as many neurons on both sides
    results = examine(isorep.overlap(x, y), rows, n_permutations=9)
    assert isinstance(results["cosine"], ValueError)
    assert results["cka"].inference == isorep.infer(x, y, "cka", n_permutations=9)


@pytest.mark.parametrize("kept", [2**27, 0])
def test_overlaps_without_a_block_are_those_of_the_other_samples(monkeypatch, kept):
    monkeypatch.setattr(shared_parts, "KEPT", kept)
    a, b = nets(103)
    x = a["a1"] * np.geomspace(1, 1e-5, 7)
    x[:, 6] = x[:, 5]  # a direction less
    y = b["b0"] + 1e3
    block_of = assign_folds(103, 20, None, 1)
    blocks = [np.flatnonzero(block_of == block) for block in range(20)]
    bases = isorep.Basis.from_array(x), isorep.Basis.from_array(y)
    shared = SharedParts(9, 1)
    for _ in range(2):
        stacks = shared.without_each(isorep.overlap(*bases), blocks)
        parts = itertools.chain.from_iterable(stacks)
        for block, part in zip(blocks, parts, strict=True):
            rows = np.delete(np.arange(103), block)
            expected = isorep.overlap(x[rows], y[rows])
            assert part.n_samples == len(rows)
            np.testing.assert_allclose(part.correlations, expected.correlations, atol=1e-9)
            for side, other in ((part.x, expected.x), (part.y, expected.y)):
                np.testing.assert_allclose(side.singular_values, other.singular_values, rtol=1e-8)
                np.testing.assert_allclose(side.mean, other.mean, atol=1e-9)
                np.testing.assert_allclose(
                    side.loadings.T @ side.loadings, other.loadings.T @ other.loadings, atol=1e-8
                )


def test_each_layer_is_taken_apart_once(monkeypatch):
    computed = []
    downdated = shared_parts._downdated
    monkeypatch.setattr(
        shared_parts, "_downdated", lambda *args: computed.append(1) or downdated(*args)
    )
    xs, ys = ([isorep.Basis.from_array(z) for z in side.values()] for side in nets())
    blocks = [np.arange(6 * block, 6 * block + 6) for block in range(20)]
    shared = SharedParts(9, 0)
    for x, y in itertools.product(xs, ys):
        assert sum(map(len, shared.without_each(isorep.overlap(x, y), blocks))) == 20
    assert len(computed) == 4  # layers


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_samples_that_a_direction_needs_are_left_out_with_care(scale):
    """Without one of them, a direction almost vanishes, and the Gram matrix has lost its digits."""
    x = nets()[0]["a0"].copy()
    x[:, 0] *= 1e-9
    x[7, 0] += scale
    basis = isorep.Basis.from_array(x)
    blocks = [np.arange(6 * block, 6 * block + 6) for block in range(20)]
    assert shared_parts._downdated(basis, blocks) is None
    shared = SharedParts(9, 0)
    parts = itertools.chain.from_iterable(shared.without_each(isorep.overlap(basis, basis), blocks))
    for block, part in zip(blocks, parts, strict=True):
        expected = isorep.Basis.from_array(np.delete(x, block, axis=0))
        np.testing.assert_allclose(
            part.x.singular_values[:3], expected.singular_values[:3], rtol=1e-8
        )


def test_a_direction_in_one_block_alone_is_named():
    _, b = nets()
    x = np.zeros((120, 1))
    x[np.flatnonzero(assign_folds(120, 20, None, 0) == 4)[0]] = 1
    table = isorep.compare({"x": x}, b, measures="cka", interval=True)
    assert "varies only in 6 of the 120 samples" in table["warnings"].values[0, 0]


@pytest.mark.parametrize("kept", [2**26, 0])
def test_orders_are_the_same_in_batches_of_any_size(monkeypatch, kept):
    monkeypatch.setattr(orders_module, "KEPT", kept)
    rng = np.random.default_rng(4)
    expected = [rng.permutation(11) for _ in range(10)]
    orders = Orders(11, 10, 4)
    for size in (1, 3, 10, 99):
        np.testing.assert_array_equal(np.concatenate(list(orders.batches(size))), expected)
