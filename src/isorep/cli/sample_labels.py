"""Labels of samples, such as their groups, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_sample_labels(path: Path | None, *, as_text: bool = False) -> NDArray[Any] | None:
    """Return the value of each sample, from a .npy or a text with one value a line.

    Lines become numbers if all of them are numbers, unless they are read as text.

    Raises
    ------
    ValueError
        If the file cannot be read, or is no array of numbers or texts.
    """
    if path is None:
        return None
    try:
        if path.suffix.lower() == ".npy":
            return np.asarray(np.load(path, allow_pickle=False))
        text = path.read_text(encoding="utf-8").rstrip("\r\n")  # blank lines at the end
        lines = np.array(text.splitlines(), dtype=np.str_)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"cannot read {str(path)!r}: expected a .npy, or a text with one value a line ({error})"
        ) from error
    for kind in () if as_text else (np.int64, np.float64):
        try:
            return lines.astype(kind)
        except ValueError:
            continue
    return lines
