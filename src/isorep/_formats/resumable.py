"""Partial: a zarr store that grows, and of which a kill costs only what came last.

A store ``a.zarr`` is made in the folder ``a.zarr.part``, and moves into place when it is complete.
Rows that fill whole chunks are in its arrays. ``progress.npz``, replaced as a whole at each commit,
has what a store's header and labels say, about the samples so far, and the rows that fill no chunk
yet. Whatever else is in the arrays goes when the work is taken up again.
"""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import HEADER, about, layer_key, read_header, read_labels
from isorep._formats.lock import locked
from isorep._formats.npz import members
from isorep._formats.zarr import create, header_of, is_ours, rows_of_chunk
from isorep._utils.atomic import new_file

# Seconds from one commit to the next: what a kill costs at most.
_SECONDS = 20.0
_PROGRESS = "progress.npz"


@dataclass(frozen=True)
class Rows:
    """New rows of one layer, and what is to be said of them.

    Parameters
    ----------
    values
        (rows, p).
    dtype
        The coarsest dtype that they passed through.
    reduction
        What made them.
    bits
        The dtype, which NumPy lacks, that `values` are the bits of; None: they are numbers.
    """

    values: NDArray[Any]
    dtype: str
    reduction: str
    bits: str | None = None


class Partial:
    """The store that will be at a path, as far as it is there; see `open`.

    Attributes
    ----------
    sample_ids
        Of the samples in it.
    complete
        Whether it was complete when it was opened, so that nothing can be added.
    """

    def __init__(self, path: Path, plan: Mapping[str, Any]) -> None:
        self.sample_ids: list[str] = []
        self.complete = False
        self._path = path
        self._part = part_of(path)
        self._plan = dict(plan)
        self._layers: dict[str, _Layer] = {}
        self._labels: list[NDArray[Any]] | None = []
        self._group: Any = None
        self._committed_at = time.monotonic()

    @classmethod
    @contextmanager
    def open(cls, path: Path, plan: Mapping[str, Any]) -> Iterator[Partial]:
        """Begin the store at `path`, or take it up; no two processes at a time.

        Parameters
        ----------
        path
            Where it will be when it is complete.
        plan
            What will be in it, as JSON: a store that was begun with one is not gone on with by
            another.

        Raises
        ------
        ValueError
            It was begun with another plan; something else is there; another process is at it.
        """
        self = cls(path, plan)
        self._part.mkdir(exist_ok=True)
        with locked(self._part):
            try:
                self._take_up()
                yield self
            finally:
                if not (self._part / _PROGRESS).exists():  # nothing to go on from
                    shutil.rmtree(self._part)

    def add(
        self,
        rows: Mapping[str, Rows],
        sample_ids: Sequence[str],
        labels: NDArray[Any] | None,
    ) -> None:
        """Add samples, the same layers each time; one that is missing once is dropped for good.

        Raises
        ------
        ValueError
            A layer has another width or dtype than before.
        """
        if not self.sample_ids:
            for i, (name, new) in enumerate(rows.items()):
                self._layers[name] = _Layer(
                    layer_key(i, name),
                    new.dtype,
                    new.reduction,
                    new.bits,
                    tails=[new.values[:0].copy()],
                )
        self._layers = {name: layer for name, layer in self._layers.items() if name in rows}
        if not self._layers:
            raise ValueError("no layer has rows for every sample")
        for name, layer in self._layers.items():
            try:
                layer.add(rows[name], self._group)
            except ValueError as error:
                raise ValueError(f"layer {name!r} {error}") from None
        self.sample_ids += sample_ids
        if labels is None:
            self._labels = None
        elif self._labels is not None:
            self._labels.append(labels)
        if time.monotonic() - self._committed_at > _SECONDS:
            self.commit()

    def commit(self) -> None:
        """Make sure that what was added stays, whatever happens now."""
        arrays: dict[str, Any] = {layer.key: layer.tail() for layer in self._layers.values()}
        arrays |= self._about(partial=True)
        with new_file(self._part / _PROGRESS) as file:
            np.savez(file, **arrays)
        self._committed_at = time.monotonic()

    def finish(self) -> None:
        """Put the store, which holds all samples now, in its place."""
        kept = {"zarr.json", *(layer.key for layer in self._layers.values())}
        for entry in self._store.iterdir():
            if entry.name not in kept:  # of a layer that was dropped
                _remove(entry)
        for layer in self._layers.values():
            layer.finish(self._group)
        for key, array in self._about().items():
            create(self._group, key, array.shape, array.dtype)[...] = array
        self._store.rename(self._path)
        (self._part / _PROGRESS).unlink(missing_ok=True)

    @property
    def _store(self) -> Path:
        return self._part / "store"

    def _about(self, *, partial: bool = False) -> dict[str, NDArray[Any]]:
        layers = []
        for name, layer in self._layers.items():
            said = {
                "name": name,
                "key": layer.key,
                "reduction": layer.reduction,
                "dtype": layer.dtype,
            }
            if layer.bits is not None:
                said["bits"] = layer.bits
            layers.append(said | {"written": layer.written} if partial else said)
        labels = np.concatenate(self._labels) if self._labels else None
        n = len(self.sample_ids)
        return about(layers, self.sample_ids, labels, n, capture=self._plan)

    def _take_up(self) -> None:
        import zarr

        progress = self._part / _PROGRESS
        if self._path.exists():
            self._take_up_complete()
            progress.unlink(missing_ok=True)  # the last run had no time to
            return
        if progress.exists():
            self._take_up_progress(_read(progress))
        self._store.mkdir(exist_ok=True)
        layers = {layer.key: layer for layer in self._layers.values() if layer.written}
        for layer in layers.values():
            layer.keep_written(self._store / layer.key)
        for entry in self._store.iterdir():
            if entry.name not in layers:
                _remove(entry)
        self._group = zarr.open_group(self._store, mode="a", zarr_format=3)
        for layer in layers.values():
            layer.create(self._group)

    def _take_up_complete(self) -> None:
        there = header_of(self._path) if is_ours(self._path) else {}
        if "capture" not in there:
            raise ValueError(
                f"cannot capture into {str(self._path)!r}: something else is there; remove it or "
                "choose another name"
            )
        self._check_plan(there["capture"], f"{str(self._path)!r} is complete, but")
        self.sample_ids = there["sample_ids"]
        self.complete = True

    def _take_up_progress(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        there = read_header(arrays[HEADER])
        self._check_plan(
            there["capture"], f"cannot go on with {str(self._part)!r}, which holds a part and"
        )
        labels = read_labels(there, arrays)
        self.sample_ids = there["sample_ids"]
        self._labels = None if labels is None else [labels]
        for said in there["layers"]:
            self._layers[said["name"]] = _Layer(
                said["key"],
                said["dtype"],
                said["reduction"],
                said.get("bits"),
                tails=[arrays[said["key"]]],
                written=said["written"],
            )

    def _check_plan(self, there: Mapping[str, Any], what: str) -> None:
        for key, now in self._plan.items():
            if there.get(key) != now:
                raise ValueError(
                    f"{what} was captured otherwise: {key} {_difference(there.get(key), now)}; "
                    "capture as before, or remove it, or choose another name"
                )


@dataclass
class _Layer:
    """One layer: the rows that fill chunks in its array, the others here."""

    key: str
    dtype: str
    reduction: str
    bits: str | None
    tails: list[NDArray[Any]]  # at least one, which tells width and dtype
    written: int = 0  # rows in the array
    array: Any = None  # which is made when there is something to write

    @property
    def chunk_rows(self) -> int:
        return rows_of_chunk(self.tails[0].shape[1:], self.tails[0].dtype)

    def add(self, rows: Rows, group: Any) -> None:
        """Take `rows`, and write what fills chunks."""
        usual, new = self.tails[0], rows.values
        if (new.shape[1], new.dtype, rows.bits) != (usual.shape[1], usual.dtype, self.bits):
            raise ValueError(
                f"had {usual.shape[1]} features of {self.bits or usual.dtype} so far, and now "
                f"{new.shape[1]} of {rows.bits or new.dtype}; all batches should be alike"
            )
        self.dtype = rows.dtype
        self.tails.append(new)
        n = sum(map(len, self.tails))
        if n >= self.chunk_rows:
            block = self.tail()
            whole = n - n % self.chunk_rows
            self._write(block[:whole], group)
            self.tails = [block[whole:].copy()]  # so that the block can go

    def tail(self) -> NDArray[Any]:
        """Return the rows that are in no chunk yet, and have them in one array."""
        self.tails = [np.concatenate(self.tails)]
        return self.tails[0]

    def finish(self, group: Any) -> None:
        """Write what is left."""
        if self.array is None:
            rows = self.tail()
            create(group, self.key, rows.shape, rows.dtype)[...] = rows
        elif len(self.tail()):
            self._write(self.tail(), group)

    def _write(self, rows: NDArray[Any], group: Any) -> None:
        if self.array is None:
            self.create(group)
        self.array.append(rows)
        self.written += len(rows)

    def create(self, group: Any) -> None:
        """Make the array, or its metadata anew, with the rows that are written."""
        shape = (self.written, self.tails[0].shape[1])
        self.array = create(group, self.key, shape, self.tails[0].dtype, self.chunk_rows)

    def keep_written(self, folder: Path) -> None:
        """Remove from the array's `folder` all but the chunks of the last commit."""
        whole = {str(i) for i in range(self.written // self.chunk_rows)}
        missing = whole - {entry.name for entry in (folder / "c").glob("*")}
        if missing:
            raise ValueError(
                f"{str(folder)!r} is damaged: {len(missing)} of its chunks are missing; remove "
                f"{str(folder.parents[1])!r} and begin again"
            )
        for entry in folder.iterdir():
            if entry.name != "c":
                _remove(entry)
        for entry in (folder / "c").iterdir():
            if entry.name not in whole:
                _remove(entry)


def part_of(path: Path) -> Path:
    """Return where the store at `path` is made."""
    return path.with_name(path.name + ".part")


def n_so_far(path: Path) -> int | None:
    """Return how many samples are sure to be in the store that is made for `path`; None: no store.

    Its folder may have been begun, and hold none yet.
    """
    if not part_of(path).is_dir():
        return None
    progress = part_of(path) / _PROGRESS
    if not progress.exists():
        return 0
    return int(read_header(_read(progress)[HEADER])["n_samples"])


def _read(progress: Path) -> dict[str, NDArray[Any]]:
    try:
        return members(progress)
    except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
        raise ValueError(
            f"{str(progress)!r} is damaged ({error}); remove the folder and begin again"
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _difference(there: Any, now: Any) -> str:
    """Tell two parts of a plan apart, by their first difference."""
    if isinstance(there, dict) and isinstance(now, dict):
        for key in [*there, *now]:
            if there.get(key) != now.get(key):
                return f"{key!r} {_difference(there.get(key), now.get(key))}"
    return f"was {there or 'not there'} and is now {now or 'not there'}"
