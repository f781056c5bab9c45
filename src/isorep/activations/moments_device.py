"""Moments device: where the moments of the activations of models are added up."""

from __future__ import annotations

from math import inf

import torch

from isorep._utils.arrays import on_a_device
from isorep.activations.activation_batch import ActivationBatch

SHARE = 2
"""How many times the bytes of the moments must be free on a device: models need memory too."""


def moments_device(batch: ActivationBatch, n_bytes: int) -> torch.device | None:
    """Return the device of all rows of a batch, for moments that take `n_bytes`.

    Returns None, for NumPy on the host, if the rows are on the CPU or on several devices, or the
    device has no float64 or too little free memory.
    """
    tensors = [rows for arrays in batch.arrays for rows in arrays.values()]
    if len({rows.device for rows in tensors}) != 1 or not on_a_device(tensors[0]):
        return None
    device: torch.device = tensors[0].device
    try:
        torch.empty(0, dtype=torch.float64, device=device)
    except TypeError:
        return None
    return device if has_room(device, n_bytes) else None


def has_room(device: torch.device, n_bytes: int) -> bool:
    """Return whether `n_bytes` fit on a device beside the models."""
    return SHARE * n_bytes <= _free_bytes(device)


def _free_bytes(device: torch.device) -> float:
    """Return the free bytes of a device, inf if PyTorch does not know them."""
    module = getattr(torch, device.type)
    if not hasattr(module, "mem_get_info"):
        return inf
    free, _ = module.mem_get_info(device)
    # PyTorch keeps the memory of tensors that are gone, and gives it to new ones.
    return float(free + module.memory_reserved(device) - module.memory_allocated(device))
