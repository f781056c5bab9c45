"""Delimited: texts of values between commas or tabs, with a header."""

from __future__ import annotations

import csv
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._utils.table_index import index_labels
from isorep._utils.tables import as_labels, with_texts

if TYPE_CHECKING:
    import pandas

_SEPARATORS = {",": "commas", "\t": "tabs (.tsv)", ";": "semicolons"}

_MISSING = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)
"""Words for a missing number, as in pandas. In a column of texts they are texts."""

_ENCODINGS = {  # UTF-32 first, since its mark begins as that of UTF-16
    BOM_UTF32_LE: "utf-32",
    BOM_UTF32_BE: "utf-32",
    BOM_UTF16_LE: "utf-16",
    BOM_UTF16_BE: "utf-16",
}
"""Mark at the start of a text to its encoding; all other texts are UTF-8."""

_COMMENT = "#"


def read_delimited(path: Path) -> Contents:
    """Read a column for each name in the header; ".tsv" has tabs between values, others commas.

    A first column without a name has the ids of the samples, as pandas writes its index, unless it
    only counts the rows. Missing numbers are NaN. Lines above the header that begin with "#" are
    comments. The last of them is the header if numbers follow it, as `numpy.savetxt` writes it.

    Raises
    ------
    ValueError
        The file is no such text, its lines have unequal numbers of values, or a name is missing or
        occurs twice.
    """
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        names, n_lines = _checked_names(path, separator)
        frame = _frame(path, separator, names, n_lines)
    except UnicodeError as error:
        raise ValueError(
            "expected a table of values with a header, got bytes that are not UTF-8 text: save "
            "it as UTF-8 ('CSV UTF-8' in Excel)"
        ) from error
    except (ValueError, OSError, csv.Error) as error:
        raise ValueError(f"expected a table of values with a header, got {error}") from error

    def texts(name: str) -> NDArray[Any]:
        column = _frame(path, separator, names, n_lines, usecols=[name], dtype=str)[name]
        return _stripped(column).to_numpy(dtype=np.str_)

    columns = _columns(frame)
    metadata = {}
    if "" in columns:
        column = with_texts(columns.pop(""), texts, "")
        labels = [None if label == "" else label for label in column.tolist()]
        ids = index_labels(labels, False, "the column without a name")
        metadata = {} if ids is None else {"sample_ids": ids}
    return Contents(columns, metadata, path.stem, texts, _reasons(columns))


def _frame(
    path: Path, separator: str, names: list[str], n_lines: int, **options: Any
) -> pandas.DataFrame:
    """Return the values below the header, which ends at line number `n_lines`."""
    import pandas

    if pandas.__version__.startswith("2."):  # its default may be one unit in the last place off
        options["float_precision"] = "round_trip"
    with _opened(path) as file:
        for _ in range(n_lines):
            file.readline()
        frame: pandas.DataFrame = pandas.read_csv(
            file,
            sep=separator,
            header=None,
            names=names,  # since pandas renames a column without a name
            index_col=False,
            skipinitialspace=True,
            keep_default_na=False,
            na_values=[""],
            low_memory=False,
            **options,
        )
    return frame


def _opened(path: Path) -> TextIO:
    with path.open("rb") as file:
        start = file.read(4)
    encoding = next((x for mark, x in _ENCODINGS.items() if start.startswith(mark)), "utf-8-sig")
    return path.open(encoding=encoding, newline="")


def _checked_names(path: Path, separator: str) -> tuple[list[str], int]:
    """Return the names of the columns, and the number of lines down to the header.

    Only the first name may be empty. pandas fills short lines with missing values, so that their
    lengths are checked here.
    """
    n_above = _n_lines_above_header(path, separator)
    with _opened(path) as file:
        for _ in range(n_above):
            file.readline()
        lines = csv.reader(file, delimiter=separator, skipinitialspace=True)
        names = [name.strip() for name in next(lines, [])]
        n_lines = n_above + lines.line_num
        if names:
            names[0] = names[0].lstrip(f"{_COMMENT} ")
        _check_names(names, separator)
        for n_before, n_values, start in _counted(file, separator):
            if n_values != len(names):
                advice = (
                    f": leave out comments ({_COMMENT}) below the header"
                    if start.startswith(_COMMENT)
                    else ""
                )
                raise ValueError(
                    f"{n_values} values in line {n_lines + n_before} for {len(names)} "
                    f"columns{advice}"
                )
    return names, n_lines


