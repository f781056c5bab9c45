"""In memory: join a stream of one model's activations to `Representations`."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep.activations.activation_batch import ActivationBatch
from isorep.representations.representations import Representations
from isorep.representations.row_positions import RowPositions


def joined(batches: Generator[ActivationBatch, None, None]) -> Representations:
    """Return all samples of the first model of `batches`, which holds at least one batch."""
    chunks: dict[str, list[Any]] = {}
    ids: list[str] = []
    labels = []
    positions, n_before = _Positions(), 0
    with closing(batches):
        for batch in batches:
            last = batch
            ids += batch.sample_ids
            labels.append(batch.labels)
            for name, rows in batch.arrays[0].items():
                chunks.setdefault(name, []).append(rows)
            positions.add(batch.row_positions[0], n_before)
            n_before += batch.n_samples
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
        row_positions=positions.of(arrays),
    )


class _Positions:
    """The row positions of all layers, batch by batch; layers that share them share the result."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[np.int64]]] = {}

    def add(self, row_positions: Mapping[str, NDArray[np.int64]], n_before: int) -> None:
        """Add the rows of a batch, which `n_before` samples came before."""
        shifted = {id(rows): rows + np.array([n_before, 0, 0]) for rows in row_positions.values()}
        for name, rows in row_positions.items():
            self._parts.setdefault(name, []).append(shifted[id(rows)])

    def of(self, layers: Iterable[str]) -> dict[str, RowPositions]:
        """Return the row positions of these layers, of those that have some."""
        whole: dict[tuple[int, ...], RowPositions] = {}
        result = {}
        for name in layers:
            if parts := self._parts.get(name):
                key = tuple(map(id, parts))
                if key not in whole:
                    whole[key] = RowPositions.from_array(np.concatenate(parts))
                result[name] = whole[key]
        return result


def _whole(parts: list[Any]) -> Any:
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import torch

    return torch.cat(parts)
