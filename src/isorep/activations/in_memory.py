"""Gather: a stream of one model's activations, joined in memory."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from isorep.activations.stream import ActivationBatch
from isorep.representations.representations import Representations


def gather(pieces: Generator[ActivationBatch, None, None]) -> Representations:
    """Return all samples of `pieces`, of which there is at least one; of the first model."""
    chunks: dict[str, list[Tensor]] = {}
    ids: list[str] = []
    labels = []
    with closing(pieces):
        for piece in pieces:
            last = piece
            ids += piece.sample_ids
            labels.append(piece.labels)
            for name, rows in piece.arrays[0].items():
                chunks.setdefault(name, []).append(rows)
    # Joined one by one, so that only one layer is ever held twice.
    (found,), (dtypes,), (reductions,) = last.arrays, last.dtypes, last.reductions
    arrays = {name: _joined(chunks.pop(name)) for name in list(chunks) if name in found}
    known = [x for x in labels if x is not None]
    return Representations(
        arrays,
        sample_ids=ids,
        labels=np.concatenate(known) if len(known) == len(labels) else None,
        reductions=reductions,
        dtypes=dtypes,
    )


def _joined(parts: list[Tensor]) -> Tensor:
    whole = parts[0] if len(parts) == 1 else torch.cat(parts)
    return whole.float() if whole.dtype == torch.bfloat16 else whole  # which NumPy lacks
