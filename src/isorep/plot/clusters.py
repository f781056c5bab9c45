"""Clusters: distances between all networks, reordered so that like is beside like (figure 5a)."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.validation import unknown_name
from isorep.comparison.clustering import Clustering, Method, cluster
from isorep.plot.axis import chosen, described
from isorep.plot.sequence import ordered_colours

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

MOST_NAMES = 40
"""Networks up to which each is named beside its row."""


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
    """Draw the distances of a layer between all networks, with the tree that orders them.

    Rows are x and columns y, both in the order of the leaves of `isorep.cluster`. The colours span
    the distances between different networks, least to greatest, since clusters are differences
    among those: pictures of different tables are not comparable by colour. Light is alike.

    Parameters
    ----------
    table : xarray.Dataset
        What `isorep.pairwise` returns, of one layer or with `layer` given.
    measure : str, optional
        Which of the table's measures; the first by default.
    layer : str, optional
        Which of the table's layers; may be left out where there is one.
    method : str
        How far two clusters are apart; see `isorep.cluster`.
    groups : mapping of network to group, optional
        Known groups, such as learning rates, drawn as a strip of colours under the tree, dark to
        light in sorted order.
    groups_title : str
        What the groups are; heads their legend.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default. Tree, strip, legend and colour bar go around it:
        lay the figure out with ``layout="constrained"``.

    Returns
    -------
    matplotlib.axes.Axes
        The axes of the matrix.

    Raises
    ------
    ValueError
        When the table is not of `isorep.pairwise`, lacks the measure or the layer, or has several
        and none was chosen; when a network has no group; and see `isorep.cluster`.

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
    name, distances = _distances(table, measure, layer)
    found = cluster(distances, method)
    values = np.asarray(found.reordered())
    n = len(values)
    names = [found.names[i] for i in found.order]
    if groups is not None:
        for network in found.names:
            if network not in groups:
                raise ValueError(f"network {network!r} has no group; groups has {list(groups)}")

    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(7.0, 6.4), layout="constrained")
    apart = values[~np.eye(n, dtype=bool)]
    image = ax.imshow(
        values,
        cmap="viridis_r",
        vmin=apart.min(),
        # Networks all equally far apart still have a colour.
        vmax=apart.max() if apart.max() > apart.min() else apart.min() + 1.0,
        interpolation="nearest",
    )
    if n <= MOST_NAMES:
        ax.set_xticks(range(n), [str(name) for name in names], rotation=90)
        ax.set_yticks(range(n), [str(name) for name in names])
    else:
        ax.set_xticks([])
        ax.set_yticks([])
    ax.tick_params(length=0, labelsize=8)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="network y", ylabel="network x")
    figure = ax.get_figure()
    assert figure is not None
    # Bar, strip and tree are placed by the matrix, whatever room its square leaves in the axes.
    bar = ax.inset_axes((1.03, 0, 0.04, 1 if groups is None else 0.5))
    label = described(f"{name} distance", distances.attrs["units"]).replace(", ", ",\n")
    figure.colorbar(image, cax=bar, label=label)
    bottom = 1.01
    if groups is not None:
        _draw_groups(ax, [groups[network] for network in names], groups_title, bottom)
        bottom += 0.045
    _draw_tree(ax, found, bottom)
    return ax


def _distances(
    table: xarray.Dataset, measure: str | None, layer: str | None
) -> tuple[str, xarray.DataArray]:
    if not {"x", "y"} <= set(table.sizes):
        raise ValueError(
            "expected the table of isorep.pairwise, over x, y and layer; this one is over "
            f"{', '.join(map(str, table.sizes))}"
        )
    name, distances = chosen(table, measure, "distance")
    if "layer" not in table.sizes:
        return name, distances
    layers = table["layer"].to_numpy().tolist()
    if layer is None and len(layers) > 1:
        raise ValueError(f"choose one of the table's layers: {', '.join(layers)}")
    if layer is not None and layer not in layers:
        raise ValueError(unknown_name("layer of this table", str(layer), layers))
    return name, distances.sel(layer=layers[0] if layer is None else layer)


def _draw_groups(ax: Axes, groups: list[Hashable], title: str, bottom: float) -> None:
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    distinct = _in_order(groups)
    colours = ordered_colours(len(distinct), "plasma")  # not the colours of distances
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


def _in_order(groups: list[Hashable]) -> list[Hashable]:
    """Sort distinct groups by value, or as they come where they have no order."""
    distinct = list(dict.fromkeys(groups))
    try:
        return sorted(distinct)  # type: ignore[type-var]
    except TypeError:
        return distinct


def _draw_tree(ax: Axes, found: Clustering, bottom: float) -> None:
    n = len(found.names)
    # Where each node stands: leaves in their order at height 0, merges between what they join.
    at: NDArray[np.float64] = np.zeros((2 * n - 1, 2))
    at[list(found.order), 0] = np.arange(n)
    tree = ax.inset_axes((0, bottom, 1, 0.16))
    for node, (a, b, height) in enumerate(found.linkage[:, :3].tolist(), start=n):
        left, right = at[int(a)], at[int(b)]
        at[node] = (left[0] + right[0]) / 2, height
        tree.plot(
            [left[0], left[0], right[0], right[0]],
            [left[1], height, height, right[1]],
            color="0.3",
            linewidth=0.8,
            solid_joinstyle="miter",
        )
    tree.set_xlim(-0.5, n - 0.5)
    tree.set_ylim(bottom=0)
    tree.set_axis_off()
