"""Formulas as MathML, which browsers show without a script or a font of the site."""

from docutils.nodes import Element, SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator


def _inline(writer: HTML5Translator, node: Element) -> None:
    writer.body.append(tex2mathml(node.astext(), as_block=False))
    raise SkipNode


def _block(writer: HTML5Translator, node: Element) -> None:
    writer.body.append(f'<div class="math">{tex2mathml(node.astext(), as_block=True)}</div>\n')
    raise SkipNode


def _choose(app: Sphinx, config: Config) -> None:
    config.html_math_renderer = "mathml"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Add the renderer, and make it the one in use."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("config-inited", _choose)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
