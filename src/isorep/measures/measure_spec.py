"""The text that names a measure with its options, such as "linear_regression(folds=10)"."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping
from typing import Any, TypeAlias

Spec: TypeAlias = str | Mapping[str, Mapping[str, Any]]
"""A measure and its options: "pwcca", "linear_regression(folds=10)" or
``{"linear_regression": {"folds": 10}}``."""

_FORM = "expected a name, or a name with options such as linear_regression(folds=10)"


def plain(value: Any) -> Any:
    """Return an option's value as plain Python: NumPy scalars as numbers, lists as tuples."""
    if isinstance(value, list | tuple):
        return tuple(plain(entry) for entry in value)
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value


def spec_text(name: str, options: Mapping[str, Any]) -> str:
    """Return the text of a measure with these options, which `parse_spec` reads.

    Examples
    --------
    >>> spec_text("pwcca", {"weights_from": "both"}), spec_text("cka", {})
    ('pwcca(weights_from=both)', 'cka')
    """
    if not options:
        return name
    return f"{name}({', '.join(f'{key}={_value_text(value)}' for key, value in options.items())})"


def _value_text(value: Any) -> str:
    # Python normalises words beyond ASCII, so they are quoted.
    if isinstance(value, str) and value.isascii() and value.isidentifier():
        return repr(value) if keyword.iskeyword(value) else value
    return repr(value)


def parse_spec(spec: Spec) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of a measure.

    In a text, values are Python literals, and a bare word is a string.

    Raises
    ------
    TypeError
        If the spec is neither text nor a mapping of one name to a mapping of options.
    ValueError
        If the text is malformed.

    Examples
    --------
    >>> parse_spec("pwcca(weights_from=both)")
    ('pwcca', {'weights_from': 'both'})
    >>> parse_spec({"ridge_cca": {"penalty": (0.1, 1.0)}})
    ('ridge_cca', {'penalty': (0.1, 1.0)})
    """
    if isinstance(spec, str):
        return _parse_text(spec)
    if not isinstance(spec, Mapping):
        raise TypeError(
            f"a measure is a name, or a name with options such as linear_regression(folds=10), "
            f"not {type(spec).__name__}"
        )
    if len(spec) != 1:
        raise ValueError(f"expected one measure with its options, got {len(spec)}: {list(spec)}")
    ((name, options),) = spec.items()
    if not isinstance(options, Mapping):
        raise TypeError(
            f"the options of {name} must be a mapping of names to values, got {options!r}"
        )
    return name, dict(options)


def _parse_text(text: str) -> tuple[str, dict[str, Any]]:
    if "(" not in text:
        return text.strip(), {}
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise ValueError("not a name with options in parentheses")
        if call.args or any(option.arg is None for option in call.keywords):
            raise ValueError("every option needs its name")
        names = [str(option.arg) for option in call.keywords]
        if len(set(names)) < len(names):
            raise ValueError("an option occurs twice")
        return call.func.id, {str(option.arg): _value(option.value) for option in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise ValueError(f"cannot read the measure {text!r} ({reason}): {_FORM}") from None


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_value(entry) for entry in node.elts)
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"{ast.unparse(node)} is neither a literal nor a word") from None
