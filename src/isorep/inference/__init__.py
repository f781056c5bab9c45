"""How far to trust a number: chance, significance, precision, and the bias of few samples."""

from isorep.inference.bartlett import Bartlett, bartlett
from isorep.inference.tracy_widom import (
    RandomMatrixEdge,
    random_matrix_edge,
    tracy_widom_quantile,
    tracy_widom_sf,
)
from isorep.inference.wachter import Wachter

__all__ = [
    "Bartlett",
    "RandomMatrixEdge",
    "Wachter",
    "bartlett",
    "random_matrix_edge",
    "tracy_widom_quantile",
    "tracy_widom_sf",
]
