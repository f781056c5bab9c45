"""Activation file: the path of a file of activations, with the options to read it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import Any, Self, Unpack

from isorep._utils.real_path import real_path
from isorep.representations.array_selection import ReadOptions


@dataclass(frozen=True, eq=False)
class ActivationFile(PathLike[str]):
    """A path that knows how its file is read, also by another process.

    Attributes
    ----------
    path : str
        Path of the file.
    options : dict
        Options of `isorep.load`.

    Examples
    --------
    >>> file = ActivationFile.from_path("runs/a.npz", labels="class")
    >>> ActivationFile.from_path(file, layers="conv*").options
    {'labels': 'class', 'layers': 'conv*'}
    """

    path: str
    options: ReadOptions = field(default_factory=ReadOptions)

    @classmethod
    def from_path(cls, path: str | PathLike[str], **options: Unpack[ReadOptions]) -> Self:
        """Return a path with these options, and others that it knows."""
        known = path.options if isinstance(path, ActivationFile) else ReadOptions()
        return cls(os.fspath(path), {**known, **options})

    def absolute(self) -> Self:
        """Return the same file with a path that another working folder does not change."""
        return replace(self, path=os.path.abspath(self.path))

    def is_same(self, other: ActivationFile) -> bool:
        """Return whether another path names the same file, read with the same options."""
        options: Mapping[str, Any] = self.options
        others: Mapping[str, Any] = other.options
        return (
            real_path(self.path) == real_path(other.path)
            and options.keys() == others.keys()
            and all(_equal(value, others[name]) for name, value in options.items())
        )

    def __fspath__(self) -> str:
        return self.path

    def __str__(self) -> str:
        return self.path


def _equal(x: Any, y: Any) -> bool:
    """Return whether two options are the same; arrays are only if they are one object."""
    return x is y or (isinstance(x, str | list) and isinstance(y, str | list) and x == y)
