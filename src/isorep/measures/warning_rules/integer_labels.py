"""Integer labels: classes that were given as one column of numbers."""

from __future__ import annotations

import numpy as np

from isorep._utils.arrays import to_numpy
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText

MOST_CLASSES = 1000
"""Largest number of distinct integers that may be classes."""

SAMPLES_PER_CLASS = 3
"""Smallest mean number of samples of each class."""

ROUNDING = 1e-6
"""Deviation from an integer that may be rounding."""


def integer_labels(overlap: Overlap) -> tuple[WarningText, ...]:
    """Warn if a side is one column of the integers 0 to k - 1, or 1 to k, each several times.

    Two classes need no warning: one column says all about them.
    """
    texts = []
    for basis, name in ((overlap.x, "x"), (overlap.y, "y")):
        k = _n_classes(basis)
        if k > 2:
            texts.append(
                WarningText(
                    "integer-labels",
                    f"{name} is one column of {k} distinct integers: if they are class labels, "
                    "their order and distances decide the similarity",
                    "pass one column a class (isorep.one_hot(labels))",
                )
            )
    return tuple(texts)


def _n_classes(basis: Basis) -> int:
    """Return the number of classes, or 0 if the side does not look like labels."""
    if basis.n_features != 1 or not basis.knows_samples:
        return 0
    values = to_numpy(basis.samples)[:, 0]
    integers = np.rint(values)
    if np.abs(values - integers).max() > ROUNDING or np.ptp(integers) >= MOST_CLASSES:
        return 0
    classes = np.unique(integers)
    k = len(classes)
    contiguous = classes[0] in (0, 1) and classes[-1] - classes[0] == k - 1
    return k if contiguous and len(values) >= SAMPLES_PER_CLASS * k else 0
