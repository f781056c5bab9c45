"""Recorder: run a model on a batch, with hooks that reduce what its layers put out."""

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
class Recorded:
    """What the layers put out on one batch, each by name, in the order in which they ran."""

    arrays: dict[str, Tensor] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)
    reductions: dict[str, str] = field(default_factory=dict)


class Recorder:
    """Reduces the outputs of the selected layers of one model, batch by batch.

    Parameters
    ----------
    model
        The model to run.
    selected
        The modules to record the outputs of.
    channels
        Where the features are: ``"auto"``, ``"first"`` or ``"last"``.
    dtype
        The dtype to keep, or None for the one computed.
    keep_on
        The device to keep rows on, or None for the one that they were computed on.
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
        self.skipped: dict[str, str] = {}  # layers that were left out, and why
        self._selected = selected
        self._dtype = dtype
        self._keep_on = keep_on
        self._layouts = Layouts(model, channels)
        self._batch: Batch | None = None  # the one that runs; another model may share the modules
        self._recorded = Recorded()
        self._failure: Exception | None = None  # what came out of the hooks, through the model
        self._first: int | None = None  # the first batch
        self._calls: Counter[str] = Counter()
        self._usual_calls: Counter[str] = Counter()
        self._shapes: dict[str, tuple[tuple[int, ...], int]] = {}  # of output, width of rows

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Have the model's outputs come here for as long as the block lasts."""
        handles = []
        try:
            for module in self.model.modules():
                if module is not self.model:
                    handles.append(module.register_forward_hook(self._hear))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def run(self, batch: Batch, index: int) -> Recorded:
        """Run the model on `batch`, number `index`, while this is listening."""
        self._batch, self._recorded = batch, Recorded()
        self._calls.clear()
        inputs = batch.inputs
        self._layouts.begin({"": inputs} if isinstance(inputs, Tensor) else inputs)
        try:
            if isinstance(inputs, Tensor):
                self.model(inputs)
            else:
                self.model(**inputs)
        except Exception as error:
            if error is self._failure:  # not the model's but ours, or a reduction's
                raise
            raise ValueError(f"the model failed on batch {index}: {brief(error)}") from error
        finally:
            self._batch = None
        self._check_calls(index)
        recorded, self._recorded = self._recorded, Recorded()
        return recorded

    def _check_calls(self, index: int) -> None:
        """Complain about layers that ran more or less often than before, or gave nothing."""
        if self._first is None:
            self._first = index
            self._usual_calls = self._calls.copy()
            silent = [
                layer.name
                for layer in self._selected.values()
                if layer.exact and layer.name not in self._calls
            ]
            if silent:
                raise ValueError(
                    f"the model did not run {', '.join(map(repr, silent))}; "
                    "containers and unused layers put out nothing"
                )
        for name in self._usual_calls | self._calls:
            if self._calls[name] != self._usual_calls[name]:
                raise ValueError(
                    f"layer {name!r} ran {self._usual_calls[name]} times in batch {self._first} "
                    f"and {self._calls[name]} times in batch {index}; every layer should run "
                    "equally often in each, so select others or make batches alike"
                )
        if not self._recorded.arrays:
            why = self.why_skipped() or "the model ran none of them"
            raise ValueError(f"none of the {len(self._selected)} selected layers is usable: {why}")

    def why_skipped(self) -> str:
        """Return the layers that were left out, each with the reason."""
        return "; ".join(f"{name!r} {reason}" for name, reason in self.skipped.items())

    def _hear(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self._batch is None:
            return
        try:
            self._take(self._batch, module, inputs, output)
        except Exception as error:
            self._failure = error
            raise

    def _take(self, batch: Batch, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        found = find_tensor(output)
        axis, samples = -1, 0
        if isinstance(found, Tensor):
            axis, samples = self._layouts.of(module, inputs, found)
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
                    f"layer {name!r} {reason}; select others, or reduce its output in the model"
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
                f"layer {name!r} put out {usual_shape} before and now {shape}, which "
                f"{layer.reduction.name!r} reduces to {width} and {rows.shape[1]} features; bring "
                "the inputs to one size or use 'mean' or 'max'"
            )
        plain = rows.dtype in _KEPT or rows.dtype == torch.bfloat16
        dtype = self._dtype or (rows.dtype if plain else torch.float32)
        # Always a copy: what rows may be a view of is freed, or overwritten by a later layer that
        # works in place.
        kept = rows.to(device=self._keep_on, dtype=dtype, copy=True)
        if torch.finfo(dtype).max < torch.finfo(rows.dtype).max:
            _check_fits(name, rows, kept)
        # What was rounded on the way says no more than its coarsest dtype can hold.
        coarsest = max(output.dtype, dtype, key=lambda dtype: torch.finfo(dtype).eps)
        self._recorded.arrays[name] = kept
        self._recorded.dtypes[name] = str(coarsest).removeprefix("torch.")
        self._recorded.reductions[name] = layer.reduction.name


def _check_fits(name: str, rows: Tensor, kept: Tensor) -> None:
    """Make sure that `kept`, which is `rows` in a dtype of smaller range, has no infinity more."""
    if kept.isinf().sum() > rows.isinf().sum():
        finite = rows[rows.isfinite()]
        dtype = str(kept.dtype).removeprefix("torch.")
        raise ValueError(
            f"layer {name!r} has values up to {float(finite.abs().max()):.6g}, and the largest "
            f"that {dtype} holds is {torch.finfo(kept.dtype).max:.6g}; keep it in a larger one "
            "(dtype='float32' or 'float64')"
        )


def brief(error: BaseException) -> str:
    """Return the type of `error` and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def eager(model: nn.Module) -> nn.Module:
    """Return `model` as it runs hooks."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model should be a torch.nn.Module, got {type(model).__name__}")
    # A compiled model skips them; what it compiled does not.
    original: nn.Module = getattr(model, "_orig_mod", model)
    return original


def kept_dtype(dtype: Any) -> torch.dtype | None:
    """Return the dtype to keep rows in; None is as computed."""
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.") if isinstance(dtype, str | torch.dtype) else None
    for kept, numpy in _KEPT.items():
        if name == numpy.__name__ or (name is None and np.dtype(dtype) == numpy):
            return kept
    raise ValueError(
        f"dtype should be float16, float32 or float64, which NumPy has, got {name or dtype}"
    )
