"""Sides: the two networks of a comparison, given as arrays, stores or models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from isorep._formats.formats import OPENABLE
from isorep._utils.layer_patterns import as_patterns, matching
from isorep._utils.validation import unknown_name
from isorep.representations.lazy import LazyRepresentations
from isorep.representations.representations import Representations
from isorep.storage import load, open_store


def is_model(side: Any) -> bool:
    """Return whether a side is a PyTorch module, without importing PyTorch."""
    return hasattr(side, "named_modules")


def check_models(a: Any, b: Any, data: Any) -> None:
    """Raise an error unless both sides are models and there are data to run them on."""
    for name, side in (("a", a), ("b", b)):
        if not is_model(side):
            raise TypeError(
                f"data= is for two models, and {name} is a {type(side).__name__}: pass two "
                "torch.nn.Module, or capture the model first with isorep.capture"
            )
    if data is None:
        raise ValueError("two models need data=, the batches to compare them on")


def is_same_path(a: Any, b: Any) -> bool:
    """Return whether both sides are given by the path of one store."""
    are_paths = all(isinstance(side, str | PathLike) for side in (a, b))
    return are_paths and Path(a).resolve() == Path(b).resolve()


def as_layers(side: Any) -> Representations | LazyRepresentations:
    """Return the layers of a side that is no model; a large store is opened and not read."""
    if isinstance(side, LazyRepresentations):
        return side
    if isinstance(side, str | PathLike):
        path = Path(side)
        return open_store(path) if path.suffix.lower() in OPENABLE else load(path)
    if isinstance(side, Mapping) and any(map(_is_lazy, side.values())):
        return LazyRepresentations(
            {
                name: array if _is_lazy(array) else Representations({name: array})[name]
                for name, array in side.items()
            }
        )
    return Representations.from_mapping(side)


def reusable(data: Any) -> Any:
    """Return `data` in a form that a second model can run on: an iterator becomes a list."""
    return list(data) if isinstance(data, Iterator) else data


def activations(
    side: Any,
    name: str,
    data: Any,
    *,
    layers: str | Iterable[str],
    reduce: Any,
    device: Any,
    max_samples: int | None = None,
    progress: bool,
) -> Representations:
    """Return the representations of a side, in memory; a model is run on `data`.

    Errors call the side `name`. The other parameters are those of `isorep.capture`; a glob may
    match no layer of this side as long as another glob does.
    """
    if isinstance(side, str | PathLike):
        return first_samples(load(side), max_samples)
    if not is_model(side):
        if not isinstance(side, Mapping) and hasattr(side, "shape"):
            side = {"array": side}
        try:
            return first_samples(Representations.from_mapping(side), max_samples)
        except TypeError as error:
            raise TypeError(f"{name}: {error}; or a torch.nn.Module, with data") from error
    if data is None:
        raise ValueError(
            f"{name} is a model: pass data to run it on, in a form that isorep.capture takes"
        )
    from isorep.activations.batches import side_of
    from isorep.activations.capture import capture

    data = side_of(data, int(name != "base"))
    model = getattr(side, "_orig_mod", side)  # the module inside a compiled model
    names = [module for module, _ in model.named_modules(remove_duplicate=False) if module]
    patterns = as_patterns(layers)
    present = [pattern for pattern in patterns if matching([pattern.removeprefix("!")], names)]
    if not present:
        raise ValueError(unknown_name(f"layer of {name}", patterns[0], names))
    try:
        return capture(
            model,
            data,
            layers=present,
            reduce=reduce,
            max_samples=max_samples,
            device=device,
            progress=progress,
        )
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def first_samples(layers: Representations, n: int | None) -> Representations:
    """Return the first n samples of all layers; all samples if there are no more, or n is None.

    Raises
    ------
    ValueError
        If the rows of a layer are positions, of which each sample may have another number.

    Examples
    --------
    >>> layers = Representations({"fc": [[1.0], [2.0], [3.0]]}, sample_ids="abc")
    >>> first_samples(layers, 2).sample_ids
    ('a', 'b')
    """
    if n is None or n >= layers.n_samples:
        return layers
    rows = [name for name, reduction in layers.reductions.items() if reduction == "positions"]
    if rows:
        raise ValueError(
            f"the rows of layer {rows[0]!r} are positions, so max_samples cannot cut stored "
            "activations: capture fewer samples"
        )
    return Representations(
        {name: array[:n] for name, array in layers.items()},
        sample_ids=None if layers.sample_ids is None else layers.sample_ids[:n],
        labels=None if layers.labels is None else layers.labels[:n],
        reductions=layers.reductions,
        dtypes=layers.dtypes,
    )


def _is_lazy(array: Any) -> bool:
    return type(array).__module__.partition(".")[0] in ("zarr", "h5py")
