"""isorep paper: the paper's figures and claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isorep.cli.app import app
from isorep.cli.options import SeedOption
from isorep.cli.output import new_console, new_table, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from isorep.paper import Entry


@app.command(
    epilog="Examples:\n\n"
    "isorep paper list\n\n"
    "isorep paper fig3 -o out\n\n"
    "isorep paper fig3 --source digits -o digits\n\n"
    "isorep paper all --scale small --data datasets -o out"
)
def paper(
    figure: Annotated[
        str,
        typer.Argument(
            metavar="FIGURE", help="Figure to reproduce, e.g. fig3; all; or list for a list."
        ),
    ],
    scale: Annotated[
        str, typer.Option(metavar="SCALE", help="Size of the experiment: laptop, small or paper.")
    ] = "laptop",
    data: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Folder of the data sets; not needed at laptop scale."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Other data of figures 1, 3, 4 and 5 at laptop scale: digits, of scikit-learn.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="Device to train on: auto, cpu, cuda, ...")
    ] = "auto",
    seed: SeedOption = 0,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Folder to write figures and trained networks to.",
        ),
    ] = Path("paper"),
) -> None:
    """Reproduce figures of the paper and judge its claims.

    Writes a folder for each figure with the figure, its data and claims.json,
    and a page about all figures, README.md. Networks are trained once and
    shared by the figures. The same command resumes an interrupted run.
    """
    from isorep.paper import FIGURES, SCALES
    from isorep.paper.analysis.verdicts import LEGEND, claims_table
    from isorep.paper.claims_page import write_page
    from isorep.paper.runner import reproduce

    console = new_console()
    if figure == "list":
        console.print(_list(FIGURES))
        for name, meaning in SCALES.items():
            console.print(f"--scale {name}: {meaning}")
        return
    failed = []
    for name in FIGURES if figure == "all" else [figure]:
        say(f"isorep: {name} at {scale} scale", err=True)
        try:
            result = reproduce(
                name, scale, data=data, device=device, seed=seed, source=source, out=out
            )
        except KeyboardInterrupt:
            say(
                "isorep: stopped; trained networks are kept, and the same command resumes",
                err=True,
            )
            raise
        except (ValueError, OSError) as error:
            if figure != "all":
                raise
            # Other figures may need fewer data sets.
            failed.append(name)
            say(f"isorep: error: {name}: {error}", err=True)
            continue
        console.print(claims_table(result.claims))
        for file in result.files:
            console.print(f"wrote {file}", markup=False)
    if len(failed) < len(FIGURES):
        console.print(LEGEND)
        console.print(f"wrote {write_page(out)}", markup=False)
    if failed:
        raise ValueError(f"{len(failed)} of {len(FIGURES)} figures failed: {', '.join(failed)}")


def _list(figures: Mapping[str, Entry]) -> Table:
    """List the name, title and claim of each figure."""
    listing = new_table("figure", "title", "claim", n_text_columns=3)
    for name, entry in figures.items():
        listing.add_row(name, entry.title, entry.claim)
    return listing
