"""Explained pair: two layers of the same samples, with the names of samples and neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from isorep._utils.tables import as_labels
from isorep._utils.validation import check_name, unknown_name
from isorep.core.basis import Basis, Solver
from isorep.core.overlap import Overlap, couple
from isorep.representations.label_agreement import check_same_labels
from isorep.representations.missing_values import NanPolicy, complete_rows
from isorep.representations.representations import Layers, Representations
from isorep.representations.row_positions import RowPositions
from isorep.representations.sample_structure import SampleStructure, common_structure
from isorep.representations.sample_table import paired
from isorep.storage import load


@dataclass(frozen=True, eq=False)
class ExplainedPair:
    """Two layers of the same samples, with the names of samples and neurons.

    Attributes
    ----------
    overlap : Overlap
        The two layers, coupled.
    x_name, y_name : str
        Names of the layers; "x" and "y" for arrays.
    sample_names : (n,) array
        Id of each row's sample; its number if the samples have no ids.
    labels : (n,) array or None
        Class of each row.
    positions : RowPositions or None
        What the rows stand for, if they are positions of samples.
    x_neurons, y_neurons : array
        Name of each neuron: the columns of a data frame, else numbers.
    """

    overlap: Overlap
    x_name: str
    y_name: str
    sample_names: NDArray[Any]
    labels: NDArray[Any] | None
    positions: RowPositions | None
    x_neurons: NDArray[Any]
    y_neurons: NDArray[Any]

    @classmethod
    def from_sides(
        cls,
        x: Any,
        y: Any,
        *,
        x_layer: str | None = None,
        y_layer: str | None = None,
        labels: Any = None,
        groups: Any = None,
        order: Any = None,
        solver: Solver = "auto",
        nan_policy: NanPolicy = "raise",
    ) -> ExplainedPair:
        """Read the sides of `isorep.explain`; see there.

        Raises
        ------
        TypeError, ValueError
            If a layer is unknown or has to be named, the samples of the two sides differ, or
            `labels`, `groups` or `order` does not have one value per sample.

        Examples
        --------
        >>> layers = Representations({"fc": [[1.0], [2.0], [4.1]]}, sample_ids="abc")
        >>> pair = ExplainedPair.from_sides(layers, layers)
        >>> pair.x_name, pair.sample_names.tolist()
        ("x['fc']", ['a', 'b', 'c'])
        """
        check_name("nan_policy", nan_policy, get_args(NanPolicy))
        options = {"labels": labels, "groups": groups, "order": order}
        if _has_layers(x) or _has_layers(y):
            rows = _rows_of_layers(_as_layers(x), _as_layers(y), x_layer, y_layer, **options)
        elif x_layer is not None or y_layer is not None:
            raise ValueError(
                "x_layer and y_layer name layers of a mapping, and both sides are arrays: leave "
                "them out"
            )
        else:
            rows = _rows_of_arrays(x, y, **options)
        if nan_policy == "omit":
            rows = rows.complete()
        bases = [
            side if isinstance(side, Basis) else Basis.from_array(side, solver=solver, name=name)
            for side, name in ((rows.x, rows.x_name), (rows.y, rows.y_name))
        ]
        if rows.structure is not None:
            bases = [replace(basis, structure=rows.structure) for basis in bases]
        coupled = replace(couple(*bases), n_omitted=rows.n_omitted)
        n = coupled.n_samples
        if rows.labels is not None and len(rows.labels) != n:
            raise ValueError(
                f"labels must hold one label for each of {n} samples, got {len(rows.labels)}"
            )
        return cls(
            overlap=coupled,
            x_name=rows.x_name,
            y_name=rows.y_name,
            sample_names=np.arange(n) if rows.sample_names is None else rows.sample_names,
            labels=rows.labels,
            positions=rows.positions,
            x_neurons=_neuron_names(x, coupled.x.n_features),
            y_neurons=_neuron_names(y, coupled.y.n_features),
        )


@dataclass(frozen=True)
class _PairedRows:
    """Two arrays with the same sample in each row, and what is known of the rows."""

    x: Any
    y: Any
    x_name: str
    y_name: str
    structure: SampleStructure | None
    labels: NDArray[Any] | None
    sample_names: NDArray[Any] | None
    positions: RowPositions | None = None
    n_omitted: int = 0

    def complete(self) -> _PairedRows:
        """Return the rows without NaN on either side."""
        arrays, kept = complete_rows({"x": self.x, "y": self.y})
        rows, positions = np.flatnonzero(kept), self.positions
        names = np.arange(len(kept)) if self.sample_names is None else self.sample_names
        if positions is not None:
            tokens = None if positions.tokens is None else positions.tokens[rows]
            positions = RowPositions(positions.samples[rows], positions.positions[rows], tokens)
        return replace(
            self,
            **arrays,
            structure=None if self.structure is None else self.structure.take(rows),
            labels=None if self.labels is None else self.labels[rows],
            sample_names=names[rows],
            positions=positions,
            n_omitted=int((~kept).sum()),
        )


def _rows_of_arrays(x: Any, y: Any, *, labels: Any, groups: Any, order: Any) -> _PairedRows:
    pair = paired(x, y)
    groups, order = pair.labels(groups, "groups"), pair.labels(order, "order")
    structure = None
    if groups is not None or order is not None:
        structure = SampleStructure.from_labels(groups, order)
    elif pair.ids is not None:
        structure = SampleStructure.from_ids(pair.ids)
    return _PairedRows(
        x=pair.x,
        y=pair.y,
        x_name="x",
        y_name="y",
        structure=structure,
        labels=None if labels is None else as_labels(pair.labels(labels, "labels")),
        sample_names=None if pair.ids is None else np.array(pair.ids),
    )


def _rows_of_layers(
    x: Layers[Any],
    y: Layers[Any],
    x_layer: str | None,
    y_layer: str | None,
    *,
    labels: Any,
    groups: Any,
    order: Any,
) -> _PairedRows:
    x, y = (Representations.from_mapping(side) for side in (x, y))
    if groups is not None or order is not None:
        x, y = (
            Representations(side, **side.metadata() | {"groups": groups, "order": order})
            for side in (x, y)
        )
    x.check_same_samples(y, "x", "y")
    check_same_labels({"x": x, "y": y})
    x_layer = _layer_named(x, "x", x_layer, None)
    y_layer = _layer_named(y, "y", y_layer, x_layer)
    x.check_same_rows(x_layer, y, y_layer, ("x", "y"))
    positions = x.row_positions.get(x_layer) or y.row_positions.get(y_layer)
    names = x.sample_ids or y.sample_ids
    sample_labels = next(
        (value for value in (labels, x.labels, y.labels) if value is not None), None
    )
    sample_labels = None if sample_labels is None else as_labels(sample_labels)
    sample_names = None if names is None else np.array(names)
    if positions is not None:
        if sample_labels is not None and len(sample_labels) == x.n_samples:
            sample_labels = sample_labels[positions.samples]
        names_of_samples = np.arange(x.n_samples) if sample_names is None else sample_names
        sample_names = names_of_samples[positions.samples]
    elif len(x[x_layer]) != x.n_samples:  # rows are positions, of unknown samples
        sample_names = None
        sample_labels = sample_labels if labels is not None else None
    return _PairedRows(
        x=x[x_layer],
        y=y[y_layer],
        x_name=f"x[{x_layer!r}]",
        y_name=f"y[{y_layer!r}]",
        structure=common_structure(x.structure(x_layer), y.structure(y_layer)),
        labels=sample_labels,
        sample_names=sample_names,
        positions=positions,
    )


def _has_layers(side: Any) -> bool:
    return isinstance(side, Mapping | str | PathLike)


def _as_layers(side: Any) -> Any:
    if isinstance(side, str | PathLike):
        return load(side)
    return side if isinstance(side, Mapping) else {"array": side}


def _layer_named(side: Representations, name: str, layer: str | None, other: str | None) -> str:
    """Return the layer to explain: the one named, the only one, or that of the other side's name.

    Raises
    ------
    ValueError
        If there is no such layer, or the side has several and none is named.
    """
    if layer is None and len(side) == 1:
        return next(iter(side))
    if layer is None and other in side:
        assert other is not None
        return other
    if layer is None:
        raise ValueError(
            f"{name} has {len(side)} layers: pass {name}_layer=, one of {', '.join(side)}"
        )
    if layer not in side:
        raise ValueError(unknown_name(f"layer of {name}", layer, side))
    return layer


def _neuron_names(side: Any, n_features: int) -> NDArray[Any]:
    columns = None if isinstance(side, Mapping) else getattr(side, "columns", None)
    if columns is None or len(columns) != n_features:
        return np.arange(n_features)
    return np.array([str(column) for column in columns])
