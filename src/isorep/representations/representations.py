"""Representations: named (n_samples, n_features) arrays that know which samples they hold."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral
from os import PathLike
from typing import Any, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from isorep._formats.kept_dataset import datasets_open
from isorep._utils.arrays import to_numpy
from isorep._utils.cached_property import cached_property
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.computed_array import ComputedArray, rounded_dtype, rounding_text
from isorep._utils.html_table import html_table
from isorep._utils.table_index import plain_label
from isorep._utils.tables import as_labels, check_no_splits, dense_numbers
from isorep._utils.validation import check_name
from isorep.representations.pseudo_population import Trials, pseudo_population
from isorep.representations.repeats import Repeats
from isorep.representations.row_positions import RowPositions
from isorep.representations.sample_order import common_order, difference
from isorep.representations.sample_structure import SampleStructure
from isorep.representations.sample_table import (
    SampleTable,
    by_label,
    is_table,
    read_tables,
)
from isorep.representations.weight_names import check_no_weight

# The only reduction that gives a layer more rows than there are samples.
MANY_ROWS = "positions"
_REPR_LAYERS = 4
SampleId = str | int | tuple[Any, ...]

Value = TypeVar("Value")
Held = TypeVar("Held", covariant=True)
"""The type of a layer's array: in memory, or on disk until it is read."""


