"""Network: reads the layers of one network from memory, a device or a store."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._formats.kept_dataset import datasets_open
from isorep._utils.arrays import Array, ArrayLike, on_a_device, to_numpy
from isorep._utils.layer_patterns import as_patterns
from isorep._utils.validation import unknown_name
from isorep.comparison.provenance import describe_layers
from isorep.comparison.sides import layers_named, patterns_of_sides, with_structure
from isorep.representations.activation_file import ActivationFile
from isorep.representations.lazy import LazyArray, LazyRepresentations
from isorep.representations.missing_values import samples_with_nan
from isorep.representations.representations import Layers, Representations
from isorep.representations.sample_structure import SampleStructure
from isorep.storage import open_or_load

_HASHED_ROWS = 65536
"""Number of rows that are hashed at once."""


class ReadLayer(NamedTuple):
    """The array of a layer, with what is known of it.

    Attributes
    ----------
    array : array
        Values of the layer, (n, p).
    dtype : str or None
        Name of the dtype that it was computed in.
    structure : SampleStructure or None
        Which rows depend on each other.
    """

    array: Array
    dtype: str | None
    structure: SampleStructure | None


class Identity(NamedTuple):
    """What tells the layers of one network from others.

    Attributes
    ----------
    description : dict
        For the table; see `isorep.comparison.provenance.describe_layers`.
    fingerprint : str
        Hash of all values, by which a resumed sweep sees that they changed; "" if not computed.
    """

    description: dict[str, Any]
    fingerprint: str


@dataclass(frozen=True, eq=False)
class Network:
    """The layers of one network, read one at a time by the process that needs them.

    Make one with `Network.from_source`.

    Attributes
    ----------
    name : str
        Name of the network in errors, such as ``networks['seed0']``.
    layers : Layers, mapping of layer to array on a device, or file
    groups, order : (n_samples,) array-like, optional
        Group and time of each sample, in place of what the layers know.
    patterns : list of str
        Patterns of the sweep that the layers of a file were picked by.
    kept : (n_kept,) array, optional
        Numbers of the samples that are compared. By default all.
    only_layer : str, optional
        Name of the network's one layer, if the sweep has another name for it.
    """

    name: str
    layers: Layers[Any] | Mapping[str, Array] | ActivationFile
    groups: ArrayLike | None = None
    order: ArrayLike | None = None
    patterns: Sequence[str] = ()
    kept: NDArray[np.int64] | None = None
    only_layer: str | None = None

    @classmethod
    def from_source(
        cls,
        name: str,
        source: Any,
        groups: ArrayLike | None = None,
        order: ArrayLike | None = None,
        layers: str | Sequence[str] | None = None,
    ) -> Network:
        """Take `Representations`, a mapping of layer to (n, p) array, or a store or its path.

        Arrays on a device other than the CPU stay there.

        Parameters
        ----------
        name, source
            Name of the network in errors, and its layers.
        groups, order : (n_samples,) array-like, optional
            Group and time of each sample, in place of what the source knows.
        layers : str or sequence of str, optional
            Patterns of the arrays of a file that are layers, unless the file has its own.

        Raises
        ------
        TypeError, ValueError
            If the source is none of these; the error names the network.
        """
        if isinstance(source, LazyRepresentations) and source.place:
            source = source.file
        if isinstance(source, str | os.PathLike):
            # Absolute, since a worker may run in another folder.
            file = ActivationFile.from_path(source).absolute()
            if layers is None or "layers" in file.options:
                return cls(name, file, groups, order)
            patterns = as_patterns(layers)
            return cls(
                name, ActivationFile.from_path(file, layers=patterns), groups, order, patterns
            )
        if isinstance(source, Layers):
            return cls(name, source, groups, order)
        if isinstance(source, Mapping) and any(on_a_device(array) for array in source.values()):
            return cls(name, dict(source), groups, order)
        try:
            return cls(name, Representations.from_mapping(source), groups, order)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from error

    @property
    def in_store(self) -> bool:
        """Whether the layers are in a store, of which other processes need only the path."""
        return isinstance(self.layers, ActivationFile)

    def outline(self) -> Layers[Any]:
        """Return the shapes and sample ids, as layers; zeros stand in for arrays on a device."""
        layers = self._open()
        if isinstance(layers, Layers):
            return layers
        zeros = {  # a view of one number, which takes no memory
            name: np.broadcast_to(np.float32(0), tuple(array.shape))
            for name, array in layers.items()
        }
        try:
            return Representations(zeros)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{self.name}: {error}") from error

    def with_layer(self, layer: str) -> Network:
        """Return the network with one layer alone, which is less to send to a worker."""
        layer = self.only_layer or layer
        layers = self.layers
        if isinstance(layers, ActivationFile):
            return self
        if isinstance(layers, Layers):
            layers = self._take(self._open(), layer)
            structure = self._structure(layers, layer)
            alone = Representations(
                {layer: np.asarray(layers[layer])},
                dtypes=_dtype(layers, layer),
                groups=None if structure is None else structure.groups,
                order=None if structure is None else structure.order,
            )
            return replace(self, layers=alone, groups=None, order=None, kept=None)
        return replace(self, layers={layer: layers[layer]})

    def read_layer(self, layer: str) -> ReadLayer:
        """Return a layer, with its dtype and the structure of its rows, if known.

        Raises
        ------
        ValueError
            If the store is damaged or does not have the layer any more.
        OSError
            If the store cannot be read.
        """
        layer = self.only_layer or layer
        with datasets_open():
            layers = self._take(self._open([layer]), layer)
            array, dtype = self._find_layer(layers, layer)
            structure = self._structure(layers, layer)
            values = np.asarray(array) if isinstance(array, LazyArray) else array
        return ReadLayer(values, dtype, structure)

    def samples_with_nan(self, layers: Sequence[str]) -> NDArray[np.bool_]:
        """Return whether each sample has NaN in one of these layers, which are read one by one.

        Raises
        ------
        ValueError
            If the layers are on a device, or cannot be read.
        """
        missing = []
        for layer in [self.only_layer] if self.only_layer else layers:
            opened = self._open([layer])
            if not isinstance(opened, Layers):
                raise ValueError(
                    f"nan_policy='omit' needs to know samples, and {self.name} holds arrays on a "
                    "device: pass isorep.Representations(layers), which are in memory"
                )
            missing.append(samples_with_nan(layers_named(opened, [layer])))
        in_any: NDArray[np.bool_] = np.any(missing, axis=0)
        return in_any

    def identify(self, layers: Sequence[str], whole: bool) -> Identity:
        """Return what identifies these layers.

        Parameters
        ----------
        layers
            Names of the layers.
        whole
            Whether to read all values, for the fingerprint.
        """
        layers = [self.only_layer] if self.only_layer else layers
        opened = self._open(layers)
        fingerprint = self._fingerprint(opened, layers) if whole else ""
        return Identity(describe_layers(opened, layers), fingerprint)

    def _fingerprint(self, opened: Mapping[str, Any], layers: Sequence[str]) -> str:
        """Return a hash of these layers; damaged layers have a hash of their own."""
        summary = blake2b(digest_size=16)
        for layer in layers:
            try:
                array, dtype = self._find_layer(opened, layer)
                header = (layer, tuple(array.shape), dtype or str(array.dtype))
                summary.update(repr(header).encode(errors="surrogatepass"))
                structure = self._structure(opened, layer)
                if structure is not None:
                    summary.update(structure.groups.tobytes())
                    summary.update(b"" if structure.order is None else structure.order.tobytes())
                for first in range(0, array.shape[0], _HASHED_ROWS):
                    rows = np.ascontiguousarray(to_numpy(array[first : first + _HASHED_ROWS]))
                    summary.update(rows.view(np.uint8).data)
            except ValueError:
                summary.update(b"damaged")
        return summary.hexdigest()

    def _find_layer(self, layers: Mapping[str, Any], layer: str) -> tuple[Any, str | None]:
        if layer not in layers:
            raise ValueError(unknown_name(f"layer of {self.name}", layer, layers))
        return layers[layer], _dtype(layers, layer).get(layer)

    def _take(
        self, layers: Layers[Any] | Mapping[str, Array], layer: str
    ) -> Layers[Any] | Mapping[str, Array]:
        """Return the samples of a layer that are compared; all layers if these are all samples."""
        if self.kept is None or not isinstance(layers, Layers):
            return layers
        self._find_layer(layers, layer)
        return Representations.from_mapping(layers_named(layers, [layer])).take(self.kept)

    def _structure(self, layers: Mapping[str, Any], layer: str) -> SampleStructure | None:
        if isinstance(layers, Layers):
            return layers.structure(layer)
        if self.groups is None and self.order is None:
            return None
        return SampleStructure.from_labels(self.groups, self.order, len(layers[layer]))

    def _open(self, names: Sequence[str] = ()) -> Layers[Any] | Mapping[str, Array]:
        """Open the layers, or those with these names, if a file has them.

        Named layers have been opened before, so that warnings about their file are not repeated.
        """
        layers: Layers[Any] | Mapping[str, Array]
        try:
            if isinstance(self.layers, ActivationFile):
                file = self.layers
                known = file.options.get("channels", "auto") != "auto"
                if names and not known and file.options.get("reduce") is not None:
                    file = ActivationFile.from_path(file, channels="last")  # as "auto" found
                layers = open_or_load(file, names=names)
            else:
                layers = self.layers
            if not isinstance(layers, Layers) or (self.groups is None and self.order is None):
                return layers
            return with_structure(layers, self.groups, self.order)
        except (ValueError, OSError) as error:
            raise type(error)(f"{self.name}: {error}") from error


def networks_of(
    sources: Mapping[str, Any],
    groups: ArrayLike | None,
    order: ArrayLike | None,
    layers: str | Sequence[str] | None,
) -> list[Network]:
    """Return a network for each source; see `Network.from_source`."""
    patterns: Sequence[Any] = [None] * len(sources)
    if layers:
        patterns = patterns_of_sides(list(sources.values()), layers)
    return [
        Network.from_source(name, source, groups, order, of_one)
        for (name, source), of_one in zip(sources.items(), patterns, strict=True)
    ]


def _dtype(layers: Mapping[str, Any], layer: str) -> dict[str, str]:
    return {layer: layers.dtypes[layer]} if isinstance(layers, Layers) else {}
