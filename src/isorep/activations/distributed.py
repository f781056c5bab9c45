"""Distributed: moments of what many processes captured, each of its own shard of the data.

For processes that torchrun starts, or whatever else initialises `torch.distributed`: gloo, NCCL or
MPI. Where it is not initialised, one process has all the data, and the same code does the same.

Only numbers and JSON are sent. Every process merges the parts in the order of the ranks, so that
all have the same moments, to the last bit.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import fields
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import distributed as dist

from isorep.activations.sample_ids import NoSamplesError
from isorep.activations.stream import stream
from isorep.core.moments import CrossMoments, Moments

Part = TypeVar("Part", Moments, CrossMoments)

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Moments, CrossMoments)}


def capture_moments(model: nn.Module, data: Any, **options: Any) -> dict[str, Moments]:
    """Run `model` over this process's shard of the data; return the moments of all shards.

    Every process calls this, with the same model and options, and its own `data`. Activations are
    held for one batch at a time, and p^2 numbers for a layer of p features.

    Shards may differ in length, and one may have no samples; so cut the data without padding, such
    as into ``torch.utils.data.Subset(data, range(rank, len(data), world_size))``. A
    ``DistributedSampler`` repeats samples until all shards are equally long, and these would count
    twice: it is warned of.

    Parameters
    ----------
    model
        The model; it is run in every process.
    data
        This process's samples, as for `isorep.capture`.
    **options
        Those of `isorep.capture` but `out`.

    Returns
    -------
    dict of str to Moments
        Layer name to the moments of its rows, in every process.

    Warns
    -----
    UserWarning
        Samples with the same id, which by default is the digest of the input, are in several
        shards.

    Raises
    ------
    ValueError
        As `isorep.capture` does; or shards disagree in the layers that are usable or in their
        widths.
    RuntimeError
        It failed in another process; the text is that of the error there.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
    >>> moments = capture_moments(model, torch.rand(10, 3))
    >>> {layer: (found.n, found.n_features) for layer, found in moments.items()}
    {'0': (10, 4), '1': (10, 4)}
    """
    found: dict[str, Moments] | None = None
    ids: list[bytes] = []
    failure: Exception | None = None
    try:
        for piece in stream([model], data, **options):
            ids += (blake2b(one.encode(), digest_size=8).digest() for one in piece.sample_ids)
            (arrays,), (dtypes,) = piece.arrays, piece.dtypes
            new = {
                name: Moments.from_batch(rows, dtype=dtypes[name], name=f"layer {name!r}")
                for name, rows in arrays.items()
            }
            # A layer that is missing once is left out, as `stream` says.
            found = new if found is None else {name: found[name].merge(new[name]) for name in new}
    except NoSamplesError:
        pass  # other processes may have some
    except Exception as error:
        failure = error
    merged = _merged(found or {}, failure)
    if not merged:
        raise NoSamplesError("no process had any samples; an iterator can be used only once")
    _warn_of_repeated(np.frombuffer(b"".join(ids), np.int64))
    return merged


def merge_over_ranks(parts: Mapping[Any, Part]) -> dict[Any, Part]:
    """Return the moments of the samples of all processes, given those of this one's.

    Every process calls this. One without samples may have empty moments, or no parts at all.

    Parameters
    ----------
    parts
        Name to `Moments` or `CrossMoments`, the same names in every process that has any. A name is
        a string, a number or a tuple of such.

    Returns
    -------
    dict
        The same names, in every process.

    Raises
    ------
    ValueError
        Processes disagree in the names or in the numbers of features. All of them raise it.

    Examples
    --------
    >>> moments = Moments.from_batch(np.eye(3))
    >>> merge_over_ranks({"fc": moments})["fc"].n  # one process has all the samples
    3
    """
    return _merged(parts, None)


def _merged(parts: Mapping[Any, Part], failure: Exception | None) -> dict[Any, Part]:
    """Merge `parts`, or raise in every process where there was a `failure` in one."""
    if not _several():
        if failure is not None:
            raise failure
        return dict(parts)
    # What went wrong goes first, as the others would wait for this process's numbers for ever.
    text = None if failure is None else f"{type(failure).__name__}: {failure}"
    said = {"failure": text, "parts": [[name, _described(part)] for name, part in parts.items()]}
    told = [json.loads(one.numpy().tobytes()) for one in _gathered(_bytes(json.dumps(said)))]
    if failure is not None:
        raise failure
    failed = [f"rank {rank} failed: {x['failure']}" for rank, x in enumerate(told) if x["failure"]]
    if failed:
        raise RuntimeError("; ".join(failed))
    ranks = {
        rank: {_key(name): described for name, described in one["parts"]}
        for rank, one in enumerate(told)
        if one["parts"]
    }
    _check_alike(ranks)
    merged: dict[Any, Part] = {}
    # One layer of one rank at a time: no process ever holds more than two of each.
    for name in next(iter(ranks.values()), {}):
        for rank, described in ranks.items():
            part = _sent(parts.get(name), described[name], rank)
            merged[name] = merged[name].merge(part) if name in merged else part
    return merged


def _several() -> bool:
    return dist.is_available() and dist.is_initialized()


def _described(part: Part) -> dict[str, Any]:
    """Return what is to be known of `part` before its arrays come, in terms of JSON."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    arrays = {name: x.shape for name, x in values.items() if isinstance(x, np.ndarray)}
    rest = {name: x for name, x in values.items() if name not in arrays}
    return {"kind": type(part).__name__, "arrays": arrays, "rest": rest}


