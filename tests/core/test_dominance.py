"""Shares of the variance, against the centred data themselves."""

import numpy as np
import pytest

import isorep
from isorep.core import principal_axes


def naive_shares(x):
    x = x - x.mean(axis=0)
    gram = x @ x.T
    s = np.linalg.svd(x, compute_uv=False)
    for parts in ((x**2).sum(axis=0), np.diag(gram), s**2):
        index, total = int(parts.argmax()), parts.sum()
        part = parts[index]
        yield index, part / total, part**2 / (gram**2).sum(), np.sqrt(part) / s.sum()


@pytest.mark.parametrize("solver", ["gram", "svd"])
@pytest.mark.parametrize("scale", [1.0, 1e150, 1e-150])
def test_shares_of_feature_sample_and_direction(solver, scale, monkeypatch):
    monkeypatch.setattr(principal_axes, "ROWS", 7)  # blocks of rows do not show
    x = np.random.default_rng(0).standard_normal((40, 9))
    x[:, 4] *= 5
    x[17] += 20
    found = isorep.Basis.from_array(scale * x + scale, solver=solver).dominance
    for share, expected in zip(
        (found.feature, found.sample, found.direction), naive_shares(x), strict=True
    ):
        assert (share.index, share.variance, share.squared, found.norm(share)) == (
            expected[0],
            *(pytest.approx(value, rel=1e-9) for value in expected[1:]),
        )


def test_moments_know_no_samples():
    x = np.random.default_rng(0).standard_normal((40, 9))
    found = isorep.Basis.from_moments(isorep.Moments.from_batch(x)).dominance
    expected = isorep.Basis.from_array(x).dominance
    assert found.sample is None
    assert found.feature.variance == pytest.approx(expected.feature.variance)
    assert found.feature_squares == pytest.approx(expected.feature_squares)
