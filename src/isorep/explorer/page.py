"""Page: one HTML file that holds data, script and style, and asks nobody for anything."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from isorep._utils.optional import import_optional

MOST_BYTES = 8_000_000
"""Of a page, of which Plotly is 4.8 million."""


def page(title: str, content: dict[str, Any]) -> bytes:
    """Return the page that shows `content`: sections as `explorer.js` reads them.

    Raises
    ------
    ImportError
        When Plotly is not installed.
    """
    plotly = import_optional("plotly.offline", "report").get_plotlyjs()
    explorer = _own("explorer.js")
    return (
        Template(_own("page.html"))
        .substitute(
            title=escape(title),
            style=_own("style.css"),
            # Only these two scripts run, whatever else comes to stand on the page.
            scripts=f"{_hash(plotly)} {_hash(explorer)}",
            data=as_text(content),
            plotly=plotly,
            explorer=explorer,
        )
        .encode()
    )


def as_text(content: Any) -> str:
    r"""Return JSON that ends no script, whatever names it holds: ``<`` and ``>`` are escaped.

    Examples
    --------
    >>> print(as_text({"layer": "</script>"}))
    {"layer":"\u003c/script\u003e"}
    """
    # Not ASCII is escaped too: line separators that old parsers trip over, lone surrogates.
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e")


def _own(name: str) -> str:
    return files("isorep.explorer").joinpath(name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