def _sent(part: Part | None, described: Mapping[str, Any], rank: int) -> Part:
    """Return, in every process, the part that process number `rank` has, as `described`."""
    arrays = {}
    for name, shape in described["arrays"].items():
        if rank == dist.get_rank():
            numbers = torch.from_numpy(np.ascontiguousarray(getattr(part, name)))
        else:
            numbers = torch.empty(shape, dtype=torch.float64)
        numbers = numbers.to(_device())
        dist.broadcast(numbers, src=rank)
        arrays[name] = numbers.cpu().numpy()
    found: Part = _KINDS[described["kind"]](**arrays, **described["rest"])
    return found


def _check_alike(ranks: Mapping[int, Mapping[Any, Mapping[str, Any]]]) -> None:
    first, *others = ranks or [0]
    for rank in others:
        for name in [*ranks[first], *ranks[rank]]:
            kinds = [ranks[one].get(name, {}) for one in (first, rank)]
            shapes = [(kind.get("kind"), kind.get("arrays")) for kind in kinds]
            if shapes[0] != shapes[1]:
                told = [_size(kind) for kind in kinds]
                raise ValueError(
                    f"the processes have different parts: {name!r} {told[0]} on rank {first} and "
                    f"{told[1]} on rank {rank}; run the same model with the same layers in each"
                )


def _size(described: Mapping[str, Any]) -> str:
    if not described:
        return "is not there"
    return f"is {described['kind']} of {tuple(described['arrays']['scatter'])}"


def _key(name: Any) -> Any:
    return tuple(map(_key, name)) if isinstance(name, list) else name  # a tuple, in JSON


def _warn_of_repeated(ids: NDArray[np.int64]) -> None:
    if not _several():
        return
    shards = [np.unique(shard.numpy()) for shard in _gathered(torch.from_numpy(ids.copy()))]
    n = len(np.concatenate(shards)) - len(np.unique(np.concatenate(shards)))
    if n and not dist.get_rank():
        warnings.warn(
            f"{n} samples came in several shards and count as often; a DistributedSampler repeats "
            "samples to make shards equally long, which they need not be here",
            UserWarning,
            stacklevel=3,
        )


def _bytes(text: str) -> Tensor:
    return torch.frombuffer(bytearray(text.encode("ascii")), dtype=torch.uint8)


def _gathered(mine: Tensor) -> list[Tensor]:
    """Return the vector that each process has, which may differ in length, by rank."""
    device = _device()
    length = torch.tensor([len(mine)], device=device)
    lengths = [torch.empty_like(length) for _ in range(dist.get_world_size())]
    dist.all_gather(lengths, length)
    longest = int(max(lengths))
    padded = torch.zeros(longest, dtype=mine.dtype, device=device)
    padded[: len(mine)] = mine.to(device)
    found = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(found, padded)
    return [one[: int(n)].cpu() for one, n in zip(found, lengths, strict=True)]


def _device() -> torch.device:
    """Return where tensors have to be to be sent."""
    # Such as "cpu:gloo,cuda:nccl", which is what comes of naming none.
    kinds = [one.partition(":")[0] for one in dist.get_backend_config().split(",")]
    return torch.device("cpu" if "cpu" in kinds else kinds[0])
