"""Correlation spectrum: the sorted canonical correlations of one pair or several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.overlap import Overlap
from isorep.plot.frame import axes_to_draw_into, style_lines, with_shared_parameters
from isorep.plot.sequence import add_colour_key, ordered_colours
from isorep.plot.style import sized

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@with_shared_parameters
def spectrum(
    correlations: Overlap | ArrayLike | Mapping[Any, Overlap | ArrayLike],
    *,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw canonical correlations, greatest first, over their index (figure 1a).

    Several spectra, such as those of a layer with its final state over training, are drawn from
    dark to light in their order.

    Parameters
    ----------
    correlations : Overlap, (c,) array, or mapping of label to either
        Canonical correlations in any order.
    title : str, optional
        Title of the legend or colour bar, such as "step".
    {ax}

    Raises
    ------
    ValueError
        If a spectrum is empty or is not a sequence of numbers in [0, 1].

    Examples
    --------
    >>> import numpy as np, isorep
    >>> end, noise = np.random.default_rng(0).standard_normal((2, 99, 4))
    >>> overlaps = {step: isorep.overlap(end + noise / step, end) for step in (1, 2, 4)}
    >>> ax = isorep.plot.spectrum(overlaps, title="step")
    >>> [line.get_label() for line in ax.lines]
    ['1', '2', '4']
    """
    several = isinstance(correlations, Mapping)
    by_label = correlations if isinstance(correlations, Mapping) else {"": correlations}
    if not by_label:
        raise ValueError("no correlations to draw: expected label -> Overlap or (c,) array")
    spectra = {label: _sorted(value, label) for label, value in by_label.items()}

    from matplotlib.ticker import MaxNLocator

    ax = axes_to_draw_into(ax, 5.6, 3.8)
    colours = ordered_colours(len(spectra))
    for (label, values), colour in zip(spectra.items(), colours, strict=True):
        index = np.arange(1, len(values) + 1)
        ax.plot(index, values, color=colour, label=str(label), linewidth=sized(1.6), clip_on=False)
    ax.set_ylim(0, 1)
    ax.set_xlim(1, max(2, *(len(values) for values in spectra.values())))
    style_lines(ax)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="index, greatest first", ylabel="canonical correlation")
    if several:
        add_colour_key(ax, list(spectra), colours, title or "")
    return ax


def _sorted(spectrum: Any, label: Any) -> NDArray[np.float64]:
    """Return the correlations of one spectrum, greatest first."""
    values = np.asarray(
        to_numpy(spectrum.correlations if isinstance(spectrum, Overlap) else spectrum), dtype=float
    )
    name = f"correlations[{label!r}]" if label != "" else "correlations"
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} must be an Overlap or a (c,) array, got shape {values.shape}")
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"{name} must be in [0, 1], got {values.min():g} to {values.max():g}")
    return np.sort(values)[::-1]
