"""Evidence: what small runs of a model show about the outputs of its layers.

The first samples run three times: all but one, all, and all in another order. The axis of an output
that follows is the axis of the samples. In the second run a tracker follows the axes of all
tensors, from the inputs to each output, which tells features from positions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from isorep.activations.batch import Batch
from isorep.activations.layers import modules_of_weights
from isorep.activations.layouts.axes import SAMPLES, Axes
from isorep.activations.layouts.axis_tracker import AxisTracker
from isorep.activations.layouts.layout import (
    Layout,
    NoSamples,
    SamplesAxis,
    axis_by_type,
    feature_axes,
    is_packed,
    samples_axes,
)
from isorep.activations.layouts.model_state import ModelState, RandomState, unchanged
from isorep.activations.layouts.token_masks import TokenMasks
from isorep.activations.model_call import call_model
from isorep.activations.outputs import Unusable, dense, tensors_in

Call = tuple[nn.Module, int]
"""A module and the number of its call within one forward pass, from 1."""

Keep = Callable[[Call, Any, list[Tensor]], None]
"""Takes a call, its output, and the tensors that the module got in a dict and did not change."""

_N_SAMPLES = 8
_N_VALUES = 256  # of each sample that are compared
_N_TENSORS = 8  # of an output that are looked at
_UNRELATED = 0.3  # relative error beyond which rows are not those of the same samples
_SAME = 2e-3  # relative error of the same samples, computed in another order
_SAME_IN_BATCH = 0.05  # the same, if no random number was drawn
_ROUNDINGS = 30


@dataclass(frozen=True)
class Evidence:
    """The layouts of the outputs of a model's modules.

    Parameters
    ----------
    layouts
        For each call, the layout of its output, or why it has no row for each sample. A packed
        sequence has none and needs none.
    random
        Call with the first output that differs when the same samples run again; None if there is
        none.
    cause
        Why it differs.
    """

    layouts: dict[Call, Layout | NoSamples]
    random: Call | None = None
    cause: str = ""


def gather_evidence(model: nn.Module, batch: Batch, channels: str, repeat: bool = True) -> Evidence:
    """Run a model on the first samples of a batch, and return what its outputs show.

    The model and all random generators are as before afterwards. At most three passes are made.

    Parameters
    ----------
    model
        Model to run, in eval mode.
    batch
        Samples on the model's device.
    channels
        Axis of the features: ``"auto"``, ``"first"`` or ``"last"``.
    repeat
        Whether to run the samples more than once.
    """
    index = [*range(min(batch.n, _N_SAMPLES))] if batch.n > 1 else [0, 0]
    with unchanged(model) as (state, randomness):
        if batch.divisible:
            try:
                return _evidence(model, batch, index, channels, repeat, state, randomness)
            except _ModelFailed:  # it may take batches of one size only
                state.restore()
        try:
            return _evidence(model, batch, [*range(batch.n)], channels, False, state, randomness)
        except _ModelFailed as failed:
            raise failed.__cause__ or failed from None


def _evidence(
    model: nn.Module,
    batch: Batch,
    index: list[int],
    channels: str,
    repeat: bool,
    state: ModelState,
    randomness: RandomState,
) -> Evidence:
    n = len(index)
    # Copies, as a model may write to its inputs.
    samples = (batch.take(index) if batch.divisible else batch).copied_to(None)
    fewer = _with_fewer(model, batch.take(index[:-1]).copied_to(None)) if repeat else {}
    seen = _Seen(n, fewer, modules_of_weights(model), _are_distinct(samples))
    tracker = AxisTracker()
    inputs = samples.named_inputs()
    for x, has_samples in samples.tensors():
        if not x.is_nested:
            tracker.add_input(x, n, has_samples)
    masks = TokenMasks(model, inputs, samples.masks(), tracker)
    with tracker.following(model):
        _run(model, samples, lambda call, output, old: seen.first(call, output, old, tracker))
    if repeat:
        turned = [*range(1, n), 0]
        turned_index = [index[i] for i in turned]
        _run(
            model,
            batch.take(turned_index).copied_to(None),
            lambda call, output, _: seen.again(call, output, turned),
        )
    return seen.conclude(channels, masks, state, randomness)


@dataclass(frozen=True)
class _Fewer:
    """A tensor that a module returned for one sample less: its shape, and values by axis."""

    shape: tuple[int, ...]
    values: dict[int, Tensor]  # of each axis that is as long as there are samples


def _with_fewer(model: nn.Module, batch: Batch) -> dict[Call, list[_Fewer]]:
    """Return what all modules return for a batch; nothing if the model fails on it."""
    outputs: dict[Call, list[_Fewer]] = {}

    def keep(call: Call, output: Any, _: list[Tensor]) -> None:
        outputs[call] = []
        for x in tensors_in(output)[:_N_TENSORS]:
            shape = tuple(x.shape) if isinstance(x, Tensor) and not x.is_nested else ()
            try:
                values = {
                    k: _some_values(dense(x).movedim(k, 0))
                    for k, size in enumerate(shape)
                    if size == batch.n and isinstance(x, Tensor)
                }
            except Unusable:
                values = {}
            outputs[call].append(_Fewer(shape, values))

    try:
        _run(model, batch, keep)
    except _ModelFailed:  # such as for an odd number of samples; the other runs will show enough
        return {}
    return outputs


def _run(model: nn.Module, batch: Batch, keep: Keep) -> None:
    failures: list[Exception] = []

    def keep_or_fail(call: Call, output: Any, old: list[Tensor]) -> None:
        try:
            keep(call, output, old)
        except Exception as error:
            failures.append(error)
            raise

    with _hooks(model, keep_or_fail):
        try:
            call_model(model, batch)
        except Exception as error:
            if failures:
                raise
            raise _ModelFailed from error


class _ModelFailed(Exception):  # noqa: N818  the model's error is its cause
    """The model raised an error on a batch."""


@contextmanager
def _hooks(model: nn.Module, keep: Keep) -> Iterator[None]:
    """Pass the output of each module to `keep`, with the number of the module's call."""
    calls: Counter[nn.Module] = Counter()
    inputs: list[tuple[nn.Module, list[tuple[Tensor, int]]]] = []  # of the modules that run now

    def before(module: nn.Module, args: Any, kwargs: Any) -> None:
        tensors = tensors_in([x for x in (*args, *kwargs.values()) if isinstance(x, Mapping)])
        versions = [(x, x._version) for x in tensors if isinstance(x, Tensor)]
        inputs.append((module, versions))

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        calls[module] += 1
        while inputs[-1][0] is not module:  # one that failed inside, and was caught
            inputs.pop()
        _, versions = inputs.pop()
        old = [x for x, version in versions if x._version == version]  # not changed in place
        with _disable_current_modes():
            keep((module, calls[module]), output, old)

    inner = [m for m in model.modules() if m is not model and takes_hooks(m)]
    handles = [module.register_forward_hook(hook) for module in inner]
    handles += [m.register_forward_pre_hook(before, with_kwargs=True) for m in inner]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def takes_hooks(module: nn.Module) -> bool:
    """Return whether hooks can be registered on a module: not on TorchScript."""
    return not isinstance(module, torch.jit.ScriptModule)


