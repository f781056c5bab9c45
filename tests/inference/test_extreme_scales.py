"""Inference does not depend on the unit of the data, down to the smallest numbers of float64."""

import numpy as np
import pytest

import isorep

RNG = np.random.default_rng(0)
SHARED, NOISE = RNG.standard_normal((2, 60, 5))
X, Y = SHARED, SHARED + 2 * NOISE
SCALES = [1e-310, 1e-200, 1e154, 1e300]


def overlap(scale):
    # A power of two, so that a scaled number has the same digits; 1e-310 itself has only 13.
    return isorep.overlap(X * 2.0 ** round(np.log2(scale)), Y)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("measure", ["pwcca", "cka"])
def test_infer(scale, measure):
    found, expected = (
        isorep.infer(o.x, o.y, measure, n_permutations=20, seed=0)
        for o in (overlap(scale), overlap(1.0))
    )
    for name in ("similarity", "corrected", "interval", "chance", "calibrated", "p_value"):
        value = getattr(expected, name)
        assert np.isfinite(value).all()
        np.testing.assert_allclose(getattr(found, name), value, rtol=1e-9, err_msg=name)
    assert found.n_significant == expected.n_significant


@pytest.mark.parametrize("scale", SCALES[1:])
def test_held_out_and_directions(scale):
    np.testing.assert_allclose(
        isorep.inference.held_out(overlap(scale)).correlations,
        isorep.inference.held_out(overlap(1.0)).correlations,
        rtol=1e-9,
    )
    o = overlap(scale)
    x = X * 2.0 ** round(np.log2(scale))
    np.testing.assert_allclose((x - x.mean(0)) @ o.x_directions, o.x_variates, rtol=0, atol=1e-12)


def test_directions_that_no_float_can_hold():
    """Directions are in units of 1 / x."""
    o = overlap(1e-310)
    with pytest.raises(ValueError, match=r"largest singular value .*e-310\) exceed float64; mul"):
        _ = o.x_directions
    with pytest.raises(ValueError, match="exceed float64"):
        isorep.inference.held_out(o)
    assert np.isfinite(o.y_directions).all()
