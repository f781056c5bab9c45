"""Save, load and open representations: npz and zarr of our own, and plain arrays of others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Unpack

from isorep._formats.formats import FORMATS, Format, find_format, has_format, one_of, suffixes
from isorep._formats.header import Contents
from isorep._formats.kept_dataset import datasets_open
from isorep._formats.unchanged_array import UnchangedArray
from isorep._utils.atomic import interrupted_swap
from isorep._utils.damaged_file import damage_as_value_error
from isorep._utils.file_state import FileState
from isorep._utils.memory import read_whole
from isorep._utils.name_list import listed
from isorep._utils.pending_hdf5 import write_pending
from isorep._utils.real_path import real_path
from isorep.representations.activation_file import ActivationFile
from isorep.representations.array_selection import ReadOptions, select_arrays
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from isorep.representations.lazy import LazyRepresentations

__all__ = ["Contents", "Format", "load", "open_store", "save"]

_PICKLES = (".pkl", ".pickle", ".joblib")


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


def load(
    path: str | PathLike[str],
    *,
    layers: str | Iterable[str] = "*",
    reduce: str | None = None,
    channels: str = "auto",
    ids: str | Sequence[str | int] | None = None,
    labels: str | ArrayLike | None = None,
    groups: str | ArrayLike | None = None,
    order: str | ArrayLike | None = None,
) -> Representations:
    """Load what `save` wrote, or plain arrays of other programs.

    Parameters
    ----------
    path
        ``.npz`` or ``.zarr`` written by `save`; or a file or folder of another program: ``.npz``,
        ``.npy``, ``.h5``, ``.mat``, ``.parquet``, ``.pt``, ``.csv`` and others, which ``isorep
        formats`` and docs/files.md list.
    layers : str or iterable of str
        Globs over the names of the arrays that are layers; "!labels" leaves one out. An array with
        one axis is a layer, of one feature, only if it is named in full. By default all arrays
        (n_samples, ...) of numbers are layers.
    reduce : {"mean", "positions", "flatten", "max", "last", "first"}, optional
        How the positions of arrays with 3 axes or more (tokens, maps, times) become features or
        rows, as in `isorep.capture`. With "positions" every position is a row, in the group of its
        sample.
    channels : {"auto", "first", "last"}
        Axis of the features of arrays with 3 axes or more: first or last after the samples. "auto"
        takes the last one of (n_samples, tokens, features), with a warning.
    ids, labels, groups, order : str or (n_samples,) array-like, optional
        Id, label, group and time of each sample (see `Representations`). A string names an array or
        column of the file. By default what the file itself knows.

    Returns
    -------
    Representations
        float16 stays float16; bfloat16 becomes float32, with ``dtypes[layer] == "bfloat16"``.

    Warns
    -----
    UserWarning
        Arrays that are not layers are left out unless an option names them: those with 0 or 1 axes,
        and texts.

    Raises
    ------
    FileNotFoundError
        Nothing is at `path`.
    ValueError
        The suffix is another one, the file is damaged, the capture is not complete, an option names
        an unknown array, or the arrays are weights or no representations. The message names the
        file. Pickled objects are never loaded.
    ImportError
        The library that reads the format is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.npz"
    ...     np.savez(path, tokens=np.ones((3, 7, 2)), label=[0, 1, 1])
    ...     reps = load(path, reduce="mean", channels="last", labels="label")
    >>> reps, reps.labels
    (Representations(1 layer, 3 samples: tokens (3, 2)), array([0, 1, 1]))
    """
    options: ReadOptions = {
        "layers": layers,
        "reduce": reduce,
        "channels": channels,
        "ids": ids,
        "labels": labels,
        "groups": groups,
        "order": order,
    }
    return _checked(path, _load, options)


def open_store(path: str | PathLike[str], **options: Unpack[ReadOptions]) -> LazyRepresentations:
    """Open layers on disk, to be read a few rows at a time: they may be larger than memory.

    Parameters
    ----------
    path
        ``.zarr`` written by `save`; or a file or folder of another program whose rows can be read
        in parts: ``.npy``, ``.h5``, ``.parquet`` and others; see docs/files.md.
    **options
        ``layers``, ``reduce``, ``channels``, ``ids``, ``labels``, ``groups`` and ``order``; see
        `load`. Arrays are reduced as their rows are read.

    Returns
    -------
    LazyRepresentations
        A read-only mapping of layer name to an array that is read by slices of rows. It knows its
        samples as `Representations` do; ``Representations.from_mapping`` reads all of it into
        memory. bfloat16 is read as float32. Checksums of ``.zarr`` are compared as chunks are read.
        If the file is changed or replaced meanwhile, reading raises ValueError.

    Raises
    ------
    FileNotFoundError
        Nothing is at `path`.
    ValueError
        The suffix is another one, the store is damaged, or the arrays are not representations. The
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
    return _checked(path, _open, options, in_parts=True)


