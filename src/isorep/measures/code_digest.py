"""Code digest: a hash of what a function computes, to tell whether it was changed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property, partial
from hashlib import blake2b
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, tuple, frozenset, type(None))


def code_digest(function: Callable[..., Any]) -> str:
    """Return a hash of the code of a function; empty if it has none, such as a function in C.

    It covers functions and classes of the same module that it uses, and numbers and texts that it
    reads from the module, from a function around it, or from an instance of such a class. It covers
    neither other modules nor comments.

    Examples
    --------
    >>> code_digest(lambda x: x + 1) == code_digest(lambda x: x + 1)
    True
    >>> code_digest(lambda x: x + 1) == code_digest(lambda x: x + 2)
    False
    """
    plain: Any = function
    while isinstance(plain, partial):
        plain = plain.func
    module = getattr(_as_function(plain) or plain, "__module__", None)
    digest = blake2b(digest_size=16)
    n_parts = 0
    for part in _parts(function, module, set()):
        digest.update(part.encode(errors="surrogatepass"))
        n_parts += 1
    return digest.hexdigest() if n_parts else ""


def _as_function(value: Any) -> FunctionType | None:
    """Return a function, also of a method or of what a decorator in C made of it."""
    if isinstance(value, MethodType):
        value = value.__func__
    if callable(value) and not isinstance(value, FunctionType | type):
        value = inspect.unwrap(value)
    return value if isinstance(value, FunctionType) else None


def _parts(value: Any, module: str | None, seen: set[int]) -> Iterator[str]:
    """Yield texts that change with what a value of a module does."""
    if isinstance(value, _PLAIN):
        yield _text(value)
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    function = _as_function(value)
    if function is not None:
        if function.__module__ != module or (function is not value and id(function) in seen):
            return
        seen.add(id(function))
        yield from _texts_of_code(function.__code__, function.__doc__)
    for part in _used(value, function, module):
        yield from _parts(part, module, seen)


def _used(value: Any, function: FunctionType | None, module: str | None) -> Iterator[Any]:
    """Yield the values that a function, a class or an instance of a class uses."""
    if isinstance(value, MethodType):
        yield value.__self__
    if function is not None:
        namespace = function.__globals__
        yield from _contents(function.__closure__ or ())
        yield from function.__defaults__ or ()
        yield from (function.__kwdefaults__ or {}).values()
        names = sorted(_names(function.__code__))
        yield from (namespace[name] for name in names if name in namespace)
    elif isinstance(value, staticmethod | classmethod):
        yield value.__func__
    elif isinstance(value, property):
        yield from (value.fget, value.fset)
    elif isinstance(value, cached_property):
        yield value.func
    elif isinstance(value, partial):
        yield from (value.func, *value.args, *value.keywords, *value.keywords.values())
    elif isinstance(value, type):
        if value.__module__ == module:
            yield from value.__bases__
            yield from _members(value)
    elif type(value).__module__ == module:
        yield type(value)
        yield from _members(value)


def _members(value: Any) -> Iterator[Any]:
    """Yield the attributes of a class or an instance, without what Python notes of it."""
    for name, member in sorted(getattr(value, "__dict__", {}).items()):
        is_note = name.startswith("__") and not callable(getattr(member, "__func__", member))
        if not is_note and not name.startswith("__annot"):
            yield (name, member) if isinstance(member, _PLAIN) else member


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
