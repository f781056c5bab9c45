"""Groups: how far apart the networks of several groups are, layer by layer (figure 3's view)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from isorep.measures.registry import measure_named
from isorep.plot.axis import bounds, described

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers can tell apart; markers and dashes say the
# same again for print without colour. Markers get smaller, so that the first still shows where two
# groups meet.
_STYLES = (
    ("#0072B2", "o", 8, "-"),
    ("#D55E00", "s", 5.5, "-"),
    ("#5A5A5A", "^", 6.5, "--"),
    ("#009E73", "D", 4, "-."),
    ("#CC79A7", "v", 4, ":"),
)


def groups(
    distances: Mapping[str, ArrayLike],
    layers: Sequence[str],
    measure: str = "pwcca",
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean distance over pairs at each layer, with a band of a standard deviation.

    Parameters
    ----------
    distances : dict of group to (pairs, layers) array
        At most five groups; each may have its own number of pairs.
    layers : sequence of str
        Names of the layers, in execution order.
    measure : str
        What the distances were computed by; gives the title and the range of the axis.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        When a group is not (pairs, layers), there are too many of them, or the measure is unknown.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> far = np.random.default_rng(0).uniform(0.5, 0.9, (20, 3))
    >>> ax = groups({"trained": far / 2, "untrained": far}, ["conv1", "conv2", "fc"])
    >>> ax.get_ylabel()
    'pwcca distance, 0 is the same'
    """
    row = measure_named(measure)
    if not isinstance(distances, Mapping) or hasattr(distances, "data_vars"):
        raise TypeError(
            "expected a dict of group to (pairs, layers) array of distances, got "
            f"{type(distances).__name__}"
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

    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(2 + 0.45 * max(len(layers), 5), 3.6), layout="constrained")
    at = np.arange(len(layers))
    for (name, array), (colour, marker, size, dashes) in zip(arrays.items(), _STYLES, strict=False):
        mean, spread = array.mean(axis=0), array.std(axis=0)
        ax.fill_between(at, mean - spread, mean + spread, color=colour, alpha=0.25, linewidth=0)
        # Not clipped: a marker on the bound of the axis stays whole.
        ax.plot(
            at,
            mean,
            dashes,
            color=colour,
            marker=marker,
            markersize=size,
            markeredgecolor="white",
            markeredgewidth=0.6,
            label=name,
            clip_on=False,
        )
    # The whole range, so that two pictures of one measure can be compared.
    shown = [array.mean(axis=0) + array.std(axis=0) for array in arrays.values()]
    ax.set_ylim(bounds(row.distance_range, shown))
    ax.set_xlim(-0.4, len(layers) - 0.6)
    ax.set_xticks(at, list(layers), rotation=45, ha="right", rotation_mode="anchor")
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set(xlabel="layer", ylabel=described(f"{measure} distance", row.distance.units))
    ax.legend(frameon=False)
    return ax
