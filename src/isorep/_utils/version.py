"""Versions of isorep, from the package metadata, and of the libraries that compute."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__version__ = version("isorep")
"""Version of isorep.

Examples
--------
>>> import isorep
>>> isorep.__version__[0].isdigit()
True
"""

_LIBRARIES = frozenset(("torch", "jax", "cupy", "dask"))


def versions(libraries: Iterable[str] = ()) -> dict[str, str]:
    """Return the versions of isorep, NumPy, SciPy and further libraries.

    Examples
    --------
    >>> list(versions())
    ['isorep', 'numpy', 'scipy']
    """
    import numpy
    import scipy

    return {
        "isorep": __version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        **{name: _version(name) for name in sorted(set(libraries))},
    }


def library_of(array: Any) -> set[str]:
    """Return the library of an array, if it is another than NumPy.

    Examples
    --------
    >>> import numpy, torch
    >>> library_of(numpy.eye(3)), library_of(torch.eye(3))
    (set(), {'torch'})
    """
    library = type(array).__module__.partition(".")[0]
    return {library.removesuffix("lib")} & _LIBRARIES  # an array of JAX is from jaxlib


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:  # distributions of CuPy have other names
        return "unknown"


def release_of(version: str) -> str:
    """Return the release that a version leads to, so that a sweep may go on after a commit.

    Examples
    --------
    >>> release_of("0.3.1.dev17"), release_of("0.3.0")
    ('0.3.1', '0.3.0')
    """
    return version.partition(".dev")[0]
