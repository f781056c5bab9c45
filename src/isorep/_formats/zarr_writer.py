"""Zarr writer: a folder for zarr to write to, in which nothing is written after a failure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING, Self

from zarr.storage import LocalStore

if TYPE_CHECKING:
    from zarr.core.buffer import Buffer


class ZarrWriter(LocalStore):
    """A folder that zarr writes to inside a ``with`` block.

    zarr writes chunks in threads of its own. If one of them fails, as on a full disk, or Ctrl-C
    ends the block, the others would go on and bring back files that the caller has removed. So
    leaving the block by an exception stops all writes, and waits for those that have begun.
    """

    def __enter__(self) -> Self:
        self._writes = Condition()
        self._n_writes = 0
        self._failed = False
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is not None:
            with self._writes:
                self._failed = True
                self._writes.wait_for(lambda: self._n_writes == 0)

    async def set(self, key: str, value: Buffer) -> None:
        """Write a file."""
        with self._write():
            await super().set(key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write a file."""
        with self._write():
            super().set_sync(key, value)

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._writes:
            if self._failed:
                raise OSError(f"writing to {str(self.root)!r} has failed before")
            self._n_writes += 1
        try:
            yield
        except BaseException:
            self._failed = True
            raise
        finally:
            with self._writes:
                self._n_writes -= 1
                self._writes.notify_all()
