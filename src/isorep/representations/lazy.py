"""LazyRepresentations: the layers of a store, whose rows are read when they are asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.computed_array import ComputedArray, rounded_dtype, rounding_text
from isorep._utils.memory import check_fits
from isorep.representations.representations import Layers, check_layer, readable_dtype

_LOOKS = (2**12, 2**16)  # values that tell a rounded layer from others without reading all of it


class LazyArray:
    """One layer on disk: an (n_samples, n_features) array whose rows are read when asked for.

    ``array[start:stop]`` reads rows as a NumPy array, and ``np.asarray(array)`` all of them.

    Parameters
    ----------
    name
        Name of the layer in errors.
    shape, dtype
        Shape of the array, and dtype that its rows are returned in.
    read
        Function that reads rows: ``slice of rows -> (rows, n_features) array``.
    chunk
        Number of rows that are stored together, and are best read together.
    computed_dtype
        Name of the dtype that the values were computed in, if it is another; rows know it.
    """

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        read: Callable[[slice], Any],
        chunk: int = 1,
        computed_dtype: str | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.chunk = chunk
        self.computed_dtype = computed_dtype
        self._name = name
        self._read = read

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise TypeError(f"a stored layer is read by slices of rows, a:b, got {rows!r}")
        start, stop, _ = rows.indices(self.shape[0])
        try:
            check_fits(max(0, stop - start) * self.shape[1] * self.dtype.itemsize)
            values = np.asarray(self._read(slice(start, max(start, stop))))
        # A damaged chunk can raise anything, depending on the codec.
        except Exception as error:
            raise ValueError(
                f"cannot read rows {start} to {stop - 1} of {self._name}: {error}"
            ) from error
        values = values.astype(self.dtype, copy=False)
        return ComputedArray.of(values, self.computed_dtype) if self.computed_dtype else values

    def computed_in(self, dtype: str) -> LazyArray:
        """Return the same array, the values of which were computed in `dtype`."""
        computed = None if dtype == self.dtype.name else dtype
        return LazyArray(self._name, self.shape, self.dtype, self._read, self.chunk, computed)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:]).astype(dtype or self.dtype, copy=False)

    def __repr__(self) -> str:
        return f"LazyArray({self._name}, shape {self.shape}, {self.dtype})"


class LazyRepresentations(Layers[LazyArray]):
    """The layers of a store, in execution order if it is known, which stay on disk until read.

    A read-only mapping of layer name to `LazyArray` that knows its samples as `Representations`
    do, and takes the same keywords. `isorep.storage.open_store` returns one;
    ``Representations.from_mapping(stored)`` reads all of it into memory.

    Parameters
    ----------
    arrays
        Layer name to 2-D array with a shape, a dtype and slices of rows that are NumPy arrays, such
        as a zarr array or an h5py dataset.
    place
        Path of the store, with the options to read it again, or its name in errors.
    **metadata
        Keywords of `Representations`, such as ``sample_ids``.

    Examples
    --------
    >>> import numpy as np
    >>> stored = LazyRepresentations({"fc": np.eye(3)}, sample_ids="abc")
    >>> stored
    LazyRepresentations(1 layer, 3 samples: fc (3, 3))
    >>> stored["fc"][1:]
    array([[0., 1., 0.],
           [0., 0., 1.]])
    """

    def __init__(self, arrays: Any, *, place: str | PathLike[str] = "", **metadata: Any) -> None:
        self._place = place
        super().__init__(arrays, **metadata)
        for name, array in self._arrays.items():
            self._arrays[name] = array.computed_in(self._dtypes[name])

    @classmethod
    def from_layers(cls, layers: Layers[Any]) -> LazyRepresentations:
        """Wrap arrays in memory as if they were stored; return lazy layers as they are."""
        return layers if isinstance(layers, cls) else cls(layers, **layers.metadata())

    @property
    def place(self) -> str | PathLike[str]:
        """The path of the store; empty if it has none."""
        return self._place

    def _layer(self, name: str, value: Any, knows_dtype: bool) -> tuple[LazyArray, str]:
        if isinstance(value, LazyArray):
            return value, value.computed_dtype or value.dtype.name
        try:
            shape, dtype = tuple(value.shape), np.dtype(value.dtype)
        except AttributeError:
            raise TypeError(
                f"layer {name!r} is a {type(value).__name__}; expected an array on disk"
            ) from None
        except RuntimeError as error:  # raised by h5py for a dataset whose file was closed
            raise ValueError(
                f"layer {name!r} cannot be read; is its file open? ({error})"
            ) from error
        readable = readable_dtype(dtype)
        check_layer(name, shape, readable)
        place = fspath(self._place)
        full_name = f"layer {name!r}" + (f" of {place!r}" if place else "")
        chunk = (getattr(value, "chunks", None) or (1,))[0]
        array = LazyArray(full_name, shape, readable, value.__getitem__, chunk)
        return array, (None if knows_dtype else _rounded(full_name, array)) or dtype.name


def _rounded(name: str, array: LazyArray) -> str | None:
    """Return the half precision that the first rows are rounded to, after a warning."""
    try:
        for n_values in _LOOKS:
            dtype = rounded_dtype(array[: max(1, n_values // array.shape[1])])
            if dtype is None:
                return None
    except ValueError:  # rows that cannot be read are named when they are needed
        return None
    assert dtype is not None
    text = rounding_text(name, array.dtype.name, dtype)
    warnings.warn(text, UserWarning, stacklevel=stacklevel_of_caller())
    return dtype
