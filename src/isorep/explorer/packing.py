"""Packing: arrays and texts as JSON that a page holds compactly."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.arrays import to_numpy


def floats(values: Any) -> dict[str, Any]:
    """Pack numbers as float32, little-endian, in base64; NaN and infinity stay what they are.

    Examples
    --------
    >>> floats([[1.0, 2.0]])
    {'shape': [1, 2], 'f32': 'AACAPwAAAEA='}
    """
    with np.errstate(over="ignore"):  # past 3e38 is infinite, on a page
        array = np.asarray(to_numpy(values)).astype("<f4")
    return {"shape": list(array.shape), "f32": b64encode(array.tobytes()).decode()}


def coarse(values: Any) -> dict[str, Any]:
    """Pack what is only to be drawn as 16-bit integers, 4 digits of the greatest.

    Examples
    --------
    >>> coarse([0.25, -1.0, 0.0])["i16"]
    '/x8BgAAA'
    """
    array = np.asarray(to_numpy(values), dtype=np.float64)
    greatest = float(np.abs(array).max(initial=0.0)) or 1.0
    whole = np.trunc(array / greatest * 32767).astype("<i2")
    return {
        "shape": list(array.shape),
        "i16": b64encode(whole.tobytes()).decode(),
        "unit": greatest / 32767,
    }


def texts(values: NDArray[Any]) -> dict[str, Any]:
    """Pack texts of which many are equal: each once, and which is where.

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
    """Return labels, which may be numbers, as text."""
    return [str(value) for value in values]


def number(value: float) -> float | None:
    """Return a number as JSON knows it: what is not finite is null."""
    return float(value) if np.isfinite(value) else None


def ends(whole: ArrayLike) -> list[float | None]:
    """Return a range, whose ends may be infinite, as JSON knows it."""
    return [number(end) for end in np.asarray(whole, dtype=float).tolist()]
