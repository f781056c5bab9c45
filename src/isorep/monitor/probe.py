"""Probe: fixed samples on which every state of a model is captured, without side effects."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from isorep.activations.batches import as_batches, batches
from isorep.activations.capture import capture
from isorep.activations.model_call import needed
from isorep.activations.random_model import RandomModelWarning
from isorep.representations.representations import Representations


class Probe:
    """Fixed samples, read once and kept: the same for every state, even if loading is random.

    Parameters
    ----------
    data
        Samples, as for `isorep.capture`.
    layers, reduce
        Layers and reductions, as for `isorep.capture`.

    Raises
    ------
    TypeError, ValueError
        If the data are of no kind that `isorep.capture` takes, or hold no samples.
    """

    def __init__(
        self,
        data: Any,
        layers: str | Iterable[str],
        reduce: str | Callable[..., Any] | Mapping[str, Any],
    ) -> None:
        self._layers = layers if isinstance(layers, str) else list(layers)
        self._reduce = reduce
        with _random_states_restored():  # a DataLoader draws a seed for each pass
            self._batches = list(batches(as_batches(data), None))
        # Computed once: hashing many images can take longer than running a small network.
        self._sample_ids = [name for batch in self._batches for name in needed(batch, ()).digests()]
        if not self._sample_ids:
            raise ValueError("the probe holds no samples; an iterator can be used only once")

    def capture(self, model: nn.Module) -> Representations:
        """Capture the layers of a model in float32.

        Random numbers that the model draws in eval mode are the same each time. The generators of
        PyTorch, NumPy and Python are restored afterwards.
        """
        with _random_states_restored():
            torch.default_generator.manual_seed(0)
            if _gpus():
                torch.cuda.manual_seed_all(0)
            with warnings.catch_warnings():
                # What is random in the model is the same each time.
                warnings.simplefilter("ignore", RandomModelWarning)
                return capture(
                    model,
                    self._batches,
                    layers=self._layers,
                    reduce=self._reduce,
                    sample_ids=self._sample_ids,
                    dtype="float32",
                    progress=False,
                )


def unwrap_model(model: nn.Module) -> nn.Module:
    """Return the module inside wrappers that compile it or distribute its data.

    Its layers keep their names, and running it waits for no other process.

    Raises
    ------
    TypeError
        If `model` is not a module.
    ValueError
        If one process cannot run the model alone, or some of its weights are not initialised.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}")
    parallel = nn.parallel.DistributedDataParallel, nn.DataParallel
    while hasattr(model, "_orig_mod") or isinstance(model, parallel):
        inner: Any = model.module if isinstance(model, parallel) else model._orig_mod
        model = inner
    if any(torch.nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        raise ValueError(
            "the model has lazy modules whose weights are not initialised, and the monitor must "
            "not initialise them: run the model on a batch first"
        )
    sharded = any(
        type(parameter).__name__ == "DTensor" or hasattr(parameter, "ds_tensor")
        for parameter in model.parameters()
    )
    if sharded or any(type(m).__name__ == "FullyShardedDataParallel" for m in model.modules()):
        raise ValueError(
            "the model's parameters are spread over several processes (FSDP, ZeRO-3), but the "
            "monitor runs it in one: save checkpoints and compare them with isorep.trajectory"
        )
    return model


def synchronize(model: nn.Module) -> None:
    """Wait until the model's GPU has finished, so that its work does not count as ours."""
    device = next((x.device for x in model.parameters()), torch.device("cpu"))
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def is_first_process() -> bool:
    """Tell whether this process is the first of a distributed training, or the only one."""
    distributed = torch.distributed
    return (
        not (distributed.is_available() and distributed.is_initialized())
        or distributed.get_rank() == 0
    )


@contextmanager
def _random_states_restored() -> Iterator[None]:
    """Restore the global generators of PyTorch, NumPy and Python afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  user code draws from it
    try:
        with torch.random.fork_rng(_gpus()):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _gpus() -> list[int]:
    """Return the GPUs if this process uses any; asking an unused GPU would take memory on it."""
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return list(range(torch.cuda.device_count())) if in_use else []
