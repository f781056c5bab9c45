"""Checkpoints: weights in files, loaded into PyTorch models without running code of the file."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from isorep._formats.torch_file import read_torch
from isorep._utils.name_list import listed
from isorep._utils.optional import import_optional
from isorep.model_files.state_dict_fit import Fit, describe_misfit, fits_of

_INDEX = ".index.json"
_SHARDS = (
    f"*.safetensors{_INDEX}",
    f"*.bin{_INDEX}",
    "model.safetensors",
    "*-of-*.safetensors",
    "*.safetensors",
    "pytorch_model.bin",
    "*-of-*.bin",
    "*.bin",
)
"""Names of files of weights in a folder; the first that exists decides."""

_DEEPEST = 3
"""Levels of mappings to look for weights in; ``["model"]["state_dict"]`` is on level 3."""

_EMA = re.compile("(^|[._])(ema|swa)([._]|$)", re.IGNORECASE)
"""In the names of moving averages of weights, which are taken only if nothing else fits."""


def load_weights(model: Any, path: Path) -> None:
    """Load a checkpoint into a PyTorch model; only tensors and plain containers are unpickled.

    The weights may be nested in training state, as in ``{"state_dict": ...}``, and all names may
    have a prefix that the model's have not, such as ``module.``, or lack one.

    Parameters
    ----------
    model
        A `torch.nn.Module`, which is changed in place.
    path
        A file that `torch.save` or safetensors wrote; an index of shards
        (``*.safetensors.index.json``, ``*.bin.index.json``); or a folder of shards.

    Raises
    ------
    ValueError
        If the file is damaged, holds objects other than tensors, fits another model, or holds
        several sets of weights that fit; or if PyTorch wrote it and PyTorch is older than 2.6.
    FileNotFoundError
        If the file, or a shard, does not exist.

    Warns
    -----
    UserWarning
        If the file holds other weights beside the loaded ones.
    """
    if not path.exists():
        raise FileNotFoundError(f"no weights file {str(path)!r}")
    cannot = f"cannot load weights from {str(path)!r}"
    checkpoint = _read(path, cannot)
    candidates = dict(_state_dicts(checkpoint, path))
    if not candidates:
        raise ValueError(f"{cannot}: expected a state dict, got {_describe(checkpoint)}")
    fits = [
        (f"{name}.{fit.prefix}".strip("."), fit)
        for name, state in candidates.items()
        for fit in fits_of(model, state)
    ]
    fit = _chosen({name: fit for name, fit in fits if fit.complete}, cannot)
    if fit is None:
        if _load_by_own_code(model, candidates):
            return
        name, fit = max(fits, key=lambda item: item[1].n_common)
        raise ValueError(f"{cannot} into {type(model).__name__}: {describe_misfit(fit, name)}")
    try:
        model.load_state_dict(fit.state, strict=not fit.implied)
    except Exception as error:
        raise ValueError(f"{cannot}: {type(error).__name__}: {error}") from error
    if fit.left_out:
        tops = dict.fromkeys(key.partition(".")[0] for key in fit.left_out)
        warnings.warn(
            f"{str(path)!r}: the weights under {fit.prefix!r} fit {type(model).__name__} and are "
            f"loaded; {len(fit.left_out)} others, under {listed(list(tops))}, are left out",
            stacklevel=2,
        )


def _chosen(fits: Mapping[str, Fit], cannot: str) -> Fit | None:
    """Return the weights to load, of those that fit.

    Raises
    ------
    ValueError
        If several fit and differ, and not exactly one is no moving average.
    """
    distinct: dict[str, Fit] = {}
    for name, fit in fits.items():
        if not any(_same_weights(fit, other) for other in distinct.values()):
            distinct[name] = fit
    if len(distinct) < 2:
        return next(iter(distinct.values()), None)
    listed = ", ".join(map(repr, distinct))
    plain = [name for name in distinct if not _EMA.search(name)]
    if len(plain) != 1:
        raise ValueError(
            f"{cannot}: several weights in it fit the model, {listed}; save those to load to a "
            "file of their own"
        )
    warnings.warn(
        f"{cannot.removeprefix('cannot load weights from ')} holds several weights that fit, "
        f"{listed}; {plain[0]!r} is loaded. To load others, save them to a file of their own",
        stacklevel=3,
    )
    return distinct[plain[0]]


def _same_weights(fit: Fit, other: Fit) -> bool:
    torch = import_optional("torch", "torch")
    return fit.state.keys() == other.state.keys() and all(
        value is other.state[key]
        or (isinstance(value, torch.Tensor) and torch.equal(value, other.state[key]))
        for key, value in fit.state.items()
    )


def _load_by_own_code(model: Any, candidates: Mapping[str, Any]) -> bool:
    """Let the model load weights by its own code, which may rename them; return whether it did."""
    for state in candidates.values():
        try:
            model.load_state_dict(state)
        except Exception:
            continue
        return True
    return False


def _state_dicts(
    checkpoint: Any, path: Path, name: str = "", level: int = 1
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the mappings in a checkpoint that hold tensors, with their places in it."""
    if not isinstance(checkpoint, Mapping):
        return
    torch = import_optional("torch", "torch")
    named = {key: value for key, value in checkpoint.items() if isinstance(key, str)}
    if any(isinstance(value, torch.Tensor) for value in named.values()):
        yield name, {key: value for key, value in named.items() if not isinstance(value, Mapping)}
    if level < _DEEPEST:
        for key, value in named.items():
            yield from _state_dicts(value, path, f"{name}.{key}" if name else key, level + 1)


