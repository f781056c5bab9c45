import numpy as np
import pytest
import torch

from isorep.activations.position_mask import BAG, PositionMask


def masks(n, n_positions):
    """Return masks with padding on the right, on the left, in between, and without any."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, n_positions + 1, (n, 1), generator=generator)
    positions = torch.arange(n_positions)
    holes = torch.rand(n, n_positions, generator=generator) < 0.7
    holes[:, 0] = True
    full = torch.ones(n, n_positions, dtype=torch.bool)
    return [positions < lengths, positions >= n_positions - lengths, holes, full]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_positions", [1, BAG, BAG + 1, 40, 300])
@pytest.mark.parametrize("p", [0, 7, 32, 96])
def test_sums_do_not_read_padding(n_positions, p, dtype):
    for values in masks(3, n_positions):
        generator = torch.Generator().manual_seed(n_positions)
        x = torch.randn(3, n_positions, p, dtype=dtype, generator=generator)
        x[~values] = torch.nan
        mask = PositionMask(values)
        expected = np.stack([y[kept].double().sum(0) for y, kept in zip(x, values, strict=True)])
        sums = mask.sum(x, dtype)
        assert sums.dtype == dtype
        tolerance = 100 * torch.finfo(dtype).eps
        np.testing.assert_allclose(sums, expected, rtol=tolerance, atol=tolerance)
        assert mask.counts.flatten().tolist() == values.sum(1).tolist()


@pytest.mark.parametrize("p", [7, 32])
def test_a_strided_tensor_has_the_same_sums_and_rows(p):
    for values in masks(3, 20):
        x = torch.randn(3, 20, p, generator=torch.Generator().manual_seed(0))
        strided = x.mT.contiguous().mT
        assert not strided.is_contiguous()
        mask = PositionMask(values)
        assert torch.equal(mask.select(x), x[values])
        assert torch.equal(mask.select(strided), x[values])
        assert torch.equal(mask.set_padding(-1, x), mask.set_padding(-1, strided))
        np.testing.assert_allclose(
            mask.sum(x, torch.float32), mask.sum(strided, torch.float32), rtol=1e-5, atol=1e-5
        )


def test_half_precision_is_added_in_float32():
    x = torch.full((1, 4099, 32), 100.0, dtype=torch.float16)
    sums = PositionMask(torch.ones(1, 4099, dtype=torch.bool)).sum(x, torch.float32)
    np.testing.assert_array_equal(sums, np.full((1, 32), 409900.0))


@pytest.mark.parametrize("shape", [(3, 19), (2, 20), (6, 10)])
def test_a_mask_of_another_shape_is_an_error(shape):
    mask = PositionMask(masks(3, 20)[0])
    x = torch.randn(*shape, 32)
    for use in (
        mask.select,
        lambda x: mask.sum(x, torch.float32),
        lambda x: mask.set_padding(0, x),
    ):
        with pytest.raises(ValueError, match=r"samples and positions, and its mask has \(3, 20\)"):
            use(x)
