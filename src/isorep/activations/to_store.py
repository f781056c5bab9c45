"""To a store: write a stream of one model's activations as it comes."""

from __future__ import annotations

from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from torch import nn

from isorep._formats.resumable import ResumableStore, Rows
from isorep._utils.arrays import to_numpy
from isorep._utils.atomic import target_of, writing
from isorep.activations.fingerprint import fingerprint
from isorep.activations.options import CaptureOptions
from isorep.activations.recorder import eager, kept_dtype
from isorep.activations.stream import stream


def capture_to_store(
    out: str | PathLike[str],
    model: nn.Module,
    data: Any,
    **options: Unpack[CaptureOptions],
) -> Path:
    """Do what `isorep.capture` describes for `out`; `options` has all options."""
    path = Path(out)
    if path.suffix.lower() != ".zarr":
        raise ValueError(
            f"cannot capture into {str(path)!r}: expected a name ending in .zarr; for another "
            "format, capture without out and save the result"
        )
    path = target_of(path, "capture into")
    layers = options["layers"]
    options["layers"] = [layers] if isinstance(layers, str) else list(layers)  # read twice
    heads = options["heads"]
    options["heads"] = [heads] if isinstance(heads, str) else list(heads)
    identity = fingerprint(
        eager(model),
        options["layers"],
        options["reduce"],
        options["mask"],
        options["heads"],
        options["skip"],
        options["channels"],
        kept_dtype(options["dtype"]),
    )
    with ResumableStore.open(path, identity) as store:
        captured = list(store.sample_ids)
        with closing(stream([model], data, captured=captured, **options)) as batches:
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
                        to_numpy(x.contiguous()),
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
    return Path(out)
