"""Sources: where the rows of a stream come from."""

from __future__ import annotations

import gc
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.optional import import_optional
from isorep._utils.progress import track
from isorep.comparison.streaming.accumulator import Key, Rows
from isorep.comparison.streaming.plan import Widths
from isorep.representations.lazy import LazyArray, LazyRepresentations

if TYPE_CHECKING:
    from torch import Tensor

    from isorep.activations.activation_batch import ActivationBatch


class StoredRows:
    """The layers of stores, a few rows at a time.

    Parameters
    ----------
    stores
        By name: "a" and "b", or "a" alone, compared with itself.
    progress
        Show a progress bar, if standard error is a terminal.
    """

    def __init__(self, stores: Mapping[str, LazyRepresentations], progress: bool) -> None:
        # Without what else they know: a million sample ids would take more than the moments.
        self._layers = {
            (name, layer): (array, stored.dtypes[layer])
            for name, stored in stores.items()
            for layer, array in stored.items()
        }
        self._progress = progress

    def widths(self, name: str) -> Widths:
        """Return the features of each layer of a network."""
        return {
            layer: array.shape[1]
            for (side, layer), (array, _) in self._layers.items()
            if side == name
        }

    def check(self, n_passes: int) -> None:
        """Do nothing: stores can be read as often as it takes."""

    def chunks(
        self, keys: Collection[Key], n_rows: int, n_bytes: int, described: str
    ) -> Generator[dict[Key, Rows], None, None]:
        """Read layers from the first row to the last, `n_rows` at a time.

        Whole chunks are read, and held, where those of all layers are no more than `n_bytes`.
        """
        arrays = {key: self._layers[key][0] for key in keys}
        n_read = _read_together(n_rows, n_bytes, list(arrays.values()))
        starts = range(0, max(1, *(array.shape[0] for array in arrays.values())), n_read)
        for start in track(starts, described, len(starts), self._progress):
            read = {
                key: Rows(array[start : start + n_read], self._layers[key][1])
                for key, array in arrays.items()
            }
            # zarr leaves the chunks that it read in cycles, which would wait for the collector.
            gc.collect(1)
            yield from _cut(read, n_rows)

    def close(self) -> None:
        """Do nothing: stores are not left open."""


def _cut(read: Mapping[Key, Rows], n_rows: int) -> Iterator[dict[Key, Rows]]:
    """Hand on rows a few at a time; a layer with fewer than others has none left at the end."""
    longest = max((len(rows.values) for rows in read.values()), default=0)
    for i in range(0, max(1, longest), n_rows):
        yield {key: Rows(values[i : i + n_rows], dtype) for key, (values, dtype) in read.items()}


def _read_together(n_rows: int, n_bytes: int, arrays: Sequence[LazyArray]) -> int:
    """Return how many rows to read at a time: whole chunks, since a store reads them whole."""
    together = max(array.chunk for array in arrays)
    whole = max(1, n_rows // together) * together
    row = sum(array.shape[1] * array.dtype.itemsize for array in arrays)
    return whole if whole <= n_rows or whole * row <= n_bytes else n_rows


class Capturing(NamedTuple):
    """What `isorep.compare` hands on to `isorep.capture`; see there."""

    layers: Any = "*"
    reduce: Any = "mean"
    channels: str = "auto"
    max_samples: int | None = None
    device: Any = None


class ModelRows:
    """What the layers of models put out on a loader's data, a few batches at a time.

    The first batch is run at once, to learn what layers there are.

    Parameters
    ----------
    models
        By name: "a" and "b", or "a" alone, compared with itself.
    data
        As for `isorep.capture`.
    capturing
        What to capture.
    progress
        Show a progress bar, if standard error is a terminal.
    """

    def __init__(
        self, models: Mapping[str, Any], data: Any, capturing: Capturing, progress: bool
    ) -> None:
        self._models = models
        self._data = data
        self._options = {**capturing._asdict(), "progress": progress}
        self._n_samples: int | None = None
        self._begun: tuple[ActivationBatch, Generator[ActivationBatch, None, None]] | None = None
        self._begun = self._begin()

    def _begin(self) -> tuple[ActivationBatch, Generator[ActivationBatch, None, None]]:
        if self._begun is not None:
            begun, self._begun = self._begun, None
            return begun
        import_optional("torch", "torch")
        from isorep.activations.stream import stream

        pieces = stream(list(self._models.values()), self._data, **self._options)
        return next(pieces), pieces

    def widths(self, name: str) -> Widths:
        """Return the features of each layer of a network."""
        assert self._begun is not None
        arrays = self._begun[0].arrays[list(self._models).index(name)]
        return {layer: rows.shape[1] for layer, rows in arrays.items()}

    def check(self, n_passes: int) -> None:
        """Refuse, before more work is done, to go twice through what can be read once."""
        if n_passes > 1 and isinstance(self._data, Iterator):
            raise ValueError(
                f"the layers take {n_passes} passes over the data and {type(self._data).__name__} "
                "can be read only once: pass a list or a DataLoader, allow more memory, or select "
                "fewer layers"
            )

    def chunks(
        self, keys: Collection[Key], n_rows: int, n_bytes: int, described: str
    ) -> Generator[dict[Key, Rows], None, None]:
        """Run the models on all of the data; what they put out, `n_rows` rows at a time.

        How much is read at a time is for the data to say.
        """
        first, pieces = self._begin()
        with closing(pieces):
            held: list[dict[Key, Rows]] = []
            n_held = n_samples = 0
            for piece in chain([first], pieces):
                held.append(self._wanted(piece, keys))
                n_held += max((len(rows.values) for rows in held[-1].values()), default=0)
                n_samples += piece.n_samples
                if n_held >= n_rows:
                    yield from _cut(_joined(held), n_rows)
                    held, n_held = [], 0
            if held:
                yield from _cut(_joined(held), n_rows)
        if self._n_samples not in (None, n_samples):
            raise ValueError(
                f"the data held {n_samples} samples in one pass and {self._n_samples} in the one "
                "before: it must yield the same samples each time, in any order"
            )
        self._n_samples = n_samples

    def _wanted(self, piece: ActivationBatch, keys: Collection[Key]) -> dict[Key, Rows]:
        return {
            (name, layer): Rows(_to_numpy(rows), piece.dtypes[i][layer])
            for i, name in enumerate(self._models)
            for layer, rows in piece.arrays[i].items()
            if (name, layer) in keys
        }

    def close(self) -> None:
        """Leave the models as they were."""
        if self._begun is not None:
            self._begun[1].close()


def _to_numpy(rows: Tensor) -> NDArray[Any]:
    # By name, so that nothing here imports PyTorch.
    is_bfloat16 = str(rows.dtype) == "torch.bfloat16"
    array: NDArray[Any] = (rows.float() if is_bfloat16 else rows).numpy()
    return array


def _joined(held: list[dict[Key, Rows]]) -> dict[Key, Rows]:
    """Put batches together; a layer that is missing from one is left out."""
    return {
        key: Rows(np.concatenate([rows[key].values for rows in held]), held[-1][key].dtype)
        for key in held[0]
        if all(key in rows for rows in held)
    }
