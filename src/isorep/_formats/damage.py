"""Damage as: an error of any type in a block that reads a format, as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def damage_as(expected: str) -> Iterator[None]:
    r"""Turn any error into a ValueError that says what was expected and what the library found.

    A damaged file can make a library raise anything, with messages of several lines.

    Examples
    --------
    >>> with damage_as("a parquet file"):
    ...     raise OSError("Couldn't deserialize.\n")
    Traceback (most recent call last):
    ValueError: expected a parquet file, got Couldn't deserialize.
    """
    try:
        yield
    except ImportError:  # the library is not installed
        raise
    except Exception as error:
        message = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"expected {expected}, got {message}") from error
