"""One-hot: labels of classes as a representation, one column a class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.tables import as_labels


def one_hot(labels: Any) -> NDArray[np.float64]:
    """Return labels of classes as a representation: one column a class, 1 where it is the label.

    One column of numbers would give the classes an order and distances that mean nothing. The
    centred columns of k classes span k - 1 directions.

    Parameters
    ----------
    labels : (n,) array-like
        Class of each sample: numbers, strings, or a pandas categorical; ``labels`` of
        `isorep.Representations` is one.

    Returns
    -------
    (n, k) float64 array
        Columns in the sorted order of the classes that occur, ``numpy.unique(labels)``.

    Raises
    ------
    ValueError
        If the labels are not 1-D, one is missing, there are fewer than two classes, or each sample
        is a class of its own.

    Examples
    --------
    >>> import isorep
    >>> isorep.one_hot(["s", "a", "s"])
    array([[0., 1.],
           [1., 0.],
           [0., 1.]])

    Features that say which of four classes a sample is of have 3 canonical correlations of 1:

    >>> import numpy as np
    >>> classes = np.arange(100) % 4
    >>> features = np.eye(4)[classes] @ np.random.default_rng(0).standard_normal((4, 8))
    >>> isorep.overlap(features, isorep.one_hot(classes)).correlations.round(6)
    array([1., 1., 1.])
    """
    array = as_labels(labels)
    if array.ndim != 1 or array.dtype.kind not in "fiubU":
        raise ValueError(
            "expected one label per sample, a 1-D array of numbers or strings without missing "
            f"ones, got shape {array.shape}, dtype {array.dtype}"
        )
    missing = np.flatnonzero(array != array)
    if len(missing):
        raise ValueError(
            f"{len(missing)} of {len(array)} labels are missing (NaN), the first of them in row "
            f"{missing[0]}: leave these samples out on both sides"
        )
    classes, numbers = np.unique(array, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"expected labels of at least 2 classes, got {len(classes)} in {len(array)} samples"
        )
    if len(classes) == len(array) > 2:
        raise ValueError(
            f"each of the {len(array)} labels is a class of its own, as sample ids or measured "
            "values are: pass labels that samples share"
        )
    columns: NDArray[np.float64] = np.eye(len(classes))[numbers]
    return columns
