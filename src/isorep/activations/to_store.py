"""Into a store: a stream of one model's activations, written as it comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isorep._formats.resumable import Partial, Rows
from isorep._utils.atomic import writing
from isorep.activations.fingerprint import plan
from isorep.activations.recorder import eager, kept_dtype
from isorep.activations.stream import stream


def into_store(
    out: str | PathLike[str],
    model: nn.Module,
    data: Any,
    *,
    layers: str | Iterable[str],
    reduce: str | Callable[..., Any] | Mapping[str, Any],
    channels: str,
    dtype: Any,
    **options: Any,
) -> Path:
    """Do what `isorep.capture` describes with `out`; `options` are those of `stream`."""
    path = Path(out)
    if path.suffix.lower() != ".zarr":
        raise ValueError(
            f"cannot capture into {str(path)!r}: expected a name ending in .zarr; for a file, "
            "capture without out and save what comes"
        )
    if path.is_symlink():  # the move into place would replace the link
        path = Path(os.path.realpath(path))
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"cannot capture into {str(path)!r}: no folder {str(path.parent)!r}"
        )
    layers = [layers] if isinstance(layers, str) else list(layers)
    what = plan(eager(model), layers, reduce, channels, kept_dtype(dtype))
    with Partial.open(path, what) as store:
        captured = list(store.sample_ids)
        pieces = stream(
            [model],
            data,
            layers=layers,
            reduce=reduce,
            channels=channels,
            dtype=dtype,
            captured=captured,
            **options,
        )
        with closing(pieces):
            for piece in pieces:
                if store.complete:
                    raise ValueError(
                        f"{str(path)!r} is complete with {len(captured)} samples, and the data "
                        "goes on; remove it to capture anew, or choose another name"
                    )
                (arrays,), (dtypes,), (reductions,) = piece.arrays, piece.dtypes, piece.reductions
                rows = {
                    name: _rows(arrays[name], dtypes[name], reductions[name]) for name in arrays
                }
                with writing(path):
                    store.add(rows, piece.sample_ids, piece.labels)
        if not store.complete:
            with writing(path):
                store.finish()
    return Path(out)


def _rows(rows: Tensor, dtype: str, reduction: str) -> Rows:
    if rows.dtype == torch.bfloat16:
        bits = rows.contiguous().view(torch.int16).numpy().view(np.uint16)
        return Rows(bits, dtype, reduction, bits="bfloat16")
    return Rows(rows.contiguous().numpy(), dtype, reduction)
