"""Save, load and open representations: npz and zarr of our own, and plain arrays of others."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from isorep._formats.formats import FORMATS, OPENABLE, one_of
from isorep._utils.atomic import interrupted_swap
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    from isorep.representations.lazy import LazyRepresentations

__all__ = ["load", "open_store", "save"]


def save(representations: Representations, path: str | PathLike[str]) -> None:
    """Save layers with all that is known of their samples to one ``.npz`` or ``.zarr``.

    The file is written beside `path` and then takes its place: if writing fails, the file that was
    there before is untouched. If `path` is a link, the file that it points to is written. Nothing
    is pickled.

    Parameters
    ----------
    representations
        `Representations`, or a mapping of layer name to (n_samples, n_features) array.
    path
        A name that ends in ``.npz`` (one uncompressed file) or ``.zarr`` (a folder of compressed
        chunks, which `open_store` can read a few rows at a time).

    Raises
    ------
    ValueError
        The suffix is another one, or `path` holds something that isorep did not save.
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
    """Load what `save` wrote, or plain arrays of other programs.

    Parameters
    ----------
    path
        ``.npz`` or ``.zarr`` written by `save`; or plain arrays, (n_samples, n_features) each, of
        other programs: ``.npy`` (one layer, named after the file), ``.npz`` or ``.safetensors`` (a
        layer for each array), ``.h5`` or ``.hdf5`` (a layer for each 2-D dataset, also those within
        groups). Plain arrays do not say which samples they hold.

    Returns
    -------
    Representations
        float16 stays float16; bfloat16 becomes float32, with ``dtypes[layer] == "bfloat16"``.

    Raises
    ------
    FileNotFoundError
        Nothing is at `path`.
    ValueError
        The suffix is another one, the file is damaged, the capture is not complete, or the arrays
        are no representations. The message names the file. Pickled objects are never loaded.
    ImportError
        The library that reads the format is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "fc.npy", np.eye(3))
    ...     load(Path(folder) / "fc.npy")
    Representations(1 layer, 3 samples: fc (3, 3))
    """
    return _checked(path, tuple(FORMATS), _load)


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
        memory. bfloat16 is read as float32. Checksums of ``.zarr`` are compared as chunks are read.

    Raises
    ------
    FileNotFoundError
        Nothing is at `path`.
    ValueError
        The suffix is another one, the store is damaged, or the arrays are no representations. The
        message names the store, and the damaged layer. Some damage only shows when rows are read.
    ImportError
        The library that reads the format is not installed.

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
    return _checked(path, OPENABLE, _open)


def _load(path: Path) -> Representations:
    read = FORMATS[path.suffix.lower()].read
    if read is None:
        return Representations.from_mapping(_open(path))
    contents = read(path)
    return Representations(contents.layers, **contents.metadata)


def _open(path: Path) -> LazyRepresentations:
    from isorep.representations.lazy import LazyRepresentations

    open_format = FORMATS[path.suffix.lower()].open
    assert open_format is not None
    contents = open_format(path)
    return LazyRepresentations(contents.layers, place=str(path), **contents.metadata)


Read = TypeVar("Read")


def _checked(
    path: str | PathLike[str], suffixes: tuple[str, ...], read: Callable[[Path], Read]
) -> Read:
    """Return ``read(path)``; errors about its suffix, existence and contents name `path`."""
    path = Path(path)
    if path.suffix.lower() not in suffixes:
        raise ValueError(f"cannot load {str(path)!r}: expected a name ending in {one_of(suffixes)}")
    if not path.exists():
        from isorep._formats.resumable import n_committed

        n = n_committed(path)
        if n is not None:
            raise ValueError(
                f"cannot load {str(path)!r}: it is incomplete, {n} samples so far; run the capture "
                "again to finish it"
            )
        if halves := interrupted_swap(path):
            raise ValueError(
                f"cannot load {str(path)!r}: a save was interrupted. The old store is "
                f"{str(halves[0])!r} and the new one {str(halves[1])!r}: rename one of them"
            )
        raise FileNotFoundError(f"cannot load {str(path)!r}: there is no such file or folder")
    try:
        return read(path)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cannot load {str(path)!r}: {error}") from error
