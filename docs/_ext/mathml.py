"""Formulas as MathML, which browsers show without a script or a font of the site."""

import re
from html import escape

from docutils.nodes import Element, SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.logging import getLogger
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator

_LOGGER = getLogger(__name__)
_SYNONYMS = {r"\dots": r"\ldots"}
"""Commands that docutils does not know -> those that it knows."""

_FENCE = re.compile('<mo( class="\\w+")?>([|‖⟨⟩])</mo>')
_OPERATOR = re.compile(r"([\w})])\s+(?=\\operatorname)")


def _inline(writer: HTML5Translator, node: Element) -> None:
    writer.body.append(_mathml(node, node.astext(), as_block=False))
    raise SkipNode


def _block(writer: HTML5Translator, node: Element) -> None:
    formula, *tags = re.split(r"\\tag\{(.*?)\}", node.astext())[:2]
    number = "".join(f'<span class="eqno">({tag})</span>' for tag in tags)
    writer.body.append(f'<div class="math">{_mathml(node, formula)}{number}</div>\n')
    raise SkipNode


def _mathml(node: Element, formula: str, as_block: bool = True) -> str:
    formula = re.sub(r"\\[a-z]+", lambda command: _SYNONYMS.get(command[0], command[0]), formula)
    # Browsers leave no space before the name of an operator.
    formula = _OPERATOR.sub(r"\1\\, ", formula)
    try:
        text = tex2mathml(formula, as_block=as_block)
    except MathError as error:
        _LOGGER.warning("formula %r: %s", formula, error, location=node)
        return escape(formula)
    if r"\left" in formula:
        return text
    # Of two fences, browsers would stretch the one that has no index, and leave the other small.
    return _FENCE.sub(r'<mo\1 stretchy="false">\2</mo>', text)


def _choose(app: Sphinx, config: Config) -> None:
    config.html_math_renderer = "mathml"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the renderer, and make it the one in use."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("config-inited", _choose)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
