"""Report: write finished comparisons as one interactive HTML file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isorep._utils.real_path import real_path

if TYPE_CHECKING:
    import xarray

    from isorep.comparison.diff_result import Diff
    from isorep.explanation.explanation import Explanation

    Explained = int | Sequence[str | tuple[str, str]] | Mapping[tuple[str, str], Explanation]

__all__ = ["report"]


def report(
    result: xarray.Dataset | Diff | Mapping[str, xarray.Dataset | Diff],
    path: str | PathLike[str],
    *,
    a: Mapping[str, Any] | None = None,
    b: Mapping[str, Any] | None = None,
    explain: Explained | None = None,
    samples: Any = None,
    groups: Mapping[Any, Hashable] | None = None,
    title: str = "Comparison of representations",
    progress: bool = True,
) -> None:
    """Write an interactive page of a comparison: one HTML file of up to 8 MB.

    The file contains everything it needs: it opens from disk and makes no network requests. Each
    table becomes a section of the page:

    - `isorep.compare`: a grid of layers;
    - `isorep.diff`: a point for each layer, most changed first, the threshold, and explanations;
    - `isorep.pairwise`: a distance matrix with its tree, and a map of the networks;
    - `isorep.trajectory`: curves over the steps;
    - `isorep.monitor.converged`: the same curves with confidence intervals, and the step at which
      each layer had converged.

    Parameters
    ----------
    result : xarray.Dataset or Diff, or mapping of heading to xarray.Dataset or Diff
        Result of `isorep.compare`, `isorep.diff`, `isorep.pairwise`, `isorep.trajectory` or
        `isorep.monitor.converged`, or several results by heading. Each run of a trajectory becomes
        a section of its own.
    path : path
        HTML file to write. An existing file is replaced only when the new page is complete.
    a, b : Representations or mapping of layer name to (n, p) array, optional
        Representations that `isorep.compare` or `isorep.diff` compared, in the same order; only for
        a result with exactly one table of these functions. The page then shows details of each
        cell: canonical correlations and their distribution for unrelated data, projection weights,
        and the leading variates of up to 400 samples with their labels, if known. If the page has
        no room for all cells, the most similar pairs come first.
    explain : int, sequence of layers or pairs, or mapping of pair to Explanation, optional
        Cells that open to the explanation of their pair (see `isorep.explain`), by the first
        measure of the table; needs `a` and `b`. A number k explains k pairs of layers of the same
        name, least similar first; if no names are the same, layers of x with their most similar
        layer of y. A sequence names the cells: ``"conv1"`` or ``("conv1", "conv2")``, layer of x
        and layer of y. Each explanation takes as long as `isorep.explain`. A mapping
        ``{("conv1", "conv2"): explanation}`` holds explanations made with other options or
        measures; it needs no `a` and `b`.
    samples : array or list, optional
        What the samples are, in the order of `a`, for the samples that explanations show: images
        (n, height, width) or (n, height, width, 3), uint8 or floating point from 0 to 1; n texts;
        or n lists of tokens. If rows of a layer are positions of tokens, tokens are coloured by
        their contribution. Images become smaller and texts shorter until they fit into the page.
    groups : mapping of network to group, optional
        Group of each network of `isorep.pairwise`. The page then also shows the mean distance
        within each group and between groups at each layer (Morcos et al. 2018, figure 3).
    title : str
        Title of the page.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.

    Raises
    ------
    ValueError
        If a result is of another kind or too large for a page, if `a` and `b` do not match the
        table, a layer of `explain` is unknown, `samples` has another length, shape or dtype, or a
        network has no group.
    TypeError
        If a result is neither a Dataset nor a `Diff`, or `samples` is no array or list of texts.
    FileNotFoundError
        If the folder of `path` does not exist.
    ImportError
        If Plotly is not installed.

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
    from isorep.explorer.page import MAX_BYTES, as_text, page

    target = _target(path)
    tables = _tables(result)
    sections = [_section(str(heading), table, groups) for heading, table in tables.items()]
    grids = [
        (section, table)
        for section, table in zip(sections, tables.values(), strict=True)
        if section["kind"] == "grid"
    ]
    if groups is not None and not any(section["kind"] == "sweep" for section in sections):
        raise ValueError(
            "groups= applies to tables of isorep.pairwise, but no result is such a table; "
            "omit groups="
        )
    if (a is None) != (b is None):
        raise ValueError("pass both a= and b=, in the order of the comparison")
    if samples is not None and explain is None:
        raise ValueError("samples= shows the samples of explanations: pass explain= too")
    if (a is not None or explain is not None) and len(grids) != 1:
        options = "a= and b= apply" if a is not None else "explain= applies"
        raise ValueError(
            f"{options} to exactly one table of isorep.compare or isorep.diff, but the result "
            f"has {len(grids)}; write a page for each table"
        )

    empty_size = len(page(title, {"sections": []}))
    room = MAX_BYTES - empty_size - len(as_text(sections))
    if room < 0:
        raise ValueError(
            f"the page would have {(MAX_BYTES - room) / 1e6:.1f} MB, more than the limit of "
            f"{MAX_BYTES / 1e6:.0f} MB; select fewer layers or networks with table.sel, or compare "
            "with fewer measures"
        )
    if a is not None or explain is not None:
        (section, table), *_ = grids
        section |= _opened_cells(
            table, section["measures"][0]["name"], a, b, explain, samples, room, progress
        )
    _write(target, page(title, {"sections": sections}))


