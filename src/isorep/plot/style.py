"""Style: widths and fonts of figures in a journal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from isorep._utils.optional import import_optional
from isorep._utils.validation import check_name

_MM = 1 / 25.4

WIDTHS = {"column": 89 * _MM, "page": 183 * _MM}
"""Widths of figures in inches: one column and two columns of a journal (Nature, Science, PNAS)."""

figure_width: ContextVar[float | None] = ContextVar("figure_width", default=None)
"""Width of new figures in inches; None leaves each figure its own."""

_SMALLER = 0.65
"""Size of lines and markers in a journal, as a share of that on a screen."""

_SETTINGS = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "axes.linewidth": 0.5,
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.pad": 2,
    "ytick.major.pad": 2,
    "lines.linewidth": 1.0,
    "lines.markersize": 3,
    "hatch.linewidth": 0.5,
    "savefig.dpi": 600,
    "pdf.fonttype": 42,  # editors get text as text
    "ps.fonttype": 42,
    "svg.fonttype": "none",
}


@contextmanager
def style(width: Literal["column", "page"] = "column") -> Iterator[None]:
    """Draw figures as a journal prints them: in its widths, with letters of 7 and 8 points.

    New figures of `isorep.plot` then have this width, and a height in proportion. Of axes that you
    made yourself, only letters and lines follow. Text stays text in PDF and SVG files.

    Parameters
    ----------
    width : {"column", "page"}
        Width of new figures: 89 mm for one column of a journal, or 183 mm for two.

    Raises
    ------
    ValueError
        If the width is another.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> a = {f"conv{i}": np.random.default_rng(i).standard_normal((99, 5)) for i in range(3)}
    >>> table = isorep.compare(a, a, measures="cka")
    >>> with isorep.plot.style("column"):
    ...     ax = isorep.plot.heatmap(table)
    >>> round(25.4 * ax.figure.get_figwidth()), ax.title.get_fontsize()
    (89, 8.0)
    """
    check_name("width", width, WIDTHS)
    matplotlib = import_optional("matplotlib", "plot")
    token = figure_width.set(WIDTHS[width])
    try:
        with matplotlib.rc_context(_SETTINGS):
            yield
    finally:
        figure_width.reset(token)


def sized(points: float) -> float:
    """Return the size of a line or a marker in points, which is smaller within a style."""
    return points if figure_width.get() is None else _SMALLER * points


def letters(points: float) -> float:
    """Return the size of letters in points, at most that of other letters."""
    from matplotlib import rcParams

    return min(points, float(rcParams["font.size"]))