@dataclass
class _Candidate:
    """A tensor of an output, and an axis of it that may be the samples."""

    tensor: int
    shape: tuple[int, ...]
    samples: SamplesAxis
    axes: Axes | None  # with samples first
    values: Tensor  # (n, k), some values of each sample
    eps: float
    fewer: Tensor | None  # these values for one sample less
    error: float | None = None  # of the values of the same samples in another order

    def error_of_fewer(self) -> float:
        """Return the error of the values for one sample less."""
        if self.fewer is None or len(self.fewer) < 2:
            return 0.0
        return _error(self.fewer, self.values[: len(self.fewer)])

    def spread(self) -> float:
        """Return how much samples differ, relative to the size of their values."""
        spread = torch.linalg.norm(self.values - self.values.mean(0))
        return float(spread / torch.linalg.norm(self.values).clamp(min=1e-300))


class _Seen:
    """The outputs of all modules in the runs on some samples.

    Parameters
    ----------
    n
        Number of samples.
    fewer
        Outputs for one sample less.
    of_weights
        Modules that compute weights.
    are_distinct
        Whether the samples are not all the same, so that equal outputs say something.
    """

    def __init__(
        self,
        n: int,
        fewer: dict[Call, list[_Fewer]],
        of_weights: set[nn.Module],
        are_distinct: bool,
    ) -> None:
        self._n = n
        self._fewer = fewer
        self._of_weights = of_weights
        self._are_distinct = are_distinct
        self._candidates: dict[Call, list[_Candidate]] = {}
        self._reasons: dict[Call, str] = {}

    def first(self, call: Call, output: Any, old: list[Tensor], tracker: AxisTracker) -> None:
        """Look at an output of the tracked run.

        Of modules that pass a dict from one to the next, tensors that the module computed come
        before the `old` ones that it got.
        """
        candidates = self._candidates.setdefault(call, [])
        reasons = []
        fewer = self._fewer.get(call, [])
        tensors = tensors_in(output)[:_N_TENSORS]
        if tensors and isinstance(tensors[0], Tensor) and tracker.axes(tensors[0]) is None:
            self._add_features(call[0], tensors[0], tracker)
        if not tensors:
            reasons.append(f"returns {type(output).__name__}; expected a tensor")
        is_old = {i for i, x in enumerate(tensors) if any(x is y for y in old)}
        for i in sorted(range(len(tensors)), key=is_old.__contains__):
            x = tensors[i]
            if not isinstance(x, Tensor):
                continue
            axes = tracker.axes(x)
            try:
                x = dense(x)
            except Unusable as reason:
                reasons.append(str(reason))
                continue
            of_fewer = fewer[i] if i < len(fewer) and len(fewer[i].shape) == x.ndim else None
            places = samples_axes(x, axes, self._n, of_fewer.shape if of_fewer else None)
            if isinstance(places, NoSamples):
                reasons.append(places.reason)
                continue
            for place in places:
                x_first = place.first(x, self._n)
                candidates.append(
                    _Candidate(
                        i,
                        tuple(x.shape),
                        place,
                        None if axes is None else place.first_of(axes, self._n),
                        _some_values(x_first),
                        torch.finfo(x.dtype).eps,
                        None
                        if of_fewer is None or place.order != "alone"
                        else of_fewer.values.get(place.axis),
                    )
                )
        if not candidates and reasons and not any(map(is_packed, tensors)):
            self._reasons[call] = reasons[0]

    def _add_features(self, module: nn.Module, x: Tensor, tracker: AxisTracker) -> None:
        """Add an output that depends on no input, and of which the module knows the features."""
        k = axis_by_type(module)
        if k is not None and x.ndim > 1 and module not in self._of_weights:
            tracker.add_features(x, k)

    def again(self, call: Call, output: Any, turned: Sequence[int]) -> None:
        """Look at an output of the run with the samples in the order `turned`."""
        tensors = tensors_in(output)[:_N_TENSORS]
        for candidate in self._candidates.get(call, []):
            x = tensors[candidate.tensor] if candidate.tensor < len(tensors) else None
            if not isinstance(x, Tensor) or tuple(x.shape) != candidate.shape:
                continue
            values = _some_values(candidate.samples.first(dense(x), self._n))
            candidate.error = _error(values, candidate.values[list(turned)])

    def conclude(
        self, channels: str, masks: TokenMasks, state: ModelState, randomness: RandomState
    ) -> Evidence:
        """Return what the runs showed."""
        eps = max((c.eps for cs in self._candidates.values() for c in cs), default=0.0)
        # Integers of 8 bits, whose scale a batch may determine.
        if any(hasattr(type(module), "_FLOAT_MODULE") for module, _ in self._candidates):
            eps = max(eps, 2.0**-7)
        draws, keeps_state = randomness.has_changed(), state.has_changed()
        layouts: dict[Call, Layout | NoSamples] = {}
        random, cause = None, ""
        for call, candidates in self._candidates.items():
            chosen = _chosen(candidates)
            if chosen is None:
                if candidates or call in self._reasons:
                    layouts[call] = NoSamples(self._reasons.get(call, ""))
                continue
            error = chosen.error or 0.0
            if self._are_distinct and chosen.spread() <= 1e-6 and not _is_marked(chosen):
                layouts[call] = NoSamples(
                    f"has shape {chosen.shape}, and the same values for all samples"
                )
                continue
            largest = max(error, chosen.error_of_fewer())
            same = _SAME if draws or keeps_state else _SAME_IN_BATCH
            if largest > max(same, _ROUNDINGS * eps) and chosen.spread() > _ROUNDINGS * eps:
                if error > _UNRELATED and not (draws or keeps_state):
                    layouts[call] = NoSamples(
                        f"has shape {chosen.shape}, whose rows do not follow the samples when "
                        "these are in another order"
                    )
                    continue
                if random is None:
                    random = call
                    cause = (
                        "it draws random numbers in eval mode"
                        if draws
                        else "it keeps a state from one batch to the next"
                        if keeps_state
                        else "its values for a sample depend on the other samples of the batch"
                    )
            x = torch.empty(chosen.shape, device="meta")
            shape = tuple(chosen.samples.first(x, self._n).shape)
            features, is_guess = feature_axes(call[0], chosen.axes, shape, chosen.samples, channels)
            mask, includes_padding = masks.of(chosen.axes, features, shape)
            layouts[call] = Layout(
                chosen.tensor,
                chosen.shape,
                chosen.samples,
                features,
                is_guess,
                mask,
                masks.tokens(chosen.axes, features),
                includes_padding,
            )
        return Evidence(layouts, random, cause)


