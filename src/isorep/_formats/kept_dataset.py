"""Kept dataset: a dataset of xarray that stays open while its variables are read row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.turn import Turn


class KeptDataset:
    """A dataset on disk, which is open from the first read of some rows to the last.

    Opening one with many variables takes a hundred times as long as reading some rows. It is closed
    when every variable that was read in part has been read to its end, or when reading fails.
    Threads take turns. xarray closes the file if the store is deleted before, and keeps 128 files
    open at most.

    Parameters
    ----------
    open_dataset
        Function that opens the dataset.
    """

    def __init__(self, open_dataset: Callable[[], Any]) -> None:
        self._open = open_dataset
        self._dataset: Any = None
        self._unfinished: set[str] = set()
        self._turn = Turn()

    def read(self, key: str, dim: str, rows: slice) -> NDArray[Any]:
        """Return the rows of a variable along `dim`, which is the first axis of the result."""
        block = _block.get()
        with self._turn:
            if self._dataset is None:
                self._dataset = self._open()
            try:
                variable = self._dataset.variables[key]
                values = np.array(variable.isel({dim: rows}).transpose(dim, ...).to_numpy())
                if block is not None:
                    block.add(self)
                elif rows.indices(variable.sizes[dim])[1] < variable.sizes[dim]:
                    self._unfinished.add(key)
                else:
                    self._unfinished.discard(key)
            except BaseException:
                self._close()
                raise
            if not self._unfinished and block is None:
                self._close()
        return values

    def close(self) -> None:
        """Close the dataset, unless it is being read row by row."""
        with self._turn:
            if not self._unfinished:
                self._close()

    def _close(self) -> None:
        dataset, self._dataset = self._dataset, None
        self._unfinished.clear()
        if dataset is not None:
            dataset.close()

    def __reduce__(self) -> tuple[type[KeptDataset], tuple[Callable[[], Any]]]:
        return KeptDataset, (self._open,)


_block: ContextVar[set[KeptDataset] | None] = ContextVar("block", default=None)


@contextmanager
def datasets_open() -> Iterator[None]:
    """Keep the datasets that this thread reads in the block open until its end, then close them.

    A block within another one leaves them open.
    """
    if _block.get() is not None:
        yield
        return
    datasets: set[KeptDataset] = set()
    token = _block.set(datasets)
    try:
        yield
    finally:
        _block.reset(token)
        for dataset in datasets:
            dataset.close()
