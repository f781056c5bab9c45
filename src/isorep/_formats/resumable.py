"""Resumable: a zarr store that grows. An interruption loses only the rows after the last commit.

The store ``a.zarr`` is made in the folder ``a.zarr.part`` and moves into place when it is complete.
A folder of that name without the file ``isorep-part`` is not ours, and is left alone.
Rows that fill whole chunks are in its arrays. ``progress.npz``, which each commit replaces as a
whole, has the header and the labels of the samples so far, and the rows that fill no chunk yet.
Everything else in the arrays is removed when the store is resumed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import isclose, isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import (
    HEADER,
    layer_key,
    metadata_arrays,
    read_header,
    read_per_sample,
    rows_key,
    storable,
)
from isorep._formats.lock import locked
from isorep._formats.npz import members
from isorep._formats.zarr import create, header_of, is_ours, rows_of_chunk
from isorep._formats.zarr_codecs import check_codecs
from isorep._utils.atomic import new_file, sync
from isorep._utils.damaged_file import damage_as_value_error
from isorep._utils.optional import import_optional

if TYPE_CHECKING:
    from isorep._formats.zarr_writer import ZarrWriter

# Seconds from one commit to the next: the most work that an interruption loses.
_SECONDS = 20.0
_PROGRESS = "progress.npz"
_MARKER = "isorep-part"
_ROUNDING = 1e-4
"""Relative difference of two numbers of a fingerprint that computing them again may make."""


@dataclass(frozen=True)
class Rows:
    """New rows of one layer.

    Parameters
    ----------
    values
        Array (rows, p), also of bfloat16.
    dtype
        Name of the coarsest dtype that the values passed through.
    reduction
        Name of the reduction that made them.
    positions
        Array (rows, 3) of samples, positions and tokens, if the rows are positions; layers may
        share it.
    """

    values: NDArray[Any]
    dtype: str
    reduction: str
    positions: NDArray[np.int64] | None = None


class ResumableStore:
    """The store that will be at a path when it is complete; see `open`.

    Attributes
    ----------
    sample_ids
        Ids of the samples in it.
    complete
        Whether it was complete when it was opened, so that nothing can be added.
    """

    def __init__(self, path: Path, fingerprint: Mapping[str, Any]) -> None:
        self.sample_ids: list[str] = []
        self.complete = False
        self._path = path
        self._part = part_of(path)
        self._fingerprint = dict(fingerprint)
        self._layers: dict[str, _Layer] = {}
        self._positions: dict[str, _Layer] = {}  # row positions, by key
        self._labels: list[NDArray[Any]] | None = []
        self._group: Any = None
        self._committed_at = time.monotonic()

    @classmethod
    @contextmanager
    def open(cls, path: Path, fingerprint: Mapping[str, Any]) -> Iterator[Self]:
        """Begin or resume the store at `path`; only one process at a time can have it open.

        Parameters
        ----------
        path
            Path of the complete store.
        fingerprint
            Description of the capture, as JSON. A store is resumed only with the fingerprint that
            it was begun with.

        Raises
        ------
        ValueError
            The store has another fingerprint, something else is at the path, or another process has
            the store open.
        """
        import_optional("zarr", "store")
        from isorep._formats.zarr_writer import ZarrWriter  # imports zarr

        store = cls(path, fingerprint)
        store._check_part()
        store._part.mkdir(exist_ok=True)
        store._marker.touch()
        try:
            with locked(store._part):
                try:
                    with ZarrWriter(store._store) as writer:
                        store._resume(writer)
                        yield store
                finally:
                    if not store._progress.exists():  # nothing to resume
                        store._remove_part()
        finally:
            with suppress(OSError):  # so only an empty folder goes, which nobody has locked since
                store._part.rmdir()

    def add(
        self,
        rows: Mapping[str, Rows],
        sample_ids: Sequence[str],
        labels: NDArray[Any] | None,
    ) -> None:
        """Add samples, with the same layers each time; a layer that is missing once is dropped.

        Raises
        ------
        ValueError
            A layer has another width or dtype than before.
        """
        if not self.sample_ids:
            self._begin(rows)
        self._layers = {name: layer for name, layer in self._layers.items() if name in rows}
        if not self._layers:
            raise ValueError("no layer has rows for every sample")
        for name, layer in self._layers.items():
            try:
                layer.add(rows[name], self._group)
            except ValueError as error:
                raise ValueError(f"layer {name!r} {error}") from None
        self._add_positions(rows)
        self.sample_ids += sample_ids
        if labels is None:
            self._labels = None
        elif self._labels is not None:
            self._labels.append(labels)
        if time.monotonic() - self._committed_at > _SECONDS:
            self.commit()

    def _begin(self, rows: Mapping[str, Rows]) -> None:
        """Make the layers, and the row positions that they share."""
        keys: dict[int, str] = {}
        for i, (name, new) in enumerate(rows.items()):
            values, bits = storable(new.values)
            key = None
            if new.positions is not None:
                key = keys.setdefault(id(new.positions), rows_key(len(keys)))
                self._positions[key] = _Layer(key, "int64", "", tails=[new.positions[:0].copy()])
            self._layers[name] = _Layer(
                layer_key(i, name), new.dtype, new.reduction, bits, key, [values[:0].copy()]
            )

    def _add_positions(self, rows: Mapping[str, Rows]) -> None:
        """Add row positions, once for all layers that share them."""
        used = {}
        for name, layer in self._layers.items():
            if layer.rows is not None and (positions := rows[name].positions) is not None:
                used[layer.rows] = positions + np.array([len(self.sample_ids), 0, 0])
        self._positions = {key: x for key, x in self._positions.items() if key in used}
        for key, positions in used.items():
            self._positions[key].add(Rows(positions, "int64", ""), self._group)

    def commit(self) -> None:
        """Write the samples so far to disk, so that an interruption does not lose them."""
        arrays: dict[str, Any] = {layer.key: layer.tail() for layer in self._arrays()}
        arrays |= self._metadata(partial=True)
        sync(path for layer in self._arrays() for path in layer.unsynced(self._store / layer.key))
        self._marker.touch()  # in case another process removed it as it ended
        with new_file(self._progress) as file:
            np.savez(file, **arrays)
        self._committed_at = time.monotonic()

    def finish(self) -> None:
        """Move the store, which now holds all samples, into place."""
        kept = {"zarr.json", *(layer.key for layer in self._arrays())}
        for entry in self._store.iterdir():
            if entry.name not in kept:  # of a layer that was dropped
                _remove(entry)
        for layer in self._arrays():
            layer.finish(self._group)
        for key, array in self._metadata().items():
            create(self._group, key, array.shape, array.dtype)[...] = array
        sync([self._store, *self._store.rglob("*")])
        self._store.rename(self._path)
        sync([self._path.parent])
        self._progress.unlink(missing_ok=True)

    def _arrays(self) -> Iterator[_Layer]:
        yield from self._layers.values()
        yield from self._positions.values()

    @property
    def _store(self) -> Path:
        return self._part / "store"

    @property
    def _marker(self) -> Path:
        return self._part / _MARKER

    @property
    def _progress(self) -> Path:
        return self._part / _PROGRESS

    def _metadata(self, *, partial: bool = False) -> dict[str, NDArray[Any]]:
        layers = []
        for name, layer in self._layers.items():
            entry = {
                "name": name,
                "key": layer.key,
                "reduction": layer.reduction,
                "dtype": layer.dtype,
            }
            if layer.bits is not None:
                entry["bits"] = layer.bits
            if layer.rows is not None:
                entry["rows"] = layer.rows
            layers.append(entry | {"written": layer.written} if partial else entry)
        labels = np.concatenate(self._labels) if self._labels else None
        n = len(self.sample_ids)
        more: dict[str, Any] = {"capture": self._fingerprint}
        if partial:
            more["rows_written"] = {key: rows.written for key, rows in self._positions.items()}
        return metadata_arrays(layers, self.sample_ids, {"labels": labels}, n, **more)

    def _resume(self, writer: ZarrWriter) -> None:
        import zarr

        if self._path.exists():
            self._resume_complete()
            self._progress.unlink(missing_ok=True)  # if the last run ended before it could
            return
        if self._progress.exists():
            self._resume_progress(_read(self._progress))
        self._store.mkdir(exist_ok=True)
        layers = {layer.key: layer for layer in self._arrays() if layer.written}
        for layer in layers.values():
            layer.remove_uncommitted(self._store / layer.key)
        for entry in self._store.iterdir():
            if entry.name not in layers:
                _remove(entry)
        check_codecs(self._store, metadata=("zarr.json",))
        self._group = zarr.open_group(writer, mode="a", zarr_format=3)
        for layer in layers.values():
            layer.create(self._group)

    def _resume_complete(self) -> None:
        header = header_of(self._path) if is_ours(self._path) else {}
        if "capture" not in header:
            raise ValueError(
                f"cannot capture into {str(self._path)!r}: it exists and is not a store that a "
                "capture wrote; remove it or choose another name"
            )
        self._check_fingerprint(header["capture"], f"{str(self._path)!r} is complete, but")
        self.sample_ids = header["sample_ids"]
        self.complete = True

    def _resume_progress(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        header = read_header(arrays[HEADER])
        self._check_fingerprint(header["capture"], f"cannot resume {str(self._part)!r}, which")
        labels = read_per_sample("labels", header, arrays)
        self.sample_ids = header["sample_ids"]
        self._labels = None if labels is None else [labels]
        for entry in header["layers"]:
            self._layers[entry["name"]] = _Layer(
                entry["key"],
                entry["dtype"],
                entry["reduction"],
                entry.get("bits"),
                entry.get("rows"),
                tails=[arrays[entry["key"]]],
                written=entry["written"],
            )
        for key, written in header["rows_written"].items():
            self._positions[key] = _Layer(key, "int64", "", tails=[arrays[key]], written=written)

    def _check_part(self) -> None:
        """Raise ValueError if the folder to write to is a user's own, which would be emptied."""
        if not self._part.exists():
            return
        names = {entry.name for entry in self._part.iterdir()} if self._part.is_dir() else {""}
        ours = {name for name in names if name.endswith(".tmp")}
        ours |= {_MARKER, "lock", "store", _PROGRESS}
        if names - ours or (names and _MARKER not in names):
            raise ValueError(
                f"cannot capture into {str(self._path)!r}: the folder that it is made in, "
                f"{str(self._part)!r}, exists and holds something else; move it away, or choose "
                "another name"
            )

    def _remove_part(self) -> None:
        """Remove what is in the folder, the marker last, in case the process is killed."""
        # Windows removes neither a locked file nor the folder that it is in.
        with suppress(OSError):
            for entry in self._part.iterdir():
                if entry != self._marker:
                    _remove(entry)
            self._marker.unlink()

    def _check_fingerprint(self, stored: Mapping[str, Any], store: str) -> None:
        for key, value in self._fingerprint.items():
            if not _agree(stored.get(key), value):
                raise ValueError(
                    f"{store} holds another capture: {key} {_difference(stored.get(key), value)}; "
                    "repeat that capture, remove the store, or choose another name"
                )


