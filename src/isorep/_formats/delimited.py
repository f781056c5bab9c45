"""Delimited: texts of values between commas or tabs, with a header."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._utils.tables import as_labels

if TYPE_CHECKING:
    import pandas

_SEPARATORS = {",": "commas", "\t": "tabs (.tsv)", ";": "semicolons"}

_MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None")
"""Words for a missing number. In a column of texts they are texts."""


def read_delimited(path: Path) -> Contents:
    """Read a column for each name in the header; ".tsv" has tabs between values, others commas.

    A first column without a name has the ids of the samples, as pandas writes its index, unless it
    only counts the rows. Missing numbers are NaN.

    Raises
    ------
    ValueError
        The file is no such text, its lines have unequal numbers of values, or a name is missing or
        occurs twice.
    """
    import pandas

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        names = _checked_names(path, separator)
        frame = pandas.read_csv(
            path,
            sep=separator,
            header=0,
            names=names,  # since pandas renames a column without a name
            index_col=False,
            encoding="utf-8-sig",
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
        )
    except (ValueError, OSError, csv.Error) as error:
        raise ValueError(f"expected a table of values with a header, got {error}") from error
    columns = {str(name): _values(column) for name, column in frame.items()}
    metadata = {}
    if "" in columns:
        index = columns.pop("")
        if not np.array_equal(index, np.arange(len(index))):
            metadata["sample_ids"] = index.tolist()
    return Contents(columns, metadata, table=path.stem)


def _checked_names(path: Path, separator: str) -> list[str]:
    """Return the names of the columns; only the first may be empty.

    pandas fills short lines with missing values, so that their lengths are checked here.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file, delimiter=separator)
        names = next(lines, [])
        if not names:
            raise ValueError("an empty first line")
        if len(names) == 1 and (other := _separator_of(names[0])):
            raise ValueError(
                f"{_SEPARATORS[other]} between the names, {names[0][:40]!r}: save the table with "
                f"{_SEPARATORS[separator]}"
            )
        for name in names[1:]:
            if not name or names.count(name) > 1:
                raise ValueError(
                    f"the name {name!r} for several columns" if name else "a column without a name"
                )
        if all(_is_number(name) for name in names) and not all(map(str.isdecimal, names)):
            raise ValueError(f"numbers in the first line, {', '.join(names[:3])}, and no names")
        for values in lines:
            if values and len(values) != len(names):
                raise ValueError(
                    f"{len(values)} values in line {lines.line_num} for {len(names)} columns"
                )
    return names


def _separator_of(line: str) -> str:
    """Return what separates the values of a line; empty if it has no separator."""
    return max(_SEPARATORS, key=line.count) if any(map(line.count, _SEPARATORS)) else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _values(column: pandas.Series[Any]) -> NDArray[Any]:
    """Return a column of numbers or of texts."""
    import pandas

    if column.dtype.kind in "fiub":
        return column.to_numpy()
    texts = column.fillna("").astype(str)
    missing = texts.isin(_MISSING)
    numbers = pandas.to_numeric(texts.mask(missing), errors="coerce")
    if not missing.all() and bool((numbers.notna() | missing).all()):
        return numbers.to_numpy(dtype=np.float64)
    return as_labels(texts.to_numpy(dtype=object))
