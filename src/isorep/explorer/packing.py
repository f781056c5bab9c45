"""Packing: arrays and texts as compact JSON."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.arrays import to_numpy


def floats(values: Any) -> dict[str, Any]:
    """Pack numbers as little-endian float32 in base64, including NaN and infinity.

    Examples
    --------
    >>> floats([[1.0, 2.0]])
    {'shape': [1, 2], 'f32': 'AACAPwAAAEA='}
    """
    with np.errstate(over="ignore"):  # beyond 3e38, float32 is infinite
        array = np.asarray(to_numpy(values)).astype("<f4")
    return {"shape": list(array.shape), "f32": b64encode(array.tobytes()).decode()}


def coarse(values: Any) -> dict[str, Any]:
    """Pack numbers as 16-bit integers, with about 4 digits; enough for drawing.

    Examples
    --------
    >>> coarse([0.25, -1.0, 0.0])["i16"]
    '/x8BgAAA'
    """
    array = np.asarray(to_numpy(values), dtype=np.float64)
    scale = float(np.abs(array).max(initial=0.0)) or 1.0
    integers = np.trunc(array / scale * 32767).astype("<i2")
    return {
        "shape": list(array.shape),
        "i16": b64encode(integers.tobytes()).decode(),
        "unit": scale / 32767,
    }


def texts(values: NDArray[Any]) -> dict[str, Any]:
    """Pack texts with many repeats: the distinct texts, and the code of each text.

    Examples
    --------
    >>> texts(np.array([["", "few samples"], ["few samples", ""]]))
    {'texts': ['', 'few samples'], 'codes': [0, 1, 1, 0]}
    """
    flat = [str(text) for text in np.asarray(values).ravel().tolist()]
    distinct = list(dict.fromkeys(flat))
    codes = {text: code for code, text in enumerate(distinct)}
    return {"texts": distinct, "codes": [codes[text] for text in flat]}


def names(values: Iterable[Any]) -> list[str]:
    """Return labels, which may be numbers, as strings."""
    return [str(value) for value in values]


def short(text: Any, length: int) -> str:
    """Return a text of at most `length` characters, cut at its end.

    Examples
    --------
    >>> short("a long name", 7)
    'a long…'
    """
    text = str(text)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def number(value: float) -> float | None:
    """Return a number for JSON: None if it is not finite."""
    return float(value) if np.isfinite(value) else None


def ends(interval: ArrayLike) -> list[float | None]:
    """Return the ends of a range for JSON: None for an infinite end."""
    return [number(end) for end in np.asarray(interval, dtype=float).tolist()]