@dataclass
class _Layer:
    """One layer: the rows that fill chunks are in its array, the others are here."""

    key: str
    dtype: str
    reduction: str
    bits: str | None = None  # the dtype that the values are the bits of
    rows: str | None = None  # key of its row positions
    # At least one array, which may be empty: it has width and dtype.
    tails: list[NDArray[Any]] = field(default_factory=list)
    written: int = 0  # rows in the array
    synced: int = 0  # rows in the array that are known to be on the disk
    array: Any = None  # made when there are rows to write

    @property
    def chunk_rows(self) -> int:
        return rows_of_chunk(self.tails[0].shape[1:], self.tails[0].dtype)

    def add(self, rows: Rows, group: Any) -> None:
        """Add `rows`, and write whole chunks."""
        usual = self.tails[0]
        values, bits = storable(rows.values)
        if (values.shape[1], values.dtype, bits) != (usual.shape[1], usual.dtype, self.bits):
            raise ValueError(
                f"had {usual.shape[1]} features of {self.bits or usual.dtype} so far, and has "
                f"{values.shape[1]} of {bits or values.dtype} in this batch; make all batches alike"
            )
        self.dtype = rows.dtype
        self.tails.append(values)
        n = sum(map(len, self.tails))
        if n >= self.chunk_rows:
            block = self.tail()
            whole = n - n % self.chunk_rows
            self._write(block[:whole], group)
            self.tails = [block[whole:].copy()]  # a copy, to free the block

    def tail(self) -> NDArray[Any]:
        """Join the rows that are in no chunk yet into one array, and return it."""
        self.tails = [np.concatenate(self.tails)]
        return self.tails[0]

    def finish(self, group: Any) -> None:
        """Write the remaining rows."""
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

    def unsynced(self, folder: Path) -> Iterator[Path]:
        """Yield the files and folders of the chunks that were written since the last call."""
        new = range(self.synced // self.chunk_rows, self.written // self.chunk_rows)
        for i in new:
            yield from (folder / "c" / str(i)).rglob("*")
            yield folder / "c" / str(i)
        if new:
            yield folder / "c"
            yield folder
        self.synced = self.written

    def create(self, group: Any) -> None:
        """Create the array, or its metadata anew if its chunks are there."""
        shape = (self.written, self.tails[0].shape[1])
        self.array = create(group, self.key, shape, self.tails[0].dtype, self.chunk_rows)

    def remove_uncommitted(self, folder: Path) -> None:
        """Remove everything from the array's `folder` but the chunks of the last commit."""
        committed = {str(i) for i in range(self.written // self.chunk_rows)}
        missing = committed - {entry.name for entry in (folder / "c").glob("*")}
        if missing:
            raise ValueError(
                f"{str(folder)!r} is damaged: {len(missing)} of its chunks are missing; remove "
                f"{str(folder.parents[1])!r} and begin again"
            )
        for entry in folder.iterdir():
            if entry.name != "c":
                _remove(entry)
        for entry in (folder / "c").iterdir():
            if entry.name not in committed:
                _remove(entry)


def part_of(path: Path) -> Path:
    """Return the folder in which the store at `path` is made."""
    return path.with_name(path.name + ".part")


def n_committed(path: Path) -> int | None:
    """Return the number of committed samples of the unfinished store for `path`; None: no store.

    It is 0 for a store that was begun and has no commit yet.
    """
    if not part_of(path).is_dir():
        return None
    progress = part_of(path) / _PROGRESS
    if not progress.exists():
        return 0
    return int(read_header(_read(progress)[HEADER])["n_samples"])


def _read(progress: Path) -> dict[str, NDArray[Any]]:
    try:
        with damage_as_value_error():
            arrays = {name: np.asarray(member) for name, member in members(progress).items()}
            read_header(arrays[HEADER])
            return arrays
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{str(progress)!r} is damaged ({error}); remove the folder and begin again"
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _agree(stored: Any, new: Any) -> bool:
    """Return whether two parts of a fingerprint are equal, numbers but for rounding."""
    if isinstance(stored, dict) and isinstance(new, dict):
        return stored.keys() == new.keys() and all(_agree(stored[key], new[key]) for key in new)
    if isinstance(stored, list) and isinstance(new, list):
        return len(stored) == len(new) and all(map(_agree, stored, new))
    if isinstance(stored, float) and isinstance(new, float):
        return isclose(stored, new, rel_tol=_ROUNDING) or (isnan(stored) and isnan(new))
    return bool(stored == new)


def _difference(stored: Any, new: Any) -> str:
    """Describe the first difference of two parts of a fingerprint."""
    if isinstance(stored, dict) and isinstance(new, dict):
        for key in [*stored, *new]:
            if not _agree(stored.get(key), new.get(key)):
                return f"{key!r} {_difference(stored.get(key), new.get(key))}"
    return f"was {stored or 'missing'} and is now {new or 'missing'}"
