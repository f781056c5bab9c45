"""Sample size: a similarity as it is, corrected and held out, on ever more of the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

LINES = {
    "raw": ("as it is", "#999999", "s"),
    "corrected": ("corrected", "#0072b2", "o"),
    "held_out": ("held out", "#d55e00", "^"),
}
"""Label, colour and marker of each variable."""


def sample_size(curve: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw a similarity against the number of samples that it was computed from.

    Means over the repeats, in a band from the least to the greatest of them. Enough samples are
    there where the corrected line is flat, and what the raw one still exceeds it by is small. A
    line of which nothing could be computed is left out.

    Parameters
    ----------
    curve : xarray.Dataset
        What `isorep.sample_size_curve` returns.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        When the table is none of `isorep.sample_size_curve`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 300, 6))
    >>> curve = isorep.sample_size_curve(x, x + y, "cca", sizes=[30, 300], repeats=2)
    >>> ax = isorep.plot.sample_size(curve)
    >>> [line.get_label() for line in ax.lines]
    ['as it is', 'corrected', 'held out']
    """
    missing = [name for name in LINES if name not in curve]
    if missing or set(curve.sizes) != {"n_samples", "repeat"}:
        raise ValueError(
            "expected the table of isorep.sample_size_curve, over n_samples and repeat; this one "
            f"is over {', '.join(map(str, curve.sizes))}"
        )
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(6, 3.8), layout="constrained")
    sizes = curve["n_samples"].to_numpy()
    for name, (label, colour, marker) in LINES.items():
        values = curve[name].transpose("n_samples", "repeat").to_numpy()
        there = ~np.all(np.isnan(values), axis=1)
        if not there.any():
            continue
        at, values = sizes[there], values[there]
        ax.fill_between(
            at,
            np.nanmin(values, axis=1),
            np.nanmax(values, axis=1),
            color=colour,
            alpha=0.2,
            linewidth=0,
        )
        ax.plot(
            at,
            np.nanmean(values, axis=1),
            color=colour,
            marker=marker,
            markersize=5,
            markeredgecolor="white",
            markeredgewidth=0.5,
            label=label,
        )
    _logarithmic(ax, sizes.tolist())
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ranks = f"{curve.attrs['x_rank']} and {curve.attrs['y_rank']}"
    ax.set(
        xlabel="samples",
        ylabel="similarity",
        title=f"{curve.attrs['measure']} of {ranks} directions",
    )
    ax.legend(frameon=False)
    return ax


def _logarithmic(ax: Axes, sizes: list[int]) -> None:
    from matplotlib.ticker import NullLocator

    ax.set_xscale("log")
    step = -(-len(sizes) // 8)
    shown = sizes[::-1][::step][::-1]  # the greatest always
    ax.set_xticks(shown, [f"{size:,}" for size in shown])
    ax.xaxis.set_minor_locator(NullLocator())
