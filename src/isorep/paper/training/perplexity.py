"""Perplexity: how well a language model predicts a text."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from isorep.paper.data.text_windows import rows_of_text
from isorep.paper.models.awd_lstm import AWDLSTM, State

_ROWS, _WINDOW = 10, 100


@torch.no_grad()
def perplexity(model: AWDLSTM, tokens: NDArray[np.int64]) -> float:
    """Return ``exp(mean cross entropy)`` of the next word; leaves the model in evaluation mode.

    The text is cut into ten rows (fewer if it is very short). The model reads each row from its
    beginning to its end.
    """
    model.eval()
    device = model.bias.device
    rows = min(_ROWS, len(tokens) // 2)
    text = torch.as_tensor(rows_of_text(tokens, rows), device=device)
    state: State | None = None
    total, last = 0.0, text.shape[1] - 1
    for start in range(0, last, _WINDOW):
        stop = min(start + _WINDOW, last)
        hidden, state = model(text[:, start:stop], state)
        logits = model.decode(hidden).flatten(0, 1)
        targets = text[:, start + 1 : stop + 1].flatten()
        total += cross_entropy(logits, targets, reduction="sum").item()
    mean = total / (rows * last)
    return math.exp(mean) if mean < 700 else math.inf
