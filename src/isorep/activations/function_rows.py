"""Function rows: what a function returned for a batch, as rows of features of each layer."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import epsilon, to_numpy
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.layer_patterns import as_patterns, matches, matching
from isorep._utils.position_reductions import POSITION_REDUCTIONS
from isorep._utils.tables import dense_numbers
from isorep._utils.validation import check_name, unknown_name
from isorep.activations.function_batch import FunctionBatch
from isorep.activations.input_names import MASK
from isorep.representations.array_reduction import CHANNELS, check_token_axis

Reduce = str | Callable[..., Any] | Mapping[str, Any]

_DTYPES = ("float16", "float32", "float64")


@dataclass(frozen=True)
class LayerRows:
    """The rows of one layer on one batch.

    Parameters
    ----------
    values
        Array (rows, p).
    dtype
        Name of the coarsest dtype that the values passed through.
    reduction
        Name of the reduction that made them.
    positions
        Sample, position and token of each row, (rows, 3), if rows are positions.
    """

    values: NDArray[Any]
    dtype: str
    reduction: str
    positions: NDArray[np.int64] | None = None


@dataclass
class FunctionRows:
    """How the arrays that a function returns become rows.

    Parameters
    ----------
    layers, reduce, mask, channels, dtype
        See `isorep.capture`.

    Raises
    ------
    ValueError
        An option is unknown.
    """

    layers: str | Iterable[str]
    reduce: Reduce
    mask: Mapping[str, str | None] | None
    channels: str
    dtype: Any
    _shapes: dict[str, tuple[int, str]] = field(default_factory=dict)  # width and dtype

    def __post_init__(self) -> None:
        self.patterns = as_patterns(self.layers)
        check_name("channels", self.channels, CHANNELS)
        if self.dtype is not None:
            self.dtype = str(self.dtype).removeprefix("torch.")
            if self.dtype not in _DTYPES:
                self.dtype = np.dtype(self.dtype).name
            if self.dtype not in _DTYPES:
                raise ValueError(f"dtype should be float16, float32 or float64, got {self.dtype}")
        rules = self.reduce if isinstance(self.reduce, Mapping) else {"*": self.reduce}
        for rule in rules.values():
            if not callable(rule):
                check_name("reduction", rule, POSITION_REDUCTIONS)
        self._rules = dict(rules)

    def fingerprint(self) -> dict[str, Any]:
        """Return the options, as JSON."""
        return {
            "layers": self.patterns,
            "reduce": {pattern: _name(rule) for pattern, rule in self._rules.items()},
            "mask": dict(self.mask or {}),
            "channels": self.channels,
            "dtype": self.dtype or "as computed",
        }

    def from_outputs(self, outputs: Any, batch: FunctionBatch, where: str) -> dict[str, LayerRows]:
        """Return the rows of the selected layers.

        Raises
        ------
        TypeError
            The function returned something else than a dict of arrays.
        ValueError
            A layer has not one row for each sample, or its width or the set of layers differs from
            the first batch.
        """
        if not isinstance(outputs, Mapping) or not outputs:
            raise TypeError(
                "the function should return a dict {layer: array}, got "
                f"{'an empty dict' if isinstance(outputs, Mapping) else type(outputs).__name__}"
                f" for {where}"
            )
        arrays = {str(name): _array(name, value) for name, value in outputs.items()}
        rows = {
            name: self._rows(name, arrays[name], batch, where) for name in self._selected(arrays)
        }
        self._check_alike(rows, where)
        return rows

    def _selected(self, arrays: Mapping[str, Any]) -> list[str]:
        for pattern in (*self.patterns, *self._rules, *(self.mask or {})):
            if pattern != "*" and not any(
                matches(name, pattern.removeprefix("!")) for name in arrays
            ):
                raise ValueError(unknown_name("layer", pattern.removeprefix("!"), arrays))
        return matching(self.patterns, arrays)

    def _rows(self, name: str, array: NDArray[Any], batch: FunctionBatch, where: str) -> LayerRows:
        n = batch.n
        if array.ndim == 0 or len(array) != n:
            raise ValueError(
                f"layer {name!r} has shape {array.shape} for the {n} samples of {where}: the first "
                "axis should be the samples"
            )
        rule = next((rule for p, rule in self._rules.items() if matches(name, p)), "mean")
        mask = self._mask(name, array, batch)
        positions = None
        if callable(rule):
            values = _custom(name, rule, array, mask)
        elif array.ndim < 3:
            values = array.reshape(n, -1)
        else:
            is_first = name not in self._shapes  # in later batches the warning would be repeated
            if self.channels == "auto" and rule != "flatten" and mask is None and is_first:
                check_token_axis(name, array.shape)
            if rule == "flatten" and mask is None:
                values = array.reshape(n, -1)
            else:
                x = np.moveaxis(array, 1, -1) if self.channels == "first" else array
                x = x.reshape(n, -1, x.shape[-1])
                values = POSITION_REDUCTIONS[rule](x, mask)
                if rule == "positions":
                    positions = _positions(x.shape[:2], mask, batch.tokens)
        kept = self._cast(name, values)
        dtype = max(array.dtype.name, kept.dtype.name, key=epsilon)
        return LayerRows(kept, dtype, _name(rule), positions)

    def _mask(
        self, name: str, array: NDArray[Any], batch: FunctionBatch
    ) -> NDArray[np.bool_] | None:
        """Return the mask of the positions of a layer: the caller's, or that of the tokens."""
        chosen = next((p for p in self.mask or {} if matches(name, p)), None)
        if self.mask is not None and chosen is not None:
            key = self.mask[chosen]
            mask = None if key is None else batch.known_mask(key)
            if mask is not None and array.shape[1:2] != mask.shape[1:]:
                raise ValueError(
                    f"layer {name!r} has shape {array.shape}, and the mask {key!r} is for "
                    f"{mask.shape[1]} positions"
                )
            return mask
        mask = batch.mask_named(MASK)
        if mask is None or array.ndim < 3:
            return None
        if array.ndim == 3 and array.shape[1] == mask.shape[1] and self.channels != "first":
            return mask
        if not mask.all() and name not in self._shapes:
            text = (
                f"the rows of layer {name!r}, shape {array.shape}, include padding, since its "
                "positions are not the tokens of the mask: pass mask= for this layer, or None for "
                "no mask"
            )
            warnings.warn(text, UserWarning, stacklevel=stacklevel_of_caller())
        return None

    def _cast(self, name: str, values: NDArray[Any]) -> NDArray[Any]:
        """Return the values as a copy in the dtype that is kept."""
        if self.dtype is None:
            return values.copy()
        with np.errstate(over="ignore"):
            kept = values.astype(self.dtype)
        if not np.array_equal(np.isfinite(kept), np.isfinite(values)):
            raise ValueError(
                f"layer {name!r} has values up to {np.abs(values[np.isfinite(values)]).max():.6g}, "
                f"which do not fit into {self.dtype}: pass dtype='float32' or leave it out"
            )
        return kept

    def _check_alike(self, rows: Mapping[str, LayerRows], where: str) -> None:
        shapes = {name: (x.values.shape[1], x.values.dtype.name) for name, x in rows.items()}
        if not self._shapes:
            self._shapes.update(shapes)
            return
        if set(shapes) != set(self._shapes):
            gone, new = (
                sorted(set(self._shapes) - set(shapes)),
                sorted(set(shapes) - set(self._shapes)),
            )
            raise ValueError(
                f"the function returned other layers for {where} than for batch 0: missing "
                f"{gone or 'none'}, new {new or 'none'}; return the same layers for each batch"
            )
        for name, (width, dtype) in shapes.items():
            if (width, dtype) != self._shapes[name]:
                raise ValueError(
                    f"layer {name!r} has {width} features of {dtype} for {where}, and had "
                    f"{self._shapes[name][0]} of {self._shapes[name][1]} for batch 0: return the "
                    "same features for each batch, or pass a reduce that does not depend on the "
                    "number of positions"
                )


