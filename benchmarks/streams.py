"""Streams: two models and the data that they run on, beside their forward passes alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from contest import Work
from torch import nn

import isorep


def of_images(n: int) -> dict[str, Work]:
    """Compare two models of the size of a ResNet-18 on images of 32 x 32, all blocks with all."""
    from isorep.paper.models.resnet import ResNet

    torch.manual_seed(0)
    models = [ResNet(2, (64, 128, 256, 512), channels=3, classes=10) for _ in range(2)]
    return _compared(models, torch.split(torch.rand(n, 3, 32, 32), 100), "block?")


def of_texts(n: int) -> dict[str, Work]:
    """Compare two transformers of 6 blocks x 384 on texts of 64 tokens, all blocks with all."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=6, intermediate_size=1536
    )
    models = [BertModel(config) for _ in range(2)]
    tokens = torch.randint(0, config.vocab_size, (n, 64))
    batches = [{"input_ids": batch} for batch in torch.split(tokens, 100)]
    return _compared(models, batches, "encoder.layer.?")


def _compared(models: Sequence[nn.Module], batches: Sequence[Any], layers: str) -> dict[str, Work]:
    for model in models:
        model.eval()

    def forward() -> None:
        with torch.no_grad():
            for batch in batches:
                for model in models:
                    model(**batch) if isinstance(batch, dict) else model(batch)

    compared = partial(
        isorep.compare, *models, data=batches, layers=layers, measures="pwcca", progress=False
    )
    return {"isorep": Work(compared), "floor": Work(forward)}
