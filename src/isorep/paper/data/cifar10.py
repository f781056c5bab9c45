"""CIFAR-10 in its official binary layout: a folder of batches, or the downloaded archive.

A record is a label (one byte) and 3 x 32 x 32 bytes of red, green and blue (Krizhevsky 2009).
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isorep._utils.optional import import_optional
from isorep.paper.data.image_data import ImageData, split

ARCHIVE = "cifar-10-binary.tar.gz"
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"

TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = "test_batch.bin"

_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32


def load(
    folder: Path | None, seed: int = 0, n_train: int = 50_000, n_test: int = 10_000
) -> ImageData:
    """Read the images, choose training images at random, and draw the random labelling.

    Each colour channel is scaled to mean 0 and standard deviation 1 over the chosen training
    images.

    Parameters
    ----------
    folder : Path
        Folder with the six files ``data_batch_1.bin`` ... ``test_batch.bin``, or with
        ``cifar-10-binary.tar.gz``. The files may also be in its sub-folder
        ``cifar-10-batches-bin`` or ``cifar10``. Fewer training batches suffice if they contain
        `n_train` images.
    seed : int
        Random seed of the choice and the random labelling.
    n_train : int
        Number of training images.
    n_test : int
        Largest number of test images; they are the first of the test batch.

    Raises
    ------
    ValueError
        If there is no folder, files are missing or damaged, or they contain too few images.
    """
    if folder is None:
        raise ValueError(f"this scale needs CIFAR-10: pass --data with {_expected()}")
    batches, source = _read(folder)
    train = [batches[name] for name in TRAIN if name in batches]
    if not train or TEST not in batches:
        raise ValueError(f"no CIFAR-10 in {str(folder)!r}: expected {_expected()}")
    images, labels = _records(b"".join(train), source)
    if not 1 <= n_train <= len(images):
        raise ValueError(
            f"n_train must be from 1 to {len(images)}, the number of training images in "
            f"{source!r}; got {n_train}"
        )
    random = np.random.default_rng(seed)
    chosen = np.sort(random.permutation(len(images))[:n_train])
    test_images, test_labels = _records(batches[TEST], source)
    pixels = images[chosen].astype(np.float32)
    mean, std = (
        getattr(pixels, name)(axis=(0, 2, 3), keepdims=True, dtype=np.float64).astype(np.float32)
        for name in ("mean", "std")
    )
    if not std.all():
        raise ValueError(f"the chosen training images in {source!r} all have the same colour")
    return split(
        "CIFAR-10 (32 x 32 pixels, colour)",
        ((pixels - mean) / std, labels[chosen]),
        ((test_images[:n_test].astype(np.float32) - mean) / std, test_labels[:n_test]),
        random,
    )


def download(folder: Path) -> Path:
    """Download the official archive (170 MB) to a folder, and check its published MD5.

    No other function of isorep downloads files.

    Raises
    ------
    ImportError
        If pooch is not installed.
    """
    pooch = import_optional("pooch", "paper")
    return Path(
        pooch.retrieve(URL, known_hash=f"md5:{MD5}", fname=ARCHIVE, path=folder, progressbar=False)
    )


def _expected() -> str:
    return (
        f"a folder that holds {TRAIN[0]} ... {TRAIN[-1]} and {TEST} (the official binary layout), "
        f"or {ARCHIVE} from {URL}"
    )


def _read(folder: Path) -> tuple[dict[str, bytes], str]:
    """Return the batches by name, and the folder or archive that contains them."""
    if not folder.is_dir():
        raise ValueError(f"no folder {str(folder)!r}: --data must name {_expected()}")
    for place in (folder, folder / "cifar-10-batches-bin", folder / "cifar10"):
        files = {name: place / name for name in (*TRAIN, TEST) if (place / name).is_file()}
        if files:
            return {name: path.read_bytes() for name, path in files.items()}, str(place)
    for archive in (folder / ARCHIVE, folder / "cifar10" / ARCHIVE):
        if archive.is_file():
            return _unpack(archive), str(archive)
    return {}, str(folder)


def _unpack(archive: Path) -> dict[str, bytes]:
    batches = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                name = Path(member.name).name
                content = tar.extractfile(member) if name in (*TRAIN, TEST) else None
                if content is not None:
                    batches[name] = content.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"cannot read {str(archive)!r}: {error}. Download it again") from error
    return batches


def _records(content: bytes, source: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    if not content or len(content) % _RECORD:
        raise ValueError(
            f"damaged CIFAR-10 in {source!r}: a batch must be a multiple of {_RECORD} bytes "
            f"(a label and 3 x 32 x 32 pixels), got {len(content)}"
        )
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, _RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise ValueError(
            f"damaged CIFAR-10 in {source!r}: labels must be 0 to 9, got {labels.max()}"
        )
    return records[:, 1:].reshape(-1, *_SHAPE), labels
