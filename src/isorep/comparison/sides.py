"""Sides: the two networks of a comparison, given as arrays, stores or models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from isorep._utils.arrays import ArrayLike
from isorep._utils.layer_patterns import as_patterns, matching, unmatched
from isorep._utils.validation import unknown_name
from isorep.model_files.data_files import make_data
from isorep.model_files.specs import make_model, names_model
from isorep.representations.activation_file import ActivationFile
from isorep.representations.array_selection import ReadOptions
from isorep.representations.lazy import LazyRepresentations
from isorep.representations.representations import Layers, Representations
from isorep.representations.sample_structure import SampleStructure
from isorep.storage import array_names, load, open_or_load

if TYPE_CHECKING:
    from isorep.activations.options import ModelOptions

Selected = TypeVar("Selected", bound=Layers[Any])


def is_model(side: Any) -> bool:
    """Return whether a side is a PyTorch module, without importing PyTorch."""
    return hasattr(side, "named_modules")


def model_of(side: Any, others: Sequence[Any] = ()) -> Any:
    """Return the model that a side names; return a side that names no model as it is.

    Parameters
    ----------
    side
        Side of a comparison.
    others
        The other sides, among which may be the model of an adapter.
    """
    if not names_model(side):
        return side
    return make_model(side, others)


def open_models(a: Any, b: Any, data: Any) -> tuple[Any, Any, Any]:
    """Return the sides and the data of a comparison, with models and batches for their names.

    Raises
    ------
    ValueError
        If both sides name one model object with different weights.
    """
    sides = (a, b)
    x = model_of(a, sides)
    if names_model(a) and names_model(b) and fspath(a) == fspath(b):
        y = x
    else:
        y = model_of(b, sides)
        if y is x and b is not a:
            raise ValueError(
                f"{fspath(a)} and {fspath(b)} are one object: let the function make a new model at "
                "each call"
            )
    return x, y, make_data(data, sides)


def name_of(side: Any) -> str | None:
    """Return the path or name that a side is given by, or the class of a model, or None.

    Examples
    --------
    >>> name_of("runs/a.npz"), name_of({})
    ('runs/a.npz', None)
    """
    if isinstance(side, str | PathLike):
        return fspath(side)
    return type(side).__name__ if is_model(side) else None


def select_layers(layers: Selected, patterns: Iterable[str], name: str) -> Selected:
    """Return the layers that match, of the side that errors call `name`.

    Raises
    ------
    ValueError
        If a glob matches no layer.
    """
    patterns = list(patterns)
    for pattern in unmatched(patterns, layers):
        raise ValueError(unknown_name(f"layer of {name}", pattern, layers))
    selected = matching(patterns, layers)
    if not selected:
        raise ValueError(f"layers= leaves out every layer of {name}: {', '.join(patterns)}")
    return layers if len(selected) == len(layers) else layers_named(layers, selected)


def layers_named(layers: Selected, names: Iterable[str]) -> Selected:
    """Return the layers of these names."""
    selected = list(names)
    metadata: dict[str, Any] = {
        key: {layer: value[layer] for layer in selected if layer in value}
        if isinstance(value, Mapping)
        else value
        for key, value in layers.metadata().items()
    }
    if isinstance(layers, LazyRepresentations):
        metadata["place"] = layers.file
    return type(layers)({layer: layers[layer] for layer in selected}, **metadata)


def with_structure(layers: Selected, groups: ArrayLike | None, order: ArrayLike | None) -> Selected:
    """Return the layers with these groups and this order in place of their own.

    Raises
    ------
    ValueError
        If there is not one value for each sample.
    """
    SampleStructure.from_labels(groups, order, layers.n_samples)
    metadata = {**layers.metadata(), "groups": groups, "order": order}
    if isinstance(layers, LazyRepresentations):
        metadata["place"] = layers.file
    return type(layers)(dict(layers.items()), **metadata)


def is_same_path(a: Any, b: Any) -> bool:
    """Return whether both sides are given by the path of one store, read with the same options."""
    are_paths = all(isinstance(side, str | PathLike) for side in (a, b))
    return are_paths and ActivationFile.from_path(a).is_same(ActivationFile.from_path(b))


def is_file(side: Any) -> bool:
    """Return whether a side is the path of a file of activations."""
    return isinstance(side, str | PathLike) and not names_model(side)


def read_options(options: Mapping[str, object]) -> ReadOptions:
    """Return those options of a comparison that say how files are read."""
    read: ReadOptions = {}
    if isinstance(reduce := options.get("reduce"), str):
        read["reduce"] = reduce
    # Without a reduction the axis is for a model on the other side.
    if "reduce" in read and isinstance(channels := options.get("channels"), str):
        read["channels"] = channels
    return read


def with_patterns(
    side: Any, patterns: list[str], options: Mapping[str, object]
) -> tuple[Any, list[str]]:
    """Return a file that is read with these patterns and options, and patterns that match all.

    Other sides, and their patterns, are unchanged. Thus an array that no pattern matches need not
    be one that can be a layer.
    """
    if not is_file(side):
        return side, patterns
    read = read_options(options)
    if patterns != ["*"]:
        read["layers"] = patterns
    return ActivationFile.from_path(side, **read), ["*"]


def patterns_of_sides(sides: Sequence[Any], layers: Iterable[str] | str) -> list[list[str]]:
    """Return the patterns of each side: a file need not have an array that "!" leaves out.

    Such a pattern is left out for a file that it matches nothing in, if it matches in another file.
    """
    patterns = as_patterns(layers)
    excluding = [pattern for pattern in patterns if pattern.startswith("!")]
    if not excluding:
        return [patterns] * len(sides)
    names = [array_names(side) if is_file(side) else [] for side in sides]
    lacking = [{x for x in excluding if unmatched([x], known)} for known in names]
    nowhere = set.intersection(*lacking)
    return [
        [x for x in patterns if not known or x in nowhere or x not in absent] or ["*"]
        for known, absent in zip(names, lacking, strict=True)
    ]


def as_layers(side: Any) -> Representations | LazyRepresentations:
    """Return the layers of a side that is no model; a large store is opened and not read."""
    if isinstance(side, LazyRepresentations):
        return side
    if isinstance(side, str | PathLike):
        return open_or_load(side)
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
    progress: bool,
    **options: Unpack[ModelOptions],
) -> Representations:
    """Return the representations of a side, in memory; a model is run on `data`.

    Parameters
    ----------
    side
        Side of a comparison.
    name
        Name of the side in errors: "a" or "b", "base" or "changed".
    data, layers, progress, **options
        See `isorep.capture`. Of a side that is no model, all layers are returned; of a file those
        that match. `max_samples` applies, and to files `reduce` and `channels`.
    """
    max_samples = options.get("max_samples")
    if isinstance(side, str | PathLike):
        file = ActivationFile.from_path(side, **read_options(options))
        return first_samples(load(file, layers=as_patterns(layers)), max_samples)
    if not is_model(side):
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

    data = side_of(data, int(name in ("b", "changed")))
    try:
        return capture(side, data, layers=layers, progress=progress, **options)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def first_samples(layers: Representations, n: int | None) -> Representations:
    """Return the first n samples of all layers; all samples if there are no more, or n is None.

    Raises
    ------
    ValueError
        If it is unknown which samples the rows of a layer belong to.

    Examples
    --------
    >>> layers = Representations({"fc": [[1.0], [2.0], [3.0]]}, sample_ids="abc")
    >>> first_samples(layers, 2).sample_ids
    ('a', 'b')
    """
    return layers if n is None or n >= layers.n_samples else layers.take(range(n))


def _is_lazy(array: Any) -> bool:
    return type(array).__module__.partition(".")[0] in ("zarr", "h5py")
