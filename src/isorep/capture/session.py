"""Session: run a model over data, with hooks that keep reduced outputs and then go."""

from __future__ import annotations

import itertools
import operator
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isorep._progress import track
from isorep.capture.batches import Batch, as_batches, batches
from isorep.capture.layers import Layer, Layouts, select
from isorep.capture.outputs import Unusable, activation, find_tensor
from isorep.representation import Representations

_KEPT = {torch.float16: np.float16, torch.float32: np.float32, torch.float64: np.float64}


def run(
    model: nn.Module,
    data: Any,
    *,
    layers: str | Iterable[str],
    reduce: str | Callable[..., Any] | Mapping[str, Any],
    sample_ids: Sequence[str | int] | None,
    channels: str,
    max_samples: int | None,
    device: torch.device | str | int | None,
    dtype: Any,
    progress: bool,
) -> Representations:
    """Do what `isorep.capture` describes."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model should be a torch.nn.Module, got {type(model).__name__}")
    # A compiled model skips hooks; what it compiled does not.
    model = getattr(model, "_orig_mod", model)
    recorder = Recorder(model, select(model, layers, reduce), channels, _kept_dtype(dtype))
    identity = Identity(sample_ids, max_samples)
    data = as_batches(data)
    with ExitStack() as restore:
        home = restore.enter_context(_placed(model, device))
        restore.enter_context(_evaluating(model))
        restore.enter_context(recorder.listening())
        shown = track(
            batches(data, max_samples), "capture", operator.length_hint(data) or None, progress
        )
        restore.enter_context(closing(shown))
        for i, batch in enumerate(shown):
            identity.add(batch)
            with recorder.expecting(batch if home is None else batch.to(home)) as moved:
                try:
                    if isinstance(moved.inputs, Tensor):
                        model(moved.inputs)
                    else:
                        model(**moved.inputs)
                except Exception as error:
                    if error is recorder.failure:  # not the model's but ours, or a reduction's
                        raise
                    raise ValueError(f"the model failed on batch {i}: {_brief(error)}") from error
    return recorder.finish(identity)


def _brief(error: BaseException) -> str:
    """Return the type of `error` and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


class Identity:
    """Which samples went by: their ids, given or made, and their labels."""

    def __init__(self, given: Sequence[str | int] | None, max_samples: int | None) -> None:
        if isinstance(given, str):
            raise TypeError("sample_ids should be a sequence with one id for each sample, got str")
        self._given = None if given is None else list(given)[:max_samples]
        self._digests: list[str] = []
        self._labels: list[NDArray[Any] | None] = []
        self._n = 0

    def add(self, batch: Batch) -> None:
        """Take note of the samples of `batch`, before the model can change its inputs in place."""
        if self._given is None:
            self._digests += batch.digests()
        self._labels.append(batch.labels)
        self._n += batch.n

    def sample_ids(self) -> Sequence[str | int]:
        """Return one id for each sample."""
        if not self._n:
            raise ValueError("the data yielded no samples; an iterator can be used only once")
        if self._given is None:
            return self._digests
        if len(self._given) != self._n:
            raise ValueError(
                f"expected one id for each of the {self._n} samples, got {len(self._given)} "
                "sample_ids"
            )
        return self._given

    def labels(self) -> NDArray[Any] | None:
        """Return the labels, if every batch had them."""
        known = [labels for labels in self._labels if labels is not None]
        return np.concatenate(known) if known and len(known) == len(self._labels) else None


