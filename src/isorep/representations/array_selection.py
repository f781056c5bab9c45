"""Array selection: which arrays of a file are layers, and what others say of its samples."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from isorep._formats.header import Contents
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.layer_patterns import as_patterns, matching, unmatched
from isorep._utils.memory import read_whole
from isorep._utils.position_reductions import POSITION_REDUCTIONS
from isorep._utils.tables import as_labels, with_texts
from isorep._utils.validation import check_name, unknown_name
from isorep.representations.array_reduction import CHANNELS, ReducedArray
from isorep.representations.representations import MANY_ROWS, check_layer, readable_dtype
from isorep.representations.row_positions import RowPositions
from isorep.representations.weight_names import check_no_state_dict

_PER_LAYER = ("reductions", "dtypes", "row_positions")
"""Metadata with a value for each layer."""

_MOST_NAMED = 6
"""Number of arrays that a note or an error lists."""

_LABELS = {
    *("block", "class", "classes", "group", "id", "index", "label", "run", "session", "stimuli"),
    *("stimulus", "subject", "time", "timestamp", "trial"),
}
"""Last words of the names of columns that describe the samples."""

_INPUTS = ("attention_mask", "input_ids", "token_type_ids", "position_ids", "special_tokens_mask")
"""Names of the inputs of language models, which are no layers unless they are named in full."""

_ROWS_LOOKED_AT = 1000
_FEWEST_ROWS = 4


class ReadOptions(TypedDict, total=False):
    """Options of `isorep.load`, which describes them."""

    layers: str | Iterable[str]
    reduce: str | None
    channels: str
    ids: Any
    labels: Any
    groups: Any
    order: Any


def select_arrays(
    contents: Contents,
    *,
    names: Collection[str] = (),
    layers: str | Iterable[str] = "*",
    reduce: str | None = None,
    channels: str = "auto",
    ids: Any = None,
    labels: Any = None,
    groups: Any = None,
    order: Any = None,
) -> Contents:
    """Return the contents of a file with layers (rows, features) alone, and their metadata.

    Arrays with 0 or 1 axes and texts that nobody asked for are left out, and a warning names them.
    In a table, columns of numbers together are one layer. If some of them are floats, columns of
    integers are left out unless `layers` is set: they are more often labels than features.

    Parameters
    ----------
    contents
        Contents of a file, with arrays of any shape and dtype.
    names
        Layers to keep of those that `layers` selects, in a file whose arrays were selected before:
        no warning is repeated. By default all of them.
    layers, reduce, channels, ids, labels, groups, order
        See `isorep.load`.

    Raises
    ------
    TypeError, ValueError
        If a name is unknown, no array can be a layer, the arrays are weights, the numbers of rows
        differ, or an array needs an option.
    """
    if isinstance(reduce, str):
        check_name("reduction", reduce, POSITION_REDUCTIONS)
    check_name("axis of channels", channels, CHANNELS)
    arrays = dict(contents.layers)
    metadata = dict(contents.metadata)
    described = set(metadata.pop("described", ()))
    named: dict[str, str] = {}
    for keyword, argument, values in (
        ("sample_ids", "ids", ids),
        ("labels", "labels", labels),
        ("groups", "groups", groups),
        ("order", "order", order),
    ):
        if isinstance(values, str):
            name = _name_of_values(arrays, values, argument)
            described.add(name)
            named[keyword] = f"{argument}={name!r}"
            values = _values_of_samples(_written(contents, name, argument), name, argument)
        if values is not None:
            metadata[keyword] = values
    others = {name: array for name, array in arrays.items() if name not in described}
    patterns = as_patterns(layers)
    is_table = bool(contents.table) and all(len(array.shape) < 2 for array in others.values())
    if not (is_table and patterns == [contents.table]):
        _check_patterns(patterns, others, arrays)
    for name in set(patterns) & contents.reasons.keys() & others.keys():
        raise ValueError(f"column {name!r} is text {contents.reasons[name]}; expected numbers")
    unused: dict[str, Any] = {}
    if is_table:
        is_first = not names
        others, patterns, unused = _as_one_layer(contents.table, others, patterns, is_first)
    selected = matching(patterns, others)
    wanted = set(patterns)
    left_out = [x for x in selected if x not in wanted and not _may_be_layer(x, others[x])]
    dropped = set(left_out)
    chosen = {
        name: others[name]
        for name in selected
        if name not in dropped and (not names or name in names)
    }
    if not chosen:
        if len(left_out) == 1:
            (name,) = left_out
            _check_not_refused(others[name])
            check_layer(name, tuple(others[name].shape), np.dtype(others[name].dtype))
        raise ValueError(
            "expected at least one layer, an array of numbers (n_samples, n_features), got "
            + (_listed({name: others[name] for name in left_out}, contents.reasons) or "no array")
        )
    if not wanted.issuperset(chosen):
        check_no_state_dict(selected)
    reductions = metadata.get("reductions") or {}
    _check_reductions(chosen, reductions, reduce)
    read = {name: _layer(name, array, reduce, channels) for name, array in chosen.items()}
    if channels != "auto" and reduce is None:
        raise ValueError(
            f"channels={channels!r} says which axis of arrays with 3 axes or more holds the "
            "features, and reduce= reduces these arrays: pass reduce= too, or leave channels out"
        )
    _check_rows(chosen, reductions)
    _check_lengths(metadata, named, chosen, reductions)
    if not names:
        is_reduced = {name: chosen[name] for name, x in read.items() if isinstance(x, ReducedArray)}
        _warn_of_padding(arrays, is_reduced, reduce)
    unused |= {name: others[name] for name in left_out}
    if unused and not names:
        _warn_of_left_out(unused, contents.reasons)
    return Contents(read, _metadata_of_layers(metadata, read))


class _Columns:
    """Columns of numbers as one array (n, p), in memory or on disk."""

    def __init__(self, columns: Sequence[Any]) -> None:
        self.shape = (columns[0].shape[0], len(columns))
        self.dtype = np.result_type(*(column.dtype for column in columns))
        self.chunks = getattr(columns[0], "chunks", None)
        self._columns = columns

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        # Columns of a file that is costly to open are read together.
        together = getattr(self._columns[0], "read_columns", None)
        parts = (
            [np.asarray(column[rows]) for column in self._columns]
            if together is None
            else together(self._columns, rows)
        )
        return np.stack(parts, axis=1).astype(self.dtype, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)


def _as_one_layer(
    table: str, columns: Mapping[str, Any], patterns: list[str], is_first: bool
) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """Return the selected columns of a table as one layer, its pattern, and unused columns.

    Columns are unused if no pattern selects some. A column may have the name of the table. Unless
    columns are picked, a warning names those that look like labels when the table `is_first` read.
    """
    numbers = [name for name, column in columns.items() if _is_column_of_numbers(column)]
    everything = patterns == ["*"] or (patterns == [table] and table not in columns)
    wanted = list(columns) if everything else matching(patterns, columns)
    for name in set(patterns).intersection(wanted).difference(numbers):
        check_layer(name, (*columns[name].shape, 1), np.dtype(columns[name].dtype))
    among = dict.fromkeys(numbers)
    selected = [name for name in wanted if name in among]
    if everything:
        selected = [name for name in selected if _is_column_of_floats(columns[name])] or selected
    if not selected:
        return dict(columns), ["*"] if everything else patterns, {}
    if is_first and (everything or all(pattern.startswith("!") for pattern in patterns)):
        _warn_of_labels({name: columns[name] for name in selected})
    layer = {table: _Columns([columns[name] for name in selected])}
    taken = set(selected)
    unused = [name for name in columns if name not in taken] if patterns == ["*"] else []
    return layer, [table], {name: columns[name] for name in unused}


def _warn_of_labels(columns: Mapping[str, Any]) -> None:
    """Warn of features that look like a label, group, index or time of the samples."""
    part = slice(0, _ROWS_LOOKED_AT)
    heads = _Columns(list(columns.values()))[part].T
    suspects = [
        name
        for (name, column), head in zip(columns.items(), heads, strict=True)
        if _is_named_as_label(name)
        or (np.dtype(column.dtype).kind != "b" and _counts_or_repeats(head))
    ]
    if not suspects:
        return
    several = len(suspects) > 1
    warnings.warn(
        f"column{'s' * several} {', '.join(map(repr, suspects[:_MOST_NAMED]))}"
        + (f" and {len(suspects) - _MOST_NAMED} more" if len(suspects) > _MOST_NAMED else "")
        + f" {'are read as features' if several else 'is read as a feature'} but may describe the "
        f"samples: leave {'them' if several else 'it'} out with layers="
        + repr([f"!{name}" for name in suspects[:_MOST_NAMED]] if several else f"!{suspects[0]}")
        + ", or pass ids=, labels=, groups= or order=",
        UserWarning,
        stacklevel=stacklevel_of_caller(),
    )


def _is_named_as_label(name: str) -> bool:
    """Return whether a column is named as labels are, such as "trial" and "image_id"."""
    word = re.split(r"[\W_]+", name.lower())[-1]
    return word in _LABELS or word.removesuffix("s") in _LABELS


def _counts_or_repeats(values: NDArray[Any]) -> bool:
    """Return whether values are integers that count the rows, or only change after several rows."""
    if len(values) < _FEWEST_ROWS or not (values == np.floor(values)).all():
        return False
    steps = np.diff(values)
    changes = np.flatnonzero(steps)
    if not changes.size:
        return False
    return bool((steps == 1).all() or (np.diff(changes, prepend=-1) > 1).all())


def _check_patterns(
    patterns: Iterable[str], layers: Mapping[str, Any], arrays: Mapping[str, Any]
) -> None:
    """Raise ValueError for a pattern that matches no layer, or with "!" no array."""
    selecting = [pattern for pattern in patterns if not pattern.startswith("!")]
    excluding = [pattern for pattern in patterns if pattern.startswith("!")]
    for used, known in ((selecting, layers), (excluding, arrays)):
        for pattern in unmatched(used, known) if known else ():
            raise ValueError(unknown_name("layer", pattern, known))


def _name_of_values(arrays: Mapping[str, Any], name: str, argument: str) -> str:
    """Return the array that `name` stands for: one of this name, or the only one that ends in it.

    So "donor" is "obs/donor", unless other arrays with one axis end in "/donor" too.
    """
    if name in arrays:
        return name
    columns = [key for key, array in arrays.items() if len(array.shape) == 1]
    nested = [key for key in columns if key.rpartition("/")[2] == name]
    if len(nested) == 1:
        return nested[0]
    if nested:
        raise ValueError(
            f"{argument}={name!r} stands for {' or '.join(nested)}: name one of them in full"
        )
    raise ValueError(unknown_name(f"array for {argument}=", name, columns or arrays))


def _written(contents: Contents, name: str, argument: str) -> Any:
    """Return an array of the file; for ids its texts, if they say more than its numbers."""
    array = contents.layers[name]
    if argument != "ids" or contents.texts is None:
        return array
    return with_texts(read_whole(array), contents.texts, name)


def _values_of_samples(array: Any, name: str, argument: str) -> Any:
    """Return an array with a value for each sample; raise ValueError if it has several."""
    shape = tuple(array.shape)
    if len(shape) != 1 and not (len(shape) == 2 and 1 in shape):
        raise ValueError(
            f"{argument}={name!r} is an array of shape {shape}; expected one value for each "
            "sample, (n_samples,)"
        )
    values = read_whole(array).ravel()
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8")
    if values.dtype.kind == "O":
        values = np.array([x.decode() if isinstance(x, bytes) else x for x in values], object)
    if argument == "order" and values.dtype.kind in "UOT":
        values = _as_times(values)
    if values.dtype.kind == "M":
        return values if argument == "order" else values.astype(np.str_)
    _check_complete(values, f"{argument}={name!r}")
    if argument == "ids" and values.dtype.kind == "f" and (values == np.floor(values)).all():
        return values.astype(np.int64)  # MATLAB holds all numbers as floats
    return as_labels(values)


def _as_times(texts: NDArray[Any]) -> NDArray[Any]:
    """Return times if all texts are ISO dates, such as "2024-05-01T12:30"; else the texts."""
    try:
        times = as_labels(texts).astype("M8")
    except (TypeError, ValueError):
        return texts
    return texts if np.isnat(times).any() else times


def _check_complete(values: NDArray[Any], name: str) -> None:
    """Raise ValueError if a value is missing: NaN, None or an empty text, as in a CSV file."""
    missing = np.array([x is None or x == "" or x != x for x in values.tolist()], dtype=np.bool_)
    if missing.any():
        raise ValueError(
            f"{name} has no value for {missing.sum()} of {len(values)} samples, the first of them "
            f"sample {missing.argmax()}: fill the values in, or leave these samples out"
        )


def _is_column_of_numbers(array: Any) -> bool:
    return len(array.shape) == 1 and readable_dtype(np.dtype(array.dtype)).kind in "fiub"


def _is_column_of_floats(column: Any) -> bool:
    """Return whether a column holds floats: not integers, nor integers among which some miss.

    Integers with gaps are floats in a table that pandas wrote. Only columns in memory are looked
    at.
    """
    if np.dtype(column.dtype).kind != "f" or not isinstance(column, np.ndarray):
        return bool(np.dtype(column.dtype).kind == "f")
    known = column[~np.isnan(column)]
    return len(known) in (0, len(column)) or bool((known != np.floor(known)).any())


def _may_be_layer(name: str, array: Any) -> bool:
    """Return whether an array that nobody asked for is a layer, or an error if it cannot be."""
    return (
        len(array.shape) > 1
        and np.dtype(array.dtype).kind not in "USTO"
        and name.rpartition("/")[2] not in _INPUTS
    )


def _warn_of_padding(
    arrays: Mapping[str, Any], reduced: Mapping[str, Any], reduce: str | None
) -> None:
    """Warn of a mask of positions beside arrays that are reduced with all their positions."""
    for name, mask in arrays.items():
        if not re.search(r"(^|[/_.])mask$", name.lower()) or len(mask.shape) != 2:
            continue
        padded = [x for x, layer in reduced.items() if tuple(layer.shape[:2]) == tuple(mask.shape)]
        if not padded or np.dtype(mask.dtype).kind not in "biuf":
            continue
        values = read_whole(mask)
        if not np.isin(values, (0, 1)).all() or values.all():
            continue
        warnings.warn(
            f"{name!r} marks positions to leave out, and reduce={reduce!r} of layer {padded[0]!r} "
            f"takes them too: load ignores masks. Reduce the array before you save it, e.g. "
            f"(h * mask[:, :, None]).sum(1) / mask.sum(1)[:, None] for the mean, or capture the "
            "model with isorep.capture(mask=)",
            UserWarning,
            stacklevel=stacklevel_of_caller(),
        )


def _check_not_refused(array: Any) -> None:
    if refusal := getattr(array, "refusal", ""):
        raise ValueError(refusal)


def _layer(name: str, array: Any, reduce: str | None, channels: str) -> Any:
    """Return an array as a layer (rows, features)."""
    _check_not_refused(array)
    shape, dtype = tuple(array.shape), readable_dtype(np.dtype(array.dtype))
    if len(shape) == 1:
        check_layer(name, (*shape, 1), dtype)
        return read_whole(array)[:, None]
    if len(shape) < 3:
        check_layer(name, shape, dtype)
        return array
    check_layer(name, shape[:2], dtype)
    if reduce is not None:
        return ReducedArray(array, name, reduce, channels)
    raise ValueError(
        f"layer {name!r} is {len(shape)}-D, shape {shape}; expected 2-D (n_samples, n_features): "
        "reduce its positions with reduce='mean', 'max', 'flatten', 'positions' (each a row), "
        "'last' or 'first', and say which axis holds the features with channels='first' or "
        f"'last'; or leave it out with layers='!{name}'"
    )


def _check_reductions(
    names: Iterable[str], reductions: Mapping[str, str], reduce: str | None
) -> None:
    """Raise ValueError if a layer was captured with another reduction than is asked for."""
    for name in names:
        if reduce is not None and reductions.get(name, reduce) != reduce:
            raise ValueError(
                f"layer {name!r} was reduced by {reductions[name]!r} when it was captured, and "
                f"cannot be reduced by {reduce!r}: capture it again, or leave out reduce"
            )


def _check_rows(arrays: Mapping[str, Any], reductions: Mapping[str, str]) -> None:
    """Raise ValueError unless all arrays have the same number of samples."""
    counts = {
        name: array.shape[0] for name, array in arrays.items() if reductions.get(name) != MANY_ROWS
    }
    first = next(iter(counts), "")
    for name, count in counts.items():
        if count != counts[first]:
            raise ValueError(
                f"layer {first!r} has {counts[first]} samples and layer {name!r} has {count}: "
                f"pick layers of the same samples, e.g. layers={first!r}, or transpose an array "
                "whose samples are in columns"
            )
    dims = {name: arrays[name].dims[0] for name in counts if getattr(arrays[name], "dims", ())}
    first = next(iter(dims), "")
    for name, dim in dims.items():
        if dim != dims[first]:
            raise ValueError(
                f"the samples of layer {first!r} are along {dims[first]!r} and the samples of "
                f"layer {name!r} along {dim!r}: pick layers of the same samples, e.g. "
                f"layers={first!r}, or give both dimensions one name"
            )


def _check_lengths(
    metadata: Mapping[str, Any],
    named: Mapping[str, str],
    arrays: Mapping[str, Any],
    reductions: Mapping[str, str],
) -> None:
    """Raise ValueError for a named array with another number of values than there are samples."""
    counts = [x.shape[0] for name, x in arrays.items() if reductions.get(name) != MANY_ROWS]
    for keyword, name in named.items():
        if counts and len(metadata[keyword]) != counts[0]:
            raise ValueError(
                f"{name} has {len(metadata[keyword])} values and the layers have {counts[0]} "
                "samples: name an array with a value for each sample"
            )


def _warn_of_left_out(arrays: Mapping[str, Any], reasons: Mapping[str, str]) -> None:
    warnings.warn(
        f"arrays that are not layers are left out: {_listed(arrays, reasons)}. Pass their names as "
        "ids=, labels=, groups= or order= to use them, or the names of the layers as layers=",
        UserWarning,
        stacklevel=stacklevel_of_caller(),
    )


def _listed(arrays: Mapping[str, Any], reasons: Mapping[str, str]) -> str:
    """Return names with shapes, dtypes and reasons."""
    texts = [
        f"{name} {tuple(array.shape)} {_kind(array)} {reasons.get(name, '')}".rstrip()
        for name, array in islice(arrays.items(), _MOST_NAMED)
    ]
    more = len(arrays) - len(texts)
    return ", ".join(texts) + (f" and {more} more" if more else "")


def _kind(array: Any) -> str:
    dtype = array.dtype
    return getattr(array, "dtype_name", "text" if dtype.kind in "SUT" else str(dtype))


def _shared_order(orders: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Return the order of the samples; raise ValueError unless it is that of all layers."""
    first = next(iter(orders))
    for name, order in orders.items():
        if not np.array_equal(order, orders[first]):
            raise ValueError(
                f"the samples of layers {first!r} and {name!r} were recorded at different times: "
                f"pick layers of the same times, e.g. layers={first!r}"
            )
    return orders[first]


