"""Code digest: a hash of what a function computes, to tell whether it was changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import blake2b
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None))


def code_digest(function: Callable[..., Any]) -> str:
    """Return a hash of the code of a function; empty if it has none, such as a function in C.

    It covers functions of the same module that it calls, and numbers and texts that it reads from
    the module or from a function around it. It covers neither other modules nor comments.

    Examples
    --------
    >>> code_digest(lambda x: x + 1) == code_digest(lambda x: x + 1)
    True
    >>> code_digest(lambda x: x + 1) == code_digest(lambda x: x + 2)
    False
    """
    plain = _as_function(function)
    if plain is None:
        return ""
    digest = blake2b(digest_size=16)
    for part in _parts(plain, set()):
        digest.update(part.encode(errors="surrogatepass"))
    return digest.hexdigest()


def _as_function(value: Any) -> FunctionType | None:
    """Return a function, also of a method or of what a decorator in C made of it."""
    if isinstance(value, MethodType):
        value = value.__func__
    if callable(value) and not isinstance(value, FunctionType | type):
        value = inspect.unwrap(value)
    return value if isinstance(value, FunctionType) else None


def _parts(function: FunctionType, seen: set[int]) -> Iterator[str]:
    """Yield texts that change with what a function computes."""
    if id(function) in seen:
        return
    seen.add(id(function))
    yield from _texts_of_code(function.__code__, function.__doc__)
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    module = function.__globals__
    read = [module[name] for name in sorted(_names(function.__code__)) if name in module]
    for value in (*_contents(function.__closure__ or ()), *defaults, *read):
        called = _as_function(value)
        if called is not None and called.__module__ == function.__module__:
            yield from _parts(called, seen)
        elif isinstance(value, _PLAIN):
            yield _text(value)


def _texts_of_code(code: CodeType, doc: str | None) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _texts_of_code(constant, None)
        elif constant != doc or doc is None:
            yield _text(constant)


def _text(value: Any) -> str:
    """Return a value as text, with sets in an order that is the same in every process."""
    return repr(sorted(map(repr, value)) if isinstance(value, frozenset) else value)


def _names(code: CodeType) -> set[str]:
    """Return the names that code, and functions in it, may read from the module."""
    nested = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*map(_names, nested))


def _contents(cells: Iterable[CellType]) -> Iterator[Any]:
    for cell in cells:
        with suppress(ValueError):  # a variable that has no value yet
            yield cell.cell_contents
