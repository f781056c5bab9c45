"""Devices: each test that takes `device` runs on CPU tensors, and on CUDA tensors where it can."""

import pytest
import torch

NO_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

each_device = pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, NO_CUDA])]
)


def on(device, layers):
    """Return the NumPy arrays of layers as tensors on a device."""
    return {name: torch.as_tensor(array, device=device) for name, array in layers.items()}
