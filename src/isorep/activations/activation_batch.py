"""Activation batch: the activations of one or several models on one batch of samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ActivationBatch:
    """The activations of the layers of each model on one batch.

    Parameters
    ----------
    arrays
        For each model, layer name to array (rows, p), in the order in which the layers ran: of
        PyTorch for a model, of NumPy for a function. Rows are the samples of the batch, or with the
        reduction ``"positions"`` their positions. If a layer turns out to have no row for each
        sample, it is missing from then on; drop its rows of earlier batches.
    sample_ids
        One id for each sample of the batch.
    labels
        One label for each sample, (n_samples,), or None if the batch had none.
    dtypes
        For each model, layer name to the coarsest dtype that the rows passed through.
    reductions
        For each model, layer name to the reduction that made the rows.
    row_positions
        For each model, layer name to an array (rows, 3) for layers whose rows are positions: the
        number of the sample in the batch, the position, and the token id or -1.

    Examples
    --------
    >>> import torch
    >>> from isorep.activations import stream
    >>> batch = next(stream([torch.nn.Sequential(torch.nn.Linear(3, 4))], torch.rand(300, 3)))
    >>> batch.n_samples, batch.arrays[0]["0"].shape, len(batch.sample_ids)
    (256, torch.Size([256, 4]), 256)
    """

    arrays: tuple[dict[str, Any], ...]
    sample_ids: tuple[str, ...]
    labels: NDArray[Any] | None
    dtypes: tuple[dict[str, str], ...]
    reductions: tuple[dict[str, str], ...]
    row_positions: tuple[dict[str, NDArray[np.int64]], ...]

    @property
    def n_samples(self) -> int:
        """Number of samples in the batch."""
        return len(self.sample_ids)
