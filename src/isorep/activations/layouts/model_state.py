"""Model state: what a model changes in itself when it runs, so that a probe leaves no trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin

_OF_EVERY_MODULE = vars(nn.Module()).keys() - {"_buffers"}
_CONTAINERS = (list, dict, set)


class ModelState:
    """Buffers, attributes and caches of a model's modules at one time.

    Tensors, lists, dicts and sets that modules hold are copied. Modules that create their
    parameters when they first run are left out.
    """

    def __init__(self, model: nn.Module) -> None:
        self._modules = [m for m in model.modules() if not isinstance(m, LazyModuleMixin)]
        self._attributes = [_attributes(module) for module in self._modules]
        self._copies: dict[int, tuple[Any, Any]] = {}
        for attributes in self._attributes:
            for value in attributes.values():
                self._copy(value)

    def _copy(self, value: Any) -> None:
        if id(value) in self._copies:
            return
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            if value.layout == torch.strided and value.device.type != "meta":
                self._copies[id(value)] = (value, value.detach().clone())
        elif isinstance(value, _CONTAINERS):
            self._copies[id(value)] = (value, value.copy())
            for inner in value.values() if isinstance(value, dict) else value:
                self._copy(inner)
        elif isinstance(value, tuple):  # which may hold what can change
            for inner in value:
                self._copy(inner)

    def has_changed(self) -> bool:
        """Return whether anything differs from when this object was made."""
        for module, before in zip(self._modules, self._attributes, strict=True):
            after = _attributes(module)
            if before.keys() != after.keys() or any(
                _differ(before[name], after[name]) for name in before
            ):
                return True
        return any(_differ_inside(value, copy) for value, copy in self._copies.values())

    def restore(self) -> None:
        """Set everything back."""
        for module, before in zip(self._modules, self._attributes, strict=True):
            for name in _attributes(module).keys() - before.keys():
                vars(module).pop(name, None)
            vars(module).update(before)
        for value, copy in self._copies.values():
            if not _differ_inside(value, copy):
                continue
            if isinstance(value, Tensor):
                with torch.no_grad():
                    value.copy_(copy)
            elif isinstance(value, list):
                value[:] = copy
            else:
                value.clear()
                value.update(copy)


def _attributes(module: nn.Module) -> dict[str, Any]:
    return {name: x for name, x in vars(module).items() if name not in _OF_EVERY_MODULE}


def _differ(before: Any, after: Any) -> bool:
    if before is after:
        return False
    plain = (int, float, bool, str, bytes, tuple, type(None))
    return not (isinstance(before, plain) and type(before) is type(after) and before == after)


def _differ_inside(value: Any, copy: Any) -> bool:
    """Return whether a tensor or container has other contents than its copy."""
    if isinstance(value, Tensor):
        # NaN equals NaN here.
        return value.shape != copy.shape or not torch.equal(_bits(value), _bits(copy))
    if len(value) != len(copy):
        return True
    if isinstance(value, dict):
        return any(key not in copy or _differ(copy[key], x) for key, x in value.items())
    if isinstance(value, set):
        return bool(value != copy)
    return any(_differ(x, y) for x, y in zip(copy, value, strict=True))


def _bits(x: Tensor) -> Tensor:
    return x.detach().contiguous().reshape(-1).view(torch.uint8)


class RandomState:
    """The states of the random generators of PyTorch, NumPy and Python at one time."""

    def __init__(self) -> None:
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state_all() if _uses_cuda() else []
        self._numpy = np.random.get_state(legacy=True)  # noqa: NPY002  models may use it
        self._python = random.getstate()

    def has_changed(self) -> bool:
        """Return whether random numbers were drawn since this object was made."""
        now = RandomState()
        return (
            not torch.equal(self._torch, now._torch)
            or not all(map(torch.equal, self._cuda, now._cuda))
            or any(
                not np.array_equal(x, y)  # type: ignore[arg-type]
                for x, y in zip(self._numpy, now._numpy, strict=True)
            )
            or self._python != now._python
        )

    def restore(self) -> None:
        """Set the generators back."""
        torch.set_rng_state(self._torch)
        if self._cuda:
            torch.cuda.set_rng_state_all(self._cuda)
        np.random.set_state(self._numpy)  # noqa: NPY002
        random.setstate(self._python)


def _uses_cuda() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


@contextmanager
def unchanged(model: nn.Module) -> Iterator[tuple[ModelState, RandomState]]:
    """Yield the states of a model and of random generators; afterwards restore them."""
    state, randomness = ModelState(model), RandomState()
    try:
        yield state, randomness
    finally:
        state.restore()
        randomness.restore()
