"""Hooked runs: a model in eval mode, all of whose modules run with their hooks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

import torch
from torch import nn


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Set eval mode; afterwards restore the training flag of every module."""
    flags = [(module, module.training) for module in model.modules()]
    try:
        with suppress(NotImplementedError):  # an exported module, whose mode is fixed
            model.eval()
        yield
    finally:
        for module, flag in flags:
            module.training = flag


@contextmanager
def hooks_run(gradients: bool = False) -> Iterator[None]:
    """Switch off everything that would bypass hooks, and gradients unless they are asked for.

    Compiled parts of the model run uncompiled: compiling hooks may fail, and takes longer than it
    saves. Inference mode is not used: tensors that a model makes in it and keeps (caches, tables)
    could not be used in training afterwards. All of this applies to the whole process, so it must
    not be active while the consumer of the stream runs.
    """
    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        # The fused path of transformer layers runs none of their submodules.
        torch.backends.mha.set_fastpath_enabled(False)
        with torch.set_grad_enabled(gradients), _nothing_compiled():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _nothing_compiled() -> AbstractContextManager[Any]:
    # If nothing was compiled so far, set_stance would only import the compiler.
    set_stance = getattr(torch.compiler, "set_stance", None)  # from PyTorch 2.6 on
    if set_stance is None or "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[Any] = set_stance("force_eager")
    return stance
