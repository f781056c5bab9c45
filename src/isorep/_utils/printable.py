"""Printable: names of files and layers as a terminal and a spreadsheet should show them."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

_DIRECTIONS = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of writing, so that a name is shown as another."""

_FORMULA = ("=", "+", "-", "@", "\t")
"""How a cell begins that a spreadsheet computes."""


def printable(text: str, *, keep: str = "") -> str:
    r"""Return text with escapes for characters that a terminal would obey and not show.

    Examples
    --------
    >>> print(printable("conv\x1b[31m"), printable("שכבה"))
    conv\x1b[31m שכבה
    """
    if text.isprintable():  # most names
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if character not in keep and _is_obeyed(character)
        else character
        for character in text
    )


def _is_obeyed(character: str) -> bool:
    kinds = ("Cc", "Cs", "Zl", "Zp")  # control characters, halves of characters, ends of lines
    return character in _DIRECTIONS or unicodedata.category(character) in kinds


def encodable(text: str) -> str:
    r"""Return text with escapes for halves of characters, which UTF-8 and data frames cannot hold.

    Examples
    --------
    >>> print(encodable("conv\ud800"))
    conv\ud800
    """
    return text.encode(errors="backslashreplace").decode()


def as_text_cells(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Return rows in which no text, also of the index, is a formula to a spreadsheet.

    A text that begins like a formula gets an apostrophe before it. Numbers stay.

    Examples
    --------
    >>> import pandas
    >>> print(as_text_cells(pandas.DataFrame({"a": ["=1+1", "fc", -2]})).to_csv(index=False))
    a
    '=1+1
    fc
    -2
    """
    rows = rows.map(_as_text)
    return rows.set_axis(rows.index.map(_as_text), axis="index")


def _as_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    value = value.replace("\r", r"\r")  # pandas does not quote it, and readers end the line there
    return f"'{value}" if value.startswith(_FORMULA) else value
