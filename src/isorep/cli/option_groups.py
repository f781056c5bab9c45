"""Option groups: options that several commands share, which a command gets as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

Command = Callable[..., None]


def with_options(**groups: Callable[..., Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds groups of options to a command.

    Parameters
    ----------
    **groups
        Parameter of the command to a function. The parameters of the function become options, and
        the command gets what the function returns.
    """

    def decorate(command: Command) -> Command:
        added = {key: _parameters(make) for key, make in groups.items()}
        parameters = [x for x in _parameters(command).values() if x.name not in groups]
        for of_group in added.values():
            parameters += of_group.values()

        @wraps(command)
        def run(**values: Any) -> None:
            made = {
                key: make(**{name: values.pop(name) for name in added[key]})
                for key, make in groups.items()
            }
            command(**values, **made)

        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return decorate


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(function, eval_str=True).parameters)
