"""Forward passes: run models on each batch, with hooks, and leave the models as they were."""

from __future__ import annotations

import itertools
import operator
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.layer_patterns import patterns_of_each
from isorep._utils.progress import track
from isorep.activations.activation_batch import ActivationBatch
from isorep.activations.batch import Batch
from isorep.activations.batches import as_batches, batches, shuffles
from isorep.activations.hooked_runs import hooks_run, in_eval_mode
from isorep.activations.input_names import HAVE_SAMPLES
from isorep.activations.layers import select
from isorep.activations.model_call import (
    device_of,
    dtype_of,
    ignored_parameter,
    is_offloaded,
)
from isorep.activations.options import CaptureOptions
from isorep.activations.random_model import RandomModelWarning
from isorep.activations.recorder import Recorder, brief, eager, kept_dtype
from isorep.activations.sample_ids import (
    Samples,
    checked_ids,
    identified,
    warn_of_other_rows,
    warn_of_repeats,
)


def forward_passes(
    models: Sequence[nn.Module],
    data: Any,
    options: CaptureOptions,
    keep_on: torch.device | str | None,
    captured: Sequence[str],
) -> Generator[ActivationBatch, None, None]:
    """Check the arguments, and return the generator that `isorep.activations.stream` describes."""
    dtype = kept_dtype(options["dtype"])
    if not models:
        raise ValueError("expected at least one model, got none")
    recorders = []
    patterns = patterns_of_each(options["layers"], len(models))
    for i, model in enumerate(models):
        model = eager(model)
        with _named(i, models):
            selected = select(
                model,
                patterns[i],
                options["reduce"],
                options["mask"],
                options["heads"],
                options["skip"],
            )
        recorders.append(
            Recorder(model, selected, options["channels"], options["probe"], dtype, keep_on)
        )
    ids = options["sample_ids"]
    if ids is not None:
        ids = checked_ids(ids, shuffled=shuffles(data))[: options["max_samples"]]
    run_models = [recorder.model for recorder in recorders]
    data = as_batches(data, run_models, options["tokenizer"])
    n_batches = operator.length_hint(data) or None
    tracked = track(
        batches(data, options["max_samples"], run_models),
        "capture",
        n_batches,
        options["progress"],
        unit="batches",
    )
    samples = _with_second_inputs(identified(tracked, ids, captured), recorders, ids is None)
    return _run(recorders, tracked, samples, options["device"], captured)


def _with_second_inputs(
    samples: Iterator[Samples[Batch]], recorders: Sequence[Recorder], digests: bool
) -> Iterator[Samples[Batch]]:
    """Yield the samples, with inputs of its own for a second model that does not take the first.

    What follows the inputs in each batch may be the second model's input or a target, which the
    first batch tells. With `digests`, the ids are digests of both inputs.
    """
    first = next(samples, None)
    if first is None:
        return
    _warn_of_rows(first.batch)
    is_paired = _is_paired(first.batch, recorders)
    if not is_paired:
        _warn_of_second(first.batch, recorders)
    for new in itertools.chain([first], samples):
        if not is_paired:
            yield new
            continue
        if new.batch.second is None:
            raise ValueError(
                f"batch {new.index} has no input for the second model: expected pairs (x_a, x_b)"
            )
        batch = new.batch.paired_with(Batch(new.batch.second, new.batch.n))
        yield Samples(new.index, batch, batch.digests() if digests else new.ids)


def _is_paired(batch: Batch, recorders: Sequence[Recorder]) -> bool:
    """Return whether the second of two models takes not the first input, but the second."""
    if batch.second is None or batch.more or batch.others or len(recorders) != 2:
        return False
    recorder, second = recorders[1], Batch(batch.second, batch.n)
    return not recorder.accepts(_prepared(batch, recorder)) and recorder.accepts(
        _prepared(second, recorder)
    )


def _warn_of_rows(batch: Batch) -> None:
    """Warn if an input has no row for each sample, and no tokens say what the samples are."""
    others = batch.undivided()
    if not others or any(name in HAVE_SAMPLES for name in batch.named_inputs()):
        return
    warn_of_other_rows(others[0], batch.n)


def _warn_of_second(batch: Batch, recorders: Sequence[Recorder]) -> None:
    """Warn of a tensor after the inputs that is likely to be an input, but that no model gets."""
    if batch.second is None:
        return
    shape, level = tuple(batch.second.shape), stacklevel_of_caller()
    for recorder in recorders:
        parameter = ignored_parameter(recorder.model, batch)
        if parameter is not None:
            text = (
                f"the model does not get the second part of each batch, {shape}, which is taken "
                f"for a target, because its parameter {parameter!r} is optional: pass dicts of "
                f"keywords if it is {parameter!r}, and batches without it otherwise"
            )
            warnings.warn(text, UserWarning, stacklevel=level)
            return
    alike = isinstance(batch.inputs, Tensor) and batch.inputs.shape == batch.second.shape
    if len(recorders) == 2 and alike and not batch.others:
        text = (
            f"both models get the first part of each batch, and the second, {shape}, is taken for "
            "a target: if it is the input of the second model, pass PairedData(data)"
        )
        warnings.warn(text, UserWarning, stacklevel=level)


