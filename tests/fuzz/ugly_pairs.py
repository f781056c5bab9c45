"""Ugly pairs: scales, ranks, constants, duplicates and dtypes that real layers have."""

import numpy as np
from helpers.oracle import naive_cca, naive_cka, naive_pwcca
from refusals import REFUSALS, check_refusal

import isorep
from isorep.measures import MEASURES

SKIPPED = {"dft_cca"}  # of maps
ORACLES = {
    "cca": lambda x, y: naive_cca(x, y)[0].mean(),
    "pwcca": naive_pwcca,
    "cka": naive_cka,
}


def ugly_array(rng, n):
    """Return an array with any number of peculiarities, and whether naive formulas hold for it."""
    p = int(rng.choice([1, 2, 3, 5, 8, n // 2, n, n + 3]))
    rank = int(rng.integers(1, p + 1)) if rng.random() < 0.3 else p
    x = rng.standard_normal((n, rank)) @ rng.standard_normal((rank, p))
    is_plain = rank == p and p < n // 2
    if rng.random() < 0.3:
        x += 10.0 ** rng.integers(0, 6)
        is_plain = False
    if rng.random() < 0.3:
        x[:, rng.integers(p)] = rng.choice([0.0, 1.0, 0.1])
        is_plain = False
    if rng.random() < 0.3:
        x = np.concatenate([x, x[:, : rng.integers(1, p + 1)]], axis=1)
        is_plain = False
    if rng.random() < 0.2:
        x = np.maximum(x, 0)
        is_plain = False
    if rng.random() < 0.2:
        x[rng.integers(n)] *= 1e4
        is_plain = False
    if rng.random() < 0.2:
        x = x[rng.integers(n, size=n)]  # samples that come twice
        is_plain = False
    if rng.random() < 0.4:
        with np.errstate(all="ignore"):
            x = x * 10.0 ** rng.choice([-310, -300, -170, -155, -20, 20, 150, 155, 170, 300, 306])
        is_plain = False
    if rng.random() < 0.3:
        with np.errstate(all="ignore"):
            x = x.astype(rng.choice(["f4", "f2", "i4", "?", "u1"]))
        is_plain = False
    return x, is_plain


def ugly_pair(rng, folder):
    """Compare two arrays by a measure, with options: a number in its range, or a refusal."""
    n = int(rng.choice([2, 3, 5, 8, 20, 60]))
    x, x_is_plain = ugly_array(rng, n)
    y, y_is_plain = (x, x_is_plain) if rng.random() < 0.1 else ugly_array(rng, n)
    names = sorted(set(MEASURES) - SKIPPED)
    name = names[rng.integers(len(names))]
    options = {"correct": True, "seed": int(rng.integers(3))} if rng.random() < 0.3 else {}
    if rng.random() < 0.2:
        options["groups"] = np.arange(n) // 2
    with np.errstate(all="ignore"):
        try:
            score = isorep.similarity(x, y, name, **options)
        except REFUSALS as error:
            check_refusal(error)
            return
        check_range(name, score, options)
        if not options and x_is_plain and y_is_plain and name in ORACLES and x is not y:
            expected = ORACLES[name](x, y)
            np.testing.assert_allclose(score.similarity, expected, rtol=1e-6, atol=1e-9)
        if not options:
            check_units(rng, name, score, x, y)
        if rng.random() < 0.1:
            check_table(name, x, y)


def check_range(name, score, options):
    assert np.isfinite(score.similarity), f"{name} {options}: {score.similarity}"
    assert np.isfinite(score.distance), f"{name} {options}: distance {score.distance}"
    low, high = MEASURES[name].similarity_range
    assert low - 1e-9 <= score.similarity <= high + 1e-9, f"{name} {options}: {score.similarity}"


def check_units(rng, name, score, x, y):
    """A measure that knows no units does not change if all numbers are doubled, exactly."""
    if not MEASURES[name].invariance or x.dtype.kind != "f" or name in ("euclidean", "gulp"):
        return
    with np.errstate(all="ignore"):
        doubled = x * x.dtype.type(2)
    if not (np.isfinite(doubled).all() and np.array_equal(doubled / 2, x)):
        return
    try:
        other = isorep.similarity(doubled, y, name)
    except REFUSALS:
        return  # such as too large now
    if name == "ridge_cca":
        return
    np.testing.assert_allclose(other.similarity, score.similarity, rtol=1e-6, atol=1e-7)


def check_table(name, x, y):
    """In a table, NaN has a reason."""
    try:
        table = isorep.compare({"a": x, "b": np.zeros(x.shape)}, {"c": y}, measures=name)
    except REFUSALS as error:
        check_refusal(error)
        return
    nan = np.isnan(table[MEASURES[name].label].values)
    reasons = table["reason"].values
    assert (reasons[nan] != "").all(), f"{name}: NaN without a reason"