def _opened_cells(
    table: xarray.Dataset,
    measure: str,
    a: Mapping[str, Any] | None,
    b: Mapping[str, Any] | None,
    explain: Explained | None,
    samples: Any,
    room: int,
    progress: bool,
) -> dict[str, Any]:
    """Return what the cells of a grid show when they are opened, of at most `room` bytes."""
    from isorep.explorer.cell_details import cell_details
    from isorep.explorer.explained_cells import explained_cells
    from isorep.explorer.matched_sides import MatchedSides
    from isorep.explorer.page import as_text
    from isorep.explorer.shown_samples import ShownSamples

    shown = None if samples is None else ShownSamples.from_any(samples)
    sides = None if a is None or b is None else MatchedSides.from_sides(table, measure, a, b)
    content: dict[str, Any] = {}
    if explain is not None:
        content = explained_cells(
            table, measure, explain, sides, shown, room=room, progress=progress
        )
    if sides is not None:
        room -= len(as_text(content))
        content["details"] = cell_details(table, measure, sides, room=room, progress=progress)
    return content


_DIMS = {
    "compare": {"x_layer", "y_layer"},
    "diff": {"x_layer", "y_layer"},
    "pairwise": {"layer", "x", "y"},
    "trajectory": {"layer", "step"},
    "converged": {"layer", "step"},
}
"""Dimensions of each kind of table."""

_EXPECTED = (
    "expected a result of isorep.compare, isorep.diff, isorep.pairwise, isorep.trajectory or "
    "isorep.monitor.converged, or a mapping of heading to results"
)


def _tables(result: Any) -> Mapping[str, xarray.Dataset]:
    """Return the tables by heading, one for each run; a single table has an empty heading."""
    from isorep.comparison.diff_result import Diff

    if hasattr(result, "data_vars") or isinstance(result, Diff):  # do not import xarray to check
        result = {"": result}
    if not isinstance(result, Mapping) or not result:
        name = type(result).__name__
        hint = ": pass its table, and explain={(x_layer, y_layer): explanation}"
        raise TypeError(f"{_EXPECTED}, got {name}{hint if name == 'Explanation' else ''}")
    tables: dict[str, xarray.Dataset] = {}
    for heading, table in result.items():
        if isinstance(table, Diff):
            tables[heading] = _diff_table(table)
        elif "run" in getattr(table, "dims", ()):
            for run in table["run"].to_numpy().tolist():
                tables[f"{heading} {run}".strip()] = table.sel(run=run)
        else:
            tables[heading] = table
    return tables


def _diff_table(diff: Diff) -> xarray.Dataset:
    """Return the grid of a diff, most changed first, with its threshold and what it says."""
    from isorep.comparison.diff_result import diff_explanations, diff_mark, diff_notes

    layers = list(diff)
    threshold = {} if diff.fail_below is None else {"fail_below": diff.fail_below}
    return (
        diff.grid()
        .sel(x_layer=layers, y_layer=layers)
        .assign_attrs(
            marks=[diff_mark(diff, layer) for layer in diff.layers],
            unjudged=[layer for layer in layers if layer in diff.unjudged],
            notes=diff_notes(diff),
            explanations=diff_explanations(diff),
            **threshold,
        )
    )


def _target(path: str | PathLike[str]) -> Path:
    """Return the absolute path, or raise before any work if the file cannot be written."""
    target = Path(path)
    if target.exists() and not target.is_file():  # a rename would also replace a device
        kind = "a folder" if target.is_dir() else "not a regular file"
        raise ValueError(f"cannot write {str(target)!r}: it is {kind}; choose another path")
    if not real_path(target).parent.is_dir():
        raise FileNotFoundError(
            f"cannot write {str(target)!r}: no folder {str(target.parent)!r}; create it first"
        )
    return real_path(target)


def _section(
    heading: str, table: xarray.Dataset, groups: Mapping[Any, Hashable] | None
) -> dict[str, Any]:
    """Return the section of one table, as JSON."""
    if not hasattr(table, "data_vars"):
        raise TypeError(f"{_EXPECTED}, got {type(table).__name__}")
    subject = f"result {heading!r}" if heading else "result"
    kind = str(table.attrs.get("kind"))
    if set(table.sizes) != _DIMS.get(kind):
        known = "; ".join(
            f"({', '.join(sorted(_DIMS[name]))}) of isorep.{name}"
            for name in ("compare", "pairwise", "trajectory")
        )
        raise ValueError(
            f"{subject} has dimensions ({', '.join(map(str, table.sizes))}), expected {known} or "
            "isorep.monitor.converged. To select one layer, use a list: table.sel(layer=['fc']). "
            "For isorep.diff, pass the result itself, not its table"
        )
    if not all(table.sizes.values()):
        raise ValueError(
            f"{subject} is empty, its sizes are {dict(table.sizes)}; select some layers"
        )

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
        raise ValueError(
            f"{subject} is not a complete table of isorep.{kind}: {missing}; "
            "keep all variables of the table"
        ) from error
    return {"heading": heading, **section}


def _write(target: Path, content: bytes) -> None:
    from isorep._utils.atomic import new_file

    with new_file(target) as file:
        file.write(content)
