"""Kept batches: data that are read once and stay in memory, for several passes."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from isorep._utils.memory import memory_budget, readable


class KeptBatches(Iterable[Any]):
    """The items of an iterable, each of which is read once, when a pass first reaches it.

    Parameters
    ----------
    data
        Iterable of batches, which may be an iterator.

    Raises
    ------
    ValueError
        When a pass would keep more than half of the free memory.

    Examples
    --------
    >>> batches = KeptBatches(iter([1, 2, 3]))
    >>> next(iter(batches)), list(batches), list(batches)
    (1, [1, 2, 3], [1, 2, 3])
    """

    def __init__(self, data: Iterable[Any]) -> None:
        self._source = iter(data)
        self._length = operator.length_hint(data)
        self._items: list[Any] = []
        self._bytes, self._budget = 0, memory_budget(None)

    def __length_hint__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        i = 0
        while i < len(self._items) or self._read():
            yield self._items[i]
            i += 1

    def _read(self) -> bool:
        """Keep one more item; return whether there was one."""
        for item in self._source:
            self._bytes += _bytes_of(item)
            if self._bytes > self._budget:
                raise ValueError(
                    f"the data take more than {readable(self._budget)}, half of the free memory, "
                    "and several checkpoints need them: take fewer samples, or capture the "
                    "checkpoints one at a time"
                )
            self._items.append(item)
            return True
        return False


def _bytes_of(item: Any) -> int:
    if isinstance(item, Mapping):
        return sum(map(_bytes_of, item.values()))
    if isinstance(item, list | tuple):
        return sum(map(_bytes_of, item))
    if hasattr(item, "inputs"):  # a batch that was split before
        return _bytes_of(item.inputs)
    return int(getattr(item, "nbytes", 0))
