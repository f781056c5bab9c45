"""Arrays of any library: types, checks of representations, and copies to NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from array_api_compat import (
    array_namespace,
    device,
    is_array_api_obj,
    is_cupy_array,
    is_jax_array,
    is_torch_array,
)

from isorep._utils.optional import import_optional
from isorep._utils.tables import dense_numbers


class Array(Protocol):
    """An array of any library that follows the array API standard."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> Any: ...
    @property
    def device(self) -> Any: ...
    @property
    def T(self) -> Array: ...
    def __getitem__(self, key: Any, /) -> Array: ...
    def __bool__(self, /) -> bool: ...
    def __float__(self, /) -> float: ...
    def __neg__(self, /) -> Array: ...
    def __invert__(self, /) -> Array: ...
    def __add__(self, other: Any, /) -> Array: ...
    def __radd__(self, other: Any, /) -> Array: ...
    def __sub__(self, other: Any, /) -> Array: ...
    def __rsub__(self, other: Any, /) -> Array: ...
    def __mul__(self, other: Any, /) -> Array: ...
    def __rmul__(self, other: Any, /) -> Array: ...
    def __truediv__(self, other: Any, /) -> Array: ...
    def __rtruediv__(self, other: Any, /) -> Array: ...
    def __pow__(self, other: Any, /) -> Array: ...
    def __matmul__(self, other: Any, /) -> Array: ...
    def __and__(self, other: Any, /) -> Array: ...
    def __or__(self, other: Any, /) -> Array: ...
    def __lt__(self, other: Any, /) -> Array: ...
    def __le__(self, other: Any, /) -> Array: ...
    def __gt__(self, other: Any, /) -> Array: ...
    def __ge__(self, other: Any, /) -> Array: ...


ArrayLike: TypeAlias = Array | npt.ArrayLike
"""Input that is or becomes an array: of any library, a data frame, or nested lists of numbers."""

_REDUCTIONS = "'mean' over positions, 'positions', 'flatten', 'max', 'last', 'first'"


def as_samples(x: ArrayLike, name: str, *, fewest: int = 2) -> tuple[Array, str]:
    """Check that `x` can be a representation; return it as float64, with the name of its dtype.

    Lists and data frames become NumPy arrays. The dtype of a `ComputedArray` is the one that its
    values were computed in.

    Parameters
    ----------
    x : (n, p) array
        Samples in rows.
    name : str
        Name of `x` in error messages.
    fewest : int
        Smallest number of samples: 2 for a representation, less for a batch of it.

    Raises
    ------
    TypeError
        If the dtype is not real and numeric, or the device has no float64.
    ValueError
        If `x` is not (n_samples, n_features) with enough samples and at least one feature.
    """
    array, dtype = as_numbers(x, name, fewest=fewest)
    return in_float64(array, name), dtype


def in_float64(array: Array, name: str) -> Array:
    """Return an array in float64: itself, or a copy if it is of another dtype."""
    xp = array_namespace(array)
    try:
        converted: Array = xp.astype(array, xp.float64, copy=False)
    except TypeError as error:
        raise TypeError(
            f"{name} is on a device without float64 ({error}); move it to the CPU first"
        ) from error
    return converted


def as_numbers(x: ArrayLike, name: str, *, fewest: int = 2) -> tuple[Array, str]:
    """Do as `as_samples`, and keep the dtype of the array."""
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise ValueError(
            f"{name} is a masked array with masked values: drop those samples or fill them in first"
        )
    if x is None or isinstance(x, Mapping):
        raise TypeError(
            f"{name} must be an array (n_samples, n_features), got {type(x).__name__}"
            + (f" of {', '.join(map(repr, list(x)[:3]))}: pass one of its arrays" if x else "")
        )
    x = dense_numbers(x, name)
    array: Any = x
    if not is_array_api_obj(x) or isinstance(x, np.ndarray):
        array = np.asarray(x)  # subclasses, such as np.matrix, may multiply in another way
    elif is_torch_array(x):
        if x.is_sparse or x.is_sparse_csr or x.is_meta:
            raise TypeError(f"{name} is a sparse or meta tensor; a dense one with values is needed")
        array = x.detach()
    xp = array_namespace(array)
    dtype = str(array.dtype).rpartition(".")[2]  # without the library's name, as in torch.float32
    _check_dtype(xp, array, name, dtype)
    _check_shape(array, name, fewest)
    if is_jax_array(array) and xp.asarray(0.0).dtype != xp.float64:
        raise TypeError(
            f"{name} is a JAX array and JAX has float64 switched off; call "
            "jax.config.update('jax_enable_x64', True) at the start of the program"
        )
    return array, getattr(x, "computed_dtype", None) or dtype


