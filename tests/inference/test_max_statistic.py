"""Max statistic: exact by enumeration, monotone, and blind to rounding."""

import itertools

import numpy as np
import pytest

import isorep
from isorep.inference.max_statistic import max_p_values, standardized
from isorep.inference.null_distribution import NullDistribution


def null(similarity, draws):
    return NullDistribution(similarity, np.asarray(draws, float), np.nan, "cka")


def test_p_values_are_those_of_a_count():
    rng = np.random.default_rng(0)
    maxima, observed = rng.standard_normal(50), rng.standard_normal((3, 4))
    observed[1, 2] = maxima[7]  # a tie counts
    expected = [[(1 + sum(m >= z for m in maxima)) / 51 for z in row] for row in observed]
    np.testing.assert_allclose(max_p_values(observed, maxima), expected, rtol=1e-15)


def test_exact_over_all_orders():
    """With all orders of the samples, each as the observed one, p <= alpha in alpha of them."""
    rng = np.random.default_rng(1)
    x, layers = rng.standard_normal(5), rng.standard_normal((3, 5)) ** 3
    orders = [list(order) for order in itertools.permutations(range(5))]
    values = np.array([[abs(np.corrcoef(x, y[order])[0, 1]) for order in orders] for y in layers])
    p_values = []
    for i in range(len(orders)):
        others = np.delete(values, i, axis=1)
        scores = [
            standardized(null(row[i], rest)) for row, rest in zip(values, others, strict=True)
        ]
        maxima = np.max([draws for _, draws in scores], axis=0)
        p_values.append(max_p_values(np.array([z for z, _ in scores]), maxima).min())
    p_values = np.array(p_values)
    for alpha in (0.05, 0.1, 0.5):
        assert np.mean(p_values <= alpha + 1e-12) == pytest.approx(alpha, abs=1e-12)


def test_what_varies_by_rounding_only_is_no_evidence():
    similarity, draws = standardized(null(1.0, 1 - 1e-16 * np.arange(9)))
    assert (similarity, *draws) == (0,) * 10
    # A permutation that gives the similarity up to rounding counts as equal to it.
    similarity, draws = standardized(null(0.5, [0.5 - 1e-15, 0.2, 0.1]))
    assert draws[0] == similarity


def test_no_smaller_than_the_p_value_of_the_cell():
    rng = np.random.default_rng(2)
    a = {f"a{w}": rng.standard_normal((40, w)) for w in (1, 5, 30)}
    b = {f"b{w}": rng.standard_normal((40, w)) + a["a1"] for w in (2, 8)}
    table = isorep.compare(a, b, measures=["cca", "cka"], chance=True, n_permutations=39)
    for measure in ("cca", "cka"):
        p_value, p_max = table[f"{measure}_p_value"], table[f"{measure}_p_max"]
        assert (p_max >= p_value).all()
        assert p_max.min() == 1 / 40
