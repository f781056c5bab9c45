"""To a store: write a stream of one model's activations as it comes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from os import PathLike
from pathlib import Path
from typing import Any

from isorep._formats.resumable import ResumableStore, Rows
from isorep._utils.arrays import to_numpy
from isorep._utils.atomic import target_of, writing
from isorep.activations.activation_batch import ActivationBatch


def checked_store(out: str | PathLike[str]) -> Path:
    """Return the path of the store to write.

    Raises
    ------
    ValueError
        The name does not end in .zarr, or something else is at the path.
    """
    path = Path(out)
    if path.suffix.lower() != ".zarr":
        raise ValueError(
            f"cannot capture into {str(path)!r}: expected a name ending in .zarr; for another "
            "format, capture without out and save the result"
        )
    return target_of(path, "capture into")


def write_to_store(
    path: Path,
    fingerprint: Mapping[str, Any],
    run: Callable[[Sequence[str]], Generator[ActivationBatch, None, None]],
) -> None:
    """Do what `isorep.capture` describes for `out`.

    Parameters
    ----------
    path
        Path of the store.
    fingerprint
        Everything that the capture depends on besides its data, as JSON.
    run
        Function of the ids of the samples that the store has, to a generator of the batches that
        follow these samples.
    """
    with ExitStack() as resources:
        with writing(path):
            store = resources.enter_context(ResumableStore.open(path, fingerprint))
        captured = list(store.sample_ids)
        with closing(run(captured)) as batches:
            for batch in batches:
                if store.complete:
                    raise ValueError(
                        f"{str(path)!r} is complete with {len(captured)} samples, and the data has "
                        "more; remove the store to capture anew, or choose another name"
                    )
                (arrays,), (dtypes,), (reductions,) = batch.arrays, batch.dtypes, batch.reductions
                (positions,) = batch.row_positions
                rows = {
                    name: Rows(
                        to_numpy(x),
                        dtypes[name],
                        reductions[name],
                        positions.get(name),
                    )
                    for name, x in arrays.items()
                }
                with writing(path):
                    store.add(rows, batch.sample_ids, batch.labels)
        if not store.complete:
            with writing(path):
                store.finish()
