"""isorep demo: the paper's main finding, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isorep.cli.app import app
from isorep.cli.output import show


@app.command(epilog="Example:\n\nisorep demo --networks 3 --out figure3")
def demo(
    networks: Annotated[int, typer.Option(help="Networks to train on each labelling.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder for the figure and the numbers.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the whole run.")] = 0,
) -> None:
    """Reproduce the paper's main finding on real data, offline, in minutes.

    Trains networks on the true labels of scikit-learn's digits and on one fixed random labelling,
    and compares every layer of every pair: figures 3 and A9 of Morcos et al. (2018).
    """
    from isorep.paper import demo as figures_3_and_a9

    result = figures_3_and_a9.run(networks=networks, out=out, seed=seed)
    for part in result.tables():
        show(part)
