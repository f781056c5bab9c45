"""What the commands of sweeps share: options, names from paths, and what they print."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Measures = Annotated[
    list[str] | None,
    typer.Option("--measure", help="A measure to compare by; may be repeated. \\[default: pwcca]"),
]
LayerNames = Annotated[
    list[str] | None,
    typer.Option("--layer", help="A layer; may be repeated. \\[default: those of the first]"),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="Where to write (.zarr). What was stopped goes on from there."
    ),
]
ProductPrecision = Annotated[
    str, typer.Option("--precision", help="auto, double or single; see isorep.pairwise.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        help="Address of a Dask scheduler, such as tcp://10.0.0.1:8786. \\[default: threads]"
    ),
]
Memory = Annotated[
    str | None,
    typer.Option(help="Memory limit, such as '8 GB'. \\[default: half of the free memory]"),
]


def names_of(paths: Sequence[Path]) -> dict[str, Path]:
    """Name paths after their files, with as many of their folders as tell them apart.

    Raises
    ------
    ValueError
        When a path is given twice.
    """
    whole = [Path(os.path.abspath(path)) for path in paths]
    if len(set(whole)) < len(whole):
        twice = next(str(path) for k, path in enumerate(paths) if whole[k] in whole[:k])
        raise ValueError(f"{twice!r} is given twice: give each network once")
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        common = os.path.commonpath([path.parent for path in whole])
        inside = [path.relative_to(common) for path in whole]
        names = [path.with_suffix("").as_posix() for path in inside]
        if len(set(names)) < len(names):
            names = [path.as_posix() for path in inside]
    return dict(zip(names, paths, strict=True))


def going_on(output: Path) -> None:
    """Say on stderr how far the store of a sweep is that is there already."""
    from isorep.comparison.sweeps.results import n_finished

    n = n_finished(output)
    if n is not None:
        tiles = "1 finished tile" if n == 1 else f"{n} finished tiles"
        typer.echo(f"isorep: {str(output)!r} is there already, with {tiles}", err=True)
