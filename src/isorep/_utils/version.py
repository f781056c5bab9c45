"""Version of isorep, from the package metadata."""

from importlib.metadata import version

__version__ = version("isorep")


def release_of(version: str) -> str:
    """Return the release that a version leads to, so that a sweep may go on after a commit.

    Examples
    --------
    >>> release_of("0.3.1.dev17"), release_of("0.3.0")
    ('0.3.1', '0.3.0')
    """
    return version.partition(".dev")[0]
