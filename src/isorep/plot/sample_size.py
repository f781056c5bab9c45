"""Sample size: a similarity over the number of samples, raw, corrected and held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from isorep.plot.axis import axis_label, check_kind, display_name
from isorep.plot.frame import axes_to_draw_into, set_log_ticks, style_lines, with_shared_parameters
from isorep.plot.style import sized

if TYPE_CHECKING:
    import xarray
    from matplotlib.axes import Axes

LINES = {
    "raw": ("raw", "#999999", "s"),
    "corrected": ("corrected", "#0072b2", "o"),
    "held_out": ("held out", "#d55e00", "^"),
}
"""Label, colour and marker of each variable."""


@with_shared_parameters
def sample_size(curve: xarray.Dataset, *, ax: Axes | None = None) -> Axes:
    """Draw a similarity over the number of samples that it was computed from.

    Each line is the mean over the repeats, and its band spans their least to greatest value. The
    samples are enough if the corrected line is flat and the raw line is close to it. A line is left
    out if none of its values could be computed.

    Parameters
    ----------
    curve : xarray.Dataset
        Table of `isorep.sample_size_curve`.
    {ax}

    Raises
    ------
    TypeError, ValueError
        If the table was not made by `isorep.sample_size_curve`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 300, 6))
    >>> curve = isorep.sample_size_curve(x, x + y, "cca", sizes=[30, 300], repeats=2)
    >>> ax = isorep.plot.sample_size(curve)
    >>> [line.get_label() for line in ax.lines]
    ['raw', 'corrected', 'held out']
    """
    check_kind(curve, ["sample_size_curve"], ("n_samples", "repeat"))
    ax = axes_to_draw_into(ax, 6, 3.8)
    sizes = curve["n_samples"].to_numpy()
    for name, (label, colour, marker) in LINES.items():
        values = curve[name].transpose("n_samples", "repeat").to_numpy()
        computed = ~np.all(np.isnan(values), axis=1)
        if not computed.any():
            continue
        positions, values = sizes[computed], values[computed]
        ax.fill_between(
            positions,
            np.nanmin(values, axis=1),
            np.nanmax(values, axis=1),
            color=colour,
            alpha=0.2,
            linewidth=0,
        )
        ax.plot(
            positions,
            np.nanmean(values, axis=1),
            color=colour,
            marker=marker,
            markersize=sized(5),
            markeredgecolor="white",
            markeredgewidth=sized(0.5),
            label=label,
        )
    set_log_ticks(ax, sizes, [f"{size:,}" for size in sizes.tolist()])
    style_lines(ax)
    measure = display_name(curve.attrs["measure"])
    ax.set(
        xlabel="samples",
        ylabel=axis_label("similarity", "1", measure, curve.attrs["direction"]),
        title=f"{measure} of {curve.attrs['x_rank']} and {curve.attrs['y_rank']} directions",
    )
    ax.legend(frameon=False)
    return ax
