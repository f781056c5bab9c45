"""bfloat16, which NumPy lacks: the upper half of a float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def widen(bits: NDArray[Any]) -> NDArray[np.float32]:
    """Return the float32 values of bfloat16 `bits`, an array of uint16; none is rounded."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
