"""Arrays of any namespace: what counts as a representation, and the way to NumPy and back."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from array_api_compat import (
    array_namespace,
    is_array_api_obj,
    is_cupy_array,
    is_jax_array,
    is_torch_array,
)

Array = Any
"""An array of any library that follows the array API standard."""

_REDUCTIONS = "'mean' over positions, 'positions', 'flatten', 'max', 'last', 'first'"


def as_samples(x: Any, name: str, *, fewest: int = 2) -> tuple[Array, str]:
    """Check that `x` can be a representation and return it as float64, with its own dtype's name.

    Array-likes that belong to no array library (lists, data frames) become NumPy arrays. A part of
    a representation may have fewer than two samples, or none: `fewest` says how many there must be.

    Raises
    ------
    TypeError
        When the dtype is not real and numeric, or the device has no float64.
    ValueError
        When `x` is not (n_samples, n_features) with enough samples and at least one feature.
    """
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise ValueError(
            f"{name} is a masked array with masked values: drop those samples or fill them in first"
        )
    if not is_array_api_obj(x) or isinstance(x, np.ndarray):
        x = np.asarray(x)  # a subclass, such as a matrix, may multiply in its own way
    if is_torch_array(x):
        if x.is_sparse or x.is_sparse_csr or x.is_meta:
            raise TypeError(f"{name} is a sparse or meta tensor; a dense one with values is needed")
        x = x.detach()
    xp = array_namespace(x)
    _check_dtype(xp, x, name)
    _check_shape(x, name, fewest)
    given = str(x.dtype).removeprefix("torch.")
    if is_jax_array(x) and xp.asarray(0.0).dtype != xp.float64:
        raise TypeError(
            f"{name} is a JAX array and JAX has float64 switched off; call "
            "jax.config.update('jax_enable_x64', True) at the start of the program"
        )
    try:
        x = xp.astype(x, xp.float64, copy=False)
    except TypeError as error:
        raise TypeError(
            f"{name} lies on a device without float64 ({error}); move it to the CPU first"
        ) from error
    return x, given


def _check_dtype(xp: Any, x: Array, name: str) -> None:
    try:
        real = xp.isdtype(x.dtype, ("real floating", "integral", "bool"))
    except TypeError:  # NumPy's own dtypes that the standard does not know, such as datetimes
        real = False
    if not real:
        raise TypeError(f"{name} has dtype {x.dtype}; a representation holds real numbers")


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


def check_finite(xp: Any, x: Array, name: str, first_row: int = 0) -> None:
    """Refuse NaN, infinity and values whose sum overflows, with a ValueError that says where.

    Rows are counted from `first_row`, that of a batch's first sample.
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
        f"row {first_row + row}, column {column}"
    )


def epsilon(dtype: str) -> float:
    """Return the relative rounding of a dtype by name; integers and booleans are exact.

    Examples
    --------
    >>> epsilon("float16"), epsilon("bfloat16"), epsilon("int64") == epsilon("float64")
    (0.0009765625, 0.0078125, True)
    """
    from ml_dtypes import finfo  # also of bfloat16, which NumPy lacks

    is_float = dtype.startswith(("float", "bfloat"))
    info = finfo(dtype if is_float else "float64")  # type: ignore[no-untyped-call]
    return float(info.eps)


def to_numpy(x: Array) -> np.ndarray[Any, Any]:
    """Copy an array of any namespace and device to a NumPy array, bfloat16 included."""
    if is_torch_array(x):
        x = x.detach().cpu()
        if str(x.dtype) == "torch.bfloat16":
            from ml_dtypes import bfloat16

            return np.asarray(x.contiguous().view(array_namespace(x).int16)).view(bfloat16)
    elif is_cupy_array(x):
        x = x.get()
    return np.asarray(x)
