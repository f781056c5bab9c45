"""Entry points: what installed packages add to isorep, listed by name and loaded when asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from isorep._utils.cached_property import cached_property


class EntryPoints:
    """The entry points of one group.

    Parameters
    ----------
    group
        Name of the group.
    kind
        What each entry point offers, for errors.
    key
        Function from the name of an entry point to the name that it is asked for by.

    Examples
    --------
    >>> points = EntryPoints("isorep.examples", "example")
    >>> points.names
    []
    """

    def __init__(self, group: str, kind: str, key: Callable[[str], str] = str) -> None:
        self._group, self._kind, self._key = group, kind, key

    @property
    def names(self) -> list[str]:
        """Names that can be asked for; imports no package."""
        return list(self._entries)

    def packages(self, name: str) -> str:
        """Return the packages that offer a name, in words."""
        return " and ".join(sorted(map(_package, self._entries[name])))

    def place(self, name: str) -> str:
        """Return which package offers a name, for errors."""
        entry = self._entries[name][0]
        return f"the {self._kind} {entry.name} = {entry.value!r} of the package {_package(entry)}"

    def load(self, name: str) -> Any:
        """Return what a package offers by a name.

        Raises
        ------
        ImportError
            If the package cannot be imported, or several packages offer the name.
        """
        entry, *others = self._entries[name]
        if others:
            raise ImportError(
                f"the packages {self.packages(name)} all offer the {self._kind} {name}: expected "
                "one of them; uninstall the others"
            )
        try:
            return entry.load()
        except Exception as error:  # a broken package can raise anything
            raise ImportError(
                f"{self.place(name)} cannot be imported: {type(error).__name__}: {error}; repair "
                "or remove the package"
            ) from error

    @cached_property
    def _entries(self) -> dict[str, list[EntryPoint]]:
        entries: dict[str, list[EntryPoint]] = {}
        for entry in entry_points(group=self._group):
            entries.setdefault(self._key(entry.name), []).append(entry)
        return entries


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "of an unknown name"
