"""Cached property: what is computed when first asked for, by any number of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class cached_property(Generic[Value]):  # noqa: N801
    """As `functools.cached_property`, without the lock that it has up to Python 3.11.

    That lock is one for all instances: threads that decompose different matrices would wait for
    each other. Two that ask one instance at once may both compute; the values are the same.

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
        # From now on found before this is asked.
        value = vars(instance)[self._name] = self._compute(instance)
        return value
