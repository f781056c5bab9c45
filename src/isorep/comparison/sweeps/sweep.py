"""Sweep: the plan of a table that compares many networks, as tiles for the scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from isorep._utils.validation import check_name
from isorep.comparison.inferred import NOTHING, InferenceOptions
from isorep.comparison.inputs import Label, check_same_samples, layers_of_all
from isorep.comparison.provenance import libraries_of, provenance
from isorep.comparison.sweeps.network import Network
from isorep.comparison.sweeps.tile import Region, Tile, tile_edge
from isorep.comparison.table import table_attributes
from isorep.core.basis import Solver
from isorep.core.single_basis import Precision, ProductPrecision
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measures_named
from isorep.representations.label_agreement import LabelAgreement
from isorep.representations.missing_values import NanPolicy, kept_samples
from isorep.representations.representations import Layers

_ONLY_LAYER = "array"
"""Name of the layer of networks that have one layer each, of different names."""

MANY_PAIRS = 1000
"""Number of pairs of networks above which "auto" means single precision."""


@dataclass(frozen=True)
class SweepInputs:
    """The networks of a sweep, checked, and how their layers are compared.

    Attributes
    ----------
    networks : sequence of Network
    layers : sequence of str
        Layers to compare.
    shapes : sequence of mapping of layer to (n, p)
        Shapes of each network's layers.
    sample_ids : tuple of str or None
        Ids of the samples, if any network has them.
    measures : sequence of Measure
    solver : str
    precision : str
        "double" or "single".
    inference : InferenceOptions
        What to infer for each cell, with a number of permutations.
    n_omitted : int or None
        Number of samples that are left out because of NaN; None if they are not looked for.
    """

    networks: Sequence[Network]
    layers: Sequence[str]
    shapes: Sequence[Mapping[str, tuple[int, int]]]
    sample_ids: tuple[str, ...] | None
    measures: Sequence[Measure]
    solver: Solver
    precision: ProductPrecision
    inference: InferenceOptions
    n_omitted: int | None = None

    @classmethod
    def from_networks(
        cls,
        networks: Sequence[Network],
        *,
        layers: str | Sequence[str] | None,
        measures: Spec | Sequence[Spec],
        solver: Solver,
        precision: Precision,
        inference: InferenceOptions,
        nan_policy: NanPolicy,
        n_pairs: int,
    ) -> SweepInputs:
        """Check the networks and the options of `isorep.pairwise`.

        `n_pairs` is the number of pairs of networks that are compared at each layer.

        Raises
        ------
        TypeError, ValueError
            If the samples or their order differ between two networks, a network lacks a layer, or
            an option is unknown.
        """
        checked_measures = measures_named(measures)
        check_name("solver", solver, get_args(Solver))
        check_name("nan_policy", nan_policy, get_args(NanPolicy))
        inference.check_used()
        product_precision = choose_precision(precision, checked_measures, n_pairs, inference)
        networks, checked_layers, shapes, sample_ids = _check_layers(networks, layers)
        n_omitted = None
        if nan_policy == "omit":
            missing = np.any([x.samples_with_nan(checked_layers) for x in networks], axis=0)
            kept, n_omitted = kept_samples(missing), int(missing.sum())
            networks = [replace(x, kept=kept) for x in networks] if n_omitted else networks
        return cls(
            networks,
            checked_layers,
            shapes,
            sample_ids,
            checked_measures,
            solver,
            product_precision,
            inference.for_cells(n_pairs * len(checked_layers)),
            n_omitted,
        )

    @property
    def edge(self) -> int:
        """Number of networks on a side of a tile."""
        inferred = bool(self.inference.names)
        return tile_edge(len(self.networks), self.shapes, self.precision, inferred)


@dataclass(frozen=True)
class Sweep:
    """The plan of a table of comparisons.

    Attributes
    ----------
    kind : str
        "pairwise" or "trajectory".
    inputs : SweepInputs
    coords : mapping of dimension to labels
        The table's dimensions, in order.
    ranks : mapping of variable to dimensions
        The variables that hold ranks.
    tiles : sequence of Tile
        In an order that depends only on the sweep.
    missing : sequence of (cells, str)
        Cells that no tile fills, with the reason.
    attrs : dict
        Further attributes of the table.
    data : dict
        What identifies the networks; see `isorep.comparison.provenance.describe_networks`.
    """

    kind: Literal["pairwise", "trajectory"]
    inputs: SweepInputs
    coords: Mapping[str, Sequence[Label]]
    ranks: Mapping[str, tuple[str, ...]]
    tiles: Sequence[Tile]
    missing: Sequence[tuple[Region, str]] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """Length of each dimension."""
        return {name: len(labels) for name, labels in self.coords.items()}

    @property
    def table_attrs(self) -> dict[str, Any]:
        """Attributes of the table."""
        inputs = self.inputs
        options: dict[str, Any] = {"solver": inputs.solver, **inputs.inference.used}
        if inputs.n_omitted is not None:
            options["nan_policy"] = "omit"
        libraries = libraries_of(*(network.layers for network in inputs.networks))
        return self.identity_attrs | provenance(self.data, options, libraries)

    @property
    def identity_attrs(self) -> dict[str, Any]:
        """Attributes that a store must have to be resumed, unlike versions of libraries."""
        return {
            **table_attributes(self.kind, self.inputs.measures),
            "precision": self.inputs.precision,
            **({} if self.inputs.n_omitted is None else {"n_omitted": self.inputs.n_omitted}),
            **self.attrs,
        }


def choose_precision(
    precision: Precision,
    measures: Sequence[Measure],
    n_pairs: int,
    inference: InferenceOptions = NOTHING,
) -> ProductPrecision:
    """Return the precision of the products; see `isorep.pairwise`."""
    check_name("precision", precision, get_args(Precision))
    need_samples = [measure.label for measure in measures if not measure.from_moments({})]
    if precision == "single" and need_samples:
        raise ValueError(
            f"precision='single' rounds the samples, which {', '.join(need_samples)} must read. "
            "Pass precision='double', or measures that need only second moments"
        )
    if precision == "single" and inference.names:
        raise ValueError(
            "precision='single' rounds products, and permutations and blocks of samples may differ "
            "by less: pass precision='double', or leave out correct=, interval= and chance="
        )
    if precision == "auto":
        needs_double = need_samples or inference.names
        return "single" if n_pairs > MANY_PAIRS and not needs_double else "double"
    return precision


def _check_layers(
    networks: Sequence[Network], layers: str | Sequence[str] | None
) -> tuple[Sequence[Network], list[str], list[dict[str, tuple[int, int]]], tuple[str, ...] | None]:
    """Return the networks, the layers to compare, their shapes, and the sample ids if known.

    If every network has one layer, and their names differ, as those of arrays that are named after
    their files, these layers are compared under the name "array".

    It holds the outlines of two networks at a time, because the sample ids of hundreds of networks
    may not fit in memory.
    """
    shapes: list[dict[str, tuple[int, int]]] = []
    witness: tuple[str, Layers[Any]] | None = None  # the first network that has sample ids
    agreement = LabelAgreement()
    for network in networks:
        outline = network.outline()
        if witness is None:
            witness = (network.name, outline)
        else:
            check_same_samples({witness[0]: witness[1], network.name: outline})
            if witness[1].sample_ids is None and outline.sample_ids is not None:
                witness = (network.name, outline)
        agreement.add(network.name, outline)
        shapes.append({layer: (x.shape[0], x.shape[1]) for layer, x in outline.items()})
    assert witness is not None
    sample_ids = witness[1].sample_ids
    first = networks[0]
    # Columns of a table that match are one layer, which has another name.
    are_names = set(first.patterns) <= shapes[0].keys()
    selected = layers if are_names else list(shapes[0])
    checked_layers = layers_of_all(selected, {first.name: shapes[0]})
    if layers is None or all(network.patterns for network in networks):
        names = [next(iter(shape)) for shape in shapes if len(shape) == 1]
        if len(names) == len(networks) and len(set(names)) > 1:
            return (
                [replace(x, only_layer=name) for x, name in zip(networks, names, strict=True)],
                [_ONLY_LAYER],
                [{_ONLY_LAYER: size} for shape in shapes for size in shape.values()],
                sample_ids,
            )
    for network, shape in zip(networks, shapes, strict=True):
        layers_of_all(checked_layers, {network.name: shape})
    return networks, checked_layers, shapes, sample_ids
