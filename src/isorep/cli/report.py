"""isorep report: finished comparisons as one HTML page to explore."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isorep._utils.real_path import real_path
from isorep._utils.validation import unknown_name
from isorep.cli.app import app
from isorep.cli.file_sides import as_file, file_options
from isorep.cli.option_groups import with_options
from isorep.cli.options import (
    ChannelsOption,
    LayersOption,
    ReduceOption,
)
from isorep.cli.output import check_targets, say
from isorep.cli.sample_options import SampleNames, sample_options
from isorep.cli.user_code import printed_warnings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import xarray


@app.command(
    epilog="Examples:\n\n"
    "isorep compare a.npz b.npz --json table.json\n\n"
    "isorep report table.json --a a.npz --b b.npz -o report.html\n\n"
    "isorep report table.json --a a.npz --b b.npz --explain 4 --samples images.npy "
    "-o report.html\n\n"
    "isorep report sweep.zarr --group 'true=true-*' --group 'random=random-*' -o report.html"
)
@with_options(samples=sample_options)
def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="RESULT...",
            help="Tables of isorep compare (.json), pairwise or trajectory (.zarr).",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="HTML file to write.")
    ],
    a: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The A of isorep compare: with --b, each cell shows its canonical correlations, "
            "weights and variates.",
        ),
    ] = None,
    b: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The B of isorep compare; needs --a.")
    ] = None,
    explain: Annotated[
        list[str] | None,
        typer.Option(
            metavar="K|LAYER|X=Y",
            help="Cells that open to the explanation of their pair: a number of pairs of layers of "
            "the same name, least similar first; or a layer of both sides, or a layer of A and one "
            "of B. May be repeated; needs --a and --b.",
        ),
    ] = None,
    samples_file: Annotated[
        Path | None,
        typer.Option(
            "--samples",
            metavar="FILE",
            help="What the samples are, for explanations: a .npy of images (n, height, width) or "
            "(n, height, width, 3), or a text with one sample a line.",
        ),
    ] = None,
    layers: LayersOption = None,
    reduce: ReduceOption = None,
    channels: ChannelsOption = "auto",
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=GLOB",
            help="Group of networks in a sweep, by a pattern of their names; may be repeated.",
        ),
    ] = None,
    title: Annotated[
        str, typer.Option(metavar="TEXT", help="Title of the page.")
    ] = "Comparison of representations",
    *,
    samples: SampleNames,
) -> None:
    """Write a page to explore finished comparisons: one HTML file that works offline."""
    from isorep.comparison.read_result import read_result
    from isorep.explorer.report import report as write_report
    from isorep.storage import load

    if len({real_path(path) for path in results}) < len(results):
        raise ValueError("a result is given twice: give each result once")
    known = samples.of([a, b] if a is not None and b is not None else [])
    sources = [*results, a, b, samples_file, *known.paths.values()]
    check_targets([output], sources=sources)
    options = file_options(layers=layers, reduce=reduce, channels=channels) | known.arrays
    options |= {name: values for name, values in known.read().items() if values is not None}
    if options and a is None:
        raise ValueError(f"--{next(iter(options))} says how --a and --b are read: give both")
    if explain and (a is None or b is None):
        raise ValueError("--explain needs what was compared: give --a and --b")
    tables = {_heading(path, results): read_result(path) for path in results}
    with printed_warnings():
        write_report(
            next(iter(tables.values())) if len(tables) == 1 else tables,
            output,
            a=None if a is None else load(as_file(a, options)),
            b=None if b is None else load(as_file(b, options)),
            explain=_cells(explain) if explain else None,
            samples=None if samples_file is None else _read_samples(samples_file),
            groups=_group_of_each(group, tables.values()) if group else None,
            title=title,
        )
    say(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)")


def _cells(options: Sequence[str]) -> int | list[str | tuple[str, str]]:
    """Return the cells to explain, as `isorep.report` takes them."""
    if len(options) == 1 and options[0].isdecimal():
        return int(options[0])
    cells: list[str | tuple[str, str]] = []
    for option in options:
        x_layer, is_pair, y_layer = option.partition("=")
        cells.append((x_layer, y_layer) if is_pair else option)
    return cells


def _read_samples(path: Path) -> Any:
    """Return images, or one text a line.

    Raises
    ------
    ValueError
        If the file cannot be read.
    """
    import numpy as np

    try:
        if path.suffix.lower() == ".npy":
            return np.load(path, allow_pickle=False)
        return path.read_text(encoding="utf-8").rstrip("\r\n").split("\n")
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(
            f"cannot read {str(path)!r}: expected a .npy of images, or a text with one sample a "
            f"line ({error})"
        ) from error


def _heading(path: Path, results: Sequence[Path]) -> str:
    """Return the name of a file, or its whole path if two files have the same name."""
    same_name = [other for other in results if other.name == path.name]
    return path.name if len(same_name) == 1 else str(path)


def _group_of_each(options: Sequence[str], tables: Iterable[xarray.Dataset]) -> dict[str, str]:
    """Return the group of each network: the first group whose pattern matches its name."""
    patterns = []
    for option in options:
        name, _, pattern = option.partition("=")
        if not (name and pattern):
            raise ValueError(f"--group {option!r}: expected NAME=GLOB, such as 'true=true-*'")
        patterns.append((name, pattern))
    networks = [
        str(network)
        for table in tables
        if table.attrs["kind"] == "pairwise"
        for network in table["x"].to_numpy().tolist()
    ]
    for name, pattern in patterns:
        if networks and not any(fnmatchcase(network, pattern) for network in networks):
            raise ValueError(unknown_name(f"network in --group {name}=", pattern, networks))
    groups = {}
    for network in networks:
        matching = [name for name, pattern in patterns if fnmatchcase(network, pattern)]
        if not matching:
            raise ValueError(
                f"network {network!r} is in no group: no pattern of --group matches its name"
            )
        groups[network] = matching[0]
    return groups
