"""Position reductions against the reductions of PyTorch tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from isorep._utils.position_reductions import POSITION_REDUCTIONS
from isorep.activations.reductions import reduction

X = np.random.default_rng(0).standard_normal((4, 3, 2)).astype(np.float32)
MASK = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0], [1, 1, 1]]) == 1


@pytest.mark.parametrize("name", list(POSITION_REDUCTIONS))
@pytest.mark.parametrize("mask", [None, MASK])
def test_they_are_those_of_tensors(name, mask):
    of_tensor = reduction(name).rows(
        torch.from_numpy(X), [2], None if mask is None else torch.from_numpy(mask)
    )
    assert_allclose(POSITION_REDUCTIONS[name](X, mask), of_tensor.numpy(), rtol=1e-6)


def test_means_of_half_precision_are_single():
    x = np.full((1, 5000, 1), 0.1, np.float16)
    mean = POSITION_REDUCTIONS["mean"](x, None)
    assert mean.dtype == np.float32
    assert_allclose(mean, float(np.float16(0.1)), rtol=1e-5)
    assert_allclose(POSITION_REDUCTIONS["mean"](x, np.ones((1, 5000), bool)), mean)
    assert POSITION_REDUCTIONS["mean"](np.array([[[1], [2]]]), None).item() == 1.5
