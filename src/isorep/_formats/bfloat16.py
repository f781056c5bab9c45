"""bfloat16, which NumPy lacks: the upper half of a float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def widen(bits: NDArray[Any]) -> NDArray[np.float32]:
    """Return the float32 values of bfloat16 `bits`, an array of uint16; none is rounded."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


class Widened:
    """An array of bfloat16 bits, in memory or on disk, as the float32 values that it stands for."""

    def __init__(self, bits: Any) -> None:
        self.shape: tuple[int, ...] = bits.shape
        self.dtype: np.dtype[Any] = np.dtype(np.float32)
        self.chunks: tuple[int, ...] | None = getattr(bits, "chunks", None)
        self._bits = bits

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        return widen(np.asarray(self._bits[rows]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.float32, copy=False)
