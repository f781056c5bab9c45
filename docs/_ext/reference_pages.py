"""The pages of the reference that are written before Sphinx reads the pages.

Public names are those of `isorep.__all__` and of the `__all__` of the public submodules, and the
classes of what their functions return. Commands are those of the application, and works those of
the measures. Nothing is listed by hand.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bibliography_page import bibliography_pages
from command_pages import command_pages
from docutils import nodes
from name_pages import name_pages
from public_names import aliases
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata


def _write(app: Sphinx) -> None:
    """Write the pages, each only if it changed, and remove those of names that are gone."""
    folder = Path(app.srcdir) / "reference"
    pages = dict([*name_pages(), *command_pages(), *bibliography_pages()])
    for page, text in pages.items():
        path = folder / f"{page}.rst"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    for path in folder.rglob("*.rst"):
        if path.relative_to(folder).with_suffix("").as_posix() not in pages:
            path.unlink()


def _resolve_alias(
    app: Sphinx, env: BuildEnvironment, node: addnodes.pending_xref, content: nodes.Element
) -> Any:
    if node.get("refdomain") != "py":
        return None
    target, module = node["reftarget"], node.get("py:module")
    first = aliases().get(f"{module}.{target}") or aliases().get(target)
    if first is None:  # a method of a class
        owner, _, member = target.rpartition(".")
        first = f"{aliases()[owner]}.{member}" if owner in aliases() else target
    domain = env.domains.python_domain
    link = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", first, node, content)
    return content if link is None and _is_internal(target) else link


def _is_internal(path: str) -> bool:
    """Say whether a path exists in isorep, though it is not public: it is shown as code."""
    if not path.startswith("isorep."):
        return False
    module, _, attribute = path.rpartition(".")
    try:
        return hasattr(import_module(module), attribute) or find_spec(path) is not None
    except ImportError:
        return False


def _skip(app: Sphinx, kind: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what a class inherits from another package."""
    module = getattr(member, "__module__", None) or "isorep"
    return None if module.startswith("isorep") else True


def setup(app: Sphinx) -> ExtensionMetadata:
    """Write the pages when the build begins."""
    app.connect("builder-inited", _write, priority=400)
    app.connect("autodoc-skip-member", _skip)
    app.connect("missing-reference", _resolve_alias)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
