"""Page: one HTML file that contains its data, scripts and style, and makes no network requests."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from graphlib import TopologicalSorter
from hashlib import sha256
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from isorep._utils.optional import import_optional

MAX_BYTES = 8_000_000
"""Size limit of a page, so that it opens quickly; Plotly takes 4.8 million of it."""

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(.+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export const (\w+)", re.MULTILINE)


def page(title: str, content: dict[str, Any]) -> bytes:
    """Return the page that shows `content`: sections as ``js/main.js`` reads them.

    Raises
    ------
    ImportError
        If Plotly is not installed.
    """
    plotly = import_optional("plotly.offline", "report").get_plotlyjs()
    script = explorer_script()
    return (
        Template(_asset("page.html"))
        .substitute(
            title=escape(title),
            style=_asset("style.css"),
            # The browser runs only scripts with these hashes, even if a name contains a script.
            scripts=f"{_csp_hash(plotly)} {_csp_hash(script)}",
            data=as_text(content),
            plotly=plotly,
            explorer=script,
        )
        .encode(errors="backslashreplace")  # a path may hold bytes that are no UTF-8
    )


def explorer_script() -> str:
    """Join the modules of the folder ``js`` into one script, each after the modules it imports.

    A page opened from disk cannot import modules, so each module becomes a function that returns
    its exports. Modules may use only ``import { name } from "./file.js"`` and ``export const``.
    """
    folder = files("isorep.explorer").joinpath("js")
    sources = {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".js")
    }
    imports = {
        name: [file for _, file in _IMPORT.findall(source)] for name, source in sources.items()
    }
    order = TopologicalSorter(imports).static_order()
    modules = "\n".join(_as_function(name, sources[name]) for name in order)
    return f'"use strict";\n(() => {{\nconst modules = {{}};\n{modules}}})();\n'


def _as_function(name: str, source: str) -> str:
    exports = ", ".join(_EXPORT.findall(source))
    body = _IMPORT.sub(r'const {\1} = modules["\2"];', _EXPORT.sub(r"const \1", source))
    return f'modules["{name}"] = (() => {{\n{body}return {{ {exports} }};\n}})();\n'


def as_text(content: Any) -> str:
    r"""Return JSON that cannot end a script element: ``<`` and ``>`` are escaped.

    Examples
    --------
    >>> print(as_text({"layer": "</script>"}))
    {"layer":"\u003c/script\u003e"}
    """
    # json.dumps also escapes non-ASCII text, such as line separators and lone surrogates.
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return text.replace("<", r"\u003c").replace(">", r"\u003e")


def _asset(name: str) -> str:
    return files("isorep.explorer").joinpath(name).read_text(encoding="utf-8")


def _csp_hash(script: str) -> str:
    """Return the hash of a script as a source of the content security policy."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"
