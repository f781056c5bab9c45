"""JSON members: values of JSON files that describe the arrays beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_json(path: Path, kind: type = dict) -> Any:
    """Return what a JSON file holds; raise ValueError, with its name, unless it is of this kind."""
    place = f"{path.parent.name}/{path.name}"
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ValueError(f"it is incomplete: {path.name} is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{place} is damaged: {error}") from error
    if not isinstance(content, kind):
        raise ValueError(f"{place} is damaged: expected {kind.__name__}, got {content!r:.60}")
    return content


def member(content: Any, keys: str | tuple[str, ...], kind: type, place: str) -> Any:
    """Return the value of the first of `keys` that an object has.

    Parameters
    ----------
    content
        The object, or another JSON value that should be one.
    keys
        Key, or the keys that different versions of a format use.
    kind
        Type of the value. An int must not be negative.
    place
        Name of the file in errors.

    Raises
    ------
    ValueError
        If there is no such value, or it is of another type.

    Examples
    --------
    >>> member({"d_vit": 3}, ("d_model", "d_vit"), int, "metadata.json")
    3
    """
    keys = (keys,) if isinstance(keys, str) else keys
    key = next((key for key in keys if isinstance(content, dict) and key in content), None)
    if key is None:
        raise ValueError(f"{place} is damaged: it has no {' or '.join(map(repr, keys))}")
    value = content[key]
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if not (is_number if kind is int else isinstance(value, kind)):
        raise ValueError(f"{place} is damaged: {key!r} is {value!r:.60}; expected {kind.__name__}")
    return value