def _array(name: Any, value: Any) -> NDArray[Any]:
    array = to_numpy(dense_numbers(value, f"layer {name!r}"))
    is_number = array.dtype.kind in "fiub" or array.dtype.name == "bfloat16"
    if not is_number:
        raise TypeError(
            f"layer {name!r} has dtype {array.dtype}; activations are real numbers (floats, "
            "integers or booleans)"
        )
    return array


def _custom(
    name: str, rule: Callable[..., Any], array: NDArray[Any], mask: NDArray[np.bool_] | None
) -> NDArray[Any]:
    try:
        takes_mask = "mask" in inspect.signature(rule).parameters
    except ValueError:  # a function of C
        takes_mask = False
    values = _array(name, rule(array, mask=mask) if takes_mask else rule(array))
    if values.ndim != 2 or len(values) != len(array):
        raise ValueError(
            f"{_name(rule)} should reduce {array.shape} to an array ({len(array)}, p), got shape "
            f"{values.shape}"
        )
    return values


def _name(rule: Any) -> str:
    if isinstance(rule, str):
        return rule
    return f"callable {getattr(rule, '__name__', type(rule).__name__)}"


def _positions(
    shape: Sequence[int], mask: NDArray[np.bool_] | None, tokens: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Return the sample, position and token of each position, (rows, 3)."""
    samples, positions = np.indices(shape)
    known = tokens is not None and tokens.shape == tuple(shape)
    ids = tokens if known and tokens is not None else np.full(shape, -1)
    columns = np.stack([samples, positions, ids], -1).astype(np.int64)
    return columns.reshape(-1, 3) if mask is None else columns[mask]
