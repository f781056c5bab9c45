"""Save and load `Representations`: npz and zarr of our own, and arrays from elsewhere."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from isorep.representation import Representations

__all__ = ["load", "save"]

_READ = ".npz, .zarr, .npy or .safetensors"


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
    >>> from isorep.representation import Representations
    >>> reps = Representations({"conv/1": [[1.0, 2.0], [3.0, 4.0]]}, sample_ids=["cat", "dog"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(reps, Path(folder) / "a.npz")
    ...     load(Path(folder) / "a.npz") == reps
    True
    """
    from isorep.storage import npz, zarr

    path = Path(path)
    writers = {".npz": npz.write, ".zarr": zarr.write}
    write = writers.get(path.suffix.lower())
    if write is None:
        raise ValueError(f"cannot save to {str(path)!r}: expected a name ending in .npz or .zarr")
    if path.is_symlink():  # the move into place would replace the link
        path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot save to {str(path)!r}: no folder {str(path.parent)!r}")
    write(Representations.of(representations), path)


def load(path: str | PathLike[str]) -> Representations:
    """Load what `save` wrote, or arrays from elsewhere.

    Parameters
    ----------
    path
        ``.npz`` or ``.zarr`` written by `save`; or plain arrays, (n_samples, n_features) each, from
        elsewhere: ``.npy`` (one layer, named after the file), ``.npz`` or ``.safetensors`` (a layer
        for each array). Plain arrays do not say which samples they hold.

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

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "fc.npy", np.eye(3))
    ...     load(Path(folder) / "fc.npy")
    Representations(1 layer, 3 samples: fc (3, 3))
    """
    from isorep.storage import foreign, npz, partial, zarr

    path = Path(path)
    readers = {
        ".npz": npz.read,
        ".zarr": zarr.read,
        ".npy": foreign.read_npy,
        ".safetensors": foreign.read_safetensors,
    }
    read = readers.get(path.suffix.lower())
    if read is None:
        raise ValueError(f"cannot load {str(path)!r}: expected a name ending in {_READ}")
    if not path.exists():
        n = partial.n_so_far(path)
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
