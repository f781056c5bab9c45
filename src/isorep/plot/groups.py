"""Groups: the distances between the networks of several groups, layer by layer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.validation import check_name
from isorep.comparison.network_groups import group_of_each, pairs_by_group
from isorep.measures.registry import measure_named
from isorep.plot.axis import axis_label, bounds, check_kind, select_variable
from isorep.plot.frame import axes_to_draw_into, style_lines, with_shared_parameters
from isorep.plot.style import sized

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers can tell apart. Markers and dashes do the same
# in print without colour; later markers are smaller, so that overlapping groups all show.
_STYLES = (
    ("#0072B2", "o", 8, "-"),
    ("#D55E00", "s", 5.5, "-"),
    ("#5A5A5A", "^", 6.5, "--"),
    ("#009E73", "D", 4, "-."),
    ("#CC79A7", "v", 4, ":"),
)


@with_shared_parameters
def groups(
    distances: Mapping[str, ArrayLike] | xarray.Dataset,
    layers: Sequence[str] | None = None,
    measure: str | None = None,
    *,
    groups: Mapping[Any, Hashable] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean distance over pairs at each layer, with a band of one standard deviation.

    This is the view of figure 3. The axis spans the whole range of the measure, so that two
    pictures of one measure are comparable. If the range is infinite, it is cut at the greatest
    value.

    Parameters
    ----------
    distances : xarray.Dataset or dict of group to (pairs, layers) array
        Table of `isorep.pairwise`, whose distances are drawn within each group and between groups;
        or distances of one to five groups, each with its own number of pairs.
    layers : sequence of str, optional
        Names of the layers, in execution order; of a table, by default all its layers.
    measure : str, optional
        Measure of the distances, a name in `isorep.MEASURES`, with options if any; it gives the
        label and the range of the axis. Default: the first of the table, and "pwcca" for a dict.
    groups : mapping of network to group, optional
        Group of each network of the table, one to four groups. `isorep.compare_groups` tests
        whether they differ.
    {ax}

    Raises
    ------
    TypeError, ValueError
        If a group is not a (pairs, layers) array, there are too many groups, a network of the table
        has no group, or the measure or a layer is unknown.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> far = np.random.default_rng(0).uniform(0.5, 0.9, (20, 3))
    >>> ax = groups({"trained": far / 2, "untrained": far}, ["conv1", "conv2", "fc"], "cka")
    >>> ax.get_ylabel()
    'CKA distance, 0 is the same'

    From a table:

    >>> networks = {i: {"fc": np.random.default_rng(i).standard_normal((60, 3))} for i in range(4)}
    >>> table = isorep.pairwise(networks, progress=False)
    >>> ax = groups(table, groups={i: "even" if i % 2 == 0 else "odd" for i in networks})
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['even', 'odd', 'between groups']
    """
    if hasattr(distances, "data_vars"):  # a Dataset is a Mapping, too
        distances, layers, measure = _of_table(distances, layers, measure, groups)
    elif groups is not None:
        raise TypeError(
            "groups= gives the group of each network of a table of isorep.pairwise, and distances "
            f"is a {type(distances).__name__}: leave groups= out"
        )
    elif layers is None:
        raise TypeError("layers= is missing: pass the names of the layers, the columns of arrays")
    row = measure_named(measure or "pwcca")
    if not isinstance(distances, Mapping):
        raise TypeError(
            "expected a table of isorep.pairwise with groups=, or a dict of group to (pairs, "
            f"layers) array of distances, got {type(distances).__name__}"
        )
    if not 1 <= len(distances) <= len(_STYLES):
        raise ValueError(f"expected 1 to {len(_STYLES)} groups, got {len(distances)}")
    arrays = {name: np.asarray(values, dtype=float) for name, values in distances.items()}
    for name, array in arrays.items():
        if array.ndim != 2 or array.shape[0] == 0 or array.shape[1] != len(layers):
            raise ValueError(
                f"group {name!r} must be a (pairs, layers) array with {len(layers)} columns, one "
                f"for each layer, and at least one row: got shape {array.shape}"
            )

    ax = axes_to_draw_into(ax, 2 + 0.45 * max(len(layers), 5), 3.6)
    positions = np.arange(len(layers))
    upper_edges: list[NDArray[np.float64]] = []
    for (name, array), (colour, marker, size, dashes) in zip(arrays.items(), _STYLES, strict=False):
        known = np.ma.masked_invalid(array)  # pairs that could not be compared do not count
        mean, deviation = (x.filled(np.nan) for x in (known.mean(axis=0), known.std(axis=0)))
        ax.fill_between(
            positions, mean - deviation, mean + deviation, color=colour, alpha=0.25, linewidth=0
        )
        ax.plot(
            positions,
            mean,
            dashes,
            color=colour,
            marker=marker,
            markersize=sized(size),
            markeredgecolor="white",
            markeredgewidth=sized(0.6),
            label=name,
            clip_on=False,  # a marker on the edge of the axes stays whole
        )
        upper_edges.append(mean + deviation)
    ax.set_ylim(bounds(row.distance_range, upper_edges))
    ax.set_xlim(-0.4, len(layers) - 0.6)
    ax.set_xticks(
        positions,
        list(layers),
        rotation=45,
        ha="right",
        rotation_mode="anchor",
        parse_math=False,
    )
    style_lines(ax)
    label = axis_label(
        f"{row.display_name} distance", row.distance.units, row.display_name, row.direction
    )
    ax.set(xlabel="layer", ylabel=label)
    ax.legend(frameon=False)
    return ax


def _of_table(
    table: Any,
    layers: Sequence[str] | None,
    measure: str | None,
    groups: Mapping[Any, Hashable] | None,
) -> tuple[dict[str, NDArray[np.float64]], list[str], str]:
    """Return the distances of a table within each group and between groups, layers and measure."""
    check_kind(table, ["pairwise"], ("x", "y", "layer"))
    if groups is None:
        raise TypeError("groups= is missing: pass a mapping of network to group")
    name, variable = select_variable(table, measure, "distance")
    known = table["layer"].to_numpy().tolist()
    for layer in layers or ():
        check_name("layer of this table", str(layer), known)
    selected = known if layers is None else list(layers)
    values = variable.sel(layer=selected).transpose("x", "y", "layer").to_numpy()
    pairs = pairs_by_group(group_of_each(groups, table["x"].to_numpy().tolist()))
    arrays = {
        group: values[tuple(np.array(members).T)] for group, members in pairs.items() if members
    }
    if not len(pairs) <= len(_STYLES):
        raise ValueError(
            f"expected at most {len(_STYLES) - 1} groups of networks, got {len(pairs) - 1}: select "
            "networks with table.sel"
        )
    return arrays, [str(layer) for layer in selected], name
