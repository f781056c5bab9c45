"""The public names of isorep, each with the one page that documents it."""

import ast
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import isorep


@dataclass(frozen=True)
class Name:
    """A public name.

    Attributes
    ----------
    path : str
        Where users import it, such as "isorep.inference.interval".
    kind : {"class", "function", "data"}
        What it is, as Sphinx's directives say.
    doc : str
        Its docstring.
    result_of : str
        For a class that users meet only as a result: the function that returns it.
    """

    path: str
    kind: str
    doc: str
    result_of: str = ""

    @property
    def module(self) -> str:
        """Path of the module."""
        return self.path.rpartition(".")[0]

    @property
    def summary(self) -> str:
        """First sentence of the docstring."""
        return self.doc.partition("\n\n")[0].replace("\n", " ")

    @property
    def value(self) -> Any:
        """The object."""
        return getattr(import_module(self.module), self.path.rpartition(".")[2])


def public_modules() -> list[ModuleType]:
    """Return isorep, its public submodules, and their submodules that have an ``__all__``."""
    modules = [isorep]
    for name in sorted(isorep.__all__):
        module = getattr(isorep, name)
        if inspect.ismodule(module):
            modules += [module, *_submodules(module)]
    return modules


def _submodules(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(getattr(package, "__path__", []), f"{package.__name__}."):
        spec = found.module_finder.find_spec(found.name, None)
        hidden = found.name.rpartition(".")[2] in package.__all__  # by what has its name
        if not (hidden or found.ispkg) and spec and spec.origin and _has_all(Path(spec.origin)):
            yield import_module(found.name)


def _has_all(path: Path) -> bool:
    return "\n__all__ = " in path.read_text()


@cache
def _pages() -> tuple[dict[str, Name], dict[str, str]]:
    names: dict[str, Name] = {}
    others: dict[str, str] = {}
    first: dict[int, str] = {}
    for module in public_modules():
        for attribute in sorted(module.__all__):
            value = getattr(module, attribute)
            path = f"{module.__name__}.{attribute}"
            if inspect.ismodule(value):
                continue
            if path != first.setdefault(id(value), path):
                others[path] = first[id(value)]
                continue
            names[path] = Name(path, _kind(value), _doc(attribute, value))
    for name in list(names.values()):
        for result in _results(name.value):
            path = f"{result.__module__}.{result.__name__}"
            if id(result) not in first:
                first[id(result)] = path
                names[path] = Name(path, "class", inspect.getdoc(result) or "", name.path)
    return names, others


def public_names() -> list[Name]:
    """Return each public object once, under its shortest path; then classes of results."""
    return list(_pages()[0].values())


@cache
def aliases() -> dict[str, str]:
    """Return other paths of public objects, and names of classes alone -> the path of the page."""
    classes = {
        name.path.rpartition(".")[2]: name.path
        for name in reversed(public_names())
        if name.kind == "class"
    }
    return {**classes, **_pages()[1]}


def _kind(value: Any) -> str:
    if inspect.isclass(value):
        return "class"
    return "function" if callable(value) else "data"


def _doc(attribute: str, value: Any) -> str:
    if _kind(value) != "data":
        return inspect.getdoc(value) or ""
    for module in _modules():
        if getattr(module, attribute, None) is value:
            for node, after in _pairs(module):
                targets = getattr(node, "targets", [getattr(node, "target", None)])
                if any(isinstance(name, ast.Name) and name.id == attribute for name in targets):
                    return inspect.cleandoc(after)
    return ""


def _pairs(module: ModuleType) -> Iterator[tuple[ast.stmt, str]]:
    """Yield the assignments of a module that a string follows."""
    body = ast.parse(inspect.getsource(module)).body
    for node, after in pairwise(body):
        if (
            isinstance(node, ast.Assign | ast.AnnAssign)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            yield node, after.value.value


def _results(function: Any) -> Iterator[type]:
    """Yield the classes of isorep that a function's annotation says it returns."""
    if not inspect.isfunction(function):
        return
    returned = function.__annotations__.get("return", "")
    words = set(re.findall(r"(?<![.\w])[A-Z]\w+", returned if isinstance(returned, str) else ""))
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[function.__module__]))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isorep."):
            for imported in node.names:
                value = getattr(import_module(node.module), imported.name)
                if imported.name in words and inspect.isclass(value):
                    yield value
        elif isinstance(node, ast.ClassDef) and node.name in words:
            yield getattr(sys.modules[function.__module__], node.name)


def _modules() -> list[ModuleType]:
    return [
        module
        for path, module in sorted(sys.modules.items())
        if module is not None and path.partition(".")[0] == "isorep"
    ]
