"""A page for each public name, written before Sphinx reads the pages.

Public names are those of `isorep.__all__` and of the `__all__` of the public submodules, and the
classes of what their functions return. Nothing is listed by hand.
"""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from textwrap import indent
from types import ModuleType
from typing import Any

from docutils import nodes
from public_names import Name, aliases, public_modules, public_names
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import ExtensionMetadata

import isorep


def _write_if_changed(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def _title(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n\n"


def _name_page(name: Name) -> str:
    lines = [_title(name.path), f".. currentmodule:: {name.module}\n\n"]
    others = [path for path, first in aliases().items() if first == name.path and "." in path]
    if others:
        lines.append("Also " + ", ".join(f"``{path}``" for path in others) + ".\n\n")
    if name.result_of:
        lines.append(f"What :py:obj:`{name.result_of}` returns.\n\n")
    if name.kind == "data":  # autodoc finds no docstring of a name that comes from another module
        text = re.sub(r"^(\w+)\n-+$", r".. rubric:: \1", name.doc, flags=re.MULTILINE)
        lines.append(f".. py:data:: {name.path}\n\n{indent(text, '   ')}\n")
    else:
        lines.append(f".. auto{name.kind}:: {name.path}\n")
    if name.kind == "class":
        lines.append("   :members:\n   :inherited-members:\n")
    return "".join(lines)


def _module_page(module: ModuleType) -> str:
    names = [name for name in public_names() if name.module == module.__name__]
    others = [name for name in aliases() if name.rpartition(".")[0] == module.__name__]
    lines = [_title(module.__name__)]
    lines += [f".. automodule:: {module.__name__}\n   :no-members:\n\n"]
    lines += [_table([name for name in names if not name.result_of])]
    if others:
        links = ", ".join(f":py:obj:`{path} <{aliases()[path]}>`" for path in sorted(others))
        lines += [f"Names of other modules that it has too: {links}.\n\n"]
    results = [name for name in public_names() if name.result_of]
    modules = public_modules()[1:]
    if module is isorep:
        lines += [_title("Submodules", "-"), ".. list-table::\n   :widths: 35 65\n\n"]
        lines += [_row(f":doc:`{item.__name__}`", _summary(item)) for item in modules]
        lines += ["\n", _title("Classes of results", "-"), _table(results)]
        names += results
    paths = [name.path for name in names]
    if module is isorep:
        paths += [item.__name__ for item in modules]
    lines += ["\n.. toctree::\n   :hidden:\n\n", *(f"   {path}\n" for path in paths)]
    return "".join(lines)


def _table(names: list[Name]) -> str:
    rows = [_row(f":py:obj:`{_shown(name)} <{name.path}>`", name.summary) for name in names]
    return ".. list-table::\n   :widths: 35 65\n\n" + "".join(rows) + "\n"


def _shown(name: Name) -> str:
    return name.path.rpartition(".")[2] if name.result_of else name.path


def _row(first: str, second: str) -> str:
    return f"   * - {first}\n     - {second}\n"


def _summary(module: ModuleType) -> str:
    return (module.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")


def write_pages(folder: Path) -> None:
    """Write the pages into `folder`, which holds no others."""
    written = {folder / f"{name.path}.rst": _name_page(name) for name in public_names()}
    for module in public_modules():
        written[folder / f"{module.__name__}.rst"] = _module_page(module)
    for path, text in written.items():
        _write_if_changed(path, text)
    for path in set(folder.iterdir()) - set(written):
        path.unlink()


def _write(app: Sphinx) -> None:
    write_pages(Path(app.srcdir) / "reference" / "api")


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
