"""Contrasts: whether one layer is more similar to a layer of another network than other layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from isorep._utils.arrays import ArrayLike
from isorep._utils.layer_patterns import as_patterns
from isorep._utils.parallel import parallel_map
from isorep._utils.progress import track
from isorep._utils.validation import check_name, check_seed
from isorep.comparison.aligned_sides import aligned_sides
from isorep.comparison.inferred import CONTRASTED, adjusted_p_values
from isorep.comparison.inputs import check_same_samples
from isorep.comparison.notes import reason_text, warning_lines
from isorep.comparison.sides import as_layers, is_model, select_layers, with_structure
from isorep.comparison.table import Arrays, nothing_compared, table_attributes
from isorep.core.basis import Basis, Solver
from isorep.core.prepare import Prepared, couple_prepared, prepare
from isorep.inference.contrast import (
    UncertainSimilarity,
    difference,
    uncertain_similarities,
    with_common_structure,
)
from isorep.inference.infer import N_PERMUTATIONS
from isorep.inference.shared_parts import SharedParts
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measures_named
from isorep.representations.missing_values import NanPolicy, kept_samples, samples_with_nan
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    from os import PathLike

    import xarray

    Side = Mapping[str, Any] | ArrayLike | str | PathLike[str]


def contrasts(
    a: Side,
    b: Side,
    other: str | Iterable[str] | Mapping[str, Any] | None = None,
    *,
    layers: str | Iterable[str] = "*",
    measures: Spec | Sequence[Spec] = "pwcca",
    corrected: bool = True,
    groups: ArrayLike | str | None = None,
    order: ArrayLike | str | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    nan_policy: NanPolicy = "raise",
    progress: bool = True,
) -> xarray.Dataset:
    """Test whether layers of `a` are more similar to each layer of `b` than other layers are.

    Which layer of a model is closest to a brain area, and is it clearly closer than the next one?
    Is each layer of a trained network closer to the brain than that of an untrained one? Each cell
    is the contrast of two similarities on the same samples; see `isorep.contrast`.

    Parameters
    ----------
    a, b : mapping of layer name to (n_samples, n_features) array; array or arrays; or path
        Two networks on the same samples in the same order; see `isorep.compare`.
    other : str, iterable of str, or mapping of layer name to array, optional
        What to contrast the layers of `a` with: layers of `a`, by names or globs; or another
        network, as a mapping. Default: all layers of `a` with each other.
    layers : str or iterable of str
        Globs over the names of the layers of `a`.
    measures : str, mapping, or sequence of these
        Names in `isorep.MEASURES`, alone or with options; see `isorep.compare`.
    corrected : bool
        Whether the similarities are corrected for finite-sample bias; see `isorep.contrast`.
    groups, order : (n_samples,) array-like or str, optional
        Group and time of each sample, if samples depend on each other; see `isorep.compare`.
    seed : int
        Random seed of the blocks and the correction.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    nan_policy : {"raise", "omit"}
        What to do with NaN: "raise" makes the cells of the layer NaN, with the reason; "omit"
        leaves out every sample that has NaN in a layer, and ``table.attrs["n_omitted"]`` is their
        number.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.

    Returns
    -------
    xarray.Dataset
        Table over (x_layer, other_layer, y_layer):

        - for each measure, ``table["pwcca_difference"]``: similarity of x_layer and y_layer minus
          that of other_layer and y_layer;
        - ``_low`` and ``_high``: 95 % confidence interval of the difference;
        - ``_p_value``: two-sided p-value; ``_p_adjusted``: adjusted for the number of cells
          (Benjamini and Hochberg 1995). A layer contrasted with itself is not a test;
        - ``warnings``: why to read a cell with care, and ``reason``: why a cell is NaN; empty
          strings where there is none.

    Raises
    ------
    ValueError
        If the samples or their order differ, a measure or a layer is unknown, or no cell could be
        computed.
    TypeError
        If a side is a model or cannot be read.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> brain = rng.standard_normal((500, 8))
    >>> model = {
    ...     f"conv{k}": np.hstack([brain[:, :k], rng.standard_normal((500, 8 - k))])
    ...     for k in (1, 2, 6)
    ... }
    >>> table = isorep.contrasts(model, {"V4": brain}, "conv1", measures="cca", progress=False)
    >>> cells = table.sel(other_layer="conv1", y_layer="V4")
    >>> cells["cca_difference"].round(2).values, cells["cca_p_adjusted"].round(2).values
    (array([0.  , 0.14, 0.6 ]), array([1., 0., 0.]))
    """
    rows = measures_named(measures)
    check_seed(seed)
    check_name("nan_policy", nan_policy, get_args(NanPolicy))
    networks = {"a": a, "b": b}
    if isinstance(other, Mapping):
        networks["other"] = other
    known, n_omitted = _open(networks, groups, order, nan_policy)
    bases = _prepared(known, solver)
    x_layers = list(select_layers(known["a"], as_patterns(layers), "a"))
    if isinstance(other, Mapping):
        other_network, other_layers = "other", list(known["other"])
    else:
        patterns = as_patterns("*" if other is None else other)
        other_network, other_layers = "a", list(select_layers(known["a"], patterns, "a"))
    y_layers = list(known["b"])
    pairs = [
        *product(["a"], x_layers, y_layers),
        *product([other_network], other_layers, y_layers),
    ]
    similarities = _similarities(
        known, bases, list(dict.fromkeys(pairs)), rows, corrected, seed, progress
    )
    shape = (len(x_layers), len(other_layers), len(y_layers))
    arrays: Arrays = {
        f"{row.label}_{name}": np.full(shape, np.nan) for row in rows for name in CONTRASTED
    }
    arrays |= {name: np.full(shape, "", dtype=object) for name in ("warnings", "reason")}
    same = np.zeros(shape, dtype=bool)
    for cell, (x, o, y) in zip(
        np.ndindex(shape), product(x_layers, other_layers, y_layers), strict=True
    ):
        same[cell] = (other_network, o) == ("a", x)
        _fill(arrays, cell, similarities["a", x, y], similarities[other_network, o, y], rows)
    if all(np.isnan(arrays[f"{row.label}_difference"]).all() for row in rows):
        raise nothing_compared(
            dict.fromkeys([*arrays["reason"].ravel(), *arrays["warnings"].ravel()])
        )
    for row in rows:
        p_values = arrays[f"{row.label}_p_value"]
        arrays[f"{row.label}_p_adjusted"] = adjusted_p_values(p_values, ~same)
    return _table(
        {"x_layer": x_layers, "other_layer": other_layers, "y_layer": y_layers},
        arrays,
        rows,
        table_attributes("contrasts", rows)
        | {"corrected": int(corrected)}
        | ({"n_omitted": n_omitted} if nan_policy == "omit" else {}),
    )


Pair = tuple[str, str, str]
"""Network of the first layer, the first layer, and the layer of b."""


def _open(
    networks: Mapping[str, Any],
    groups: ArrayLike | str | None,
    order: ArrayLike | str | None,
    nan_policy: NanPolicy,
) -> tuple[dict[str, Representations], int]:
    """Return the networks in memory, on the same samples, and the number of samples left out."""
    for name, side in networks.items():
        if is_model(side):
            raise TypeError(
                f"contrasts compares activations, and {name} is a model: capture it with "
                "isorep.capture"
            )
    sides, groups, order = aligned_sides(networks, groups, order)
    known = {name: Representations.from_mapping(as_layers(side)) for name, side in sides.items()}
    check_same_samples(known)
    if groups is not None or order is not None:
        known = {name: with_structure(side, groups, order) for name, side in known.items()}
    if nan_policy == "raise":
        return known, 0
    missing = np.any([samples_with_nan(side) for side in known.values()], axis=0)
    rows = kept_samples(missing)
    if missing.any():
        known = {name: side.take(rows) for name, side in known.items()}
    return known, int(missing.sum())


def _prepared(
    known: Mapping[str, Representations], solver: Solver
) -> dict[tuple[str, str], Prepared]:
    """Return the basis of each layer, or its error; bases with the same rows have one structure."""
    layers = [(name, layer) for name, side in known.items() for layer in side]
    with closing(
        parallel_map(lambda key: prepare(known[key[0]], key[1], key[0], solver), layers)
    ) as bases:
        prepared: dict[tuple[str, str], Prepared] = dict(zip(layers, bases, strict=True))
    valid = {key: basis for key, basis in prepared.items() if isinstance(basis, Basis)}
    for n in {basis.n_samples for basis in valid.values()}:
        alike = {key: basis for key, basis in valid.items() if basis.n_samples == n}
        prepared |= zip(alike, with_common_structure(list(alike.values())), strict=True)
    return prepared


Similarities = Mapping[str, UncertainSimilarity | ValueError | TypeError] | ValueError | TypeError
"""Similarities of a pair by measure, or the error that prevents all of them."""


def _similarities(
    known: Mapping[str, Representations],
    bases: Mapping[tuple[str, str], Prepared],
    pairs: Sequence[Pair],
    rows: Sequence[Measure],
    corrected: bool,
    seed: int,
    progress: bool,
) -> dict[Pair, Similarities]:
    """Return the similarities of each pair of layers, each computed once."""
    shared = SharedParts(N_PERMUTATIONS, seed)

    def similarities_of(pair: Pair) -> Similarities:
        network, x, y = pair
        try:
            known[network].check_same_rows(x, known["b"], y, (network, "b"))
        except ValueError as error:
            return error
        coupled = couple_prepared(bases[network, x], bases["b", y])
        if isinstance(coupled, Exception):
            return coupled
        return uncertain_similarities(coupled, rows, corrected, seed, shared)

    with closing(parallel_map(similarities_of, pairs)) as computed:
        tracked = track(computed, "contrasts", len(pairs), progress, unit="pairs of layers")
        return dict(zip(pairs, tracked, strict=True))


def _fill(
    arrays: Arrays,
    cell: tuple[int, ...],
    first: Similarities,
    second: Similarities,
    rows: Sequence[Measure],
) -> None:
    """Write the contrast of two pairs of layers by each measure into a cell."""
    warnings: dict[str, Sequence[str]] = {}
    reasons: dict[str, Sequence[str]] = {}
    for row in rows:
        pair = [
            known if isinstance(known, Exception) else known[row.label] for known in (first, second)
        ]
        error = next((known for known in pair if isinstance(known, Exception)), None)
        if error is not None:
            reasons[row.label] = [str(error)]
            continue
        x, y = (known for known in pair if not isinstance(known, Exception))
        if x.n_samples != y.n_samples:
            reasons[row.label] = [
                f"the two similarities are of {x.n_samples} and {y.n_samples} rows, and a contrast "
                "needs the same rows"
            ]
            continue
        contrast = difference(x, y)
        warnings[row.label] = contrast.warnings
        low, high = contrast.interval
        for name, value in (
            ("difference", contrast.difference),
            ("low", low),
            ("high", high),
            ("p_value", contrast.p_value),
        ):
            arrays[f"{row.label}_{name}"][cell] = value
    arrays["warnings"][cell] = warning_lines(warnings)
    arrays["reason"][cell] = reason_text(reasons)


def _table(
    coords: Mapping[str, Sequence[str]],
    arrays: Arrays,
    rows: Sequence[Measure],
    attrs: Mapping[str, Any],
) -> xarray.Dataset:
    import xarray

    dims = tuple(coords)
    variables: dict[str, Any] = {
        f"{row.label}_{name}": (
            dims,
            arrays[f"{row.label}_{name}"],
            {"measure": row.label, "direction": row.direction, "long_name": CONTRASTED[name]},
        )
        for row in rows
        for name in CONTRASTED
    }
    for name in ("warnings", "reason"):
        variables[name] = (dims, arrays[name].astype(str))
    return xarray.Dataset(variables, coords=dict(coords), attrs=dict(attrs))
