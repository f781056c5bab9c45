"""Sweeps of tensors, on the CPU and on a GPU: the tables of NumPy arrays."""

import numpy as np
import pytest
import torch
from helpers.devices import each_device, on
from helpers.sweeps import networks

import isorep
from isorep.comparison.sweeps import network

MEASURES = ["pwcca", "cca", "svcca", "cka", "procrustes", "linear_regression_y_from_x"]


@pytest.fixture(autouse=True)
def _as_on_a_device(monkeypatch):
    """Have tensors of the CPU stand in for those of a GPU."""
    monkeypatch.setattr(network, "on_a_device", torch.is_tensor)


@each_device
@pytest.mark.parametrize(("precision", "near"), [("double", 1e-10), ("single", 1e-5)])
@pytest.mark.parametrize("tf32", [False, True])
def test_a_sweep_gives_the_table_of_numpy(device, precision, near, tf32):
    arrays = networks(count=5)
    tensors = {name: on(device, layers) for name, layers in arrays.items()}
    expected = isorep.pairwise(arrays, measures=MEASURES, precision=precision)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        table = isorep.pairwise(tensors, measures=MEASURES, precision=precision)
        assert torch.get_float32_matmul_precision() == ("high" if tf32 else "highest")
    finally:
        torch.set_float32_matmul_precision(before)
    for name in MEASURES:
        np.testing.assert_allclose(table[name], expected[name], rtol=0, atol=near, err_msg=name)
    for name in ("rank", "n_samples", "warnings", "reason"):
        assert table[name].equals(expected[name]), name


@each_device
def test_a_sweep_of_a_device_resumes(device, tmp_path):
    tensors = {name: on(device, layers) for name, layers in networks(count=4).items()}
    out = tmp_path / "sweep.zarr"
    first = isorep.pairwise(tensors, measures="cka", out=out)
    again = isorep.pairwise(tensors, measures="cka", out=out)
    np.testing.assert_array_equal(first["cka"], again["cka"])


@each_device
def test_a_trajectory_on_a_device(device):
    arrays = networks(count=4)
    states = {step: on(device, layers) for step, layers in enumerate(arrays.values())}
    path = isorep.trajectory(states, reference="last", measures="pwcca")
    expected = isorep.trajectory(dict(enumerate(arrays.values())), reference="last",
                                 measures="pwcca")  # fmt: skip
    np.testing.assert_allclose(path["pwcca"], expected["pwcca"], rtol=0, atol=1e-10)
