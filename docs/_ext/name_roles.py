"""Names in backquotes become links to the reference.

In docstrings, a name in single backquotes that starts with `isorep.` is a link, and so is a class
of the reference. Other text is code: `interval` may be a parameter as well as a function. In
Markdown, code such as `isorep.compare` is a link too. A name that starts with `isorep.` must exist.
"""

import re
from typing import Any

from docutils import nodes
from docutils.parsers.rst.states import Inliner
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util.typing import ExtensionMetadata

_CLASS = re.compile(r"[A-Z]\w*[a-z]\w*(\.[A-Za-z_]\w*)?(\(\))?")
_PUBLIC = re.compile(r"isorep(\.[A-Za-z_]\w*)+(\(\))?")


def _link(text: str, env: Any, **place: str | None) -> addnodes.pending_xref:
    link = addnodes.pending_xref(
        "",
        nodes.literal(text, text, classes=["xref", "py", "py-obj"]),
        refdomain="py",
        reftype="obj",
        reftarget=text.removesuffix("()"),
        refdoc=env.docname,
        refexplicit=False,
        optional=not _PUBLIC.fullmatch(text),
    )
    link["py:module"], link["py:class"] = place.get("module"), place.get("cls")
    return link


def _name(
    role: str, rawtext: str, text: str, lineno: int, inliner: Inliner, *args: Any
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    env = inliner.document.settings.env
    if not (_CLASS.fullmatch(text) or _PUBLIC.fullmatch(text)):
        return [nodes.literal(text, text)], []
    place = env.ref_context
    return [_link(text, env, module=place.get("py:module"), cls=place.get("py:class"))], []


class _LinkedCode(SphinxTransform):
    """Links for code in Markdown that is a public name, outside links and headings."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        if self.env.doc2path(self.env.docname).suffix != ".md":
            return
        for code in list(self.document.findall(nodes.literal)):
            inside = (
                nodes.reference,
                nodes.title,
                addnodes.pending_xref,
                addnodes.download_reference,
            )
            text = code.astext()
            if isinstance(code.parent, inside) or not _PUBLIC.fullmatch(text):
                continue
            code.replace_self(_link(text, self.env))


def _missing(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element
) -> nodes.Element | None:
    return content if node.get("optional") else None


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the role `name` and the links of code."""
    app.add_role("name", _name)
    app.add_transform(_LinkedCode)
    app.connect("missing-reference", _missing, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
