"""Table index: labels of the samples of a table, from its index or from other columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.tables import as_labels


def index_labels(labels: Sequence[Any], is_named: bool, name: str) -> tuple[str, ...] | None:
    """Return the labels of an index as text; None for an index that only counts the rows.

    Parameters
    ----------
    labels
        Label of each sample.
    is_named
        Whether the index has a name, which makes even numbers that count the rows labels.
    name
        Name of the table in errors.

    Examples
    --------
    >>> index_labels([0, 1], False, "x"), index_labels([1, 0], False, "x")
    (None, ('1', '0'))
    """
    plain = [plain_label(label) for label in labels]
    if None in plain:
        raise ValueError(
            f"the label of sample {plain.index(None)} of {name} is missing (NaN or None): label "
            "every sample, or leave it out"
        )
    ids = tuple(map(str, plain))
    return None if not is_named and ids == tuple(map(str, range(len(ids)))) else ids


def coordinate_labels(coordinates: Mapping[str, NDArray[Any]]) -> tuple[str, ...] | None:
    """Return the labels of the samples of a dimension without index; None if there are none.

    They are the first coordinate of texts, else of integers, that differs for each sample, else all
    of these together, if they do.

    Examples
    --------
    >>> coordinate_labels({"block": np.array([1, 1]), "word": np.array(["a", "b"])})
    ('a', 'b')
    """
    arrays = {name: as_labels(values) for name, values in coordinates.items()}
    texts = [x.tolist() for x in arrays.values() if x.dtype.kind == "U"]
    integers = [x.tolist() for x in arrays.values() if x.dtype.kind in "iu"]
    together = list(zip(*texts, *integers, strict=True))
    for labels in (*texts, *integers, together):
        if labels and len(set(labels)) == len(labels):
            return tuple(map(str, labels))
    return None


def plain_label(label: Any) -> str | int | tuple[Any, ...] | None:
    """Return a label as a string, an integer or a tuple of these; None if it is missing.

    Examples
    --------
    >>> plain_label(("mouse1", np.int64(3))), plain_label(2.0), plain_label(float("nan"))
    (('mouse1', 3), 2, None)
    """
    if isinstance(label, np.generic) and label.dtype.kind not in "Mm":
        label = label.item()
    if isinstance(label, tuple):
        parts = tuple(plain_label(part) for part in label)
        return None if None in parts else parts
    if isinstance(label, str | int):
        return label
    if label is None or str(label) in ("nan", "NaT", "<NA>"):
        return None
    return int(label) if isinstance(label, float) and label.is_integer() else str(label)
