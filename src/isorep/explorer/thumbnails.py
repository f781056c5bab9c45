"""Thumbnails: small PNG pictures as data URIs."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray


def thumbnail(image: NDArray[Any], size: int) -> str:
    """Return an image as the data URI of a PNG of at most `size` pixels on its longer side.

    Each pixel is the mean of the pixels that it replaces. Smaller images keep their size.

    Parameters
    ----------
    image : (height, width) or (height, width, 3) uint8 or float array
        Grey values or RGB; floats from 0 to 1.
    size : int
        Largest height and width in pixels.

    Examples
    --------
    >>> thumbnail(np.zeros((300, 200)), 32)[:30]
    'data:image/png;base64,iVBORw0K'
    """
    pixels = np.asarray(image, dtype=np.float64)
    if image.dtype.kind == "f":
        pixels = 255 * pixels
    scale = min(1.0, size / max(pixels.shape[:2]))
    for axis in (0, 1):
        pixels = _shrunk(pixels, max(1, round(scale * pixels.shape[axis])), axis)
    encoded = b64encode(_png(np.rint(pixels).astype(np.uint8))).decode()
    return f"data:image/png;base64,{encoded}"


def _shrunk(pixels: NDArray[Any], length: int, axis: int) -> NDArray[Any]:
    """Return the means of `length` runs of about equal size along an axis."""
    edges = np.arange(length + 1) * pixels.shape[axis] // length
    shape = [-1 if i == axis else 1 for i in range(pixels.ndim)]
    sums = np.add.reduceat(pixels, edges[:-1], axis=axis)
    means: NDArray[Any] = sums / np.diff(edges).reshape(shape)
    return means


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """Return the PNG file of grey values (height, width) or RGB (height, width, 3)."""
    height, width = pixels.shape[:2]
    colour_type = 2 if pixels.ndim == 3 else 0
    # Each row begins with the number of its filter; 0 is none.
    rows = np.zeros((height, 1 + pixels[0].size), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum
