"""Save, load and open representations: npz and zarr of our own, and arrays from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from isorep.representations.representations import Representations

if TYPE_CHECKING:
    from isorep._formats.header import Contents
    from isorep.representations.lazy import LazyRepresentations

__all__ = ["load", "open_store", "save"]

LAZY = (".zarr", ".npy", ".h5", ".hdf5")
"""Suffixes of what `open_store` opens."""


def save(representations: Representations, path: str | PathLike[str]) -> None:
    """Save layers, reductions, dtypes, sample ids and labels to one ``.npz`` or ``.zarr``.

    The file is written beside `path` and then takes its place: when writing fails, what was there
    before is untouched. A link stays, and what it points to is written. Nothing is pickled.

    Parameters
    ----------
    representations
        `Representations`, or a mapping of layer name to (n_samples, n_features) array.
    path
        A name that ends in ``.npz`` (one uncompressed file) or ``.zarr`` (a folder of compressed
        chunks, which also suits what is larger than memory later on).

    Raises
    ------
    ValueError
        Another suffix, or `path` holds something that is not ours to overwrite.
    FileNotFoundError
        The folder to write into does not exist.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from isorep.representations.representations import Representations
    >>> reps = Representations({"conv/1": [[1.0, 2.0], [3.0, 4.0]]}, sample_ids=["cat", "dog"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(reps, Path(folder) / "a.npz")
    ...     load(Path(folder) / "a.npz") == reps
    True
    """
    Representations.from_mapping(representations).save(path)


def load(path: str | PathLike[str]) -> Representations:
    """Load what `save` wrote, or arrays from elsewhere.

    Parameters
    ----------
    path
        ``.npz`` or ``.zarr`` written by `save`; or plain arrays, (n_samples, n_features) each, from
        elsewhere: ``.npy`` (one layer, named after the file), ``.npz`` or ``.safetensors`` (a layer
        for each array), ``.h5`` or ``.hdf5`` (a layer for each 2-D dataset, also those within
        groups). Plain arrays do not say which samples they hold.

    Returns
    -------
    Representations
        float16 stays float16; bfloat16 comes as float32, with ``dtypes[layer] == "bfloat16"``.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    ValueError
        Another suffix, a damaged file, a capture that is not complete, or arrays that are no
        representations; it names the file.
        Pickled objects are never loaded.
    ImportError
        What reads the format is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "fc.npy", np.eye(3))
    ...     load(Path(folder) / "fc.npy")
    Representations(1 layer, 3 samples: fc (3, 3))
    """
    from isorep._formats import npy, npz, safetensors, zarr

    readers = {
        ".npz": npz.read,
        ".zarr": zarr.read,
        ".npy": npy.read_npy,
        ".safetensors": safetensors.read_safetensors,
    }
    openers = _openers()

    def read(path: Path) -> Representations:
        reader = readers.get(path.suffix.lower())
        if reader is None:
            return Representations.from_mapping(_open(path, openers))
        contents = reader(path)
        return Representations(contents.layers, **contents.known)

    return _read(path, dict.fromkeys(readers | openers), read)


def open_store(path: str | PathLike[str]) -> LazyRepresentations:
    """Open layers on disk, to be read a few rows at a time: they may be larger than memory.

    Parameters
    ----------
    path
        ``.zarr`` written by `save`; or plain arrays, (n_samples, n_features) each: ``.npy`` (one
        layer, named after the file), ``.h5`` or ``.hdf5`` (a layer for each 2-D dataset, called
        "block1/conv" within groups).

    Returns
    -------
    LazyRepresentations
        A read-only mapping of layer name to an array that is read by slices of rows. It knows its
        samples as `Representations` do; ``Representations.from_mapping`` reads all of it into
        memory. bfloat16 comes as float32. Checksums of ``.zarr`` are compared as chunks are read.

    Raises
    ------
    FileNotFoundError
        Nothing is there.
    ValueError
        Another suffix, a damaged store, or arrays that are no representations; it names the store,
        and the layer where one is damaged, which may only show when it is read.
    ImportError
        What reads the format is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "fc.npy", np.eye(3))
    ...     stored = open_store(Path(folder) / "fc.npy")
    ...     stored["fc"].shape, stored["fc"][:1]
    ((3, 3), array([[1., 0., 0.]]))
    """
    openers = _openers()
    return _read(path, openers, lambda path: _open(path, openers))


Found = TypeVar("Found")
Opener = Callable[[Path], "Contents"]


def _openers() -> dict[str, Opener]:
    """Return what opens a file whose rows are read when they are asked for, by suffix."""
    from isorep._formats import hdf5, npy, zarr

    return {
        ".zarr": zarr.open_zarr,
        ".npy": npy.open_npy,
        ".h5": hdf5.open_hdf5,
        ".hdf5": hdf5.open_hdf5,
    }


def _open(path: Path, openers: Mapping[str, Opener]) -> LazyRepresentations:
    from isorep.representations.lazy import LazyRepresentations

    contents = openers[path.suffix.lower()](path)
    return LazyRepresentations(contents.layers, place=str(path), **contents.known)


def _read(
    path: str | PathLike[str], suffixes: Iterable[str], read: Callable[[Path], Found]
) -> Found:
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        *most, last = suffixes
        raise ValueError(
            f"cannot load {str(path)!r}: expected a name ending in {', '.join(most)} or {last}"
        )
    if not path.exists():
        from isorep._formats import resumable

        n = resumable.n_so_far(path)
        if n is not None:
            raise ValueError(
                f"cannot load {str(path)!r}: it is incomplete, {n} samples so far; run the capture "
                "again to finish it"
            )
        raise FileNotFoundError(f"cannot load {str(path)!r}: there is no such file or folder")
    try:
        return read(path)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot load {str(path)!r}: {error}") from error
