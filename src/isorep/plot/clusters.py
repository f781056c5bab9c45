"""Clusters: distances between all networks, in an order that puts similar networks together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.validation import check_name
from isorep.comparison.clustering import Clustering, Method, cluster
from isorep.plot.axis import check_kind, display_name, label_of, select_variable
from isorep.plot.frame import axes_to_draw_into, figure_of, with_shared_parameters
from isorep.plot.sequence import ordered_colours
from isorep.plot.style import letters, sized

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_NAMES = 40
"""Largest number of networks at which each row is named."""


@with_shared_parameters
def clusters(
    table: xarray.Dataset,
    measure: str | None = None,
    *,
    layer: str | None = None,
    method: Method = "average",
    groups: Mapping[Any, Hashable] | None = None,
    groups_title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the distances of a layer between all networks, with their tree (figure 5a).

    Rows are x and columns are y, both in the order of the leaves of `isorep.cluster`. Light means
    similar. The colours span the least to the greatest distance between different networks, so
    pictures of different tables are not comparable by colour. Tree, groups, legend and colour bar
    are drawn around the axes: create your own figure with ``layout="constrained"``.

    Parameters
    ----------
    table : xarray.Dataset
        Table of `isorep.pairwise`.
    {measure}
    layer : str, optional
        Layer to draw; needed if the table has several.
    method : str
        How the distance of two clusters is defined; see `isorep.cluster`.
    groups : mapping of network to group, optional
        Known groups, such as learning rates. They are drawn as a strip of colours under the tree,
        dark to light in sorted order.
    groups_title : str
        Title of the groups' legend.
    {ax}

    Raises
    ------
    TypeError, ValueError
        If the table was not made by `isorep.pairwise`, or lacks the measure or the layer; if it has
        several layers and `layer` is not given; if a network has no group; and see
        `isorep.cluster`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> ends = rng.standard_normal((2, 99, 4))
    >>> networks = {i: {"fc": ends[i % 2] + rng.standard_normal((99, 4))} for i in range(6)}
    >>> table = isorep.pairwise(networks)
    >>> ax = isorep.plot.clusters(table, groups={i: ["even", "odd"][i % 2] for i in networks})
    >>> ax.get_xlabel()
    'network y'
    """
    name, distances = _distances_of_layer(table, measure, layer)
    clustering = cluster(distances, method)
    values = np.asarray(clustering.reordered())
    n = len(values)
    names = [clustering.names[i] for i in clustering.order]
    if groups is not None:
        for network in clustering.names:
            if network not in groups:
                raise ValueError(f"network {network!r} has no group; groups has {list(groups)}")

    ax = axes_to_draw_into(ax, 7.0, 6.4)
    between_networks = values[~np.eye(n, dtype=bool)]
    low, high = between_networks.min(), between_networks.max()
    image = ax.imshow(
        values,
        cmap="viridis_r",
        vmin=low,
        vmax=high if high > low else low + 1.0,  # equal distances still need a colour
        interpolation="nearest",
    )
    if n <= MOST_NAMES:
        ax.set_xticks(range(n), [str(name) for name in names], rotation=90, parse_math=False)
        ax.set_yticks(range(n), [str(name) for name in names], parse_math=False)
    else:
        ax.set_xticks([])
        ax.set_yticks([])
    ax.tick_params(length=0, labelsize=letters(8))
    ax.spines[:].set_visible(False)
    ax.set(xlabel="network y", ylabel="network x")
    # Inset axes follow the square matrix, whatever room it leaves in the axes.
    bar = ax.inset_axes((1.03, 0, 0.04, 1 if groups is None else 0.5))
    figure_of(ax).colorbar(
        image, cax=bar, label=label_of(distances, f"{display_name(name)} distance")
    )
    bottom = 1.01
    if groups is not None:
        _draw_groups(ax, [groups[network] for network in names], groups_title, bottom)
        bottom += 0.045
    _draw_tree(ax, clustering, bottom)
    return ax


def _distances_of_layer(
    table: xarray.Dataset, measure: str | None, layer: str | None
) -> tuple[str, xarray.DataArray]:
    """Return the measure to draw and its distances, over x and y."""
    check_kind(table, ["pairwise"], ("x", "y"), optional_dims=("layer",))
    name, distances = select_variable(table, measure, "distance")
    if "layer" not in table.sizes:
        return name, distances
    layers = table["layer"].to_numpy().tolist()
    if layer is None:
        if len(layers) > 1:
            raise ValueError(f"choose one of the table's layers: {', '.join(layers)}")
        layer = layers[0]
    check_name("layer of this table", str(layer), layers)
    return name, distances.sel(layer=layer)


def _draw_groups(ax: Axes, groups: list[Hashable], title: str, bottom: float) -> None:
    """Draw the groups as a strip of colours, and their legend."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    distinct = _sorted_groups(groups)
    colours = ordered_colours(len(distinct), "plasma")  # distances have the colours of viridis
    strip = ax.inset_axes((0, bottom, 1, 0.03))
    strip.imshow(
        [[distinct.index(group) for group in groups]],
        cmap=ListedColormap(colours),
        vmin=-0.5,
        vmax=len(distinct) - 0.5,
        aspect="auto",
        interpolation="nearest",
    )
    strip.set_axis_off()
    handles = [
        Patch(color=colour, label=str(group))
        for group, colour in zip(distinct, colours, strict=True)
    ]
    ax.legend(
        handles=handles,
        title=title,
        loc="upper left",
        bbox_to_anchor=(1.0, 1.02),
        frameon=False,
        alignment="left",
    )


def _sorted_groups(groups: list[Hashable]) -> list[Hashable]:
    """Return the distinct groups, sorted; in order of appearance if they cannot be sorted."""
    distinct = list(dict.fromkeys(groups))
    try:
        return sorted(distinct)  # type: ignore[type-var]
    except TypeError:
        return distinct


def _draw_tree(ax: Axes, clustering: Clustering, bottom: float) -> None:
    """Draw the tree above the matrix, each leaf over its column."""
    n = len(clustering.names)
    # Position and height of each node: a merge is in the middle of the two nodes that it joins.
    nodes: NDArray[np.float64] = np.zeros((2 * n - 1, 2))
    nodes[list(clustering.order), 0] = np.arange(n)
    tree = ax.inset_axes((0, bottom, 1, 0.16))
    for merge, (first, second, height) in enumerate(clustering.linkage[:, :3].tolist(), start=n):
        (x1, height1), (x2, height2) = nodes[int(first)], nodes[int(second)]
        nodes[merge] = (x1 + x2) / 2, height
        tree.plot(
            [x1, x1, x2, x2],
            [height1, height, height, height2],
            color="0.3",
            linewidth=sized(0.8),
            solid_joinstyle="miter",
        )
    tree.set_xlim(-0.5, n - 0.5)
    tree.set_ylim(bottom=0)
    tree.set_axis_off()
