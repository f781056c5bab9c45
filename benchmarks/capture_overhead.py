"""Time that a capture adds to the forward passes of a model.

``OMP_NUM_THREADS=1 python benchmarks/capture_overhead.py [--batches 12] [--device cuda]``

Each batch goes through copies of the model in turn: alone, captured, and with hooks that only copy
the outputs of the same layers; for all layers and for the blocks. The copy is what a capture of all
positions cannot do without. Times are processor time on a CPU, which other work on the machine
changes little on one thread, and seconds on a GPU. The median over the batches counts, also of what
takes how many times as long as the forward of the same batch. The first batch of a capture, in
which the first samples run again to find the axes, is a column of its own: it is paid once.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from isorep.activations import stream
from isorep.activations.layers import select
from isorep.activations.outputs import tensors_in

Batch = Tensor | dict[str, Tensor]


def main() -> None:
    """Print a row for each model and choice of layers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=12)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = torch.device(options.device)
    print(
        "| model | layers | forward, ms a batch | captured, ms a batch | over the forward | "
        "us a layer and batch | first batch, over the forward | copy of the outputs, over the "
        "forward |\n|---|---|---|---|---|---|---|---|"
    )
    for name, make in MODELS.items():
        model, batches, blocks = make(options.batches + 1)
        for row in rows(model.to(device).eval(), batches, blocks, device):
            print(f"| {name} | {row}", flush=True)


def rows(
    model: nn.Module, batches: Sequence[Batch], blocks: str, device: torch.device
) -> list[str]:
    """Return what a capture of all layers, and one of the blocks, cost beside the forward."""
    alone = copy.deepcopy(model)
    passes = {
        layers: stream([copy.deepcopy(model)], batches, keep_on=None, layers=layers, progress=False)
        for layers in ("*", blocks)
    }
    copying = {layers: _copying(copy.deepcopy(model), layers) for layers in passes}
    moved = [_to(batch, device) for batch in batches]
    forward: list[float] = []
    captured: dict[str, list[float]] = {layers: [] for layers in passes}
    copied: dict[str, list[float]] = {layers: [] for layers in passes}
    counts: dict[str, int] = {}
    _forward(alone, moved[0])
    for batch in moved:
        forward.append(_seconds(lambda batch=batch: _forward(alone, batch), device)[1])
        for layers, activations in passes.items():
            record, seconds = _seconds(lambda activations=activations: next(activations), device)
            counts[layers] = len(record.arrays[0])
            captured[layers].append(seconds)
            copies = copying[layers]
            copied[layers].append(
                _seconds(lambda batch=batch, copies=copies: _forward(copies, batch), device)[1]
            )
    base = statistics.median(forward[1:])
    lines = []
    for layers, seconds in captured.items():
        ratio = _over(forward, seconds)
        lines.append(
            f"{counts[layers]} ({'all' if layers == '*' else layers}) | {1e3 * base:.1f} | "
            f"{1e3 * statistics.median(seconds[1:]):.1f} | {ratio:.3f} | "
            f"{1e6 * (ratio - 1) * base / counts[layers]:.0f} | {seconds[0] / base:.2f} | "
            f"{_over(forward, copied[layers]):.3f} |"
        )
        passes[layers].close()
    return lines


def _over(forward: Sequence[float], seconds: Sequence[float]) -> float:
    """Return the median over all batches but the first, over the forward of the same batch."""
    return statistics.median(x / base for x, base in zip(seconds[1:], forward[1:], strict=True))


def _copying(model: nn.Module, layers: str) -> nn.Module:
    """Return the model, with hooks that copy the outputs of the layers that a capture selects."""
    for module in select(model, layers, "mean"):
        module.register_forward_hook(_copy_output)
    return model.eval()


def _copy_output(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
    first = next(iter(tensors_in(output)), None)
    if isinstance(first, Tensor):
        first.clone()


def _forward(model: nn.Module, batch: Batch) -> None:
    with torch.no_grad():
        model(**batch) if isinstance(batch, dict) else model(batch)


def _to(batch: Batch, device: torch.device) -> Batch:
    if isinstance(batch, dict):
        return {key: x.to(device) for key, x in batch.items()}
    return batch.to(device)


def _seconds(function: Callable[[], Any], device: torch.device) -> tuple[Any, float]:
    on_gpu = device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.process_time
    start = clock()
    result = function()
    if on_gpu:
        torch.cuda.synchronize(device)
    return result, clock() - start


def resnet(n_batches: int) -> tuple[nn.Module, list[Batch], str]:
    """Return a network of the size of a ResNet-18, images of 32 x 32, and its blocks."""
    from isorep.paper.models.resnet import ResNet

    torch.manual_seed(0)
    model = ResNet(2, (64, 128, 256, 512), channels=3, classes=10)
    return model, [torch.rand(100, 3, 32, 32) for _ in range(n_batches)], "block?"


def transformer(n_batches: int) -> tuple[nn.Module, list[Batch], str]:
    """Return a small BERT with random weights, texts of up to 64 tokens, and its blocks."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024
    )

    def texts() -> Batch:
        lengths = torch.randint(32, 65, (64, 1))
        lengths[0] = 64
        mask = (torch.arange(64) < lengths).long()
        return {"input_ids": torch.randint(0, 30_000, (64, 64)), "attention_mask": mask}

    return BertModel(config), [texts() for _ in range(n_batches)], "encoder.layer.?"


MODELS: dict[str, Callable[[int], tuple[nn.Module, list[Batch], str]]] = {
    "ResNet-18, 100 images of 32 x 32": resnet,
    "BERT of 4 blocks x 256, 64 texts of 64 tokens": transformer,
}


if __name__ == "__main__":
    main()
