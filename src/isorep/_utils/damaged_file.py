"""Damaged file: an error of any type in a block that reads a file, as ValueError.

Bytes that changed can make zlib, lzma, zstd, HDF5 or a parser raise an error of any type.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def damage_as_value_error() -> Iterator[None]:
    """Raise ValueError for any error of the block, which does nothing but read a file.

    These errors pass unchanged, since their texts say more: errors of the operating system, of a
    missing library, and TypeError and ValueError.
    """
    try:
        yield
    except (ImportError, OSError, TypeError, ValueError):
        raise
    except MemoryError as error:
        raise ValueError(f"it does not fit in memory: {error}") from error
    except KeyError as error:
        raise ValueError(f"it is damaged: {error} is missing") from error
    except Exception as error:
        raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from error


@contextmanager
def damage_as(expected: str) -> Iterator[None]:
    r"""Raise ValueError for any error of a library, with what was expected, in one sentence.

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
