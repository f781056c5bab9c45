"""isorep report: finished comparisons as one HTML file to explore."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isorep.cli.app import app
from isorep.cli.output import check_targets

if TYPE_CHECKING:
    import xarray


@app.command(
    epilog="Examples:\n\n"
    "isorep compare a.npz b.npz --json table.json\n\n"
    "isorep report table.json --a a.npz --b b.npz -o report.html\n\n"
    "isorep report sweep.zarr --group 'true=true-*' --group 'random=random-*' -o report.html"
)
def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT...",
            help="Tables of compare, pairwise or trajectory: .zarr, or .json of isorep compare.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")],
    a: Annotated[
        Path | None,
        typer.Option(
            help="The A that a table of isorep compare was made of: opens each cell to its "
            "canonical correlations, weights and variates. With --b."
        ),
    ] = None,
    b: Annotated[Path | None, typer.Option(help="The B of the same table.")] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATTERN",
            help="A group of a sweep's networks, by a pattern of their names; may be repeated.",
        ),
    ] = None,
    title: Annotated[str, typer.Option(help="Of the page.")] = "Comparison of representations",
) -> None:
    """Write a page to explore finished comparisons: one HTML file, no server, no network."""
    from isorep.comparison.read_result import read_result
    from isorep.explorer.report import report as write_report
    from isorep.storage import load

    check_targets([output], sources=[*results, a, b])
    if len({path.resolve() for path in results}) < len(results):
        raise ValueError("a result is given twice: each makes one section of the page")
    tables = {_heading(path, results): read_result(path) for path in results}
    write_report(
        next(iter(tables.values())) if len(tables) == 1 else tables,
        output,
        a=None if a is None else load(a),
        b=None if b is None else load(b),
        groups=_groups(group, tables) if group else None,
        title=title,
    )
    typer.echo(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


def _heading(path: Path, results: list[Path]) -> str:
    """Name a result by its file, or by its whole path where two files have one name."""
    same = [other for other in results if other.name == path.name]
    return path.name if len(same) == 1 else str(path)


def _groups(given: list[str], tables: dict[str, xarray.Dataset]) -> dict[str, str]:
    """Return the group of each network: the first whose pattern its name matches."""
    patterns = []
    for text in given:
        name, equals, pattern = text.partition("=")
        if not (name and equals and pattern):
            raise ValueError(f"--group {text!r}: expected NAME=PATTERN, such as 'true=true-*'")
        patterns.append((name, pattern))
    found = {}
    for table in tables.values():
        if set(table.sizes) != {"x", "y", "layer"}:
            continue
        for network in map(str, table["x"].to_numpy().tolist()):
            matching = [name for name, pattern in patterns if fnmatchcase(network, pattern)]
            if not matching:
                raise ValueError(
                    f"network {network!r} is in no group: no pattern of --group matches its name"
                )
            found[network] = matching[0]
    return found