def _run(
    recorders: Sequence[Recorder],
    tracked: Generator[Batch, None, None],
    samples: Iterator[Samples[Batch]],
    device: torch.device | str | int | None,
    captured: Sequence[str],
) -> Generator[ActivationBatch, None, None]:
    n, distinct = len(captured), set(map(hash, captured))
    with ExitStack() as restore:
        homes = [restore.enter_context(_placed(recorder.model, device)) for recorder in recorders]
        for recorder in recorders:
            restore.enter_context(in_eval_mode(recorder.model))
            restore.enter_context(recorder.listening())
        restore.enter_context(closing(tracked))
        while True:
            with hooks_run():
                # In a list, so that no name here holds the batch while the consumer works.
                batch = [_run_batch(recorders, homes, new) for new in itertools.islice(samples, 1)]
            if not batch:
                break
            n += batch[0].n_samples
            distinct.update(map(hash, batch[0].sample_ids))
            yield batch.pop()
        warn_of_repeats(n, len(distinct))
        for k, recorder in enumerate(recorders):
            _warn(recorder, f" of model {k}" if len(recorders) > 1 else "")


def _warn(recorder: Recorder, which: str) -> None:
    """Warn of everything that makes the rows of a model's layers other than expected."""
    level = stacklevel_of_caller()
    if recorder.skipped:
        text = f"layers{which} left out: {recorder.why_skipped()}"
        warnings.warn(text, UserWarning, stacklevel=level)
    if recorder.guessed:
        text = "; ".join(f"{name!r} {axis}" for name, axis in recorder.guessed.items())
        text = (
            f"the features of some layers{which} are on an unknown axis, for which a default is "
            f"taken: {text}; pass channels='first' or 'last', or leave out these layers"
        )
        warnings.warn(text, UserWarning, stacklevel=level)
    if recorder.padded:
        text = (
            f"the rows of some layers{which} include padding, since their positions are not the "
            f"tokens of the mask: {', '.join(sorted(recorder.padded))}; pass mask= for these layers"
        )
        warnings.warn(text, UserWarning, stacklevel=level)
    if (layer := recorder.random_layer()) is not None:
        text = (
            f"the model{which} is not the same twice on the same samples, first in layer {layer}. "
            "Two captures of it differ; switch off what is random in eval mode"
        )
        warnings.warn(text, RandomModelWarning, stacklevel=level)


def _run_batch(
    recorders: Sequence[Recorder], homes: Sequence[torch.device | None], samples: Samples[Batch]
) -> ActivationBatch:
    records = []
    for i, (recorder, home) in enumerate(zip(recorders, homes, strict=True)):
        with _named(i, recorders):
            batch = _prepared(samples.batch.for_model(i), recorder, home)
            records.append(recorder.run(batch, samples.index))
    return ActivationBatch(
        arrays=tuple(record.arrays for record in records),
        sample_ids=samples.ids,
        labels=samples.batch.labels,
        dtypes=tuple(record.dtypes for record in records),
        reductions=tuple(record.reductions for record in records),
        row_positions=tuple(record.row_positions for record in records),
    )


def _prepared(batch: Batch, recorder: Recorder, home: torch.device | None = None) -> Batch:
    """Return a copy of a batch on the model's device and in its dtype.

    A model that writes to its inputs then changes those of no other model.
    """
    home = home or device_of(recorder.model)
    return replace(batch, second=None, others=()).copied_to(home, dtype_of(recorder.model))


@contextmanager
def _named(i: int, models: Sequence[Any]) -> Iterator[None]:
    """Name the model in errors about input, if there are several models."""
    try:
        yield
    except ValueError as error:
        if len(models) == 1:
            raise
        raise ValueError(f"model {i}: {error}") from error


@contextmanager
def _placed(
    model: nn.Module, device: torch.device | str | int | None
) -> Iterator[torch.device | None]:
    """Move the model to `device` and yield the device for its inputs; then move it back."""
    if device is None:
        yield device_of(model)
        return
    if is_offloaded(model):
        raise ValueError(
            "the model's parameters are offloaded and come to its own device when they are needed: "
            "leave out device"
        )
    homes = list(
        dict.fromkeys(x.device for x in itertools.chain(model.parameters(), model.buffers()))
    )
    try:
        target = torch.device(device)
        torch.empty(0, device=target)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {str(device)!r} is not available: {brief(error)}") from error
    if len(homes) > 1:
        raise ValueError(
            f"the model is on several devices ({', '.join(map(str, homes))}); leave out device"
        )
    try:
        model.to(target)
        yield target
    finally:
        if homes:
            model.to(homes[0])
