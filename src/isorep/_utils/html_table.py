"""HTML tables of small results, as notebooks display them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from numbers import Integral, Real


def html_table(
    title: str, rows: Sequence[Sequence[object]], columns: Sequence[str] | None = None
) -> str:
    """Return a result as an HTML table; all text is escaped.

    Parameters
    ----------
    title
        Caption of the table.
    rows
        Cells of each row; the first cell is the row's header. Numbers that are no integers are
        written with 4 significant digits.
    columns
        Headers of the columns, the one above the row headers included.

    Examples
    --------
    >>> html_table("Score", [("measure", "pwcca"), ("similarity", 2 / 3)])
    '<table><caption>Score</caption><tbody><tr><th>measure</th><td>pwcca</td></tr>\
<tr><th>similarity</th><td>0.6667</td></tr></tbody></table>'
    """
    header = "".join(f"<th>{escape(column)}</th>" for column in columns or ())
    head = f"<thead><tr>{header}</tr></thead>" if header else ""
    body = "".join(f"<tr>{_row(*cells)}</tr>" for cells in rows)
    return f"<table><caption>{escape(title)}</caption>{head}<tbody>{body}</tbody></table>"


def _row(label: object, *values: object) -> str:
    return f"<th>{_text(label)}</th>" + "".join(f"<td>{_text(value)}</td>" for value in values)


def _text(value: object) -> str:
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{float(value):.4g}"
    return escape(str(value))