class Recorder:
    """Keeps the reduced outputs of the selected layers, batch by batch.

    Parameters
    ----------
    model
        The model that will run.
    selected
        The modules to keep outputs of.
    channels
        Where the features are: ``"auto"``, ``"first"`` or ``"last"``.
    dtype
        The dtype to keep, or None for the one computed.
    """

    def __init__(
        self,
        model: nn.Module,
        selected: dict[nn.Module, Layer],
        channels: str,
        dtype: torch.dtype | None,
    ) -> None:
        self.failure: Exception | None = None  # what came out of the hooks, through the model
        self._model = model
        self._selected = selected
        self._dtype = dtype
        self._layouts = Layouts(model, channels)
        self._batch: Batch
        self._n_batches = 0
        self._calls: Counter[str] = Counter()
        self._usual_calls: Counter[str] = Counter()
        self._chunks: dict[str, list[NDArray[Any]]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._layers: dict[str, Layer] = {}
        self._dtypes: dict[str, str] = {}
        self._skipped: dict[str, str] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Have the model's outputs come here for as long as the block lasts."""
        handles = []
        try:
            for module in self._model.modules():
                if module is not self._model:
                    handles.append(module.register_forward_hook(self._hear))
            yield
        finally:
            for handle in handles:
                handle.remove()

    @contextmanager
    def expecting(self, batch: Batch) -> Iterator[Batch]:
        """Take what comes during the block for outputs on `batch`, of one forward pass."""
        self._batch = batch
        self._calls.clear()
        inputs = batch.inputs
        self._layouts.begin({"": inputs} if isinstance(inputs, Tensor) else inputs)
        yield batch
        if not self._n_batches:
            self._usual_calls = self._calls.copy()
        for name in self._usual_calls | self._calls:
            if self._calls[name] != self._usual_calls[name]:
                raise ValueError(
                    f"layer {name!r} ran {self._usual_calls[name]} times in batch 0 and "
                    f"{self._calls[name]} times in batch {self._n_batches}; every layer should run "
                    "equally often in each, so select others or make batches alike"
                )
        self._n_batches += 1

    def _hear(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        try:
            self._take(module, inputs, output)
        except Exception as error:
            self.failure = error
            raise

    def _take(self, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
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
        if name in self._skipped:
            return
        try:
            tensor, packed = activation(output, self._batch.n, samples)
            rows = layer.reduction.rows(
                tensor, axis, self._batch.mask if packed is None else packed
            )
        except Unusable as reason:
            if layer.exact:
                raise ValueError(
                    f"layer {name!r} {reason}; select others, or reduce its output in the model"
                ) from None
            self._skipped[name] = str(reason)
            self._chunks.pop(name, None)
            return
        except ValueError as error:
            raise ValueError(f"layer {name!r}: {error}") from error
        self._keep(name, layer, tensor, rows)

    def _keep(self, name: str, layer: Layer, output: Tensor, rows: Tensor) -> None:
        shape = tuple(output.shape)
        if name not in self._chunks:
            self._chunks[name] = []
            self._shapes[name] = shape
            self._layers[name] = layer
        elif rows.shape[1] != self._chunks[name][0].shape[1]:
            raise ValueError(
                f"layer {name!r} put out {self._shapes[name]} before and now {shape}, which "
                f"{layer.reduction.name!r} reduces to {self._chunks[name][0].shape[1]} and "
                f"{rows.shape[1]} features; bring the inputs to one size or use 'mean' or 'max'"
            )
        dtype = self._dtype or (rows.dtype if rows.dtype in _KEPT else torch.float32)
        # Always a copy: what rows may be a view of is freed, or overwritten by a later layer that
        # works in place.
        kept = rows.to(device="cpu", dtype=dtype, copy=True)
        if torch.finfo(dtype).max < torch.finfo(rows.dtype).max:
            _check_fits(name, rows, kept)
        # What was rounded on the way says no more than its coarsest dtype can hold.
        coarsest = max(output.dtype, dtype, key=lambda dtype: torch.finfo(dtype).eps)
        self._dtypes[name] = str(coarsest).removeprefix("torch.")
        self._chunks[name].append(kept.numpy())

    def finish(self, identity: Identity) -> Representations:
        """Join the batches; complain about layers that gave nothing."""
        sample_ids = identity.sample_ids()
        silent = [
            layer.name
            for layer in self._selected.values()
            if layer.exact and layer.name not in self._usual_calls
        ]
        if silent:
            raise ValueError(
                f"the model did not run {', '.join(map(repr, silent))}; "
                "containers and unused layers put out nothing"
            )
        skipped = "; ".join(f"{name!r} {reason}" for name, reason in self._skipped.items())
        if not self._chunks:
            why = skipped or "the model ran none of them"
            raise ValueError(f"none of the {len(self._selected)} selected layers is usable: {why}")
        if skipped:
            warnings.warn(f"layers left out: {skipped}", UserWarning, stacklevel=4)
        # Joined one by one, so that only one layer is ever held twice.
        arrays = {name: _joined(self._chunks, name) for name in list(self._chunks)}
        return Representations(
            arrays,
            sample_ids=sample_ids,
            labels=identity.labels(),
            reductions={name: self._layers[name].reduction.name for name in arrays},
            dtypes={name: self._dtypes[name] for name in arrays},
        )


def _joined(chunks: dict[str, list[NDArray[Any]]], name: str) -> NDArray[Any]:
    parts = chunks.pop(name)
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


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


def _kept_dtype(dtype: Any) -> torch.dtype | None:
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.") if isinstance(dtype, str | torch.dtype) else None
    for kept, numpy in _KEPT.items():
        if name == numpy.__name__ or (name is None and np.dtype(dtype) == numpy):
            return kept
    raise ValueError(
        f"dtype should be float16, float32 or float64, which NumPy has, got {name or dtype}"
    )


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; then every module has its own training flag back.

    Not inference mode: tensors that a model makes then and keeps (caches, tables) could not be used
    in training afterwards.
    """
    flags = [(module, module.training) for module in model.modules()]
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        model.eval()
        # The fused path of transformer layers runs none of their submodules.
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for module, flag in flags:
            module.training = flag


@contextmanager
def _placed(
    model: nn.Module, device: torch.device | str | int | None
) -> Iterator[torch.device | None]:
    """Yield the device that inputs belong on, with the model there; then it is back home."""
    homes = list(
        dict.fromkeys(x.device for x in itertools.chain(model.parameters(), model.buffers()))
    )
    if device is None:
        yield homes[0] if homes else None
        return
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {str(device)!r} is not to be had: {_brief(error)}") from error
    if len(homes) > 1:
        raise ValueError(
            f"the model lies on several devices ({', '.join(map(str, homes))}); leave out device"
        )
    try:
        model.to(target)
        yield target
    finally:
        if homes:
            model.to(homes[0])
