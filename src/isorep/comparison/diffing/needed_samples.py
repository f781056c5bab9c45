"""Needed samples: how many the layers of a diff need, told before models run on all data."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from typing import Any

from isorep.core.warning_text import WarningText, issue
from isorep.measures.sample_size_warnings import near_edge, samples_to_correct
from isorep.representations.representations import Representations


def n_samples_of(data: Any, max_samples: int | None) -> int | None:
    """Return how many samples the data have; None if only reading them would tell.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.zeros((6, 2))
    >>> n_samples_of(x, None), n_samples_of([x, (x, None)], None), n_samples_of({"x": x}, 4)
    (6, 12, 4)
    """
    dataset = getattr(data, "dataset", data)  # of a DataLoader, whose own length is in batches
    n = None
    if dataset is not data:
        n = len(dataset) if isinstance(dataset, Sized) else None
    elif isinstance(data, tuple) and len(data) == 2 and getattr(data[1], "ndim", None) == 1:
        n = _rows(data)  # inputs and labels
    elif isinstance(data, list | tuple):
        sizes = [_rows(batch) for batch in data]
        n = None if None in sizes else sum(size for size in sizes if size is not None)
    elif hasattr(data, "shape") or isinstance(data, Mapping):
        n = _rows(data)
    elif isinstance(data, Sized) and hasattr(data, "__getitem__"):  # a Dataset
        n = len(data)
    if n is None or max_samples is None:
        return n
    return min(n, max_samples)


def _rows(batch: Any) -> int | None:
    """Return the number of samples of a batch."""
    if isinstance(batch, Mapping):
        batch = next(iter(batch.values()), None)
    elif isinstance(batch, tuple | list):
        batch = batch[0] if batch else None
    shape = getattr(batch, "shape", None)
    return int(shape[0]) if shape else None


def warn_of_few_samples(layers: Representations, n: int) -> None:
    """Warn if n samples are too few to judge some of the layers, by their widths.

    Parameters
    ----------
    layers : Representations
        Layers with any number of samples.
    n : int
        Number of samples that will be compared.
    """
    widths = {
        name: array.shape[1]
        for name, array in layers.items()
        if layers.reductions.get(name) != "positions"
    }
    narrow = [name for name, width in widths.items() if not near_edge(n, width, width)]
    if len(narrow) == len(widths):
        return
    widest = max(widths.values())
    enough = samples_to_correct(widest, widest)
    text = WarningText(
        "few-samples-to-correct",
        f"{n} samples may be too few to judge {len(widths) - len(narrow)} of {len(layers)} layers, "
        f"which have up to {widest} features",
        f"take {enough} samples, choose narrower layers (layers=), or use measure='cka_debiased', "
        "which needs fewer",
    )
    issue([text], stacklevel=3)