def _counted(file: TextIO, separator: str) -> Iterator[tuple[int, int, str]]:
    """Yield the number of each line that is not blank, of its values, and what it begins with.

    Only lines with quotes need a parser, which takes much longer than counting separators.
    """
    for number, line in enumerate(file, 1):
        if '"' in line:
            lines = csv.reader(chain([line], file), delimiter=separator, skipinitialspace=True)
            for values in lines:
                if values:
                    yield number - 1 + lines.line_num, len(values), values[0]
        elif line.strip("\r\n"):
            yield number, line.count(separator) + 1, line[:1]


def _n_lines_above_header(path: Path, separator: str) -> int:
    """Return the number of comments above the header, which may itself begin with "#"."""
    n_comments, comment = 0, ""
    with _opened(path) as file:
        line = file.readline()
        if "\0" in line:
            raise ValueError("bytes of 0, which no text has: save the table as UTF-8")
        while line.startswith(_COMMENT):
            n_comments, comment, line = n_comments + 1, line, file.readline()
    names, values = (
        next(csv.reader([x], delimiter=separator, skipinitialspace=True), [])
        for x in (comment, line)
    )
    is_header = len(names) == len(values) > 0 and any(
        _is_number(value) or value.strip() in _MISSING for value in values
    )
    return n_comments - is_header


def _check_names(names: list[str], separator: str) -> None:
    if not names:
        raise ValueError("an empty first line")
    if len(names) == 1 and (other := _separator_of(names[0])):
        raise ValueError(
            f"{_SEPARATORS[other]} between the names, {names[0][:40]!r}: save the table with "
            f"{_SEPARATORS[separator]}"
        )
    counts = Counter(names)
    for name in names[1:]:
        if not name or counts[name] > 1:
            raise ValueError(
                f"the name {name!r} for several columns" if name else "a column without a name"
            )
    if all(_is_number(name) for name in names) and not all(map(str.isdecimal, names)):
        raise ValueError(f"numbers in the first line, {', '.join(names[:3])}, and no names")


def _separator_of(line: str) -> str:
    """Return what separates the values of a line; empty if it has no separator."""
    return max(_SEPARATORS, key=line.count) if any(map(line.count, _SEPARATORS)) else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _columns(frame: pandas.DataFrame) -> dict[str, NDArray[Any]]:
    """Return columns of numbers or of texts by name.

    Columns of one dtype are taken together, since pandas needs long for each of many thousands.
    """
    columns: dict[str, NDArray[Any]] = dict.fromkeys(map(str, frame), np.empty(0))
    names = np.array(list(columns), dtype=object)
    dtypes = frame.dtypes.to_numpy()
    for dtype in set(dtypes):
        places = np.flatnonzero([x == dtype for x in dtypes])
        if dtype.kind in "fiub":
            of_dtype = frame if len(places) == len(names) else frame.iloc[:, places]
            block = of_dtype.to_numpy()
            columns.update(zip(names[places], block.T, strict=True))
        else:
            columns |= {names[i]: _texts_or_numbers(frame.iloc[:, int(i)]) for i in places}
    return columns


def _texts_or_numbers(column: pandas.Series[Any]) -> NDArray[Any]:
    """Return a column that pandas takes for texts; it may hold numbers and words for missing."""
    values: NDArray[Any]
    texts = _stripped(column)
    missing = texts.isin(_MISSING)
    numbers = _numbers(texts.mask(missing))
    if not missing.all() and bool((numbers.notna() | missing).all()):
        values = numbers.to_numpy(dtype=np.float64)
        return values
    return as_labels(texts.to_numpy(dtype=object))


def _stripped(column: pandas.Series[Any]) -> pandas.Series[str]:
    return column.fillna("").astype(str).str.strip()


def _numbers(texts: Any) -> Any:
    """Return the numbers of texts; NaN for other texts."""
    import pandas

    return pandas.to_numeric(texts, errors="coerce")


def _reasons(columns: dict[str, NDArray[Any]]) -> dict[str, str]:
    """Return for each column of texts, most of which are numbers, the first text that is none."""
    reasons = {}
    for name, texts in columns.items():
        if texts.dtype.kind != "U":
            continue
        is_number = ~np.isnan(np.asarray(_numbers(texts.astype(object)), dtype=np.float64))
        others = np.flatnonzero(~is_number & ~np.isin(texts, _MISSING))
        if 0 < len(others) < is_number.sum():
            reasons[name] = f"because of row {others[0]}, {str(texts[others[0]])!r}"
    return reasons
