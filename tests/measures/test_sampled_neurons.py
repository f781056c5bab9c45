"""CKA of populations of which each side has a sample: brute force, bias and standard error."""

from itertools import permutations, product

import numpy as np
import pytest

import isorep
from isorep.measures.sampled_neurons import sampled_alignment


def samples_of_neurons(seed, n, p, q, shared=1.0, dims=12, noise=0.0):
    """Draw neurons of two populations whose kernels have a known CKA.

    A neuron is a random direction of a code with fixed stimuli, so the kernel of its population is
    ``code code^T``; the second population has another code in a part of its dimensions.
    """
    rng = np.random.default_rng(seed)
    codes = np.random.default_rng(99).standard_normal((2, n, dims)) / np.sqrt(
        np.arange(1, dims + 1)
    )
    kept = round(shared * dims)
    codes[1][:, :kept] = codes[0][:, :kept]
    x, y = (
        code @ rng.standard_normal((dims, width)) + noise * rng.standard_normal((n, width))
        for code, width in zip(codes, (p, q), strict=True)
    )
    return codes, x - x.mean(axis=0), y - y.mean(axis=0)


def naive_hsic(pairs, groups):
    """Mean over tuples of samples of different groups, one term at a time (Song et al. 2007)."""
    values = []
    n = len(groups)
    tuples = [rows for rows in permutations(range(n), 4) if len({groups[row] for row in rows}) == 4]
    two, three = (
        [rows for rows in permutations(range(n), size) if len({groups[i] for i in rows}) == size]
        for size in (2, 3)
    )
    for a, b in pairs:
        k, l = np.outer(a, a), np.outer(b, b)  # noqa: E741
        values.append(
            np.mean([k[i, j] * l[i, j] for i, j in two])
            - 2 * np.mean([k[i, j] * l[i, m] for i, j, m in three])
            + np.mean([k[i, j] * l[m, r] for i, j, m, r in tuples])
        )
    return np.mean(values)


@pytest.mark.parametrize("groups", [range(7), [0, 0, 1, 2, 2, 3, 4]], ids=["samples", "groups"])
def test_equals_the_mean_over_tuples_of_samples_and_pairs_of_neurons(groups):
    _, x, y = samples_of_neurons(0, 7, 4, 5, dims=3, noise=0.2)
    x, y = (side + 2 * side[:, :1] for side in (x, y))
    x_norm, y_norm = (naive_hsic(permutations(side.T, 2), groups) for side in (x, y))
    expected = naive_hsic(product(x.T, y.T), groups) / np.sqrt(x_norm * y_norm)
    passed = None if isinstance(groups, range) else np.array(groups)
    assert sampled_alignment(x, y, passed).value == pytest.approx(expected, rel=1e-10)
    assert sampled_alignment(y, x, passed).value == pytest.approx(expected, rel=1e-10)
    if passed is None:  # one sample a group
        each = sampled_alignment(x, y, np.arange(7))
        assert each.value == pytest.approx(expected, rel=1e-10)


def test_the_standard_error_is_that_of_leaving_out_each_neuron():
    _, x, y = samples_of_neurons(1, 30, 8, 6, shared=0.5)
    variance = 0.0
    for side, width in ((0, 8), (1, 6)):
        replicates = []
        for neuron in range(width):
            sides = [x, y]
            sides[side] = np.delete(sides[side], neuron, axis=1)
            replicates.append(sampled_alignment(*sides).value)
        variance += (width - 1) * np.var(replicates)
    assert sampled_alignment(x, y).error == pytest.approx(np.sqrt(variance), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [1.0, 0.25])
def test_few_neurons_leave_little_bias(shared):
    """The stimuli are all there are: the populations' CKA over them is the naive one of the codes.

    Its unbiased norms are of samples of stimuli, so the expected value has them too.
    """
    codes, *_ = samples_of_neurons(0, 200, 3, 3, shared)
    true = isorep.measures.cka_debiased(*codes).similarity
    draws = [sampled_alignment(*samples_of_neurons(s, 200, 25, 25, shared)[1:]) for s in range(200)]
    values = np.array([draw.value for draw in draws])
    raw = np.mean(
        [
            isorep.measures.cka_debiased(*samples_of_neurons(s, 200, 25, 25, shared)[1:]).similarity
            for s in range(20)
        ]
    )
    assert raw < true - 0.1 * true
    assert np.mean(values) == pytest.approx(true, abs=0.05)
    # The standard error is right on average over samples of neurons.
    error = np.sqrt(np.mean([draw.error**2 for draw in draws]))
    assert 0.8 < error / values.std() < 1.8


def test_the_measure_takes_populations():
    _, x, y = samples_of_neurons(2, 150, 60, 80)
    score = isorep.measures.cka_debiased(x + 3, 2 * y - 1, features="sampled")
    expected = min(sampled_alignment(x, y).value, 1.0)
    assert score.similarity == pytest.approx(expected, rel=1e-9)
    assert score.warnings == ()
    assert score.measure == "cka_debiased"
    assert isorep.measures.cka_debiased(x, y).similarity < score.similarity - 0.05
    groups = np.arange(150) // 3
    grouped = isorep.measures.cka_debiased(x, y, features="sampled", groups=groups)
    expected = min(sampled_alignment(x, y, groups).value, 1.0)
    assert grouped.similarity == pytest.approx(expected, rel=1e-9)
    table = isorep.compare({"v1": x}, {"it": y}, measures="cka_debiased(features=sampled)")
    assert table["cka_debiased(features=sampled)"].item() == pytest.approx(score.similarity)
    result = isorep.infer(x, y, "cka_debiased(features=sampled)", n_permutations=99)
    assert (result.p_value, result.chance) == (0.01, 0.0)


def test_unrelated_populations_are_at_zero():
    values = [
        sampled_alignment(*samples_of_neurons(s, 60, 30, 30, shared=0)[1:]).value for s in range(60)
    ]
    codes = samples_of_neurons(0, 60, 3, 3, shared=0)[0]
    true = isorep.measures.cka_debiased(*codes).similarity
    assert abs(true) < 0.1
    assert np.mean(values) == pytest.approx(true, abs=4 * np.std(values) / np.sqrt(60))


def test_warns_of_few_neurons_with_a_standard_error():
    _, x, y = samples_of_neurons(3, 100, 6, 6)
    with pytest.warns(isorep.CodedWarning, match=r"6 and 6 neurons are few: .* standard error of"):
        score = isorep.measures.cka_debiased(x, y, features="sampled")
    assert [text.code for text in score.warnings] == ["few-neurons"]


def test_refuses_neurons_that_have_nothing_in_common():
    x = np.random.default_rng(4).standard_normal((400, 3))
    x = np.linalg.qr(x - x.mean(axis=0))[0]
    with pytest.raises(ValueError, match="the 3 neurons of x have nothing in common"):
        isorep.measures.cka_debiased(x, x, features="sampled")
    with pytest.raises(ValueError, match="x needs at least 3 neurons, got 2"):
        isorep.measures.cka_debiased(x[:, :2], x, features="sampled")
    with pytest.raises(ValueError, match="needs at least 4 samples, got 3"):
        isorep.measures.cka_debiased(x[:3], x[:3], features="sampled")
    with pytest.raises(ValueError, match="at least 4 independent groups, got 3"):
        isorep.measures.cka_debiased(x, x, features="sampled", groups=np.arange(400) % 3)
