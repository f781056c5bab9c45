"""Report: a finished comparison as one HTML file to explore."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray

__all__ = ["report"]


def report(
    result: xarray.Dataset | Mapping[str, xarray.Dataset],
    path: str | PathLike[str],
    *,
    a: Mapping[str, Any] | None = None,
    b: Mapping[str, Any] | None = None,
    groups: Mapping[Any, Hashable] | None = None,
    title: str = "Comparison of representations",
    progress: bool = True,
) -> None:
    """Write a page to explore a comparison: one HTML file of up to 8 MB.

    The file holds all it needs, opens from disk and asks no network for anything. A table of
    `isorep.compare` becomes a grid of layers; one of `isorep.pairwise` a matrix with its tree and a
    map of the networks; one of `isorep.trajectory` curves over the steps; and one of
    `isorep.monitor.converged` such curves with intervals, and the step at which each had settled.

    Parameters
    ----------
    result : xarray.Dataset, or mapping of heading to xarray.Dataset
        What `isorep.compare`, `isorep.pairwise`, `isorep.trajectory` or `isorep.monitor.converged`
        returned; several make several sections, and so do the runs of a trajectory.
    path : path
        File to write; an old one is replaced once the new one is whole.
    a, b : Representations or mapping of layer name to (n, p) array, optional
        What `isorep.compare` was given, in the same order, for a result that is one such table.
        Each cell then opens: canonical correlations with those of unrelated data, projection
        weights, and the leading variates of up to 400 samples, with labels where they are known.
        Where there is no room for all cells, the most similar ones come first.
    groups : mapping of network to group, optional
        Of the networks of `isorep.pairwise`: adds the mean distance within each group and between
        groups, layer by layer (Morcos et al. 2018, figure 3).
    title : str
        Of the page.
    progress : bool
        Show a progress bar, if standard error is a terminal.

    Raises
    ------
    ValueError
        When a result is no such table; when there is more of it than a page can hold; when a and b
        are not what the table was made of; or when a network has no group.
    TypeError
        When a result is no Dataset.
    FileNotFoundError
        When there is no folder to write into.
    ImportError
        When Plotly is not installed.

    Examples
    --------
    >>> import tempfile, numpy as np, isorep
    >>> from pathlib import Path
    >>> a = {f"conv{i}": np.random.default_rng(i).standard_normal((99, 5)) for i in range(3)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     isorep.report(isorep.compare(a, a), Path(folder) / "report.html", a=a, b=a)
    ...     (Path(folder) / "report.html").stat().st_size < 8_000_000
    True
    """
    from isorep.explorer.page import MOST_BYTES, as_text, page

    target = _target(path)
    tables = _tables(result)
    sections = [_section(str(heading), table, groups) for heading, table in tables.items()]
    grids = [
        (section, table)
        for section, table in zip(sections, tables.values(), strict=True)
        if section["kind"] == "grid"
    ]
    if groups is not None and not any(section["kind"] == "sweep" for section in sections):
        raise ValueError("groups are of the networks of isorep.pairwise, and no result is of it")
    if (a is None) != (b is None):
        raise ValueError("a and b go together: give both, as isorep.compare had them")
    if a is not None and len(grids) != 1:
        raise ValueError(
            f"a and b belong to one table of isorep.compare, and there are {len(grids)}: write a "
            "page for each"
        )

    bare = len(page(title, {"sections": []}))
    room = MOST_BYTES - bare - len(as_text(sections))
    if room < 0:
        raise ValueError(
            f"there is more to show than a page can hold: {(MOST_BYTES - room) / 1e6:.1f} MB, and "
            f"at most {MOST_BYTES / 1e6:.0f} MB are opened quickly; choose fewer layers or "
            "networks (table.sel) or compare by fewer measures"
        )
    if a is not None and b is not None:
        from isorep.explorer.cell_details import cell_details

        (section, table), *_ = grids
        section["details"] = cell_details(
            table, section["measures"][0]["name"], a, b, room=room, progress=progress
        )
    _write(target, page(title, {"sections": sections}))


_DIMS = {
    "compare": {"x_layer", "y_layer"},
    "diff": {"x_layer", "y_layer"},
    "pairwise": {"layer", "x", "y"},
    "trajectory": {"layer", "step"},
    "converged": {"layer", "step"},
}
"""Dimensions of each kind of table."""

_EXPECTED = (
    "expected the Dataset that isorep.compare, isorep.pairwise, isorep.trajectory or "
    "isorep.monitor.converged returns, or a mapping of heading to such"
)


def _tables(result: Any) -> Mapping[str, xarray.Dataset]:
    """Return the tables by their headings, one for each run; one alone has none."""
    if hasattr(result, "data_vars"):  # a Dataset, told without importing xarray
        result = {"": result}
    if not isinstance(result, Mapping) or not result:
        raise TypeError(f"{_EXPECTED}, got {type(result).__name__}")
    tables: dict[str, xarray.Dataset] = {}
    for heading, table in result.items():
        if "run" in getattr(table, "dims", ()):
            for run in table["run"].to_numpy().tolist():
                tables[f"{heading} {run}".strip()] = table.sel(run=run)
        else:
            tables[heading] = table
    return tables


def _target(path: str | PathLike[str]) -> Path:
    """Refuse, before any work is done, what cannot be written."""
    target = Path(path)
    if target.exists() and not target.is_file():  # a rename would replace a device, too
        what = "a folder" if target.is_dir() else "no file"
        raise ValueError(f"cannot write {str(target)!r}: it is {what}")
    if not target.resolve().parent.is_dir():
        raise FileNotFoundError(f"cannot write {str(target)!r}: no folder {str(target.parent)!r}")
    return target.resolve()


def _section(
    heading: str, table: xarray.Dataset, groups: Mapping[Any, Hashable] | None
) -> dict[str, Any]:
    """Return what the page shows of one table."""
    if not hasattr(table, "data_vars"):
        raise TypeError(f"{_EXPECTED}, got {type(table).__name__}")
    where = f"result {heading!r}" if heading else "result"
    kind = str(table.attrs.get("kind"))
    if set(table.sizes) != _DIMS.get(kind):
        known = "; ".join(
            f"({', '.join(sorted(_DIMS[name]))}) of isorep.{name}"
            for name in ("compare", "pairwise", "trajectory")
        )
        raise ValueError(
            f"{where} is over ({', '.join(map(str, table.sizes))}): expected a table over {known} "
            "or isorep.monitor.converged. To choose one layer, give a list: table.sel(layer=['fc'])"
        )
    if not all(table.sizes.values()):
        raise ValueError(f"{where} is empty: {dict(table.sizes)}")

    import numpy as np

    from isorep.explorer.dynamics_view import convergence, dynamics
    from isorep.explorer.grid_view import layer_grid
    from isorep.explorer.sweep_view import sweep

    measures = [str(name) for name in np.atleast_1d(table.attrs.get("measures", []))]
    try:
        if kind in ("compare", "diff"):
            section = layer_grid(table, measures)
        elif kind == "pairwise":
            section = sweep(table, measures, groups)
        elif kind == "converged":
            section = convergence(table)
        else:
            section = dynamics(table, measures)
    except KeyError as error:
        missing = str(error.args[0]).partition(".")[0]
        raise ValueError(f"{where} is no whole table of isorep.{kind}: {missing}") from error
    return {"heading": heading, **section}


def _write(target: Path, content: bytes) -> None:
    from isorep._utils.atomic import new_file

    with new_file(target) as file:
        file.write(content)
