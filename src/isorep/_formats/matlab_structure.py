"""MATLAB structure: whether the elements of a .mat file of version 5 to 7.2 are well formed.

SciPy takes types and sizes in such a file for true. Damaged ones make it read and allocate beyond
the file, which ends the process. See "MAT-File Format" by MathWorks, "Level 5".
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, Protocol

_HEADER = 128
"""Bytes of text and version in front of the elements."""

_MATRIX, _COMPRESSED = 14, 15
_VALUES = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18}
"""Types of elements that hold numbers or texts."""

_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_NUMBERS = range(6, 16)
_IS_COMPLEX = 1 << 11

_MOST_AXES = 32
_DEEPEST = 64
_FEW = 10**6
"""Values that may be claimed by an element without bytes of its own, such as blanks."""

_PART = 2**20
"""Bytes that are decompressed at once."""

_ENDS_EARLY = "it is damaged: it ends within a variable"


class _Source(Protocol):
    """Bytes in order, of which only few are looked at."""

    def take(self, n: int) -> bytes:
        """Return the next `n` bytes; raise ValueError if there are fewer."""

    def skip(self, n: int) -> None:
        """Skip the next `n` bytes; raise ValueError if there are fewer."""


class _Plain:
    """The bytes of a file, as they are."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size

    def take(self, n: int) -> bytes:
        values = self._file.read(n)
        if len(values) < n:
            raise ValueError(_ENDS_EARLY)
        return values

    def skip(self, n: int) -> None:
        if self._file.tell() + n > self._size:
            raise ValueError(_ENDS_EARLY)
        self._file.seek(n, os.SEEK_CUR)


class _Inflated:
    """The next `n_bytes` of a file, decompressed."""

    def __init__(self, file: BinaryIO, n_bytes: int) -> None:
        self._file, self._left = file, n_bytes
        self._zlib = zlib.decompressobj()

    def take(self, n: int) -> bytes:
        parts = []
        while n:
            packed = self._zlib.unconsumed_tail
            if not packed:
                packed = self._file.read(min(_PART, self._left))
                self._left -= len(packed)
            part = self._zlib.decompress(packed, min(n, _PART))
            if not (packed or part):
                raise ValueError(_ENDS_EARLY)
            parts.append(part)
            n -= len(part)
        return b"".join(parts)

    def skip(self, n: int) -> None:
        for start in range(0, n, _PART):
            self.take(min(_PART, n - start))


def check_structure(path: Path) -> None:
    """Raise ValueError for a file of version 5 to 7.2 that is damaged; accept other versions."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER)
        if 0 in header[:4]:  # version 4, whose variables have no parts
            return
        order = "<" if header[126:] == b"IM" else ">"
        while file.tell() < size:
            source: _Source = _Plain(file, size)
            kind, n_bytes = struct.unpack(f"{order}II", source.take(8))
            end = file.tell() + n_bytes
            if end > size:
                raise ValueError(_ENDS_EARLY)
            if kind == _COMPRESSED:
                source = _Inflated(file, n_bytes)
                kind, n_bytes = struct.unpack(f"{order}II", source.take(8))
            if kind != _MATRIX:
                raise ValueError(f"it is damaged: a variable has type {kind}")
            _Variable(source, order).check(n_bytes, 0)
            file.seek(end)


class _Variable:
    """The elements of a variable, in the order in which SciPy reads them."""

    def __init__(self, source: _Source, order: str) -> None:
        self._source = source
        self._order = order

    def check(self, n_bytes: int, level: int) -> None:
        """Check a matrix of `n_bytes` that lies in `level` others."""
        if level > _DEEPEST:
            raise ValueError(f"it is damaged: a variable lies in more than {_DEEPEST} others")
        if not n_bytes:
            return
        _, _, flags, _ = struct.unpack(f"{self._order}4I", self._source.take(16))
        kind, is_complex = flags & 0xFF, bool(flags & _IS_COMPLEX)
        if kind == _OPAQUE:
            for _ in range(3):  # names
                self._skip_values()
            self._check_inner(1, n_bytes, level)
            return
        dims = self._integers()
        if not 2 <= len(dims) <= _MOST_AXES or min(dims) < 0:
            raise ValueError(f"it is damaged: a variable has shape {dims}")
        n = math.prod(dims)
        self._skip_values()  # its name
        if kind in _NUMBERS:
            for _ in range(1 + is_complex):
                self._skip_values()
        elif kind == _SPARSE:
            for _ in range(3 + is_complex):
                self._skip_values()
        elif kind == _CHAR:
            if self._skip_values() < n and n > _FEW:
                raise ValueError(f"it is damaged: a text claims {n} characters")
        elif kind == _CELL:
            self._check_inner(n, n_bytes, level)
        elif kind in (_STRUCT, _OBJECT):
            if kind == _OBJECT:
                self._skip_values()  # the name of its class
            length, *others = self._integers() or (0,)
            n_fields = self._skip_values() // length if length > 0 and not others else 0
            if not n_fields and n > _FEW:
                raise ValueError(f"it is damaged: {n} structs without fields")
            self._check_inner(n * n_fields, n_bytes, level)
        elif kind == _FUNCTION:
            self._check_inner(1, n_bytes, level)
        else:
            raise ValueError(f"it is damaged: a variable has class {kind}")

    def _check_inner(self, n: int, n_bytes: int, level: int) -> None:
        """Check `n` matrices within a matrix of `n_bytes`."""
        if 8 * n > n_bytes:
            raise ValueError(f"it is damaged: {n} variables in {n_bytes} bytes")
        for _ in range(n):
            kind, size = struct.unpack(f"{self._order}II", self._source.take(8))
            if kind != _MATRIX:
                raise ValueError(f"it is damaged: a variable has type {kind}")
            self.check(size, level + 1)

    def _integers(self) -> tuple[int, ...]:
        size, padding = self._tag()
        if size > 4 * _MOST_AXES or size % 4:
            raise ValueError(f"it is damaged: a shape of {size} bytes")
        values = struct.unpack(f"{self._order}{size // 4}i", self._source.take(size))
        self._source.skip(padding)
        return values

    def _skip_values(self) -> int:
        """Skip an element of numbers or texts, and return its number of bytes."""
        size, padding = self._tag()
        self._source.skip(size + padding)
        return size

    def _tag(self) -> tuple[int, int]:
        """Return the bytes of the next element and of the padding after it."""
        (first,) = struct.unpack(f"{self._order}I", self._source.take(4))
        kind, size = first & 0xFFFF, first >> 16
        if size:  # a small element, whose values lie in its tag
            padding = 4 - size
        else:
            (size,) = struct.unpack(f"{self._order}I", self._source.take(4))
            padding = -size % 8
        if kind not in _VALUES or padding < 0:
            raise ValueError(f"it is damaged: an element has type {kind} and {size} bytes")
        return size, padding
