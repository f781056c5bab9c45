"""Distributed: moments of activations that several processes capture, each on its own shard.

It works with processes that torchrun starts, or anything else that initialises `torch.distributed`:
gloo, NCCL or MPI. If `torch.distributed` is not initialised, the one process has all the data.

Processes exchange only numbers and JSON. Every process merges the parts in the order of the ranks,
so that all have the same moments, to the last bit. Moments that are on GPUs stay there until they
are merged, if the processes can send them from there (NCCL).
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import fields
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch import distributed as dist

from isorep.activations.moments_device import moments_device
from isorep.activations.options import CaptureOptions
from isorep.activations.sample_ids import NoSamplesError
from isorep.activations.stream import stream
from isorep.core.moments import Centred, CrossMoments, Moments

Part = TypeVar("Part", Moments, CrossMoments)

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Moments, CrossMoments)}


def capture_moments(
    model: nn.Module, data: Any, **options: Unpack[CaptureOptions]
) -> dict[str, Moments]:
    """Run `model` over this process's shard of the data, and return the moments of all shards.

    Every process calls this function, with the same model and options, and its own `data`. It holds
    the activations of one batch at a time, and p^2 numbers for a layer of p features.

    Shards may differ in length and may be empty. So cut the data without padding, for example with
    ``torch.utils.data.Subset(data, range(rank, len(data), world_size))``. A ``DistributedSampler``
    repeats samples until all shards are equally long. Repeated samples would count twice, and cause
    a warning.

    Parameters
    ----------
    model
        The model; every process runs it.
    data
        The samples of this process, as for `isorep.capture`.
    **options
        Options of `isorep.capture`, but not ``out``.

    Returns
    -------
    dict of str to Moments
        Layer name to the moments of its rows, the same in every process.

    Warns
    -----
    UserWarning
        Several shards contain samples with the same id, which by default is a digest of the input.

    Raises
    ------
    ValueError
        As `isorep.capture` does; or the shards have different usable layers or widths.
    RuntimeError
        Another process failed; the message is that of its error.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
    >>> moments = capture_moments(model, torch.rand(10, 3))
    >>> {layer: (x.n, x.n_features) for layer, x in moments.items()}
    {'0': (10, 4), '1': (10, 4)}
    """
    moments: dict[str, Moments] | None = None
    device: torch.device | None = None
    ids: list[bytes] = []
    failure: Exception | None = None
    try:
        for batch in stream([model], data, keep_on=None, **options):
            ids += (blake2b(i.encode(), digest_size=8).digest() for i in batch.sample_ids)
            (arrays,), (dtypes,) = batch.arrays, batch.dtypes
            if moments is None:
                # The total, the moments of a batch, and their sum.
                n_bytes = 3 * 8 * sum(rows.shape[1] ** 2 for rows in arrays.values())
                device = moments_device(batch, n_bytes)
            new = {
                name: Centred.from_rows(
                    rows.to(device or "cpu"), dtype=dtypes[name], name=f"layer {name!r}"
                ).moments()
                for name, rows in arrays.items()
            }
            # A layer that is missing from one batch is left out, as `stream` says.
            moments = (
                new if moments is None else {name: moments[name].merge(new[name]) for name in new}
            )
    except NoSamplesError:
        pass  # other processes may have some
    except Exception as error:
        failure = error
    merged = _merged(moments or {}, failure)
    if not merged:
        raise NoSamplesError("no process had any samples; an iterator can be used only once")
    _warn_of_repeated(np.frombuffer(b"".join(ids), np.int64))
    return {name: part.to_numpy() for name, part in merged.items()}


def merge_over_ranks(parts: Mapping[Any, Part]) -> dict[Any, Part]:
    """Merge the moments of this process's samples with those of all other processes.

    Every process calls this function. A process without samples may pass empty moments or no parts.

    Parameters
    ----------
    parts
        Name to `Moments` or `CrossMoments`, with the same names in every process that has any. A
        name is a string, a number or a tuple of strings and numbers.

    Returns
    -------
    dict
        The same names, with the moments of the samples of all processes.

    Raises
    ------
    ValueError
        The processes have different names or numbers of features. Every process raises it.

    Examples
    --------
    >>> moments = Moments.from_batch(np.eye(3))
    >>> merge_over_ranks({"fc": moments})["fc"].n  # one process has all the samples
    3
    """
    return _merged(parts, None)


def _merged(parts: Mapping[Any, Part], failure: Exception | None) -> dict[Any, Part]:
    """Merge `parts`, or raise an error in every process if one process has a `failure`."""
    if not _several():
        if failure is not None:
            raise failure
        return dict(parts)
    # The failure is sent first, since the others would wait for this process's numbers for ever.
    text = None if failure is None else f"{type(failure).__name__}: {failure}"
    report = {"failure": text, "parts": [[name, _described(x)] for name, x in parts.items()]}
    reports = [json.loads(x.numpy().tobytes()) for x in _gathered(_bytes(json.dumps(report)))]
    if failure is not None:
        raise failure
    failed = [
        f"rank {rank} failed: {report['failure']}"
        for rank, report in enumerate(reports)
        if report["failure"]
    ]
    if failed:
        raise RuntimeError("; ".join(failed))
    ranks = {
        rank: {_key(name): described for name, described in report["parts"]}
        for rank, report in enumerate(reports)
        if report["parts"]
    }
    _check_alike(ranks)
    link = _link(parts, ranks)
    merged: dict[Any, Part] = {}
    # One layer of one rank at a time: no process ever holds more than two parts of a layer.
    for name in next(iter(ranks.values()), {}):
        for rank, described in ranks.items():
            part = _broadcast(parts.get(name), described[name], rank, link)
            merged[name] = merged[name].merge(part) if name in merged else part
        merged[name] = merged[name].to_numpy()
    return merged


def _several() -> bool:
    return dist.is_available() and dist.is_initialized()


def _described(part: Part) -> dict[str, Any]:
    """Return the type of `part`, its device, the shapes of its arrays and its other fields."""
    values = {field.name: getattr(part, field.name) for field in fields(part)}
    arrays = {name: x.shape for name, x in values.items() if hasattr(x, "shape")}
    others = {name: x for name, x in values.items() if name not in arrays}
    scatter = values["scatter"]
    device = scatter.device.type if isinstance(scatter, Tensor) else "cpu"
    return {"kind": type(part).__name__, "device": device, "arrays": arrays, "others": others}


class _Link(NamedTuple):
    """How arrays travel from one process to all others.

    Attributes
    ----------
    device : torch.device
        Device that they are on while they are sent.
    is_home : bool
        Whether the moments are on that device anyway, and are merged there.
    """

    device: torch.device
    is_home: bool


def _link(parts: Mapping[Any, Part], ranks: Mapping[int, Mapping[Any, Any]]) -> _Link:
    """Return the link for the parts of all ranks, the same kind of device in each process."""
    homes = {x["device"] for described in ranks.values() for x in described.values()}
    kind = homes.pop() if len(homes) == 1 else ""
    backend = _backends().get(kind)
    if backend is None or (kind != "cpu" and backend == "gloo"):  # gloo sends through the host
        return _Link(_device(), is_home=False)
    scatters: list[Any] = [x.scatter for x in parts.values()]
    devices = [scatter.device for scatter in scatters if isinstance(scatter, Tensor)]
    return _Link(devices[0] if devices else _own_device(kind), is_home=True)


def _broadcast(part: Part | None, described: Mapping[str, Any], rank: int, link: _Link) -> Part:
    """Send the part of process number `rank`, as `described`, to every process."""
    arrays: dict[str, Any] = {}
    for name, shape in described["arrays"].items():
        if rank == dist.get_rank():
            values = getattr(part, name)
            if not isinstance(values, Tensor):
                values = torch.from_numpy(np.ascontiguousarray(values))
            numbers = values.to(link.device).contiguous()
        else:
            numbers = torch.empty(shape, dtype=torch.float64, device=link.device)
        dist.broadcast(numbers, src=rank)
        stays = link.is_home and name == "scatter"  # means are vectors, of NumPy everywhere
        arrays[name] = numbers if stays else numbers.cpu().numpy()
    received: Part = _KINDS[described["kind"]](**arrays, **described["others"])
    return received


def _check_alike(ranks: Mapping[int, Mapping[Any, Mapping[str, Any]]]) -> None:
    first, *others = ranks or [0]
    for rank in others:
        for name in [*ranks[first], *ranks[rank]]:
            a, b = ranks[first].get(name, {}), ranks[rank].get(name, {})
            if (a.get("kind"), a.get("arrays")) != (b.get("kind"), b.get("arrays")):
                raise ValueError(
                    f"the processes have different parts: {name!r} is {_size(a)} on rank {first} "
                    f"and {_size(b)} on rank {rank}; run the same model with the same layers in "
                    "each process"
                )


def _size(described: Mapping[str, Any]) -> str:
    if not described:
        return "missing"
    return f"{described['kind']} of {tuple(described['arrays']['scatter'])}"


def _key(name: Any) -> Any:
    return tuple(map(_key, name)) if isinstance(name, list) else name  # JSON has no tuples


def _warn_of_repeated(ids: NDArray[np.int64]) -> None:
    if not _several():
        return
    shards = [np.unique(shard.numpy()) for shard in _gathered(torch.from_numpy(ids.copy()))]
    n = len(np.concatenate(shards)) - len(np.unique(np.concatenate(shards)))
    if n and not dist.get_rank():
        warnings.warn(
            f"{n} samples are in several shards and count more than once; avoid a "
            "DistributedSampler, which repeats samples to make shards equally long: here they may "
            "differ in length",
            UserWarning,
            stacklevel=3,
        )


def _bytes(text: str) -> Tensor:
    return torch.frombuffer(bytearray(text.encode("ascii")), dtype=torch.uint8)


def _gathered(vector: Tensor) -> list[Tensor]:
    """Return the vectors of all processes, which may differ in length, by rank."""
    device = _device()
    length = torch.tensor([len(vector)], device=device)
    lengths = [torch.empty_like(length) for _ in range(dist.get_world_size())]
    dist.all_gather(lengths, length)
    longest = int(max(lengths))
    padded = torch.zeros(longest, dtype=vector.dtype, device=device)
    padded[: len(vector)] = vector.to(device)
    vectors = [torch.empty_like(padded) for _ in lengths]
    dist.all_gather(vectors, padded)
    return [x[: int(n)].cpu() for x, n in zip(vectors, lengths, strict=True)]


def _device() -> torch.device:
    """Return the device that small tensors must be on to be sent."""
    kinds = _backends()
    return torch.device("cpu") if "cpu" in kinds else _own_device(next(iter(kinds)))


def _own_device(kind: str) -> torch.device:
    """Return this process's own device of a kind, such as "cuda"."""
    bound = getattr(dist.group.WORLD, "bound_device_id", None)  # of init_process_group(device_id=)
    return bound if bound is not None and bound.type == kind else torch.device(kind)


def _backends() -> dict[str, str]:
    """Return the backend for the tensors of each kind of device."""
    # The configuration is, for example, "cpu:gloo,cuda:nccl" if the caller named no backend.
    pairs = (backend.partition(":") for backend in dist.get_backend_config().split(","))
    return {kind: backend for kind, _, backend in pairs}
