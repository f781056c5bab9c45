"""RNN states: the hidden states of LSTM layers over a text, token by token or step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

import isorep
from isorep.paper.data.text_windows import rows_of_text
from isorep.paper.models.awd_lstm import AWDLSTM
from isorep.paper.training.trained_language_model import TrainedLanguageModel

if TYPE_CHECKING:
    from torch import Tensor

Steps = dict[str | float, Mapping[str, NDArray[Any]]]
"""Step (or epoch) -> layer -> (n, p) array, as `isorep.trajectory` takes it."""

ROWS = 10
"""Number of stretches of a text that are read in parallel, each from a state of zeros."""


def over_text(
    model: AWDLSTM,
    tokens: NDArray[np.int64],
    *,
    rows: int = ROWS,
    layers: Sequence[str] | None = None,
    device: torch.device | str | None = None,
) -> isorep.Representations:
    """Return the hidden states of each layer at every token, a row for each token.

    Parameters
    ----------
    model : AWDLSTM
        Network; it runs in evaluation mode.
    tokens : (tokens,) int64 array
        Text. Tokens that do not fill `rows` equal stretches are left out.
    rows : int
        Number of stretches of the text.
    layers : sequence of str, optional
        Names of the layers; by default all.
    device : torch.device or str, optional
        Device to run on.
    """
    text = torch.as_tensor(rows_of_text(tokens, rows))
    return isorep.capture(
        model,
        text,
        layers=model.layers if layers is None else layers,
        reduce="positions",
        device=device,
        progress=False,
    )


def over_epochs(
    trained: TrainedLanguageModel,
    tokens: NDArray[np.int64],
    *,
    rows: int = ROWS,
    layers: Sequence[str] | None = None,
    device: torch.device | str | None = None,
) -> Steps:
    """Return the hidden states over a text at every checkpoint."""
    return {
        epoch: over_text(trained.at(epoch), tokens, rows=rows, layers=layers, device=device)
        for epoch in trained.checkpoints
    }


def by_index(
    model: AWDLSTM,
    tokens: NDArray[np.int64],
    steps: int,
    *,
    rows: int = ROWS,
    device: torch.device | str | None = None,
) -> Steps:
    """Split the hidden states over a text by the index of the token modulo `steps`.

    The network keeps its state throughout: row i at step t is one token after row i at step t - 1,
    and row i at step 0 is one token after row i - 1 at the last step.
    """
    # Each stretch has a whole number of steps, so that indices count the same way in all of them.
    length = len(tokens) // (rows * steps) * steps
    states = over_text(model, tokens[: rows * length], rows=rows, device=device)
    return {
        step: {layer: array[step::steps] for layer, array in states.items()}
        for step in range(steps)
    }


def under_repeated_input(
    model: AWDLSTM,
    tokens: NDArray[np.int64],
    steps: int,
    *,
    start: int,
    stride: int,
    repeated: bool = True,
    device: torch.device | str | None = None,
) -> Steps:
    """Return the hidden states at each of `steps` steps at which the input is the same token.

    A sample begins at every `stride`-th token, from a state of zeros. The network reads `start`
    tokens of the text, and then reads the next token `steps` times. If not `repeated`, it reads
    the next `steps` tokens instead.
    """
    last = start if repeated else start + steps - 1
    begins = np.arange(0, len(tokens) - last, stride)
    positions = np.arange(start + steps)
    index = begins[:, None] + (np.minimum(positions, start) if repeated else positions)
    states = isorep.capture(
        model,
        torch.as_tensor(tokens[index]),
        layers=model.layers,
        reduce=_last(steps),
        # Passages can occur twice, so the first position identifies a sample, not its tokens.
        sample_ids=[int(begin) for begin in begins],
        device=device,
        progress=False,
    )
    by_step = {layer: array.reshape(len(begins), steps, -1) for layer, array in states.items()}
    return {
        step: {layer: array[:, step] for layer, array in by_step.items()} for step in range(steps)
    }


def _last(steps: int) -> Any:
    def last_steps(output: Tensor) -> Tensor:
        return output[:, -steps:].flatten(1)

    return last_steps
