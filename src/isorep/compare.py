"""Compare: every layer of one network against every layer of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._progress import track
from isorep.basis import Basis, Solver
from isorep.measures import Measure, measure_named
from isorep.overlap import couple
from isorep.representation import Representations

if TYPE_CHECKING:
    import xarray

_GRID = ("x_layer", "y_layer")


def compare(
    a: Mapping[str, Any],
    b: Mapping[str, Any],
    *,
    measures: str | Sequence[str] = "pwcca",
    solver: Solver = "auto",
    progress: bool = True,
) -> xarray.Dataset:
    """Compare every layer of `a` with every layer of `b`.

    Each layer is prepared once and each pair coupled once, whatever the number of measures. A layer
    that cannot be compared (constant, NaN, other rows than its partner) costs its own cells: they
    are NaN, with the reason beside them.

    Parameters
    ----------
    a, b : Representations or mapping of layer name to (n_samples, n_features) array
        On the same samples in the same order; where both sides know their samples, this is checked.
        Give the same object twice to compare a network with itself.
    measures : str or sequence of str
        Names in `isorep.MEASURES`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    progress : bool
        Show a progress bar, if standard error is a terminal.

    Returns
    -------
    xarray.Dataset
        Over (x_layer, y_layer), x from `a`:

        - for each measure, ``table["pwcca"]`` is its similarity and ``table["pwcca_distance"]`` its
          distance;
        - ``x_rank`` (x_layer) and ``y_rank`` (y_layer), the directions of each layer;
        - ``n_samples`` (x_layer, y_layer), rows that entered;
        - ``warnings`` (x_layer, y_layer), why to read a cell with care, and ``reason``, why a cell
          is NaN; empty strings where there is none.

    Raises
    ------
    ValueError
        When the samples or their order differ (it says which), a measure is unknown, or not a
        single pair could be compared.
    TypeError
        When a side is no mapping of layers.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> a = {"conv": rng.standard_normal((300, 4)), "dead": np.zeros((300, 2))}
    >>> table = isorep.compare(a, {"conv": 2 * a["conv"] + 1}, measures=["pwcca", "cka"])
    >>> round(table["pwcca"].sel(x_layer="conv", y_layer="conv").item(), 12)
    1.0
    >>> table["reason"].sel(x_layer="dead", y_layer="conv").item()
    "a['dead'] has no variance: each of its 2 features is constant over the 300 samples"
    """
    import xarray

    from isorep import __version__

    rows = [measure_named(name) for name in ([measures] if isinstance(measures, str) else measures)]
    if not rows:
        raise ValueError("no measure to compare by: pass at least one name in isorep.MEASURES")
    x, y = Representations.of(a), Representations.of(b)
    x.check_same_samples(y)
    x_bases = _prepare(x, "a", solver, progress)
    y_bases = x_bases if y is x else _prepare(y, "b", solver, progress)

    shape = (len(x), len(y))
    values = {name: np.full(shape, np.nan) for row in rows for name in (row.name, _distance(row))}
    n_samples = np.zeros(shape, dtype=np.int64)
    warnings, reason = np.full(shape, "", dtype=object), np.full(shape, "", dtype=object)
    pairs = product(enumerate(x_bases.values()), enumerate(y_bases.values()))
    for (i, x_basis), (j, y_basis) in track(pairs, "compare", len(x) * len(y), progress):
        try:
            cell = _cell(x_basis, y_basis, rows)
        except (TypeError, ValueError) as error:
            reason[i, j] = str(error)
            continue
        n_samples[i, j] = cell["n_samples"]
        warnings[i, j] = cell["warnings"]
        for name, array in values.items():
            array[i, j] = cell[name]
    if np.all(reason != ""):
        raise ValueError(f"no pair of layers could be compared: {_first_reasons(reason)}")

    return xarray.Dataset(
        {
            **{
                name: (_GRID, values[name], _attributes(row, name))
                for row in rows
                for name in (row.name, _distance(row))
            },
            "x_rank": ("x_layer", _ranks(x_bases)),
            "y_rank": ("y_layer", _ranks(y_bases)),
            "n_samples": (_GRID, n_samples),
            "warnings": (_GRID, warnings.astype(str)),
            "reason": (_GRID, reason.astype(str)),
        },
        coords={"x_layer": list(x), "y_layer": list(y)},
        attrs={"isorep_version": __version__, "measures": [row.name for row in rows]},
    )


def _distance(measure: Measure) -> str:
    return f"{measure.name}_distance"


def _attributes(measure: Measure, variable: str) -> dict[str, Any]:
    is_similarity = variable == measure.name
    return {
        "measure": measure.name,
        "quantity": "similarity" if is_similarity else "distance",
        "range": measure.similarity_range if is_similarity else measure.distance_range,
        "units": "radians" if measure.angle and not is_similarity else "1",
        "symmetric": int(measure.symmetric),
        "long_name": measure.description,
        "reference": measure.reference,
    }


def _prepare(
    layers: Representations, name: str, solver: Solver, progress: bool
) -> dict[str, Basis | ValueError | TypeError]:
    """Prepare every layer; one that cannot be is represented by what is wrong with it."""
    bases: dict[str, Basis | ValueError | TypeError] = {}
    for layer, array in track(layers.items(), f"prepare {name}", len(layers), progress):
        try:
            bases[layer] = Basis.from_array(
                array, solver=solver, dtype=layers.dtypes[layer], name=f"{name}[{layer!r}]"
            )
        except (TypeError, ValueError) as error:
            bases[layer] = error
    return bases


def _ranks(bases: Mapping[str, Basis | Exception]) -> list[int]:
    return [basis.rank if isinstance(basis, Basis) else 0 for basis in bases.values()]


def _cell(
    x: Basis | Exception, y: Basis | Exception, measures: Sequence[Measure]
) -> dict[str, Any]:
    """Return everything the table holds about one pair of layers."""
    if isinstance(x, Exception):
        raise x
    if isinstance(y, Exception):
        raise y
    if x.n_samples != y.n_samples:
        raise ValueError(
            f"{x.n_samples} rows against {y.n_samples}: positions of different spatial sizes have "
            "no partners; reduce both layers by 'mean' instead of 'positions'"
        )
    overlap = couple(x, y)
    cell: dict[str, Any] = {"n_samples": x.n_samples}
    told: dict[str, list[str]] = {}
    for measure in measures:
        score = measure(overlap)
        cell[measure.name], cell[_distance(measure)] = score.similarity, score.distance
        for text in score.warnings:
            told.setdefault(text, []).append(measure.name)
    cell["warnings"] = "; ".join(f"{', '.join(names)}: {text}" for text, names in told.items())
    return cell


def _first_reasons(reason: np.ndarray[Any, Any]) -> str:
    distinct = list(dict.fromkeys(reason.ravel()))
    return "; ".join(distinct[:3]) + ("; ..." if len(distinct) > 3 else "")
