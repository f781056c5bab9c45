"""Probe: the fixed samples that every state is looked at with, and a look that leaves no trace."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from isorep.activations.batches import as_batches, batches
from isorep.activations.capture import capture
from isorep.representations.representations import Representations


class Probe:
    """Samples, read once and then held: the same at every state, also where loading draws.

    Parameters
    ----------
    data
        What `isorep.capture` takes.
    layers, reduce
        As `isorep.capture` takes them.

    Raises
    ------
    TypeError, ValueError
        When the data are none.
    """

    def __init__(
        self,
        data: Any,
        layers: str | Iterable[str],
        reduce: str | Callable[..., Any] | Mapping[str, Any],
    ) -> None:
        self._layers = layers if isinstance(layers, str) else list(layers)
        self._reduce = reduce
        with _random_numbers_kept():  # a DataLoader draws a seed for each pass
            self._batches = list(batches(as_batches(data), None))
        # Once: a digest of many images can take longer than a small network does.
        self._sample_ids = [name for batch in self._batches for name in batch.digests()]
        if not self._sample_ids:
            raise ValueError("the probe yielded no samples; an iterator can be used only once")

    def look(self, model: nn.Module) -> Representations:
        """Capture the layers of a model, kept in float32, and leave all else as it was.

        What the model draws in eval mode is the same at every look, and the generators of PyTorch,
        NumPy and Python go on as if it had drawn nothing.
        """
        with _random_numbers_kept():
            torch.default_generator.manual_seed(0)
            if _gpus():
                torch.cuda.manual_seed_all(0)
            return capture(
                model,
                self._batches,
                layers=self._layers,
                reduce=self._reduce,
                sample_ids=self._sample_ids,
                dtype="float32",
                progress=False,
            )


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the module inside what compiles it or distributes its data.

    Its layers keep their names, and a pass through it waits for no other process.

    Raises
    ------
    TypeError
        When it is no module.
    ValueError
        When one process alone cannot run it, or it has weights still to be drawn.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model should be a torch.nn.Module, got {type(model).__name__}")
    parallel = nn.parallel.DistributedDataParallel, nn.DataParallel
    while hasattr(model, "_orig_mod") or isinstance(model, parallel):
        inner: Any = model.module if isinstance(model, parallel) else model._orig_mod
        model = inner
    if any(torch.nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        raise ValueError(
            "the model has lazy modules whose weights are not there yet, and the monitor must not "
            "be what draws them; run it on a batch first"
        )
    sharded = any(
        type(parameter).__name__ == "DTensor" or hasattr(parameter, "ds_tensor")
        for parameter in model.parameters()
    )
    if sharded or any(type(m).__name__ == "FullyShardedDataParallel" for m in model.modules()):
        raise ValueError(
            "the model's parameters are spread over several processes (FSDP, ZeRO-3), and the "
            "monitor runs it in one; save checkpoints and compare these with isorep.trajectory"
        )
    return model


def wait(model: nn.Module) -> None:
    """Let the model's GPU finish what training gave it, which is no cost of what comes next."""
    device = next((x.device for x in model.parameters()), torch.device("cpu"))
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def is_first_process() -> bool:
    """Tell whether this is the one process of a distributed training that is to watch it."""
    distributed = torch.distributed
    return (
        not (distributed.is_available() and distributed.is_initialized())
        or distributed.get_rank() == 0
    )


@contextmanager
def _random_numbers_kept() -> Iterator[None]:
    """Give the global generators of PyTorch, NumPy and Python back as they were."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  the caller's to use
    try:
        with torch.random.fork_rng(_gpus()):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _gpus() -> list[int]:
    """Return the GPUs in use; to ask one that is not would take memory on it."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return list(range(torch.cuda.device_count())) if in_use else []
