"""Parts of reStructuredText pages."""

import re
from collections.abc import Iterable


def title(text: str, line: str = "=") -> str:
    """Return a heading."""
    return f"{text}\n{line * len(text)}\n\n"


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return a table of two columns without a heading."""
    cells = "".join(f"   * - {first}\n     - {second}\n" for first, second in rows)
    return f".. list-table::\n   :widths: 35 65\n\n{cells}\n" if cells else ""


def toctree(pages: Iterable[str]) -> str:
    """Return a list of pages that only the navigation shows."""
    return ".. toctree::\n   :hidden:\n\n" + "".join(f"   {page}\n" for page in pages) + "\n"


def plain(text: str) -> str:
    """Return text that is shown as it is."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)
