"""Measures of second moments on tensors, on the CPU and on a GPU: the numbers of NumPy to 1e-10."""

import numpy as np
import pytest
import torch
from helpers.devices import each_device

import isorep
from isorep.measures.registry import measure_named

MOMENTS = [
    name
    for name, row in isorep.MEASURES.items()
    if row.from_moments({}) and row.requires == "moments"
]
VARIANTS = ("pwcca(weights_from=y)", "pwcca(weighting=variance)", "svcca(variance=0.8)")


def sides(dtype=np.float64):
    """Return two layers of as many features, which share directions of falling strength."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((403, 6)) * np.geomspace(3, 0.3, 6)
    return tuple(
        (shared @ rng.standard_normal((6, 12)) + rng.standard_normal((403, 12)) + 5).astype(dtype)
        for _ in range(2)
    )


@each_device
@pytest.mark.parametrize("solver", ["gram", "svd"])
def test_measures_of_moments_are_those_of_numpy(device, solver):
    arrays = sides()
    tensors = [torch.as_tensor(side, device=device) for side in arrays]
    o, of_numpy = (isorep.overlap(*pair, solver=solver) for pair in (tensors, arrays))
    assert len(MOMENTS) > 15
    for name in (*MOMENTS, *VARIANTS):
        found, expected = (measure_named(name)(pair) for pair in (o, of_numpy))
        assert found.similarity == pytest.approx(expected.similarity, abs=1e-10), name
        # An angle and a root turn a rounding of eps below their end into sqrt(2 eps).
        assert found.distance == pytest.approx(expected.distance, abs=1e-7), name
        assert (found.x_rank, found.y_rank) == (expected.x_rank, expected.y_rank)
        assert found.warnings == expected.warnings


@each_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_products_are_in_double_precision(device, dtype):
    """Also where training allows TF32, which would leave three digits."""
    tensors = [torch.as_tensor(side, dtype=dtype, device=device) for side in sides()]
    expected = isorep.overlap(
        *(
            isorep.Basis.from_array(tensor.double().cpu().numpy(), dtype=str(dtype)[6:])
            for tensor in tensors
        )
    )
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        found = [measure_named(name)(isorep.overlap(*tensors)) for name in ("pwcca", "cka")]
    finally:
        torch.set_float32_matmul_precision(before)
    for name, score in zip(("pwcca", "cka"), found, strict=True):
        assert score.similarity == pytest.approx(
            measure_named(name)(expected).similarity, abs=1e-10
        )


@each_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_float32_products_are_no_coarser_where_training_allows_it(device, dtype):
    tensors = [torch.as_tensor(side, dtype=dtype, device=device) for side in sides()]
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        score = isorep.cka(*tensors, precision="single")
        table = isorep.compare(
            *({"l": side} for side in tensors), measures="cka", precision="single", progress=False
        )
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)
    expected = isorep.cka(*(side.double().cpu().numpy() / 3 for side in tensors))
    assert (score.precision, table.attrs["precision"]) == ("single", "single")
    assert abs(score.similarity - expected.similarity) <= score.error < 2e-6
    assert table["cka"].item() == pytest.approx(score.similarity, abs=score.error)
