"""Spectrum: the sorted canonical correlations of one pair, or of states over time (figure 1a)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.overlap import Overlap
from isorep.plot.sequence import key, ordered_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def spectrum(
    correlations: Overlap | ArrayLike | Mapping[Any, Overlap | ArrayLike],
    *,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw canonical correlations, greatest first, against their index.

    Several spectra, such as a layer's against its final state over training, are drawn dark to
    light in their order.

    Parameters
    ----------
    correlations : Overlap, (c,) array, or mapping of label to either
        Canonical correlations in any order.
    title : str, optional
        What the labels of a mapping are, such as "step"; heads the legend or colour bar.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ValueError
        When something is no sequence of numbers in [0, 1], or there is nothing to draw.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> end, noise = np.random.default_rng(0).standard_normal((2, 99, 4))
    >>> found = {step: isorep.overlap(end + noise / step, end) for step in (1, 2, 4)}
    >>> ax = isorep.plot.spectrum(found, title="step")
    >>> [line.get_label() for line in ax.lines]
    ['1', '2', '4']
    """
    several = isinstance(correlations, Mapping)
    given = correlations if isinstance(correlations, Mapping) else {"": correlations}
    if not given:
        raise ValueError("no correlations to draw: expected label -> Overlap or (c,) array")
    spectra = {label: _sorted(value, label) for label, value in given.items()}

    from matplotlib.ticker import MaxNLocator

    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(5.6, 3.8), layout="constrained")
    colours = ordered_colours(len(spectra))
    for (label, values), colour in zip(spectra.items(), colours, strict=True):
        index = np.arange(1, len(values) + 1)
        ax.plot(index, values, color=colour, label=str(label), linewidth=1.6, clip_on=False)
    ax.set_ylim(0, 1)
    ax.set_xlim(1, max(2, *(len(values) for values in spectra.values())))
    ax.grid(axis="y", color="0.9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="index, greatest first", ylabel="canonical correlation")
    if several:
        key(ax, list(spectra), colours, title or "")
    return ax


def _sorted(value: Any, label: Any) -> NDArray[np.float64]:
    values = np.asarray(
        to_numpy(value.correlations if isinstance(value, Overlap) else value), dtype=float
    )
    name = f"correlations[{label!r}]" if label != "" else "correlations"
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} must be an Overlap or a (c,) array, got shape {values.shape}")
    if not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"{name} must be in [0, 1], got {values.min():g} to {values.max():g}")
    return np.sort(values)[::-1]
