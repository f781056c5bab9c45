"""Best: the most similar layer of a table, its p-value, and the layers that may be the best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isorep._utils.validation import check_name, unknown_name
from isorep.comparison.inferred import INFERRED

if TYPE_CHECKING:
    import xarray

Of = Literal["y_layer", "x_layer"]

_OTHER: dict[str, str] = {"y_layer": "x_layer", "x_layer": "y_layer"}

LEVEL = 0.05
"""Probability that the best layer is not among the candidates, at most."""


def best(
    table: xarray.Dataset,
    contrasts: xarray.Dataset | None = None,
    *,
    measure: str | None = None,
    of: Of | None = "y_layer",
) -> xarray.Dataset:
    """Pick the most similar layer for each layer of the other side, or the most similar pair.

    The largest of many similarities is high also if the sides are unrelated, so that its own
    p-value is too small. ``_p_max`` is its p-value against the largest similarity of all cells of
    the table after the same permutations of the samples (Westfall and Young 1993). Wide layers have
    higher similarities by chance, and those of narrow layers vary more. So layers are ranked by
    their corrected similarity or, if not all cells have one, by the calibrated similarity; and for
    ``_p_max`` each similarity is standardized by its own permutations.

    Parameters
    ----------
    table : xarray.Dataset
        Table of `isorep.compare` with ``chance=True``, and with ``correct=True`` or
        ``interval=True`` if the measure can be corrected.
    contrasts : xarray.Dataset, optional
        Table of `isorep.contrasts` of the same two sides, which tells the best layer from the
        others. With ``of="x_layer"``, of the sides in the other order.
    measure : str, optional
        Measure of the table; by default the first.
    of : {"y_layer", "x_layer", None}
        "y_layer": the best layer of x for each layer of y; "x_layer": the best layer of y for each
        layer of x; None: the best pair of the table.

    Returns
    -------
    xarray.Dataset
        The table's variables of the measure at the best cells, over `of`. The coordinate of the
        other side names the best layer; it is empty, and numbers are NaN, if no layer could be
        compared. ``attrs["ranked_by"]`` names the variable by which layers are ranked.

        With `contrasts`, also ``may_be_best`` (`of`, candidate): whether a layer cannot be told
        from the best. A layer is left out if it is less similar than any other, one-sided p-value
        times the number of others at most 0.05. So the layer that is best in the population is
        among the candidates with a probability of at least 95 %.

    Raises
    ------
    TypeError, ValueError
        If the table is of another function, lacks the measure or was made without ``chance=True``;
        if `contrasts` has other layers, or `of` is None.

    References
    ----------
    Westfall and Young 1993, Resampling-based multiple testing, section 2.3. Hsu 1984, Constrained
    simultaneous confidence intervals for multiple comparisons with the best, for the candidates.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> v4 = rng.standard_normal((200, 4))
    >>> model = {f"conv{k}": v4[:, :k] + rng.standard_normal((200, k)) for k in (1, 2, 4)}
    >>> model["wide"] = rng.standard_normal((200, 60))
    >>> table = isorep.compare(model, {"V4": v4}, measures="cka", correct=True, chance=True)
    >>> result = isorep.best(table).sel(y_layer="V4")
    >>> result["x_layer"].item(), result["cka_p_max"].item()
    ('conv4', 0.005)
    >>> contrasts = isorep.contrasts(model, {"V4": v4}, measures="cka", progress=False)
    >>> may = isorep.best(table, contrasts)["may_be_best"].sel(y_layer="V4")
    >>> may["candidate"].values[may.values].tolist()
    ['conv4']
    """
    name = _check(table, measure)
    table = table.transpose("x_layer", "y_layer")
    variables = [key for key in (name, *(f"{name}_{key}" for key in _SHOWN)) if key in table]
    ranked_by = next(key for key in _ranking(name) if _is_complete(table, name, key))
    # Layers that could not be compared come last.
    scores = table[ranked_by].fillna(-np.inf)
    picked = table[variables]
    if of is None:
        if contrasts is not None:
            raise ValueError(
                "contrasts= tells layers of one side apart: pass of='y_layer' or 'x_layer'"
            )
        i, j = np.unravel_index(int(np.argmax(scores.to_numpy())), scores.shape)
        result = picked.isel(x_layer=int(i), y_layer=int(j))
    else:
        check_name("of", of, get_args(Of))
        other = _OTHER[of]
        place = scores.argmax(other)
        result = picked.isel({other: place})
        known = (scores > -np.inf).any(other)
        result = result.assign_coords({other: result[other].where(known, "")})
        if contrasts is not None:
            result["may_be_best"] = _candidates(contrasts, table[name], place, of, name)
    return result.assign_attrs(kind="best", measures=[name], ranked_by=ranked_by)


_SHOWN = ("distance", *INFERRED)


def _check(table: xarray.Dataset, measure: str | None) -> str:
    """Check a table of `isorep.compare`, and return the measure."""
    kind = getattr(table, "attrs", {}).get("kind")
    if kind != "compare":
        made = f"a table of isorep.{kind}" if kind else type(table).__name__
        raise TypeError(f"expected a table of isorep.compare with chance=True, got {made}")
    measures = np.atleast_1d(table.attrs["measures"]).tolist()
    name = measures[0] if measure is None else measure
    if name not in measures:
        raise ValueError(unknown_name("measure of this table", name, measures))
    if f"{name}_p_max" not in table:
        raise ValueError(
            "the table has no p-values: compare with chance=True, or in the shell with --chance"
        )
    return str(name)


def _ranking(name: str) -> list[str]:
    return [f"{name}_corrected", f"{name}_calibrated", name]


def _is_complete(table: xarray.Dataset, name: str, key: str) -> bool:
    """Return whether every cell with a similarity has this number too."""
    return key in table and not bool((table[key].isnull() & table[name].notnull()).any())


def _candidates(
    contrasts: xarray.Dataset,
    similarities: xarray.DataArray,
    place: xarray.DataArray,
    of: str,
    name: str,
) -> xarray.DataArray:
    """Return which layers cannot be told from the best, over `of` and candidate."""
    import xarray

    other = _OTHER[of]
    similarities = similarities.transpose(of, other)
    layers, targets = similarities[other].to_numpy(), similarities[of].to_numpy()
    if f"{name}_p_value" not in contrasts or "other_layer" not in contrasts.dims:
        raise ValueError(
            f"contrasts= has no contrasts of {name}: pass isorep.contrasts(...) of the same sides "
            "and the same measure"
        )
    for dim, expected in (("x_layer", layers), ("other_layer", layers), ("y_layer", targets)):
        if set(contrasts[dim].to_numpy()) != set(expected):
            raise ValueError(
                f"contrasts= has {dim} {contrasts[dim].to_numpy().tolist()}, expected "
                f"{expected.tolist()}, the layers of the table"
            )
    differences, p_values = (
        contrasts[f"{name}_{key}"]
        .sel(x_layer=layers, other_layer=layers, y_layer=targets)
        .transpose("y_layer", "x_layer", "other_layer")
        .to_numpy()
        for key in ("difference", "p_value")
    )
    may_be_best = similarities.notnull().to_numpy() & ~_is_worse(differences, p_values)
    np.put_along_axis(may_be_best, place.to_numpy()[:, None], values=True, axis=1)
    return xarray.DataArray(
        may_be_best & similarities.notnull().to_numpy(),
        dims=(of, "candidate"),
        coords={"candidate": layers},
        attrs={"long_name": "whether the layer cannot be told from the best"},
    )


def _is_worse(differences: NDArray[np.float64], p_values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether layers, (..., m), are less similar than any of others, (..., m, k)."""
    one_sided = np.where(differences < 0, p_values / 2, 1 - p_values / 2)
    n = one_sided.shape[-1]
    one_sided[..., np.arange(n), np.arange(n)] = np.nan  # a layer with itself
    n_tests = np.count_nonzero(~np.isnan(one_sided), axis=-1)
    least = np.min(np.nan_to_num(one_sided, nan=1.0), axis=-1)
    worse: NDArray[np.bool_] = (least * n_tests <= LEVEL) & (n_tests > 0)
    return worse
