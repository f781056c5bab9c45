"""isorep demo: the paper's main finding, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isorep.cli.app import app
from isorep.cli.options import SeedOption
from isorep.cli.output import new_console


@app.command(epilog="Example:\n\nisorep demo --networks 3 --out figure3")
def demo(
    networks: Annotated[
        int, typer.Option(metavar="N", help="Number of networks to train on each labelling.")
    ] = 5,
    out: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder to write the figures and numbers to.")
    ] = Path("demo"),
    seed: SeedOption = 0,
) -> None:
    """Reproduce the paper's main finding, offline, in minutes.

    Trains networks on the signals of MNIST-1D, some with the true labels and
    some with one fixed random labelling. Compares every layer of every pair:
    figures 3 and A9 of Morcos et al. (2018).
    """
    from isorep.paper import demo as figures_3_and_a9

    console = new_console()
    result = figures_3_and_a9.run(networks=networks, out=out, seed=seed)
    for table in result.tables():
        console.print(table)