def _metadata_of_layers(metadata: Mapping[str, Any], layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of these layers and their samples."""
    kept = {
        key: {name: value[name] for name in layers if name in value}
        if key in _PER_LAYER and value is not None
        else value
        for key, value in metadata.items()
    }
    orders = kept.pop("orders", {})
    timed = [name for name in layers if name in orders]
    if timed and len(timed) < len(layers):
        other = next(name for name in layers if name not in orders)
        raise ValueError(
            f"layer {timed[0]!r} has a sample for each time of a recording and layer {other!r} is "
            f"no time series: pick layers of the same samples, e.g. layers={timed[0]!r}"
        )
    if kept.get("order") is None and all(name in orders for name in layers):
        kept["order"] = _shared_order({name: read_whole(orders[name]) for name in layers})
    shared: dict[tuple[int, int], RowPositions] = {}
    for name, layer in layers.items():
        if not isinstance(layer, ReducedArray):
            continue
        kept.setdefault("reductions", {})[name] = layer.reduction
        if layer.computed_dtype in ("float16", "bfloat16"):  # a mean is kept in float32
            kept.setdefault("dtypes", {})[name] = layer.computed_dtype
        if (rows := layer.row_positions) is not None:
            key = (layer.n_samples, layer.shape[0])
            kept.setdefault("row_positions", {})[name] = shared.setdefault(key, rows)
            kept["n_samples"] = layer.n_samples
    return kept