def _read(path: Path, cannot: str) -> Any:
    """Return what a file, an index of shards or a folder holds."""
    if path.is_dir():
        return _read_shards(_shards_in(path, cannot), cannot)
    if path.name.endswith(_INDEX):
        return _read_shards(_shards_of(path, cannot), cannot)
    if path.suffix == ".safetensors":
        return _read_safetensors(path, cannot)
    return _read_torch(path, cannot)


def _shards_in(folder: Path, cannot: str) -> list[Path]:
    """Return the files of weights in a folder."""
    for pattern in _SHARDS:
        files = sorted(folder.glob(pattern))
        if files and pattern.endswith(_INDEX):
            return _shards_of(files[0], cannot)
        if files:
            return files
    raise ValueError(f"{cannot}: the folder holds no .safetensors or .bin file")


def _shards_of(index: Path, cannot: str) -> list[Path]:
    """Return the files that an index of shards names; they are in its folder."""
    try:
        names = json.loads(index.read_text("utf-8"))["weight_map"].values()
        return [index.parent / Path(name).name for name in dict.fromkeys(names)]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{cannot}: {index.name} is no index of shards: {error!r}") from error


def _read_shards(shards: list[Path], cannot: str) -> dict[str, Any]:
    """Return the weights of all shards in one dict."""
    missing = [shard.name for shard in shards if not shard.is_file()]
    if missing:
        raise FileNotFoundError(f"{cannot}: missing shards: {listed(missing)}")
    weights: dict[str, Any] = {}
    for shard in shards:
        content = _read(shard, cannot)
        if not isinstance(content, Mapping):
            raise ValueError(f"{cannot}: {shard.name} holds {_describe(content)}, no weights")
        twice = weights.keys() & content.keys()
        if twice:
            raise ValueError(
                f"{cannot}: {shard.name} and another file both hold {sorted(twice)[0]!r}; name the "
                "file that is meant"
            )
        weights |= content
    return weights


def _read_safetensors(path: Path, cannot: str) -> dict[str, Any]:
    safetensors = import_optional("safetensors.torch", "safetensors")
    try:
        weights: dict[str, Any] = safetensors.load_file(path)
    except Exception as error:
        raise ValueError(
            f"{cannot}: expected a state dict, as safetensors.torch.save_file(model.state_dict(), "
            f"path) writes it, got {type(error).__name__}: {error}"
        ) from error
    return weights


def _read_torch(path: Path, cannot: str) -> Any:
    try:
        return read_torch(path, "a state dict, as torch.save(model.state_dict(), path) writes it")
    except ValueError as error:
        raise ValueError(f"{cannot}: {error}") from error


def _describe(checkpoint: Any) -> str:
    if isinstance(checkpoint, Mapping):
        return f"a dict without tensors, of {listed(list(map(str, checkpoint))) or 'nothing'}"
    return f"a {type(checkpoint).__name__}"