def _chosen(candidates: Sequence[_Candidate]) -> _Candidate | None:
    """Return the candidate whose values follow the samples, or else the likeliest one."""
    if not candidates:
        return None
    followed = [c for c in candidates if c.error is not None and c.spread() > _ROUNDINGS * c.eps]
    return min(followed, key=lambda c: (c.error or 0.0) > _UNRELATED, default=candidates[0])


def _is_marked(candidate: _Candidate) -> bool:
    """Return whether the tracker followed the samples to this axis."""
    axes = candidate.axes
    return bool(axes and axes[0] and axes[0][0].origin.root is SAMPLES)


def _are_distinct(samples: Batch) -> bool:
    for x in samples.named_inputs().values():
        if isinstance(x, Tensor) and x.ndim and len(x) == samples.n and (x != x[:1]).any():
            return True
    return False


def _error(values: Tensor, expected: Tensor) -> float:
    """Return the error of `values` relative to how much samples differ."""
    if values.shape != expected.shape:
        return 0.0
    scale = torch.linalg.norm(expected - expected.mean(0))
    error = torch.linalg.norm(values - expected) / scale
    return float(error) if error.isfinite() else 0.0


def _some_values(x: Tensor) -> Tensor:
    """Return up to 256 values of each sample, evenly spread, on the CPU."""
    rows = x.detach().reshape(len(x), -1)
    step = max(1, rows.shape[1] // _N_VALUES)
    return rows[:, ::step].to("cpu", torch.float64).nan_to_num()
