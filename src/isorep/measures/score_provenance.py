"""Score provenance: what a score was computed of and how, so that it can be computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isorep._utils.array_digest import array_digest, text_digest
from isorep._utils.tables import dense_numbers
from isorep._utils.version import library_of, versions
from isorep.core.basis import Basis
from isorep.measures.measure_spec import plain


def score_provenance(
    x: Any, y: Any, options: Mapping[str, Any], structure: Mapping[str, Any]
) -> dict[str, Any]:
    """Return versions, options and digests of both sides, as values of JSON.

    A `Basis` has no digest, since it does not hold the values that it was made of.

    Parameters
    ----------
    x, y
        The two representations.
    options
        Options of the measure and of the call.
    structure
        Groups and order of the samples, of which digests are returned.
    """
    return {
        "versions": versions(library_of(x) | library_of(y)),
        "options": {name: plain(value) for name, value in options.items() if value is not None},
        "data": {
            side: _digest(values)
            for side, values in (("x", x), ("y", y))
            if not isinstance(values, Basis)
        }
        | {
            name: text_digest(np.asarray(labels).ravel().tolist())
            for name, labels in structure.items()
            if labels is not None
        },
    }


def _digest(values: Any) -> str:
    values = dense_numbers(values, "values")
    if hasattr(values, "shape") and hasattr(values, "dtype"):
        return array_digest(values)
    return array_digest(np.asarray(values))
