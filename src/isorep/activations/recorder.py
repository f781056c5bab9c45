"""Recorder: run a model on a batch, with hooks that reduce the outputs of its layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isorep.activations.batches import Batch
from isorep.activations.layers import Layer, Layouts
from isorep.activations.outputs import Unusable, activation, find_tensor

_KEPT = {torch.float16: np.float16, torch.float32: np.float32, torch.float64: np.float64}


@dataclass(frozen=True)
class Record:
    """The rows of the layers on one batch, by layer name, in the order in which they ran."""

    arrays: dict[str, Tensor] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    reductions: dict[str, str] = field(default_factory=dict)


class Recorder:
    """Reduces the outputs of the selected layers of one model, batch by batch.

    Parameters
    ----------
    model
        Model to run.
    selected
        Modules whose outputs are recorded.
    channels
        Axis of the features: ``"auto"``, ``"first"`` or ``"last"``.
    dtype
        dtype of the rows; None keeps the dtype of the activations.
    keep_on
        Device of the rows; None keeps the device that they were computed on.
    """

    def __init__(
        self,
        model: nn.Module,
        selected: dict[nn.Module, Layer],
        channels: str,
        dtype: torch.dtype | None,
        keep_on: torch.device | str | None,
    ) -> None:
        self.model = model
        self.skipped: dict[str, str] = {}  # layers that are left out, with the reason
        self._selected = selected
        self._dtype = dtype
        self._keep_on = keep_on
        self._layouts = Layouts(model, channels)
        # None while this model does not run: another model may share the modules with the hooks.
        self._batch: Batch | None = None
        self._record = Record()
        self._failure: Exception | None = None  # raised by a hook, and passed on by the model
        self._first: int | None = None  # number of the first batch
        self._calls: Counter[str] = Counter()
        self._usual_calls: Counter[str] = Counter()
        # Shape of the output and width of the rows of each layer in the first batch.
        self._shapes: dict[str, tuple[tuple[int, ...], int]] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Register hooks on the model's modules, and remove them when the block ends."""
        handles = []
        try:
            for module in self.model.modules():
                if module is not self.model:
                    handles.append(module.register_forward_hook(self._hook))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def run(self, batch: Batch, index: int) -> Record:
        """Run the model on `batch`, number `index`, within `listening`."""
        self._batch, self._record = batch, Record()
        self._calls.clear()
        inputs = batch.inputs
        self._layouts.begin({"": inputs} if isinstance(inputs, Tensor) else inputs)
        try:
            if isinstance(inputs, Tensor):
                self.model(inputs)
            else:
                self.model(**inputs)
        except Exception as error:
            if error is self._failure:  # an error of ours or of a reduction, not of the model
                raise
            raise ValueError(f"the model failed on batch {index}: {brief(error)}") from error
        finally:
            self._batch = None
        self._check_calls(index)
        record, self._record = self._record, Record()
        return record

    def _check_calls(self, index: int) -> None:
        """Raise ValueError if a layer did not run, or not as often as in the first batch."""
        if self._first is None:
            self._first = index
            self._usual_calls = self._calls.copy()
            missing = [
                layer.name
                for layer in self._selected.values()
                if layer.exact and layer.name not in self._calls
            ]
            if missing:
                raise ValueError(
                    f"the model did not run {', '.join(map(repr, missing))}; select other layers: "
                    "containers and unused layers have no output"
                )
        for name in self._usual_calls | self._calls:
            if self._calls[name] != self._usual_calls[name]:
                raise ValueError(
                    f"layer {name!r} ran {self._usual_calls[name]} times in batch {self._first} "
                    f"and {self._calls[name]} times in batch {index}; it should run equally often "
                    "in every batch, so select other layers or make the batches alike"
                )
        if not self._record.arrays:
            why = self.why_skipped() or "the model ran none of them"
            raise ValueError(f"none of the {len(self._selected)} selected layers is usable: {why}")

    def why_skipped(self) -> str:
        """Return the layers that are left out, each with the reason."""
        return "; ".join(f"{name!r} {reason}" for name, reason in self.skipped.items())

    def _hook(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self._batch is None:
            return
        try:
            self._reduce(self._batch, module, inputs, output)
        except Exception as error:
            self._failure = error
            raise

    def _reduce(
        self, batch: Batch, module: nn.Module, inputs: tuple[Any, ...], output: Any
    ) -> None:
        main = find_tensor(output)
        axis, samples = -1, 0
        if isinstance(main, Tensor):
            axis, samples = self._layouts.of(module, inputs, main)
        layer = self._selected.get(module)
        if layer is None:
            return
        self._calls[layer.name] += 1
        call = self._calls[layer.name]
        name = layer.name if call == 1 else f"{layer.name}#{call}"
        if name in self.skipped:
            return
        try:
            tensor, packed = activation(output, batch.n, samples)
            positions = tensor.movedim(axis, -1).shape[1] if tensor.ndim > 2 else 0
            mask = batch.mask_of(layer.name, positions) if packed is None else packed
            rows = layer.reduction.rows(tensor, axis, mask)
        except Unusable as reason:
            if layer.exact:
                raise ValueError(
                    f"layer {name!r} {reason}; select other layers, or change its output in the "
                    "model"
                ) from None
            self.skipped[name] = str(reason)
            return
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from error
        self._keep(name, layer, tensor, rows)

    def _keep(self, name: str, layer: Layer, output: Tensor, rows: Tensor) -> None:
        shape = tuple(output.shape)
        usual_shape, width = self._shapes.setdefault(name, (shape, rows.shape[1]))
        if rows.shape[1] != width:
            raise ValueError(
                f"layer {name!r} had shape {usual_shape} before and now has {shape}, which "
                f"{layer.reduction.name!r} reduces to {width} and {rows.shape[1]} features; bring "
                "the inputs to one size or use 'mean' or 'max'"
            )
        keeps_dtype = rows.dtype in _KEPT or rows.dtype == torch.bfloat16
        dtype = self._dtype or (rows.dtype if keeps_dtype else torch.float32)
        # Always a copy: rows may be a view of a tensor that a later layer overwrites in place, and
        # would keep all of that tensor in memory.
        kept = rows.to(device=self._keep_on, dtype=dtype, copy=True)
        if torch.finfo(dtype).max < torch.finfo(rows.dtype).max:
            _check_fits(name, rows, kept)
        # Rows are as exact as the coarsest dtype that they passed through.
        coarsest = max(output.dtype, dtype, key=lambda dtype: torch.finfo(dtype).eps)
        self._record.arrays[name] = kept
        self._record.dtypes[name] = str(coarsest).removeprefix("torch.")
        self._record.reductions[name] = layer.reduction.name


def _check_fits(name: str, rows: Tensor, kept: Tensor) -> None:
    """Raise ValueError if a finite value of `rows` is infinite in `kept`, the converted rows."""
    if kept.isinf().sum() > rows.isinf().sum():
        finite = rows[rows.isfinite()]
        dtype = str(kept.dtype).removeprefix("torch.")
        raise ValueError(
            f"layer {name!r} has values up to {float(finite.abs().max()):.6g}, and the largest "
            f"value of {dtype} is {torch.finfo(kept.dtype).max:.6g}; pass dtype='float32' or "
            "'float64'"
        )


def brief(error: BaseException) -> str:
    """Return the type of `error` and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def eager(model: nn.Module) -> nn.Module:
    """Return the model inside a compiled one, which would skip hooks; return others unchanged."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model should be a torch.nn.Module, got {type(model).__name__}")
    original: nn.Module = getattr(model, "_orig_mod", model)
    return original


def kept_dtype(dtype: Any) -> torch.dtype | None:
    """Return the dtype of the rows; None keeps the dtype of the activations."""
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.") if isinstance(dtype, str | torch.dtype) else None
    for kept, numpy in _KEPT.items():
        if name == numpy.__name__ or (name is None and np.dtype(dtype) == numpy):
            return kept
    raise ValueError(f"dtype should be float16, float32 or float64, got {name or dtype}")