class Layers(Mapping[str, Held]):
    """Arrays of several layers on the same samples, in memory or on disk.

    The common part of `Representations` and `LazyRepresentations`; see there.
    """

    def __init__(
        self,
        arrays: Mapping[str, Any],
        *,
        sample_ids: Sequence[SampleId] | None = None,
        labels: Any = None,
        groups: Any = None,
        order: Any = None,
        reductions: Mapping[str, str] | None = None,
        dtypes: Mapping[str, str] | None = None,
        row_positions: Mapping[str, RowPositions | NDArray[np.int64]] | None = None,
        n_samples: int | None = None,
    ) -> None:
        if not arrays:
            raise ValueError("expected at least one layer (name -> array), got none")
        if any(map(is_table, arrays.values())):
            arrays, table = read_tables(arrays)
            sample_ids = table.ids if sample_ids is None and table is not None else sample_ids
        self._arrays: dict[str, Any] = {}
        self._dtypes: dict[str, str] = {}
        known = dtypes or {}
        for name, value in arrays.items():
            if not isinstance(name, str):
                raise TypeError(f"layer names are strings, got {name!r} ({type(name).__name__})")
            self._arrays[name], self._dtypes[name] = self._layer(name, value, name in known)
        self._reductions = _in_layer_order("reductions", reductions, self._arrays)
        self._dtypes |= _in_layer_order("dtypes", dtypes, self._arrays)
        self._sample_ids = None if sample_ids is None else as_sample_ids(sample_ids)
        self._labels = None if labels is None else _labels(labels)
        groups = by_label(groups, self._sample_ids, "groups")
        order = by_label(order, self._sample_ids, "order")
        self._groups = None if groups is None else _labels(_dates_as_text(groups), "group")
        self._order = None if order is None else _read_only(np.atleast_1d(np.asarray(order)))
        self._n_samples = self._count(n_samples)
        if groups is not None or order is not None:  # checks that no sample lacks one
            SampleStructure.from_labels(self._groups, self._order, self._n_samples)
        rows = _in_layer_order("row_positions", row_positions, self._arrays)
        shared = {
            id(x): x if isinstance(x, RowPositions) else RowPositions.from_array(x)
            for x in rows.values()
        }
        self._row_positions = {name: shared[id(x)] for name, x in rows.items()}
        self._row_structures: dict[int, SampleStructure | None] = {}
        for name, x in self._row_positions.items():
            self._check_rows(name, x)

    def _count(self, n_samples: int | None) -> int:
        """Return the number of samples; raise ValueError if two sources of it disagree."""
        counts = {}
        if n_samples is not None:
            counts["n_samples"] = int(n_samples)
        if self._sample_ids is not None:
            counts["sample_ids"] = len(self._sample_ids)
        for key, values in (
            ("labels", self._labels),
            ("groups", self._groups),
            ("order", self._order),
        ):
            if values is not None:
                counts[key] = len(values)
        for name, array in self._arrays.items():
            if self._reductions.get(name) != MANY_ROWS:
                counts[f"layer {name!r}"] = array.shape[0]
        if not counts:
            raise ValueError(
                "the number of samples is unknown, since the rows of every layer are positions; "
                "pass sample_ids or n_samples"
            )
        first = next(iter(counts))
        for other, count in counts.items():
            if count != counts[first]:
                for layer in self._arrays:
                    check_no_weight(layer)
                raise ValueError(
                    f"expected one row, id, label and group per sample, but {first} has "
                    f"{counts[first]} samples and {other} has {count}; transpose an array whose "
                    "samples are in columns, and keep only samples that all layers hold"
                )
        return counts[first]

    def _check_rows(self, name: str, rows: RowPositions) -> None:
        n_rows = self._arrays[name].shape[0]
        if len(rows) != n_rows or not (len(rows) == 0 or rows.samples.max() < self._n_samples):
            raise ValueError(
                f"row_positions of layer {name!r} should have {n_rows} rows of the "
                f"{self._n_samples} samples, got {rows}"
            )

    def _layer(self, name: str, value: Any, knows_dtype: bool) -> tuple[Held, str]:
        """Return the array of a layer, with the name of the dtype that its values have.

        That is not looked for if it is known.
        """
        raise NotImplementedError

    def __getitem__(self, layer: str) -> Held:
        array: Held = self._arrays[layer]
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    @property
    def n_samples(self) -> int:
        """Number of samples; layers with the reduction "positions" have more rows."""
        return self._n_samples

    @property
    def sample_ids(self) -> tuple[str, ...] | None:
        """One id per sample, in row order; None when unknown."""
        return self._sample_ids

    @property
    def labels(self) -> NDArray[Any] | None:
        """One label per sample, (n_samples,); None when unknown."""
        return self._labels

    @property
    def groups(self) -> NDArray[Any] | None:
        """Label of each sample's group, (n_samples,); None if no groups were declared."""
        return self._groups

    @property
    def order(self) -> NDArray[Any] | None:
        """Number or time that orders the samples of a group, (n_samples,); None when unknown."""
        return self._order

    @property
    def reductions(self) -> dict[str, str]:
        """Layer name to the reduction that made its rows, where known (a copy)."""
        return dict(self._reductions)

    @property
    def dtypes(self) -> dict[str, str]:
        """Layer name to the coarsest dtype that its activations passed through (a copy)."""
        return dict(self._dtypes)

    @property
    def row_positions(self) -> dict[str, RowPositions]:
        """Layer name to what its rows stand for, where rows are positions (a copy)."""
        return dict(self._row_positions)

    def metadata(self) -> dict[str, Any]:
        """Return all that is known besides the arrays, as keywords."""
        return {
            "sample_ids": self._sample_ids,
            "labels": self._labels,
            "groups": self._groups,
            "order": self._order,
            "reductions": self._reductions,
            "dtypes": self._dtypes,
            "row_positions": self._row_positions,
            "n_samples": self._n_samples,
        }

    def structure(self, layer: str) -> SampleStructure | None:
        """Return which rows of a layer depend on each other; None if all are independent.

        Samples with the same declared group depend on each other. If neither groups nor an order
        were declared, samples with the same id do. Rows that are positions of one sample, or of
        samples that depend on each other, are a group, ordered by position.

        Parameters
        ----------
        layer : str
            Name of the layer.

        Returns
        -------
        SampleStructure or None
            Structure of the layer's rows. It is also returned if every declared group has one
            sample.

        Raises
        ------
        ValueError
            If groups or an order were declared, and it is unknown which sample each row belongs to.

        Examples
        --------
        >>> reps = Representations({"fc": [[1.0], [2.0], [3.0]]}, groups=["dog", "cat", "dog"])
        >>> reps.structure("fc")
        SampleStructure(3 samples in 2 groups)
        >>> Representations({"fc": [[1.0], [2.0], [3.0]]}, sample_ids="abc").structure("fc")
        """
        samples = self._sample_structure
        rows = self._row_positions.get(layer)
        if rows is None:
            n_rows = self._arrays[layer].shape[0]
            if samples is None or n_rows == self._n_samples:
                return samples
            raise ValueError(
                f"layer {layer!r} has {n_rows} rows of {self._n_samples} samples, and it is "
                "unknown which sample each row belongs to, so the groups of the rows are unknown: "
                "pass row_positions, or capture with reduce='mean'"
            )
        if id(rows) not in self._row_structures:  # layers share their rows
            self._row_structures[id(rows)] = self._row_structure(rows)
        return self._row_structures[id(rows)]

    def _row_structure(self, rows: RowPositions) -> SampleStructure | None:
        samples = self._sample_structure
        if len(np.unique(rows.samples)) == len(rows):
            return None if samples is None else samples.take(rows.samples)
        if samples is None:
            return SampleStructure.from_labels(rows.samples, rows.positions)
        keys = [rows.positions, rows.samples]
        if samples.order is not None:
            keys.append(samples.order[rows.samples])
        rank = np.empty(len(rows), dtype=np.int64)
        rank[np.lexsort(keys)] = np.arange(len(rows))
        return SampleStructure.from_labels(samples.groups[rows.samples], rank)

    @cached_property
    def _sample_structure(self) -> SampleStructure | None:
        """The structure of the samples; None if they count as independent."""
        if self._groups is not None or self._order is not None:
            return SampleStructure.from_labels(self._groups, self._order, self._n_samples)
        return SampleStructure.from_ids(self._sample_ids or ())

    def check_same_samples(
        self, other: Layers[Any], self_name: str = "a", other_name: str = "b"
    ) -> None:
        """Raise an error unless row i of `self` and row i of `other` are the same sample.

        If one side has no sample ids, only the numbers of samples are compared, with a warning.

        Parameters
        ----------
        other
            Layers to compare with these.
        self_name, other_name
            Names of the two in the error.

        Raises
        ------
        ValueError
            The numbers of samples, the samples or their order differ. The message says which.

        Examples
        --------
        >>> a = Representations({"fc": [[1.0], [2.0]]}, sample_ids=["cat", "dog"])
        >>> b = Representations({"fc": [[1.0], [2.0]]}, sample_ids=["dog", "cat"])
        >>> a.check_same_samples(b)
        Traceback (most recent call last):
        ...
        ValueError: a and b hold the same samples in another order: sample 0 is 'cat' in a
        and 'dog' in b; bring the rows into one order, with Representations.align, or do not shuffle
        while capturing
        """
        ids, other_ids = self.sample_ids, other.sample_ids
        if self.n_samples != other.n_samples:
            raise ValueError(
                f"{self_name} and {other_name} hold different numbers of samples, {self.n_samples} "
                f"and {other.n_samples}; pass representations of the same samples in the same order"
                + _first_alone(ids, other_ids, self_name, other_name)
                + self._transposed(other, self_name)
                + other._transposed(self, other_name)
            )
        if ids == other_ids:
            return
        if ids is None or other_ids is None:
            known, unknown = (other_name, self_name) if ids is None else (self_name, other_name)
            warnings.warn(
                f"{known} knows its samples and {unknown} does not, so that it cannot be checked "
                f"that row i of both is the same sample: pass sample_ids for {unknown}, or capture "
                "both with isorep.capture",
                UserWarning,
                stacklevel=stacklevel_of_caller(),
            )
            return
        raise ValueError(
            difference(
                ids,
                other_ids,
                self_name,
                other_name,
                if_reordered="bring the rows into one order, with Representations.align, or do not "
                "shuffle while capturing",
                if_different="capture both on the same samples. If the models take the same "
                "samples in different form, pass the same sample_ids to both captures",
            )
        )

    def check_same_rows(
        self, layer: str, other: Layers[Any], other_layer: str, names: tuple[str, str]
    ) -> None:
        """Raise ValueError unless the rows of two layers are the same positions of samples.

        Only layers with row positions are compared; see `RowPositions.check_same`.
        """
        x, y = self._row_positions.get(layer), other._row_positions.get(other_layer)
        if x is not None and y is not None:
            x.check_same(y, f"{names[0]}[{layer!r}]", f"{names[1]}[{other_layer!r}]")

    def _transposed(self, other: Layers[Any], name: str) -> str:
        """Return a hint at a layer that has the other's number of samples in its columns."""
        for layer, array in self._arrays.items():
            if array.shape[1] == other.n_samples:
                return f"; {name}[{layer!r}] {array.shape} looks transposed"
        return ""

    def __repr__(self) -> str:
        layers = [f"{name} {array.shape}" for name, array in self._arrays.items()]
        if len(layers) > _REPR_LAYERS:
            layers[_REPR_LAYERS // 2 : -_REPR_LAYERS // 2] = ["..."]
        return f"{type(self).__name__}({self._size()}: {', '.join(layers)})"

    def _repr_html_(self) -> str:
        rows = [
            (name, array.shape, self._dtypes[name], self._reductions.get(name, ""))
            for name, array in self._arrays.items()
        ]
        title = f"{type(self).__name__}: {self._size()}"
        return html_table(title, rows, columns=("layer", "shape", "dtype", "reduction"))

    def _size(self) -> str:
        layers = "1 layer" if len(self) == 1 else f"{len(self)} layers"
        samples = "1 sample" if self.n_samples == 1 else f"{self.n_samples} samples"
        if self._groups is None:
            return f"{layers}, {samples}"
        n_groups = len(np.unique(self._groups))
        return f"{layers}, {samples} in {'1 group' if n_groups == 1 else f'{n_groups} groups'}"


class Representations(Layers[NDArray[Any]]):
    """The activations of several layers on the same samples, in execution order.

    An immutable mapping of layer name to array. Rows are samples and columns are features; with
    the reduction ``"positions"`` every position of every sample is a row.

    Parameters
    ----------
    arrays
        Layer name to real 2-D array-like (n_samples, n_features), in execution order. Anything that
        ``np.asarray`` takes, and PyTorch tensors, whether or not they require grad. Arrays are
        not copied. bfloat16, which NumPy lacks, becomes float32. Tables of xarray, pandas and
        AnnData know their samples; see `from_mapping`.
    sample_ids
        One id (str, int or a tuple of these) per sample, in row order; None if the samples are
        unknown. Equal inputs may have equal ids. By default the labels of the tables.
    labels
        One label per sample, (n_samples,): integers, floats, booleans or strings.
    groups
        Label of each sample's group, (n_samples,). Samples of one group, such as the repeats of a
        stimulus or the trials of an animal, depend on each other; groups are independent. By
        default, samples with the same id are a group.
    order
        Number or time by which the samples of each group are ordered, (n_samples,): an order
        without groups is one time series.
    reductions
        Layer name to the name of the reduction that made its rows, where known.
    dtypes
        Layer name to the name of the coarsest dtype that the activations passed through, computed
        or kept, such as ``"bfloat16"``. By default the dtype of the array.
    row_positions
        Layer name to `RowPositions`, for layers with the reduction ``"positions"``, where known.
    n_samples
        Number of samples. Only needed without ids and labels if all layers are ``"positions"``.

    Raises
    ------
    TypeError
        A layer name is no string, an id is neither string nor integer, or an array is not real.
    ValueError
        There is no layer, an array is not 2-D or has masked values, the numbers of rows, ids,
        labels and groups disagree, or a group or order is missing (NaN).

    Examples
    --------
    >>> import numpy as np
    >>> reps = Representations({"conv": np.zeros((3, 5)), "fc": np.ones((3, 2))}, sample_ids="abc")
    >>> reps
    Representations(2 layers, 3 samples: conv (3, 5), fc (3, 2))
    >>> list(reps), reps["fc"].shape, reps.n_samples, reps.sample_ids
    (['conv', 'fc'], (3, 2), 3, ('a', 'b', 'c'))
    """

    @classmethod
    def from_mapping(
        cls,
        representations: Mapping[str, Any],
        *,
        sample_dim: str | None = None,
        groups: Any = None,
        order: Any = None,
    ) -> Representations:
        """Wrap a plain mapping of layer name to array; return `Representations` as they are.

        A store that `isorep.storage.open_store` opened is read into memory. Labels of tables become
        sample ids: the index of a pandas data frame, the coordinate of an xarray dimension, the
        ``obs_names`` of AnnData. Layers with the same labels are brought into one order.

        Parameters
        ----------
        representations
            `Representations`, or a mapping of layer name to array-like (n_samples, n_features),
            such as an `xarray.Dataset`.
        sample_dim : str, optional
            Dimension of xarray that holds the samples. By default, the only dimension that all
            layers share; dimensions named after features ("unit", "neuroid", "channel") are left
            out, and one named after samples ("sample", "stimulus", "presentation") is preferred.
        groups, order : (n_samples,) array-like, or str, optional
            See `Representations`. A string names a coordinate of the tables: a coordinate of
            xarray, a level of a pandas index, or a column of AnnData's ``obs``.

        Raises
        ------
        TypeError
            `representations` is neither.
        ValueError
            Two layers have different labels, it is unknown which dimension holds the samples, or
            there is no such coordinate.

        Examples
        --------
        >>> reps = Representations.from_mapping({"fc": [[1.0, 2.0], [3.0, 4.0]]})
        >>> Representations.from_mapping(reps) is reps
        True
        >>> import xarray
        >>> it = xarray.DataArray(
        ...     [[0.5, 0.7, 0.2], [1.5, 1.0, 0.4]],
        ...     dims=("neuroid", "presentation"),
        ...     coords={"presentation": [0, 1, 2], "image": ("presentation", [*"xyx"])},
        ... )
        >>> Representations.from_mapping({"IT": it}, groups="image")
        Representations(1 layer, 3 samples in 2 groups: IT (3, 2))
        """
        metadata: dict[str, Any] = {}
        if isinstance(representations, Layers):
            metadata = representations.metadata()
            if isinstance(representations, cls) and groups is None and order is None:
                return representations
            with datasets_open():
                arrays: Mapping[str, Any] = {
                    name: np.asarray(array) for name, array in representations.items()
                }
        elif isinstance(representations, Mapping):
            check_no_splits(
                representations,
                "pick one, and pass its columns as arrays, {{'fc': np.asarray(data[{}]['fc'])}}",
            )
            arrays = representations
        else:
            raise TypeError(
                "expected Representations or a mapping of layer name to (n_samples, n_features) "
                f"array, got {type(representations).__name__}; wrap a single array as "
                "{'name': array}"
            )
        arrays, table = read_tables(arrays, sample_dim)
        if table is not None:
            metadata["sample_ids"] = table.ids
        for key, values in (("groups", groups), ("order", order)):
            if isinstance(values, str):
                values = (table or SampleTable(np.empty(0), None, {})).coordinate(values)
            if values is not None:
                metadata[key] = values
        return cls(arrays, **metadata)

    @classmethod
    def from_sessions(
        cls, sessions: Mapping[str, Any], *, trials: Trials = "average"
    ) -> Representations:
        """Put the neurons of several sessions side by side: a pseudo-population.

        The samples are the stimuli that all sessions share. A layer has the neurons of every
        session that has this layer, in the order of the sessions. A warning says which stimuli and
        how many trials are left out. Neurons of different sessions share no noise from trial to
        trial, so there are no noise correlations between sessions.

        Parameters
        ----------
        sessions : mapping of session to Representations, or to mapping of layer to array or table
            Single trials or averages in rows. The sample ids, or the labels of the tables, are the
            stimuli, in any order; an id that repeats stands for several trials.
        trials : {"average", "match"}
            "average" returns the mean of each stimulus in each session, over however many trials it
            has. "match" returns single trials: trial k of a stimulus joins trial k of the same
            stimulus in every session, for as many trials as the session with the fewest has.

        Returns
        -------
        Representations
            The sample ids are the stimuli in the order of the first session; with "match" each
            repeats. Labels are those of the first session.

        Raises
        ------
        TypeError
            `sessions` is not a mapping of mappings.
        ValueError
            A session does not know its stimuli, the rows of a layer are positions, or the sessions
            share fewer than 2 stimuli.

        Examples
        --------
        >>> monday = Representations({"V1": [[1.0], [5.0], [3.0]]}, sample_ids=["a", "b", "a"])
        >>> friday = Representations({"V1": [[7.0, 2.0], [8.0, 1.0]]}, sample_ids=["b", "a"])
        >>> both = Representations.from_sessions({"monday": monday, "friday": friday})
        >>> both.sample_ids, both["V1"].tolist()
        (('a', 'b'), [[2.0, 8.0, 1.0], [5.0, 7.0, 2.0]])
        """
        check_name("trials", trials, get_args(Trials))
        if not isinstance(sessions, Mapping) or not sessions:
            raise TypeError(
                "expected sessions as a mapping of session name to Representations or to a mapping "
                f"of layer name to array, got {type(sessions).__name__}"
            )
        recordings = {}
        for name, session in sessions.items():
            try:
                recordings[name] = cls.from_mapping(session)
            except (TypeError, ValueError) as error:
                raise type(error)(f"session {name!r}: {error}") from error
            if recordings[name].sample_ids is None:
                raise ValueError(
                    f"session {name!r} does not know its stimuli: pass Representations(..., "
                    "sample_ids=), or tables whose labels are the stimuli"
                )
        layers, sample_ids, labels = pseudo_population(recordings, trials)
        return cls(layers, sample_ids=sample_ids, labels=labels)

    def take(self, samples: Sequence[int] | NDArray[np.int64]) -> Representations:
        """Return some of the samples, in the given order.

        Parameters
        ----------
        samples : sequence of int
            Numbers of the samples, from 0. A range of consecutive ones copies no array.

        Raises
        ------
        ValueError
            If it is unknown which samples the rows of a layer belong to.

        Examples
        --------
        >>> reps = Representations({"fc": [[1.0], [2.0], [3.0]]}, sample_ids="abc")
        >>> reps.take([2, 0]).sample_ids
        ('c', 'a')
        """
        picked: Any = np.asarray(samples)
        if isinstance(samples, range) and samples.step == 1:
            picked = slice(samples.start, samples.stop)
        arrays: dict[str, NDArray[Any]] = {}
        moved: dict[int, tuple[NDArray[np.int64], RowPositions]] = {}  # layers share positions
        row_positions: dict[str, RowPositions] = {}
        for name, array in self._arrays.items():
            rows = self._row_positions.get(name)
            if rows is not None:
                if id(rows) not in moved:
                    moved[id(rows)] = rows.take(np.asarray(samples))
                index, row_positions[name] = moved[id(rows)]
                arrays[name] = array[index]
            elif array.shape[0] == self._n_samples:
                arrays[name] = array[picked]
            else:
                raise ValueError(
                    f"the rows of layer {name!r} are positions, and it is unknown which sample "
                    "each belongs to: pass row_positions, or capture the wanted samples alone"
                )
        ids = self._sample_ids
        return Representations(
            arrays,
            **self.metadata()
            | {
                "sample_ids": None if ids is None else [ids[i] for i in samples],
                **{
                    key: None if values is None else values[picked]
                    for key, values in (
                        ("labels", self._labels),
                        ("groups", self._groups),
                        ("order", self._order),
                    )
                },
                "row_positions": row_positions,
                "n_samples": len(samples),
            },
        )

    def align(self, other: Layers[Any]) -> Representations:
        """Return these samples in the order of `other`, which holds the same samples.

        Parameters
        ----------
        other
            Layers whose sample ids are known.

        Raises
        ------
        ValueError
            One side has no sample ids, the samples differ, or an id repeats and the order differs.

        Examples
        --------
        >>> a = Representations({"fc": [[1.0], [2.0]]}, sample_ids=["cat", "dog"])
        >>> b = Representations({"fc": [[2.5], [1.5]]}, sample_ids=["dog", "cat"])
        >>> b.align(a)["fc"]
        array([[1.5],
               [2.5]])
        """
        ids, other_ids = self.sample_ids, other.sample_ids
        if ids is None or other_ids is None:
            side = "this side" if ids is None else "the other side"
            raise ValueError(f"{side} has no sample ids to align by: pass sample_ids, or tables")
        if ids == other_ids:
            return self
        order = common_order(other_ids, ids)
        if order is None:
            self.check_same_samples(other, "this side", "the other side")
        assert order is not None
        return self.take(order)

    def average_repeats(self, repeats: Any = None) -> Representations:
        """Return the mean of each stimulus over its repeats, which may be unequally many.

        The samples of the result are the stimuli, in the order of their first repeats, and their
        ids are the sample ids. Labels and groups are kept if all repeats of a stimulus have the
        same; the order of the repeats is dropped, and so are groups of one stimulus each.

        Parameters
        ----------
        repeats : (n_samples,) array-like, optional
            Stimulus of each sample; samples with the same one are repeats. Default: the sample ids.

        Raises
        ------
        ValueError
            If the stimuli are unknown, or the rows of a layer are positions.

        Examples
        --------
        >>> trials = Representations({"V1": [[1.0], [5.0], [3.0]]}, sample_ids=["b", "a", "b"])
        >>> means = trials.average_repeats()
        >>> means.sample_ids, means["V1"].ravel().tolist()
        (('b', 'a'), [2.0, 5.0])
        """
        if repeats is None and self._sample_ids is None:
            raise ValueError(
                "it is unknown which samples are repeats: pass repeats=, the stimulus of each "
                "sample, or sample_ids that repeat"
            )
        labels = by_label(repeats, self._sample_ids, "repeats")
        stimuli = Repeats.from_labels(
            self._sample_ids if repeats is None else labels, self._n_samples
        )
        for name, array in self._arrays.items():
            if self._reductions.get(name) == MANY_ROWS or array.shape[0] != self._n_samples:
                raise ValueError(
                    f"the rows of layer {name!r} are positions, which cannot be averaged over "
                    "repeats: reduce the positions of each sample first, with reduce='mean'"
                )
        groups = stimuli.shared(self._groups)
        if groups is not None and len(np.unique(groups)) == len(groups):
            groups = None
        return Representations(
            {name: stimuli.averages(array) for name, array in self._arrays.items()},
            sample_ids=stimuli.stimuli,
            labels=stimuli.shared(self._labels),
            groups=groups,
            reductions=self._reductions,
            dtypes={name: dtype for name, dtype in self._dtypes.items() if "float" in dtype},
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Save to `path`, an ``.npz`` file or a ``.zarr`` folder; see `isorep.storage.save`."""
        from isorep._formats.formats import write
        from isorep._formats.header import Contents

        write(Contents(self, self.metadata()), path)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Representations):
            return NotImplemented
        return (
            list(self) == list(other)
            and all(_same(self[name], other[name]) for name in self)
            and self._sample_ids == other._sample_ids
            and _same(self._labels, other._labels)
            and _same(self._groups, other._groups)
            and _same(self._order, other._order)
            and self._reductions == other._reductions
            and self._dtypes == other._dtypes
            and self._row_positions == other._row_positions
            and self._n_samples == other._n_samples
        )

    __hash__ = None  # type: ignore[assignment]  # equality reads arrays

    def __getitem__(self, layer: str) -> NDArray[Any]:
        array: NDArray[Any] = self._arrays[layer]
        dtype = self._dtypes[layer]
        return array if dtype == array.dtype.name else ComputedArray.from_array(array, dtype)

    def _layer(self, name: str, value: Any, knows_dtype: bool) -> tuple[NDArray[Any], str]:
        array, dtype = _layer(name, value)
        if not knows_dtype and dtype == array.dtype.name:
            rounded = rounded_dtype(array)
            if rounded is not None:
                text = rounding_text(f"layer {name!r}", dtype, rounded)
                warnings.warn(text, UserWarning, stacklevel=stacklevel_of_caller())
                dtype = rounded
        return array, dtype


def _layer(name: str, value: Any) -> tuple[NDArray[Any], str]:
    """Return `value` as a read-only real 2-D array, with the name of the dtype that it had."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError(
            f"layer {name!r} is a masked array with masked values: drop those samples or fill them "
            "in first"
        )
    try:
        array = to_numpy(dense_numbers(value, f"layer {name!r}"))
    except ValueError as error:
        raise ValueError(f"layer {name!r} is no array of one shape: {error}") from error
    dtype = array.dtype.name
    array = array.astype(readable_dtype(array.dtype), copy=False)
    check_layer(name, array.shape, array.dtype)
    dtype = getattr(value, "computed_dtype", None) or dtype
    array = np.asarray(array).view()  # so that the caller's own array stays writeable
    array.flags.writeable = False
    return array, dtype


def readable_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype that a layer is read in: float32 for bfloat16, else its own."""
    return np.dtype(np.float32) if dtype.name == "bfloat16" else dtype


def check_layer(name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise TypeError for a dtype that is not real, and ValueError for a shape that is not 2-D."""
    if dtype.kind not in "fiub":
        raise TypeError(
            f"layer {name!r} has dtype {dtype}; activations are real numbers "
            "(floats, integers or booleans)"
        )
    if len(shape) != 2:
        check_no_weight(name)
        hint = {
            0: "a single number is no representation",
            1: "one feature is x[:, None]",
        }.get(
            len(shape),
            "reduce the positions of every sample: 'mean' (x.mean(...)), 'positions' (each a row) "
            "or 'flatten' (x.reshape(len(x), -1))",
        )
        raise ValueError(
            f"layer {name!r} is {len(shape)}-D, shape {shape}; expected 2-D "
            f"(n_samples, n_features): {hint}"
        )


def _in_layer_order(
    name: str, values: Mapping[str, Value] | None, arrays: Mapping[str, Any]
) -> dict[str, Value]:
    """Return `values` in the order of the layers; raise ValueError for a key that is no layer."""
    values = values or {}
    unknown = [layer for layer in values if layer not in arrays]
    if unknown:
        raise ValueError(f"{name} has unknown layers {unknown}; the layers are {list(arrays)}")
    return {layer: values[layer] for layer in arrays if layer in values}


def as_sample_ids(sample_ids: Sequence[SampleId]) -> tuple[str, ...]:
    """Return `sample_ids`, strings, integers or tuples, as strings.

    Raises
    ------
    TypeError
        For other types, and for a set or mapping, which has no order of samples.
    """
    if isinstance(sample_ids, set | frozenset | Mapping):
        raise TypeError(
            f"expected the sample ids in the order of the rows, got a {type(sample_ids).__name__}; "
            "pass a list"
        )
    for i, sample_id in enumerate(sample_ids):
        if isinstance(sample_id, bool) or not isinstance(sample_id, str | Integral | tuple):
            shown = sample_id.item() if isinstance(sample_id, np.generic) else sample_id
            raise TypeError(
                f"expected sample ids that are strings or integers, got {shown!r} "
                f"({type(sample_id).__name__}) for sample {i}: pass "
                "np.asarray(ids).astype(int) if they are whole numbers, else texts, "
                "[str(x) for x in ids]"
            )
    return tuple(str(plain_label(sample_id)) for sample_id in sample_ids)


def _first_alone(
    ids: Sequence[str] | None, other_ids: Sequence[str] | None, name: str, other_name: str
) -> str:
    """Return a hint at the first sample that only one side holds, if the ids are known."""
    if ids is None or other_ids is None:
        return ""
    for side, known, others in ((name, ids, set(other_ids)), (other_name, other_ids, set(ids))):
        for i, sample_id in enumerate(known):
            if sample_id not in others:
                return f"; only {side} holds its sample {i}, {sample_id!r}"
    return ""


def _labels(labels: Any, kind: str = "label") -> NDArray[Any]:
    array = as_labels(labels)
    if array.ndim != 1 or array.dtype.kind not in "fiubU":
        raise ValueError(
            f"expected one {kind} per sample, a 1-D array of numbers or strings, got shape "
            f"{array.shape}, dtype {array.dtype}"
        )
    return _read_only(array)


def _dates_as_text(groups: Any) -> Any:
    """Return groups, of which dates become texts."""
    array = np.asarray(groups)
    return array.astype(np.str_) if array.dtype.kind == "M" else groups


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array = array.view()  # so that the caller's own array stays writeable
    array.flags.writeable = False
    return array


def _same(x: NDArray[Any] | None, y: NDArray[Any] | None) -> bool:
    if x is None or y is None:
        return x is y
    return x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
