"""Demo: figures 3 and A9 on scikit-learn's digits in one picture, offline, in minutes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep.paper.analysis import permutation_tests
from isorep.paper.analysis.claims import ALPHA, MARGIN, Claim
from isorep.paper.analysis.contrasts import TITLES
from isorep.paper.analysis.distances import Distances, Floats
from isorep.paper.analysis.verdicts import claims_table
from isorep.paper.figures import fig3, figa9
from isorep.paper.figures.fig3 import GENERALIZING, MEMORIZING, Result, SetUp
from isorep.paper.output import check_folder, csv_of, png, versions, write_all
from isorep.paper.run import Run

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from isorep.paper.training.networks import Trained


@dataclass(frozen=True, eq=False)
class Demo:
    """What a run found, and where it was written."""

    result: Result
    claims: tuple[Claim, ...]
    files: tuple[Path, ...]

    def tables(self) -> list[RenderableType]:
        """Return what to print: the networks, the mean distances, the claims, the files."""
        return [
            _networks_line(self.result.trained),
            _distances_table(self.result.distances),
            claims_table(self.claims),
            "In brackets: 90 % interval over networks. p: exact, over exchanges of networks, of no "
            f"difference at all. A claimed difference must reach {MARGIN} with p <= {ALPHA}; a "
            f"claimed equality needs an interval within +-{MARGIN}.",
            *(f"wrote {file}" for file in self.files),
        ]


def run(
    networks: int = 5,
    out: str | os.PathLike[str] = "demo",
    seed: int = 0,
    *,
    console: Console | None = None,
) -> Demo:
    """Reproduce figures 3 and A9 on scikit-learn's digits.

    Writes ``figure3.png``, ``distances.csv`` (a row for each ordered pair, layer and measure) and
    ``results.json`` (set-up, versions, networks, group means, claims) when everything is computed.
    The files depend on the arguments, the versions and the kind of processor alone.

    Parameters
    ----------
    networks : int
        How many to train on each labelling, 2 to 10.
    out : path
        Folder to write to; made if it is not there.
    seed : int
        Of the split, the random labelling and every network.
    console : rich.console.Console, optional
        Where to show progress; stderr by default.

    Raises
    ------
    ValueError
        When a number is out of range, or `out` cannot be a folder.
    ImportError
        When PyTorch or scikit-learn is not installed.
    """
    setup = replace(fig3.SETUPS["laptop"], networks=networks, seed=seed)
    folder = Path(out)
    check_folder(folder)
    here = Run() if console is None else Run(console=console)
    return reproduce(setup, folder, here)


def reproduce(setup: SetUp, folder: Path, run: Run) -> Demo:
    """Do what `run` does, with any set-up."""
    result = figa9.compute(setup, run)
    judged = (*fig3.claims(result), *figa9.claims(result))
    files = write_all(
        folder,
        {
            "figure3.png": png(fig3.draw(result)),
            "distances.csv": csv_of(fig3.rows(result)),
            "results.json": _json(result, judged).encode(),
        },
    )
    return Demo(result, judged, files)


def _json(result: Result, judged: Sequence[Claim]) -> str:
    setup, data = result.setup, result.data
    found: dict[str, Any] = {
        "figures": "3 and A9 of Morcos et al. (2018), arXiv 1806.05759",
        "versions": versions(),
        "setup": {
            "data": data.name,
            "train_images": len(data.train_images),
            "test_images": len(data.test_images),
            "networks": setup.networks,
            "seed": setup.seed,
            **asdict(setup.plan),
            "recipe": asdict(setup.recipe),
        },
        "criteria": {"margin": MARGIN, "alpha": ALPHA, "confidence": permutation_tests.CONFIDENCE},
        "networks": [
            {
                "name": name,
                "group": name.partition("-")[0],
                "seed": one.wanted.seed,
                "epochs": one.epochs,
                "loss": one.last.train_loss,
                "accuracy": one.last.train_accuracy,
                "converged": one.converged,
                "test_accuracy": one.last.test_accuracy,
            }
            for name, one in result.trained.items()
        ],
        "distances": fig3.means(result.distances),
        "claims": [claim.as_dict() for claim in judged],
    }
    return json.dumps(found, indent=2, allow_nan=False) + "\n"


def _networks_line(trained: Mapping[str, Trained]) -> str:
    """Say how the trainings ended."""
    lines = []
    for group, labels in ((GENERALIZING, "true"), (MEMORIZING, "random")):
        own = [one for one in trained.values() if one.wanted.labels == labels]
        epochs = [one.epochs for one in own]
        lines.append(
            f"{len(own)} {group} networks: {min(epochs)} to {max(epochs)} epochs, training loss up "
            f"to {max(one.last.train_loss for one in own):.4f}, accuracy on unseen images "
            f"{np.mean([one.last.test_accuracy for one in own]):.0%}"
        )
    lines.extend(
        f"{name} did not reach near-zero loss: {one.last.train_loss:.4f} after {one.epochs} epochs"
        for name, one in trained.items()
        if not one.converged
    )
    return "\n".join(lines)


def _distances_table(distances: Distances) -> Table:
    from rich.table import Table

    listing = Table(
        title="Mean distance between networks (0 is the same)",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    listing.add_column("\nlayer")
    columns: list[Mapping[str, Floats]] = [distances.pairs(name) for name in distances.measures]
    for name in distances.measures:
        for heading in (f"{TITLES[name]}\ngener.", "\nmemor.", "\ninter"):
            listing.add_column(heading, justify="right", no_wrap=True)
    for at, layer in enumerate(distances.layers):
        listing.add_row(
            layer,
            *(f"{values[:, at].mean():.3f}" for groups in columns for values in groups.values()),
        )
    return listing
