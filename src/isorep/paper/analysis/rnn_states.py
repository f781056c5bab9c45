"""RNN states: what each LSTM layer puts out over a text, token by token or step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from isorep.activations.capture import capture
from isorep.paper.models.awd_lstm import AWDLSTM
from isorep.paper.models.language_model import TrainedLanguageModel, rows_of_text
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    from torch import Tensor

Steps = dict[str | float, Mapping[str, NDArray[Any]]]
"""Step (or epoch) -> layer -> (n, p) array, as `isorep.trajectory` takes it."""

ROWS = 10
"""Stretches that a text is read in, side by side, each from a state of zeros."""


def over_text(
    model: AWDLSTM,
    tokens: NDArray[np.int64],
    *,
    rows: int = ROWS,
    layers: Sequence[str] | None = None,
    device: torch.device | str | None = None,
) -> Representations:
    """Return the hidden states of each layer at every token, a row for each token.

    Parameters
    ----------
    model : AWDLSTM
        Run in evaluation mode.
    tokens : (tokens,) int64 array
        The text. What does not fill the last column of `rows` equal stretches is left out.
    rows : int
        Stretches that the text is read in.
    layers : sequence of str, optional
        Which layers; by default all.
    device : torch.device or str, optional
        Where to run.
    """
    text = torch.as_tensor(rows_of_text(tokens, rows))
    return capture(
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
    """Return the hidden states over one text at every checkpoint, epoch by epoch."""
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

    The state is carried on throughout: row i at step t follows row i at step t - 1 by one token,
    and row i at step 0 follows row i - 1 at the last step.
    """
    # Stretches of whole numbers of steps, so that the index in a stretch is that in the text.
    length = len(tokens) // (rows * steps) * steps
    states = over_text(model, tokens[: rows * length], rows=rows, device=device)
    return {
        step: {layer: array[step::steps] for layer, array in states.items()}
        for step in range(steps)
    }


def of_repeated_input(
    model: AWDLSTM,
    tokens: NDArray[np.int64],
    steps: int,
    *,
    start: int,
    stride: int,
    device: torch.device | str | None = None,
) -> Steps:
    """Return the hidden states at each of `steps` steps in which the input stays the same.

    A sample begins at every `stride`-th token, from a state of zeros. It reads `start` tokens of
    the text, and then the next one `steps` times over.
    """
    begins = np.arange(0, len(tokens) - start, stride)
    index = begins[:, None] + np.minimum(np.arange(start + steps), start)
    states = capture(
        model,
        torch.as_tensor(tokens[index]),
        layers=model.layers,
        reduce=_last(steps),
        # Texts repeat themselves, so a sample is known by where it begins and not by its tokens.
        sample_ids=[int(begin) for begin in begins],
        device=device,
        progress=False,
    )
    apart = {layer: array.reshape(len(begins), steps, -1) for layer, array in states.items()}
    return {
        step: {layer: array[:, step] for layer, array in apart.items()} for step in range(steps)
    }


def _last(steps: int) -> Any:
    def last_steps(output: Tensor) -> Tensor:
        return output[:, -steps:].flatten(1)

    return last_steps
