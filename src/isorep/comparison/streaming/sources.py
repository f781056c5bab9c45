"""Sources: where the rows of a stream come from, stores or models."""

from __future__ import annotations

import gc
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain, product
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from isorep._utils.array_digest import TextDigest
from isorep._utils.arrays import to_numpy
from isorep._utils.optional import import_optional
from isorep._utils.progress import track
from isorep.comparison.provenance import describe_layers, describe_reductions
from isorep.comparison.streaming.accumulator import Key, Rows, named
from isorep.comparison.streaming.plan import Pass, Widths
from isorep.representations.lazy import LazyArray, LazyRepresentations
from isorep.representations.representations import readable_dtype
from isorep.representations.row_positions import RowPositions
from isorep.representations.sample_structure import SampleStructure

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from isorep.activations.activation_batch import ActivationBatch
    from isorep.activations.options import ModelOptions


class StoredRows:
    """The layers of stores, a few rows at a time.

    Parameters
    ----------
    stores
        Name to store: "a" and "b", or "a" alone for a network with itself.
    progress
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.
    """

    def __init__(self, stores: Mapping[str, LazyRepresentations], progress: bool) -> None:
        self._described = {name: describe_layers(stored) for name, stored in stores.items()}
        # Only arrays and dtypes are kept: a million sample ids would take more than the moments.
        self._layers = {
            (name, layer): (array, stored.dtypes[layer])
            for name, stored in stores.items()
            for layer, array in stored.items()
        }
        self._row_positions = {
            (name, layer): rows
            for name, stored in stores.items()
            for layer, rows in stored.row_positions.items()
        }
        self._structures = {
            (name, layer): _structure(stored, layer)
            for name, stored in stores.items()
            for layer in stored
        }
        self._progress = progress

    def structure(self, key: Key) -> SampleStructure | ValueError | None:
        """Return which rows of a layer depend on each other, or why this is unknown."""
        return self._structures[key]

    def check_same_rows(self, x: Key, y: Key) -> None:
        """Raise ValueError if the rows of two layers are other positions of the samples."""
        of_x, of_y = self._row_positions.get(x), self._row_positions.get(y)
        if of_x is not None and of_y is not None:
            of_x.check_same(of_y, named(x), named(y))

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return what identifies the data of each network."""
        return self._described

    def widths(self, name: str) -> Widths:
        """Return the number of features of each layer of a network."""
        return {
            layer: array.shape[1]
            for (side, layer), (array, _) in self._layers.items()
            if side == name
        }

    def check(self, n_passes: int) -> None:
        """Do nothing: a store can be read any number of times."""

    def chunks(
        self, keys: Collection[Key], one_pass: Pass, description: str
    ) -> Generator[dict[Key, Rows], None, None]:
        """Read layers from the first row to the last, the rows of the pass at a time.

        Whole chunks of the stores are read, and held, if those of all layers take at most
        ``one_pass.read``.
        """
        arrays = {key: self._layers[key][0] for key in keys}
        n_read = _rows_per_read(one_pass.rows, one_pass.read, list(arrays.values()))
        starts = range(0, max(1, *(array.shape[0] for array in arrays.values())), n_read)
        for start in track(starts, description, len(starts), self._progress, unit="parts"):
            rows = {
                key: Rows(array[start : start + n_read], self._layers[key][1])
                for key, array in arrays.items()
            }
            # zarr leaves the chunks it read in reference cycles, which only the collector frees.
            gc.collect(1)
            yield from _cut(rows, one_pass.rows)

    def close(self) -> None:
        """Do nothing: stores are not kept open."""


def _structure(stored: LazyRepresentations, layer: str) -> SampleStructure | ValueError | None:
    try:
        return stored.structure(layer)
    except ValueError as error:
        return error


def _cut(rows: Mapping[Key, Rows], n_rows: int) -> Iterator[dict[Key, Rows]]:
    """Yield `n_rows` rows at a time; a layer that has fewer rows than others ends empty."""
    longest = max((len(values) for values, _ in rows.values()), default=0)
    for i in range(0, max(1, longest), n_rows):
        yield {key: Rows(values[i : i + n_rows], dtype) for key, (values, dtype) in rows.items()}


def _rows_per_read(n_rows: int, n_bytes: int, arrays: Sequence[LazyArray]) -> int:
    """Return how many rows to read at a time: whole chunks, since a store reads them whole."""
    chunk = max(array.chunk for array in arrays)
    whole = max(1, n_rows // chunk) * chunk
    row_bytes = sum(array.shape[1] * array.dtype.itemsize for array in arrays)
    return whole if whole <= n_rows or whole * row_bytes <= n_bytes else n_rows


class ModelRows:
    """The outputs of models' layers on a loader's data, a few batches at a time.

    The first batch is run immediately, which shows what layers there are.

    Parameters
    ----------
    models
        Name to model: "a" and "b", or "a" alone for a network with itself.
    data
        Batches, as `isorep.capture` takes them.
    layers
        Globs over the names of layers, or a tuple of two lists for two models.
    options
        How to capture models.
    progress
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.
    """

    def __init__(
        self,
        models: Mapping[str, Any],
        data: Any,
        layers: Any,
        options: ModelOptions,
        progress: bool,
    ) -> None:
        self._models = models
        self._data = data
        self._options: dict[str, Any] = {**options, "layers": layers, "progress": progress}
        self._n_samples: int | None = None
        self._sample_ids = ""  # a digest of those of the first pass
        self._reductions: dict[str, dict[str, str]] = {}
        self._other_rows: dict[tuple[Key, Key], ValueError] = {}
        # Of one pass: a number for each sample, equal for equal ids, and the sample and position of
        # each row of the layers whose rows are positions.
        self._sample_numbers: list[NDArray[np.int64]] = []
        self._rows: dict[Key, list[NDArray[np.int64]]] = {}
        self._sample_structure: SampleStructure | None = None
        # The first batch of a pass, and the batches after it.
        self._started: tuple[ActivationBatch, Generator[ActivationBatch, None, None]] | None = None
        self._started = self._start()

    def _start(self) -> tuple[ActivationBatch, Generator[ActivationBatch, None, None]]:
        if self._started is not None:
            started, self._started = self._started, None
            return started
        import_optional("torch", "torch")
        from isorep.activations.stream import stream

        models = list(self._models.values())
        batches = stream(models, self._data, keep_on=None, **self._options)
        return next(batches), batches

    def structure(self, key: Key) -> SampleStructure | None:
        """Return which rows of a layer depend on each other, after a pass over the data."""
        if key not in self._rows:
            return self._sample_structure
        samples, positions = np.concatenate(self._rows[key]).T
        if len(np.unique(samples)) == len(samples):
            return None
        return SampleStructure.from_labels(np.concatenate(self._sample_numbers)[samples], positions)

    def _note_samples(self, batch: ActivationBatch, start: int) -> None:
        """Note the samples of a batch, the first of which has the number `start`."""
        self._sample_numbers.append(np.array([hash(name) for name in batch.sample_ids]))
        for name, rows_of in zip(self._models, batch.row_positions, strict=True):
            for layer, rows in rows_of.items():
                noted = np.asarray(rows)[:, :2] + np.array([start, 0])
                self._rows.setdefault((name, layer), []).append(noted)

    def check_same_rows(self, x: Key, y: Key) -> None:
        """Raise ValueError if the rows of two layers were other positions in any batch."""
        if (x, y) in self._other_rows:
            raise self._other_rows[x, y]

    def _note_other_rows(self, batch: ActivationBatch) -> None:
        """Note the pairs of layers whose rows are other positions of the samples of a batch."""
        x, y = batch.row_positions[0], batch.row_positions[-1]
        checked: dict[tuple[int, int], ValueError | None] = {}  # layers share arrays
        first, *_, last = [*self._models, *self._models]
        for (x_layer, x_rows), (y_layer, y_rows) in product(x.items(), y.items()):
            arrays = id(x_rows), id(y_rows)
            if arrays not in checked:
                checked[arrays] = _difference(x_rows, y_rows)
            if (error := checked[arrays]) is not None:
                self._other_rows[(first, x_layer), (last, y_layer)] = error

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return what identifies the data of each model: the ids of the samples of a pass."""
        samples = {"n_samples": self._n_samples, "sample_ids": self._sample_ids}
        return {
            name: samples | describe_reductions(reductions, reductions)
            for name, reductions in self._reductions.items()
        }

    def widths(self, name: str) -> Widths:
        """Return the number of features of each layer of a network."""
        assert self._started is not None
        arrays = self._started[0].arrays[list(self._models).index(name)]
        return {layer: rows.shape[1] for layer, rows in arrays.items()}

    def check(self, n_passes: int) -> None:
        """Raise an error, before more work is done, if data that can be read once need more."""
        if n_passes > 1 and isinstance(self._data, Iterator):
            raise ValueError(
                f"the layers take {n_passes} passes over the data and {type(self._data).__name__} "
                "can be read only once: pass a list or a DataLoader, allow more memory, or select "
                "fewer layers"
            )

    def chunks(
        self, keys: Collection[Key], one_pass: Pass, description: str
    ) -> Generator[dict[Key, Rows], None, None]:
        """Run the models on all data and yield the outputs of layers, a few rows at a time.

        The size of the data's batches decides how much is read at a time. Rows stay on the device
        of the models if they share one that adds up their moments; else they are NumPy arrays.
        """
        first, others = self._start()
        self._reductions = dict(zip(self._models, first.reductions, strict=True))
        from isorep.activations.moments_device import moments_device

        device = moments_device(first, one_pass.n_bytes)
        with closing(others):
            waiting: list[dict[Key, Rows]] = []
            n_waiting = n_samples = 0
            self._sample_numbers, self._rows = [], {}
            sample_ids = TextDigest()
            for batch in chain([first], others):
                self._note_other_rows(batch)
                self._note_samples(batch, n_samples)
                sample_ids.add(batch.sample_ids)
                waiting.append(self._wanted(batch, keys, device))
                n_waiting += max((len(values) for values, _ in waiting[-1].values()), default=0)
                n_samples += batch.n_samples
                if n_waiting >= one_pass.rows:
                    yield from _cut(_joined(waiting), one_pass.rows)
                    waiting, n_waiting = [], 0
            if waiting:
                yield from _cut(_joined(waiting), one_pass.rows)
        if self._n_samples not in (None, n_samples):
            raise ValueError(
                f"the data held {n_samples} samples in one pass and {self._n_samples} in the one "
                "before: it must yield the same samples each time, in any order"
            )
        self._n_samples = n_samples
        self._sample_ids = self._sample_ids or sample_ids.hexdigest()
        numbers = np.concatenate(self._sample_numbers)
        self._sample_structure = SampleStructure.from_ids(numbers.tolist())

    def _wanted(
        self, batch: ActivationBatch, keys: Collection[Key], device: torch.device | None
    ) -> dict[Key, Rows]:
        return {
            (name, layer): Rows(
                _readable(rows) if device is None else rows.to(device), batch.dtypes[i][layer]
            )
            for i, name in enumerate(self._models)
            for layer, rows in batch.arrays[i].items()
            if (name, layer) in keys
        }

    def close(self) -> None:
        """Remove what was attached to the models."""
        if self._started is not None:
            self._started[1].close()


def _difference(x: NDArray[np.int64], y: NDArray[np.int64]) -> ValueError | None:
    if x is y:
        return None
    try:
        RowPositions.from_array(x).check_same(RowPositions.from_array(y), "a layer", "the other")
    except ValueError as error:
        return error
    return None


RowSource = StoredRows | ModelRows


def _readable(rows: Tensor) -> NDArray[Any]:
    array = to_numpy(rows)
    return array.astype(readable_dtype(array.dtype), copy=False)


def _joined(batches: list[dict[Key, Rows]]) -> dict[Key, Rows]:
    """Concatenate batches; a layer that is missing from a batch is left out."""
    return {
        key: Rows(_concatenated([rows[key].values for rows in batches]), batches[-1][key].dtype)
        for key in batches[0]
        if all(key in rows for rows in batches)
    }


def _concatenated(parts: list[Any]) -> Any:
    return array_namespace(*parts).concat(parts)
