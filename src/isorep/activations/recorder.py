"""Recorder: run a model on a batch, with hooks that reduce the outputs of its layers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from isorep._utils.validation import unknown_name
from isorep.activations.batch import Batch
from isorep.activations.exported_program import with_layers
from isorep.activations.layers import AUTO, Layer
from isorep.activations.layouts.evidence import Call, Evidence, gather_evidence, takes_hooks
from isorep.activations.layouts.layout import Layout, NoSamples
from isorep.activations.layouts.token_masks import mask_of_frames
from isorep.activations.model_call import as_one_dict, call_model
from isorep.activations.outputs import Unusable, dense, padded, tensors_in
from isorep.activations.position_mask import PositionMask

_KEPT = {torch.float16: np.float16, torch.float32: np.float32, torch.float64: np.float64}


@dataclass(frozen=True)
class Record:
    """The rows of the layers on one batch, by layer name, in the order in which they ran.

    Row positions are arrays (rows, 3): sample of the batch, position, and token or -1.
    """

    arrays: dict[str, Tensor] = field(default_factory=dict)
    row_positions: dict[str, NDArray[np.int64]] = field(default_factory=dict)
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
    probe
        Whether to run the first samples again, to see which axis follows them.
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
        probe: bool,
        dtype: torch.dtype | None,
        keep_on: torch.device | str | None,
    ) -> None:
        if channels not in ("auto", "first", "last"):
            raise ValueError(unknown_name("channels", channels, ["auto", "first", "last"]))
        self.model = model
        self.skipped: dict[str, str] = {}  # layers that are left out, with the reason
        self.guessed: dict[str, str] = {}  # layers whose axis of features is unknown
        self.padded: set[str] = set()  # layers whose padding could not be left out
        self._selected = selected
        self._channels = channels
        self._probe = probe
        self._dtype = dtype
        self._keep_on = keep_on
        self._evidence: Evidence | None = None
        # None while this model does not run: another model may share the modules with the hooks.
        self._batch: Batch | None = None
        self._record = Record()
        self._masks: dict[str, Tensor] = {}  # of this batch
        self._position_masks: dict[Any, PositionMask] = {}  # of this batch
        self._known_positions: dict[Any, NDArray[np.int64]] = {}  # of this batch
        self._failure: Exception | None = None  # raised by a hook, and passed on by the model
        self._first: int | None = None  # number of the first batch
        self._calls: Counter[str] = Counter()
        self._usual_calls: Counter[str] = Counter()
        # Shape of the output and width of the rows of each layer in the first batch.
        self._shapes: dict[str, tuple[tuple[int, ...], int]] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Register hooks on the selected modules, and remove them when the block ends."""
        handles = []
        try:
            for module in filter(takes_hooks, self._selected):
                handles.append(module.register_forward_hook(self._hook))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def accepts(self, batch: Batch) -> bool:
        """Return whether the model runs on the first samples of a batch, within `listening`."""
        try:
            self._evidence = gather_evidence(self.model, batch, self._channels, self._probe)
        except Exception:  # a model may raise anything
            return False
        return True

    def run(self, batch: Batch, index: int) -> Record:
        """Run the model on `batch`, number `index`, within `listening`."""
        try:
            if self._evidence is None:
                self._evidence = gather_evidence(self.model, batch, self._channels, self._probe)
            self._batch, self._record, self._masks = batch, Record(), batch.masks()
            self._calls.clear()
            self._position_masks.clear()
            self._known_positions.clear()
            call_model(self.model, batch)
        except Exception as error:
            if error is self._failure:  # an error of ours or of a reduction, not of the model
                raise
            text = as_one_dict(self.model, batch) + brief(error)
            raise ValueError(f"the model failed on batch {index}: {text}") from error
        finally:
            self._batch = None
        self._check_calls(index)
        record, self._record = self._record, Record()
        return record

    def random_layer(self) -> str | None:
        """Return the first layer that differs when the same samples run again, with the cause."""
        if self._evidence is None or self._evidence.random is None:
            return None
        module, call = self._evidence.random
        name = next(name for name, m in self.model.named_modules() if m is module)
        return f"{_numbered(name, call)!r}: {self._evidence.cause}"

    def _check_calls(self, index: int) -> None:
        """Leave out layers that do not run equally often in each batch; raise for named ones."""
        if self._first is None:
            self._first = index
            self._usual_calls = self._calls.copy()
            missing = [
                layer.name
                for layer in self._selected.values()
                if layer.exact and layer.name not in self._calls
            ]
            if missing:
                names, why = ", ".join(map(repr, missing)), _without_hooks(self.model)
                raise ValueError(
                    f"the model did not run {names}{why}; select other layers: containers and "
                    "unused layers have no output"
                )
        exact = {layer.name for layer in self._selected.values() if layer.exact}
        for name in self._usual_calls | self._calls:
            usual, now = self._usual_calls[name], self._calls[name]
            if now == usual:
                continue
            text = f"ran {usual} times in batch {self._first} and {now} times in batch {index}"
            if name in exact:
                raise ValueError(
                    f"layer {name!r} {text}; it should run equally often in every batch, so select "
                    "other layers or make the batches alike"
                )
            for call in range(min(usual, now) + 1, max(usual, now) + 1):
                self.skipped.setdefault(_numbered(name, call), text)
                self._record.arrays.pop(_numbered(name, call), None)
        if not self._record.arrays:
            why = self.why_skipped() or "the model ran none of them"
            why += _without_hooks(self.model)
            raise ValueError(f"none of the {len(self._selected)} selected layers is usable: {why}")

    def why_skipped(self) -> str:
        """Return the layers that are left out, each with the reason."""
        return "; ".join(f"{name!r} {reason}" for name, reason in self.skipped.items())

    def _hook(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if self._batch is None:
            return
        try:
            self._reduce(self._batch, module, output)
        except Exception as error:
            self._failure = error
            raise

    def _reduce(self, batch: Batch, module: nn.Module, output: Any) -> None:
        layer = self._selected[module]
        self._calls[layer.name] += 1
        call = self._calls[layer.name]
        name = _numbered(layer.name, call)
        if name in self.skipped:
            return
        try:
            tensors = tensors_in(output)
            if not tensors:
                raise Unusable(f"returns {type(output).__name__}; expected a tensor")
            if isinstance(tensors[0], PackedSequence):
                self._keep(name, layer, *self._packed_rows(layer, tensors[0]))
                return
            x, layout = self._tensor(tensors, (module, call), output)
            for suffix, tensor, rows, positions in self._rows(batch, name, layer, x, layout):
                self._keep(f"{name}{suffix}", layer, tensor, rows, positions)
        except Unusable as reason:
            if layer.exact:
                raise ValueError(
                    f"layer {name!r} {reason}; select other layers, or change its output in the "
                    "model"
                ) from None
            self.skipped[name] = str(reason)
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from error

    def _packed_rows(
        self, layer: Layer, sequence: PackedSequence
    ) -> tuple[Tensor, Tensor, NDArray[np.int64] | None]:
        """Return the padded tensor of a packed sequence, its rows, and their positions."""
        tensor, lengths = padded(sequence)
        mask = PositionMask(layer.skip.kept(lengths, None) if layer.skip else lengths)
        positions = self._positions(layer, tensor, tensor.shape[1], mask, None)
        return tensor, layer.reduction.rows(tensor, (2,), mask), positions

    def _tensor(
        self, tensors: Sequence[Tensor | PackedSequence], call: Call, output: Any
    ) -> tuple[Tensor, Layout]:
        """Return which of the tensors of an output is reduced, and its layout."""
        assert self._evidence is not None
        layout = self._evidence.layouts.get(call)
        if layout is None:
            raise Unusable(
                "did not run on the first samples, so the axis of its samples is unknown"
            )
        if isinstance(layout, NoSamples):
            raise Unusable(layout.reason)
        x = tensors[layout.tensor] if layout.tensor < len(tensors) else None
        if not isinstance(x, Tensor) or x.ndim != len(layout.shape):
            came = tuple(x.shape) if isinstance(x, Tensor) else type(output).__name__
            raise Unusable(f"had shape {layout.shape} at first and now has {came}")
        return x, layout

    def _rows(
        self, batch: Batch, name: str, layer: Layer, x: Tensor, layout: Layout
    ) -> Iterator[tuple[str, Tensor, Tensor, NDArray[np.int64] | None]]:
        """Yield the tensor of an output, samples first, its rows, and their positions.

        With heads, each head is yielded with the end of its name.
        """
        if not layout.samples.fits(x, batch.n):
            raise Unusable(
                f"has shape {tuple(x.shape)}, whose axis {layout.samples.axis} does not hold the "
                f"{batch.n} samples of the batch"
            )
        tensor = layout.samples.first(dense(x), batch.n)
        if layout.is_guess and not layer.reduction.custom:
            self.guessed[name] = f"axis {layout.features[0]} of {tuple(x.shape)}"
        tokens = None if layout.tokens is None else batch.named_inputs()[layout.tokens]
        n_positions = _n_positions(tensor, layout.features)
        mask = self._mask(batch, name, layer, layout, tensor, tokens, n_positions)
        positions = self._positions(layer, tensor, n_positions, mask, tokens)
        if not layer.heads:
            yield "", tensor, layer.reduction.rows(tensor, layout.features, mask), positions
            return
        if len(layout.features) < 2:
            raise Unusable(f"has shape {tuple(x.shape)}, and no axis for its heads")
        heads, *others = layout.features
        features = [k - (k > heads) for k in others]
        for i, head in enumerate(tensor.unbind(heads)):
            yield f".head{i}", head, layer.reduction.rows(head, features, mask), positions

    def _mask(
        self,
        batch: Batch,
        name: str,
        layer: Layer,
        layout: Layout,
        tensor: Tensor,
        tokens: Tensor | None,
        n_positions: int | None,
    ) -> PositionMask | None:
        """Return the mask of the positions of a layer's output, without those to skip."""
        custom = layer.reduction.custom and not layer.reduction.takes_mask
        if custom and layer.skip:
            raise ValueError("skip needs a named reduction, or a callable with a parameter mask")
        if custom or n_positions is None:
            return None
        mask_name = self._mask_name(name, layer, layout)
        if mask_name is None and not layer.skip:
            return None
        of_tokens = layout.tokens if layer.skip.tokens else None
        key = (mask_name, n_positions, layer.mask == AUTO, layer.skip, of_tokens, tensor.device)
        if key not in self._position_masks:
            if mask_name is None:
                shape = tensor.shape[0], n_positions
                mask = torch.ones(shape, dtype=torch.bool, device=tensor.device)
            else:
                mask = self._padding(batch, mask_name, layer, tensor, n_positions)
            mask = layer.skip.kept(mask, tokens) if layer.skip else mask
            self._position_masks[key] = PositionMask(mask)
        return self._position_masks[key]

    def _mask_name(self, name: str, layer: Layer, layout: Layout) -> str | None:
        """Return the name of the input that masks a layer's positions, if there is one."""
        if layer.mask != AUTO:
            return layer.mask
        masks = self._masks
        if layout.includes_padding and not all(mask.all() for mask in masks.values()):
            self.padded.add(name)
        return layout.mask if layout.mask in masks else None

    def _padding(
        self, batch: Batch, mask_name: str, layer: Layer, tensor: Tensor, n_positions: int
    ) -> Tensor:
        """Return the mask of the positions that are not padding."""
        is_named = layer.mask != AUTO
        mask = batch.mask_named(mask_name) if is_named else self._masks[mask_name]
        if mask.shape[1] != n_positions:
            frames = mask_of_frames(self.model, mask, n_positions)
            if frames is None:
                raise Unusable(
                    f"has shape {tuple(tensor.shape)}, but {mask_name} has {mask.shape[1]} "
                    "positions, so its padding is unknown"
                )
            mask = frames
        return mask

    def _positions(
        self,
        layer: Layer,
        tensor: Tensor,
        n_positions: int | None,
        mask: PositionMask | None,
        tokens: Tensor | None,
    ) -> NDArray[np.int64] | None:
        """Return what each row stands for, (rows, 3), if rows are positions.

        Layers with the same mask and tokens share it.
        """
        if not layer.reduction.keeps_positions or n_positions is None:
            return None
        key = (n_positions, None if mask is None else mask.bytes, id(tokens))
        if key not in self._known_positions:
            kept = np.ones((len(tensor), n_positions), bool)
            kept = kept if mask is None else mask.values.cpu().numpy()
            ids = np.full(kept.shape, -1) if tokens is None else tokens.cpu().numpy()
            samples, positions = kept.nonzero()
            columns = [samples, positions, ids[samples, positions]]
            self._known_positions[key] = np.column_stack(columns).astype(np.int64)
        return self._known_positions[key]

    def _keep(
        self,
        name: str,
        layer: Layer,
        output: Tensor,
        rows: Tensor,
        positions: NDArray[np.int64] | None,
    ) -> None:
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
        # A copy unless a reduction made them: rows may be a view of a tensor that a later layer
        # overwrites in place, and would keep all of that tensor in memory.
        is_new = not layer.reduction.custom and _storage(rows) != _storage(output)
        kept = rows.to(device=self._keep_on, dtype=dtype, copy=not is_new)
        if dtype != rows.dtype and torch.finfo(dtype).max < torch.finfo(rows.dtype).max:
            _check_fits(name, rows, kept)
        self._record.arrays[name] = kept
        self._record.dtypes[name] = _coarsest(output.dtype, dtype)
        self._record.reductions[name] = layer.reduction.name
        if positions is not None:
            self._record.row_positions[name] = positions


def _storage(tensor: Tensor) -> int:
    """Return where the memory of a tensor begins."""
    return tensor.untyped_storage().data_ptr()


@cache
def _coarsest(*dtypes: torch.dtype) -> str:
    """Return the name of the coarsest dtype: rows are as exact as what they passed through."""
    return str(max(dtypes, key=lambda dtype: torch.finfo(dtype).eps)).removeprefix("torch.")


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


def _n_positions(tensor: Tensor, features: Sequence[int]) -> int | None:
    """Return the number of positions of a sample; None if it has no axis of them."""
    sizes = [size for k, size in enumerate(tensor.shape) if k and k not in features]
    return math.prod(sizes) if sizes else None


def _numbered(name: str, call: int) -> str:
    return name if call == 1 else f"{name}#{call}"


def _without_hooks(model: nn.Module) -> str:
    """Return why no hook may run in a model, if it is a graph; else an empty text."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        return (
            " (parts of the model are TorchScript, which runs without hooks: pass the Python model)"
        )
    if any(base.__module__.startswith("torch.export.") for base in type(model).__mro__):
        return (
            " (the model is an exported graph, whose submodules do not run: pass "
            "torch.export.unflatten(program))"
        )
    return ""


def brief(error: BaseException) -> str:
    """Return the type of `error` and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def eager(model: nn.Module) -> nn.Module:
    """Return a model that runs hooks, for a compiled or exported one; return others unchanged."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model should be a torch.nn.Module, got {type(model).__name__}")
    if isinstance(model, torch.jit.ScriptModule):
        raise ValueError(
            "the model is TorchScript, whose submodules run without hooks: pass the Python model"
        )
    original: nn.Module = getattr(model, "_orig_mod", model)
    return with_layers(original)


def kept_dtype(dtype: Any) -> torch.dtype | None:
    """Return the dtype of the rows; None keeps the dtype of the activations."""
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.") if isinstance(dtype, str | torch.dtype) else None
    for kept, numpy in _KEPT.items():
        if name == numpy.__name__ or (name is None and np.dtype(dtype) == numpy):
            return kept
    raise ValueError(f"dtype should be float16, float32 or float64, got {name or dtype}")
