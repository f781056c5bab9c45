"""In memory: join a stream of one model's activations to `Representations`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from isorep.activations.activation_batch import ActivationBatch
from isorep.representations.representations import Representations


def joined(batches: Generator[ActivationBatch, None, None]) -> Representations:
    """Return all samples of the first model of `batches`, which holds at least one batch."""
    chunks: dict[str, list[Tensor]] = {}
    ids: list[str] = []
    labels = []
    with closing(batches):
        for batch in batches:
            last = batch
            ids += batch.sample_ids
            labels.append(batch.labels)
            for name, rows in batch.arrays[0].items():
                chunks.setdefault(name, []).append(rows)
    usable = last.arrays[0]  # a layer that is missing once is dropped
    # Layer by layer, so that only one layer is ever held twice.
    arrays = {name: _whole(chunks.pop(name)) for name in list(chunks) if name in usable}
    known = [batch_labels for batch_labels in labels if batch_labels is not None]
    return Representations(
        arrays,
        sample_ids=ids,
        labels=np.concatenate(known) if len(known) == len(labels) else None,
        reductions=last.reductions[0],
        dtypes=last.dtypes[0],
    )


def _whole(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
