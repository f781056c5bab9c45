"""Stream: the activations of one or several models on the same data, batch by batch."""

from __future__ import annotations

import itertools
import operator
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from isorep._utils.progress import track
from isorep.activations.batches import Batch, as_batches, batches
from isorep.activations.layers import select
from isorep.activations.recorder import Recorder, brief, eager, kept_dtype
from isorep.activations.sample_ids import Samples, given_ids, identified


@dataclass(frozen=True)
class ActivationBatch:
    """What the layers of each model put out on one batch.

    Parameters
    ----------
    arrays
        For each model, layer name to tensor (rows, p), in the order in which the layers ran. Rows
        are the samples of the batch, or with the reduction ``"positions"`` their positions. A layer
        that turns out to have no row for each sample is missing from then on, and what was made of
        it before should be dropped.
    sample_ids
        One id for each sample of the batch.
    labels
        One label for each sample, (n_samples,), or None where the batch had none.
    dtypes
        For each model, layer name to the coarsest dtype that the rows passed through.
    reductions
        For each model, layer name to the reduction that made the rows.
    """

    arrays: tuple[dict[str, Tensor], ...]
    sample_ids: tuple[str, ...]
    labels: NDArray[Any] | None
    dtypes: tuple[dict[str, str], ...]
    reductions: tuple[dict[str, str], ...]

    @property
    def n_samples(self) -> int:
        """The number of samples in the batch."""
        return len(self.sample_ids)


def stream(
    models: Sequence[nn.Module],
    data: Any,
    *,
    layers: str | Iterable[str] = "*",
    reduce: str | Callable[..., Any] | Mapping[str, Any] = "mean",
    sample_ids: Sequence[str | int] | None = None,
    channels: str = "auto",
    max_samples: int | None = None,
    device: torch.device | str | int | None = None,
    dtype: Any = None,
    keep_on: torch.device | str | None = "cpu",
    captured: Sequence[str] = (),
    progress: bool = True,
) -> Generator[ActivationBatch, None, None]:
    """Run every model on each batch of `data`, and yield what their layers put out on it.

    Each batch is asked for once and goes through all models, so that row i is the same sample in
    all of them, also with data in random order or that can be read only once. Nothing is kept of a
    piece that was dropped.

    While the generator is neither exhausted nor closed, the models are in eval mode and have hooks.
    After that, after an exception too, they are as they were.

    Parameters
    ----------
    models
        Modules with submodules; one may come twice, or be a part of another.
    data, sample_ids, max_samples, device, progress
        As for `isorep.capture`.
    layers, reduce, channels
        As for `isorep.capture`; they hold for each of the models.
    dtype
        ``"float16"``, ``"float32"`` or ``"float64"``; by default as computed, bfloat16 included.
    keep_on
        The device that the rows go to as soon as they are there; None: they stay where the model
        computed them.
    captured
        Ids of the samples that the data begins with and that are not to be run, since an earlier
        stream was over them. They are read, and compared.

    Returns
    -------
    generator of ActivationBatch
        One for each batch that is not empty. Close it when you stop before its end.

    Warns
    -----
    UserWarning
        As `isorep.capture` does, at the end of the data.

    Raises
    ------
    TypeError, ValueError
        As `isorep.capture` does: what is wrong with the arguments at once, the rest at the batch
        where it shows.

    Examples
    --------
    >>> import torch
    >>> a, b = (torch.nn.Sequential(torch.nn.Linear(3, p), torch.nn.ReLU()) for p in (4, 5))
    >>> for piece in stream([a, b], torch.rand(300, 3), layers="1"):
    ...     print(piece.n_samples, *(tuple(arrays["1"].shape) for arrays in piece.arrays))
    256 (256, 4) (256, 5)
    44 (44, 4) (44, 5)
    """
    kept = kept_dtype(dtype)
    if not models:
        raise ValueError("expected at least one model, got none")
    recorders = []
    for i, model in enumerate(models):
        model = eager(model)
        with _named(i, models):
            selected = select(model, layers, reduce)
        recorders.append(Recorder(model, selected, channels, kept, keep_on))
    given = None if sample_ids is None else given_ids(sample_ids)[:max_samples]
    data = as_batches(data)
    shown = track(
        batches(data, max_samples), "capture", operator.length_hint(data) or None, progress
    )
    return _pieces(recorders, shown, identified(shown, given, captured), device)


def _pieces(
    recorders: Sequence[Recorder],
    shown: Generator[Batch, None, None],
    samples: Iterator[Samples],
    device: torch.device | str | int | None,
) -> Generator[ActivationBatch, None, None]:
    with ExitStack() as restore:
        homes = [restore.enter_context(_placed(one.model, device)) for one in recorders]
        for recorder in recorders:
            restore.enter_context(_in_eval_mode(recorder.model))
            restore.enter_context(recorder.listening())
        restore.enter_context(closing(shown))
        while True:
            with _forward_only():
                # In a list, so that nothing here holds it while the consumer works.
                piece = [_piece(recorders, homes, new) for new in itertools.islice(samples, 1)]
            if not piece:
                break
            yield piece.pop()
        for k, recorder in enumerate(recorders):
            if recorder.skipped:
                which = f" of model {k}" if len(recorders) > 1 else ""
                text = f"layers{which} left out: {recorder.why_skipped()}"
                warnings.warn(text, UserWarning, stacklevel=_caller())


def _piece(
    recorders: Sequence[Recorder], homes: Sequence[torch.device | None], samples: Samples
) -> ActivationBatch:
    recorded = []
    for i, (recorder, home) in enumerate(zip(recorders, homes, strict=True)):
        with _named(i, recorders):
            # A copy: what a model does to its inputs, neither another nor the caller sees.
            batch = samples.batch.copied_to(home)
            recorded.append(recorder.run(batch, samples.index))
    return ActivationBatch(
        arrays=tuple(one.arrays for one in recorded),
        sample_ids=samples.ids,
        labels=samples.batch.labels,
        dtypes=tuple(one.dtypes for one in recorded),
        reductions=tuple(one.reductions for one in recorded),
    )


@contextmanager
def _named(i: int, models: Sequence[Any]) -> Iterator[None]:
    """Say in errors about input which of several models it was."""
    try:
        yield
    except ValueError as error:
        if len(models) == 1:
            raise
        raise ValueError(f"model {i}: {error}") from error


def _caller() -> int:
    """Return the level of the stack, for a warning by who calls this, where isorep was called."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("isorep."):
        level, frame = level + 1, frame.f_back
    return level


@contextmanager
def _in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode; then every module has its own training flag back."""
    flags = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, flag in flags:
            module.training = flag


@contextmanager
def _forward_only() -> Iterator[None]:
    """No gradients, and no shortcuts past hooks.

    What is compiled inside the model runs as it was written: to compile hooks may fail, and takes
    longer than it saves. Not inference mode: tensors that a model makes then and keeps (caches,
    tables) could not be used in training afterwards. All of this holds for all of the process, so
    not while the consumer of the stream has the word.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        # The fused path of transformer layers runs none of their submodules.
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.no_grad(), _nothing_compiled():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _nothing_compiled() -> AbstractContextManager[Any]:
    # Where nothing was compiled so far, its compiler would be imported for nothing.
    set_stance = getattr(torch.compiler, "set_stance", None)  # from PyTorch 2.6 on
    if set_stance is None or "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[Any] = set_stance("force_eager")
    return stance


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
        raise ValueError(f"device {str(device)!r} is not to be had: {brief(error)}") from error
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
