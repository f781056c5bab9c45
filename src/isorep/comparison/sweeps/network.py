"""Network: where a sweep finds the layers of one network, in memory, on a device or in a store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from array_api_compat import device, is_array_api_obj, is_cupy_array, is_jax_array, is_torch_array

from isorep._utils.arrays import Array, to_numpy
from isorep._utils.validation import unknown_name
from isorep.representations.lazy import LazyArray, LazyRepresentations
from isorep.representations.representations import Layers, Representations
from isorep.storage import load, open_store

_DIGEST_ROWS = 65536
"""Rows that are hashed at once."""

_OPENED = (".zarr", ".npy", ".h5", ".hdf5")
"""Stores whose layers are read one at a time; others are loaded whole."""


@dataclass(frozen=True, eq=False)
class Network:
    """The layers of one network, to be read one at a time by whichever process needs them.

    Make one with `of`.

    Attributes
    ----------
    name : str
        What errors call the network, such as ``networks['seed0']``.
    layers : Layers, mapping of layer to array on a device, or path of a store
    """

    name: str
    layers: Layers[Any] | Mapping[str, Array] | Path

    @classmethod
    def from_mapping(cls, name: str, given: Any) -> Network:
        """Take `Representations`, a mapping of layer to (n, p) array, or a store or its path.

        Arrays on a device other than the CPU stay there.

        Raises
        ------
        TypeError, ValueError
            When it is none of these; it names the network.
        """
        if isinstance(given, LazyRepresentations) and given.place:
            given = given.place
        if isinstance(given, str | os.PathLike):
            # Absolute, since a worker may have been started in another folder.
            return cls(name, Path(os.path.abspath(given)))
        if isinstance(given, Layers):
            return cls(name, given)
        if isinstance(given, Mapping) and any(on_a_device(array) for array in given.values()):
            return cls(name, dict(given))
        try:
            return cls(name, Representations.from_mapping(given))
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from error

    @property
    def in_store(self) -> bool:
        """Whether other processes need only the path."""
        return isinstance(self.layers, Path)

    def outline(self) -> Layers[Any]:
        """Return layers that tell shapes and samples; of arrays on a device they hold zeros."""
        layers = self._open()
        if isinstance(layers, Layers):
            return layers
        shapes = {  # in no memory
            name: np.broadcast_to(np.float32(0), tuple(array.shape))
            for name, array in layers.items()
        }
        try:
            return Representations(shapes)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.name}: {error}") from error

    def only(self, layer: str) -> Network:
        """Return the source of one layer alone, which is less to send."""
        layers = self.layers
        if isinstance(layers, Path):
            return self
        if isinstance(layers, Layers):
            array = np.asarray(layers[layer])
            return replace(
                self, layers=Representations({layer: array}, dtypes=_dtype(layers, layer))
            )
        return replace(self, layers={layer: layers[layer]})

    def read(self, layer: str) -> tuple[Array, str | None]:
        """Return a layer, and the name of the dtype it was computed in, where that is known.

        Raises
        ------
        ValueError
            When the store is damaged or has no such layer any more; it names both.
        OSError
            When the store cannot be read.
        """
        array, dtype = self._find(self._open(), layer)
        return np.asarray(array) if isinstance(array, LazyArray) else array, dtype

    def digest(self, layers: Sequence[str]) -> str:
        """Return a fingerprint of all that these layers hold; damage has one of its own."""
        summary = blake2b(digest_size=16)
        found = self._open()
        for layer in layers:
            try:
                array, dtype = self._find(found, layer)
                about = (layer, tuple(array.shape), dtype or str(array.dtype))
                summary.update(repr(about).encode(errors="surrogatepass"))
                for first in range(0, array.shape[0], _DIGEST_ROWS):
                    rows = np.ascontiguousarray(to_numpy(array[first : first + _DIGEST_ROWS]))
                    summary.update(rows.view(np.uint8).data)
            except ValueError:
                summary.update(b"damaged")
        return summary.hexdigest()

    def _find(self, layers: Mapping[str, Any], layer: str) -> tuple[Any, str | None]:
        if layer not in layers:
            raise ValueError(unknown_name(f"layer of {self.name}", layer, layers))
        return layers[layer], _dtype(layers, layer).get(layer)

    def _open(self) -> Layers[Any] | Mapping[str, Array]:
        if not isinstance(self.layers, Path):
            return self.layers
        opening = open_store if self.layers.suffix.lower() in _OPENED else load
        try:
            return opening(self.layers)
        except (ValueError, OSError) as error:
            raise type(error)(f"{self.name}: {error}") from error


def _dtype(layers: Mapping[str, Any], layer: str) -> dict[str, str]:
    return {layer: layers.dtypes[layer]} if isinstance(layers, Layers) else {}


def on_a_device(array: Any) -> bool:
    """Tell whether an array lies elsewhere than in the memory of the CPU."""
    if not is_array_api_obj(array) or isinstance(array, np.ndarray):
        return False
    if is_torch_array(array):
        return bool(array.device.type != "cpu")
    if is_jax_array(array):
        return bool(device(array).platform != "cpu")
    return bool(is_cupy_array(array))
