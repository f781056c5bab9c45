"""isorep paper: the paper's figures and claims."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isorep.cli.app import app
from isorep.cli.output import new_table, show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from isorep.paper import Entry


@app.command(
    epilog="Examples:\n\n"
    "isorep paper list\n\n"
    "isorep paper fig3 -o out\n\n"
    "isorep paper all --scale small --data datasets -o out"
)
def paper(
    figure: Annotated[
        str, typer.Argument(metavar="FIGURE", help="A figure such as fig3, or all, or list.")
    ],
    scale: Annotated[str, typer.Option(help="laptop, small or paper.")] = "laptop",
    data: Annotated[
        Path | None, typer.Option(help="Folder of data sets, for all scales but laptop.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to train: auto, cpu, cuda, ...")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the whole run.")] = 0,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the figures and trained networks.")
    ] = Path("paper"),
) -> None:
    """Reproduce a figure of the paper and judge its claims.

    Writes a folder with the figure, its data and claims.json, and a page, README.md, about all
    figures there. Networks are trained once and shared between figures; a run that was stopped goes
    on where it was.
    """
    from isorep.paper import FIGURES, SCALES
    from isorep.paper.analysis.verdicts import LEGEND, claims_table
    from isorep.paper.claims_page import write_page
    from isorep.paper.runner import reproduce

    if figure == "list":
        _list_figures(FIGURES, SCALES)
        return
    failed = {}
    for name in FIGURES if figure == "all" else [figure]:
        typer.echo(f"isorep: {name} at {scale} scale", err=True)
        try:
            made = reproduce(name, scale, data=data, device=device, seed=seed, out=out)
        except KeyboardInterrupt:
            kept = "isorep: stopped; what is trained is kept, and the same command goes on from it"
            typer.echo(kept, err=True)
            raise
        except (ValueError, OSError) as error:
            if figure != "all":
                raise
            # The others may do without what this one lacks.
            failed[name] = str(error)
            typer.echo(f"isorep: error: {name}: {error}", err=True)
            continue
        show(claims_table(made.claims))
        for file in made.files:
            show(f"wrote {file}")
    if len(failed) < len(FIGURES):
        show(LEGEND)
        show(f"wrote {write_page(out)}")
    if failed:
        raise ValueError(f"{len(failed)} of {len(FIGURES)} figures failed: {', '.join(failed)}")


def _list_figures(figures: Mapping[str, Entry], scales: Mapping[str, str]) -> None:
    listing = new_table("figure", "title", "what it claims")
    for name, entry in figures.items():
        listing.add_row(name, entry.title, entry.claim)
    for column in listing.columns:
        column.justify = "left"
    show(listing)
    for scale, meaning in scales.items():
        show(f"--scale {scale}: {meaning}")