def _check_dtype(xp: Any, x: Array, name: str, dtype: str) -> None:
    try:
        real = xp.isdtype(x.dtype, ("real floating", "integral", "bool"))
    except TypeError:  # NumPy's own dtypes that the standard does not know, such as datetimes
        real = False
    if not real:
        raise TypeError(f"{name} has dtype {dtype}; a representation holds real numbers")


def _check_shape(x: Array, name: str, fewest: int) -> None:
    shape = tuple(x.shape)
    if len(shape) == 1:
        raise ValueError(
            f"{name} has shape {shape}; a representation is (n_samples, n_features). "
            f"For one feature, pass {name}[:, None]"
        )
    if len(shape) != 2:
        raise ValueError(
            f"{name} has {len(shape)} dimensions, shape {shape}; a representation is "
            f"(n_samples, n_features). Reduce positions or tokens first, as isorep.capture does "
            f"with reduce= {_REDUCTIONS} or a function"
        )
    if shape[0] < fewest:
        raise ValueError(f"{name} has shape {shape}: at least {fewest} samples (rows) are needed")
    if shape[1] < 1:
        raise ValueError(f"{name} has shape {shape}: at least 1 feature (column) is needed")


def check_finite(
    xp: Any, x: Array, name: str, first_row: int = 0, rows: npt.NDArray[np.int64] | None = None
) -> None:
    """Raise ValueError, with the first place, for NaN, infinity and values whose sum overflows.

    `first_row` is the index of the first row of `x`, a batch, in the representation; or `rows` are
    the indices of all rows, some of which were left out.
    """
    # NaN and infinity both survive a minimum and a maximum, which need no array of flags.
    least, most = float(xp.min(x)), float(xp.max(x))
    if isfinite(least) and isfinite(most):
        if not isfinite(x.shape[0] * max(-least, most)):
            raise ValueError(
                f"{name} holds values up to {max(-least, most):.0e}, whose sum overflows float64: "
                "rescale them"
            )
        return
    flat = xp.reshape(x, (-1,))
    bad = ~xp.isfinite(flat)
    first = int(xp.argmax(xp.astype(bad, xp.int8)))
    row, column = divmod(first, x.shape[1])
    raise ValueError(
        f"{name} holds {int(xp.count_nonzero(xp.isnan(flat)))} NaN and "
        f"{int(xp.count_nonzero(bad & ~xp.isnan(flat)))} infinite values, the first at "
        f"row {first_row + row if rows is None else rows[row]}, column {column}"
    )


def epsilon(dtype: str) -> float:
    """Return the relative rounding error of a dtype by name; integers count as float64.

    Examples
    --------
    >>> epsilon("float16"), epsilon("bfloat16"), epsilon("int64") == epsilon("float64")
    (0.0009765625, 0.0078125, True)
    """
    if dtype == "bfloat16":  # NumPy lacks it; its fraction has 7 bits
        return 2.0**-7
    return float(np.finfo(dtype if dtype.startswith("float") else "float64").eps)


def on_a_device(array: Any) -> bool:
    """Return whether an array is on a device other than the CPU."""
    if not is_array_api_obj(array) or isinstance(array, np.ndarray):
        return False
    if is_torch_array(array):
        return bool(array.device.type != "cpu")
    if is_jax_array(array):
        return bool(device(array).platform != "cpu")
    return bool(is_cupy_array(array))


def to_numpy(x: Any) -> np.ndarray[Any, Any]:
    """Return an array of any library and device as a NumPy array; also bfloat16."""
    if is_torch_array(x):
        x = x.detach().cpu()
        if str(x.dtype) == "torch.bfloat16":
            bfloat16 = import_optional("ml_dtypes", "bfloat16").bfloat16
            return np.asarray(x.contiguous().view(array_namespace(x).int16)).view(bfloat16)
    elif is_cupy_array(x):
        x = x.get()
    return np.asarray(x)