def open_or_load(
    path: str | PathLike[str], *, names: Collection[str] = ()
) -> Representations | LazyRepresentations:
    """Open a file whose rows can be read in parts, and load any other.

    Parameters
    ----------
    path
        File, with the options to read it.
    names
        Layers to read of those that the options select. By default all of them.
    """
    return _checked(path, partial(_open_or_load, names=names), {})


def array_names(path: str | PathLike[str]) -> list[str]:
    """Return the names of all arrays of a file, and of a table, which stands for its columns."""

    def read(path: Path, row: Format, _: ReadOptions) -> list[str]:
        reader = row.open or row.read
        assert reader is not None
        contents = _contents(reader, path)
        return [*contents.layers, *filter(None, [contents.table])]

    return _checked(path, read, {})


def _load(
    path: Path, row: Format, options: ReadOptions, names: Collection[str] = ()
) -> Representations:
    if row.read is None:
        return Representations.from_mapping(_open(path, row, options, names))
    state = FileState(path)
    try:
        contents = select_arrays(_contents(row.read, path), names=names, **options)
        with damage_as_value_error():
            layers = {name: read_whole(array) for name, array in contents.layers.items()}
    except ValueError:
        state.check()  # half of another file looks like damage
        raise
    return Representations(layers, **contents.metadata)


def _open(
    path: Path, row: Format, options: ReadOptions, names: Collection[str] = ()
) -> LazyRepresentations:
    from isorep.representations.lazy import LazyRepresentations

    assert row.open is not None
    write_pending(path)
    state = FileState(path)
    contents = select_arrays(_contents(row.open, path), names=names, **options)
    layers = {name: UnchangedArray(array, state) for name, array in contents.layers.items()}
    place = ActivationFile(str(path), options)
    with datasets_open():  # the first rows of each layer are looked at
        return LazyRepresentations(layers, place=place, **contents.metadata)


def _open_or_load(
    path: Path, row: Format, options: ReadOptions, names: Collection[str]
) -> Representations | LazyRepresentations:
    read = _load if row.open is None else _open
    return read(path, row, options, names)


def _contents(read: Callable[[Path], Contents], path: Path) -> Contents:
    """Return what a reader returns, which may be one of another package."""
    with damage_as_value_error():
        contents = read(path)
    if not isinstance(contents, Contents):
        raise TypeError(
            f"its reader returned a {type(contents).__name__}; expected isorep.storage.Contents"
        )
    return contents


def _held(folder: Path) -> str:
    """Return what a folder holds that cannot be read as one, and what to do."""
    names = sorted(
        item.name + "/" * item.is_dir()
        for item in folder.iterdir()
        if not item.name.startswith(".")
    )
    if not names:
        return "an empty folder"
    known = [name for name in names if has_format(folder / name)]
    advice = f": pass one of them, such as {str(folder / known[0])!r}" if known else ""
    return f"{listed(names)}{advice}"


Read = TypeVar("Read")


def _checked(
    path: str | PathLike[str],
    read: Callable[[Path, Format, ReadOptions], Read],
    options: ReadOptions,
    in_parts: bool = False,
) -> Read:
    """Return what `read` returns; errors about its suffix, existence and contents name `path`.

    Options that the path itself knows come first.
    """
    if isinstance(path, ActivationFile):
        options = {**options, **path.options}
    path = Path(path)
    if real_path(path).exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(
            f"cannot load {str(path)!r}: expected a file or a folder, got a pipe or a device; save "
            "what it gives in a file first"
        )
    row = find_format(path)
    if row is None and path.exists() and path.suffix.lower() in _PICKLES:
        raise ValueError(
            f"cannot load {str(path)!r}: pickles are never loaded, since they can run code. If you "
            "trust it, save its arrays with numpy.savez(path, **arrays) or isorep.storage.save"
        )
    if row is None and path.is_dir():
        raise ValueError(
            f"cannot load {str(path)!r}: expected a folder of arrays, got {_held(path)}"
        )
    if (row is None and path.exists()) or (row is not None and in_parts and row.open is None):
        known = [x for x in suffixes() if not in_parts or FORMATS.get(x, Format()).open]
        raise ValueError(
            f"cannot load {str(path)!r}: expected a name ending in {one_of(known)}, or a folder "
            "of arrays"
        )
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
    assert row is not None  # else the path exists and an error was raised above
    try:
        return read(path, row, options)
    except (TypeError, ValueError) as error:
        text = str(error).replace(f" of {str(path)!r}", "")  # the path once
        raise ValueError(f"cannot load {str(path)!r}: {text}") from error
