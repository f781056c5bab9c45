"""Groups: the distances between the networks of several groups, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from isorep.measures.registry import measure_named
from isorep.plot.axis import axis_label, bounds
from isorep.plot.frame import axes_to_draw_into, style_lines, with_shared_parameters

if TYPE_CHECKING:
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
    distances: Mapping[str, ArrayLike],
    layers: Sequence[str],
    measure: str = "pwcca",
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean distance over pairs at each layer, with a band of one standard deviation.

    This is the view of figure 3. The axis spans the whole range of the measure, so that two
    pictures of one measure are comparable. If the range is infinite, it is cut at the greatest
    value.

    Parameters
    ----------
    distances : dict of group to (pairs, layers) array
        Distances of one to five groups; each group may have its own number of pairs.
    layers : sequence of str
        Names of the layers, in execution order.
    measure : str
        Measure of the distances, a name in `isorep.MEASURES`, with options if any; it gives the
        label and the range of the axis.
    {ax}

    Raises
    ------
    TypeError, ValueError
        If a group is not a (pairs, layers) array, there are more than five groups, or the measure
        is unknown.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> far = np.random.default_rng(0).uniform(0.5, 0.9, (20, 3))
    >>> ax = groups({"trained": far / 2, "untrained": far}, ["conv1", "conv2", "fc"], "cka")
    >>> ax.get_ylabel()
    'cka distance, 0 is the same'
    """
    row = measure_named(measure)
    # A Dataset is a Mapping, too.
    if not isinstance(distances, Mapping) or "kind" in getattr(distances, "attrs", {}):
        kind = getattr(distances, "attrs", {}).get("kind")
        raise TypeError(
            "expected a dict of group to (pairs, layers) array of distances, got "
            + (f"the table of isorep.{kind}" if kind else type(distances).__name__)
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
    for (name, array), (colour, marker, size, dashes) in zip(arrays.items(), _STYLES, strict=False):
        mean, deviation = array.mean(axis=0), array.std(axis=0)
        ax.fill_between(
            positions, mean - deviation, mean + deviation, color=colour, alpha=0.25, linewidth=0
        )
        ax.plot(
            positions,
            mean,
            dashes,
            color=colour,
            marker=marker,
            markersize=size,
            markeredgecolor="white",
            markeredgewidth=0.6,
            label=name,
            clip_on=False,  # a marker on the edge of the axes stays whole
        )
    upper_edges = [array.mean(axis=0) + array.std(axis=0) for array in arrays.values()]
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
    label = axis_label(f"{row.label} distance", row.distance.units, row.label, row.direction)
    ax.set(xlabel="layer", ylabel=label)
    ax.legend(frameon=False)
    return ax
