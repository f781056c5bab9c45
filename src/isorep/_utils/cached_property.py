"""Cached property: computed at the first access, also by several threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class cached_property(Generic[Value]):  # noqa: N801
    """Like `functools.cached_property`, without the lock that it has up to Python 3.11.

    All instances share that lock, so threads that decompose different matrices would wait for each
    other. If two threads access one instance at once, both may compute; the values are the same.

    Examples
    --------
    >>> class Matrix:
    ...     @cached_property
    ...     def inverse(self):
    ...         print("computed")
    ...         return 0.5
    >>> matrix = Matrix()
    >>> matrix.inverse, matrix.inverse
    computed
    (0.5, 0.5)
    """

    def __init__(self, compute: Callable[[Any], Value]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> Self | Value:
        if instance is None:
            return self
        # Python looks in the instance first, so this method runs once.
        value = vars(instance)[self._name] = self._compute(instance)
        return value
