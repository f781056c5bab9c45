"""Damage: whatever a damaged file makes a library raise, as one kind of error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def damage_as_value_error() -> Iterator[None]:
    """Raise ValueError for any error of the block, which does nothing but read a file.

    Bytes that changed can make zlib, lzma, zstd, HDF5 or a parser raise an error of any type. What
    says more than that the file is damaged stays: errors of the system, a missing library, and
    TypeError and ValueError with our own text.
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
