"""Ablation: the accuracy of a network as more and more of its filters are set to zero.

Cumulative ablation as in Morcos et al. (2018b), "On the importance of single directions for
generalization": a filter is set to zero at all positions, and the filters of all convolutions
follow in random order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isorep.paper.models.classifier import Classifier
from isorep.paper.training.train import evaluate


def robustness(
    network: Classifier,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    fractions: int,
    orders: int,
    seed: int,
    device: str = "cpu",
) -> float:
    """Return the mean accuracy over shares 0, 1 / fractions, ..., 1 of filters set to zero.

    This is the area under the curve of accuracy over the share of ablated filters, by the
    trapezoidal rule, averaged over random orders.
    """
    curve = ablation_curve(
        network,
        images,
        labels,
        fractions=fractions,
        orders=orders,
        seed=seed,
        device=device,
    ).mean(axis=0)
    return float((curve[1:] + curve[:-1]).mean() / 2)


def ablation_curve(
    network: Classifier,
    images: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    fractions: int,
    orders: int,
    seed: int,
    device: str = "cpu",
) -> NDArray[np.float64]:
    """Return the accuracy as more filters are set to zero, (orders, fractions + 1)."""
    network = network.to(device).eval()
    inputs = torch.as_tensor(images, device=device)
    targets = torch.as_tensor(labels, device=device)
    layers = [network.get_submodule(name) for name in network.layers[:-1]]
    with torch.no_grad():
        widths = _widths(network, layers, inputs[:1])
    total = sum(widths)
    random = np.random.default_rng(seed)
    curve = np.zeros((orders, fractions + 1))
    masks = [torch.ones(width, device=device) for width in widths]
    handles = [
        layer.register_forward_hook(_multiply(mask))
        for layer, mask in zip(layers, masks, strict=True)
    ]
    try:
        for row in curve:
            rank = np.split(random.permutation(total), np.cumsum(widths)[:-1])
            for step in range(fractions + 1):
                ablated = round(total * step / fractions)
                for mask, layer_rank in zip(masks, rank, strict=True):
                    mask.copy_(torch.as_tensor(layer_rank >= ablated))
                row[step] = evaluate(network, inputs, targets)[1]
    finally:
        for handle in handles:
            handle.remove()
        network.cpu()
    return curve


def _widths(network: Classifier, layers: list[nn.Module], images: Tensor) -> list[int]:
    widths: list[int] = []

    def record(module: nn.Module, inputs: Any, output: Tensor) -> None:
        widths.append(output.shape[1])

    handles = [layer.register_forward_hook(record) for layer in layers]
    try:
        network.logits(images)
    finally:
        for handle in handles:
            handle.remove()
    return widths


def _multiply(mask: Tensor) -> Callable[[nn.Module, Any, Tensor], Tensor]:
    return lambda module, inputs, output: output * mask.reshape(-1, *[1] * (output.ndim - 2))
