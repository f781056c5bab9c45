"""The pages of public names and modules."""

import re
from collections.abc import Iterator
from textwrap import indent
from types import ModuleType

from bibliography_page import citations
from public_names import Name, aliases, public_modules, public_names
from rst import plain, table, title, toctree

import isorep
from isorep.cli.measures import INVARIANCE_WORDS
from isorep.measures.base import Measure


def name_pages() -> Iterator[tuple[str, str]]:
    """Yield the path of each page, without its suffix, and its text."""
    for name in public_names():
        yield f"api/{name.path}", _name_page(name)
    for module in public_modules():
        yield f"api/{module.__name__}", _module_page(module)


def _name_page(name: Name) -> str:
    parts = [title(name.path), f".. currentmodule:: {name.module}\n\n"]
    others = [path for path, first in aliases().items() if first == name.path and "." in path]
    if others:
        parts.append("Also " + ", ".join(f"``{path}``" for path in others) + ".\n\n")
    if name.result_of:
        parts.append(f"What :py:obj:`{name.result_of}` returns.\n\n")
    if name.kind == "data":  # autodoc finds no docstring of a name that comes from another module
        text = re.sub(r"^(\w+)\n-+$", r".. rubric:: \1\n", name.doc, flags=re.MULTILINE)
        parts.append(f".. py:data:: {name.path}\n\n{indent(text, '   ')}\n")
    else:
        parts.append(f".. auto{name.kind}:: {name.path}\n")
    if name.kind == "class":
        parts.append("   :members:\n   :inherited-members:\n")
    measure = getattr(name.value, "measure", None)
    if name.kind == "function" and isinstance(measure, Measure):
        parts += ["\n", title("Properties", "-"), table(_properties(measure))]
    return "".join(parts)


def _properties(measure: Measure) -> Iterator[tuple[str, str]]:
    low, high = measure.similarity_range
    units = "" if measure.distance.units == "1" else f", in {measure.distance.units}"
    yield "similarity", f"``{measure.formula}``, from {low:g} to {high:g}"
    yield "distance", f"``{measure.distance.formula}``{units}"
    yield "the distance is a metric", "yes" if measure.metric else "no"
    yield "direction", measure.direction or "symmetric"
    yield "invariant to", INVARIANCE_WORDS[measure.invariance]
    yield "reference", plain(measure.reference) + citations(measure)


def _module_page(module: ModuleType) -> str:
    names = [name for name in public_names() if name.module == module.__name__]
    others = [name for name in aliases() if name.rpartition(".")[0] == module.__name__]
    parts = [title(module.__name__), f".. automodule:: {module.__name__}\n   :no-members:\n\n"]
    parts.append(table(_link(name, name.path) for name in names if not name.result_of))
    if others:
        links = ", ".join(f":py:obj:`{path} <{aliases()[path]}>`" for path in sorted(others))
        parts.append(f"Names that other modules have too: {links}.\n\n")
    pages = [name.path for name in names]
    if module is isorep:
        modules = public_modules()[1:]
        results = [name for name in public_names() if name.result_of]
        parts += [title("Submodules", "-"), table(map(_module_link, modules))]
        parts.append(title("Classes of results", "-"))
        parts.append(table(_link(name, name.path.rpartition(".")[2]) for name in results))
        pages += [item.__name__ for item in modules] + [name.path for name in results]
    return "".join([*parts, toctree(pages)])


def _link(name: Name, text: str) -> tuple[str, str]:
    return f":py:obj:`{text} <{name.path}>`", name.summary


def _module_link(module: ModuleType) -> tuple[str, str]:
    summary = (module.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")
    return f":doc:`{module.__name__}`", summary
