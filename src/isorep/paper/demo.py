"""Demo: figures 3 and A9 on the signals of MNIST-1D in one picture, offline, in minutes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from isorep.paper.analysis import permutation_tests
from isorep.paper.analysis.claims import ALPHA, MARGIN, Claim
from isorep.paper.analysis.distances import Distances, Floats
from isorep.paper.analysis.group_contrasts import TITLES
from isorep.paper.analysis.verdicts import claims_table, plain_table
from isorep.paper.figures import fig3, figa9
from isorep.paper.figures.fig3 import GENERALIZING, MEMORIZING, Result, SetUp
from isorep.paper.output import check_folder, csv_of, png, versions, write_all
from isorep.paper.run import Run

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from isorep.paper.training.networks import Trained


@dataclass(frozen=True, eq=False)
class Demo:
    """The result of a demo, its claims and the written files."""

    result: Result
    claims: tuple[Claim, ...]
    files: tuple[Path, ...]

    def tables(self) -> list[RenderableType]:
        """Return the parts to print: the networks, the mean distances, the claims, the files."""
        return [
            _networks_line(self.result.trained),
            _distances_table(self.result.distances),
            claims_table(self.claims),
            "In brackets: 90 % interval over networks. p: exact permutation p-value (networks "
            "relabelled) under the null of no difference. A claimed difference must reach "
            f"{MARGIN} with p <= {ALPHA}; a claimed equality needs an interval within +-{MARGIN}.",
            *(f"wrote {file}" for file in self.files),
        ]


def run(
    networks: int = 5,
    out: str | os.PathLike[str] = "demo",
    seed: int = 0,
    *,
    console: Console | None = None,
) -> Demo:
    """Reproduce figures 3 and A9 on the signals of MNIST-1D.

    Writes ``figure3.png``, ``distances.csv`` (a row for each ordered pair, layer and measure) and
    ``results.json`` (set-up, versions, networks, group means, claims) when everything is computed.
    The files depend only on the arguments, the versions and the kind of processor.

    Parameters
    ----------
    networks : int
        Number of networks on each labelling, 2 to 10.
    out : path
        Folder to write to; made if it does not exist.
    seed : int
        Random seed of the split, the random labelling and every network.
    console : rich.console.Console, optional
        Console for progress; stderr by default.

    Raises
    ------
    ValueError
        If a number is out of range, or `out` cannot be a folder.
    ImportError
        If PyTorch or mnist1d is not installed.
    """
    setup = replace(fig3.SETUPS["laptop"], networks=networks, seed=seed)
    folder = Path(out)
    check_folder(folder)
    console = Console(stderr=True) if console is None else console
    return reproduce(setup, folder, Run(console=console))


def reproduce(setup: SetUp, folder: Path, run: Run) -> Demo:
    """Reproduce the figures with any set-up; see `run`."""
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
    results: dict[str, Any] = {
        "figures": "3 and A9 of Morcos et al. (2018), arXiv 1806.05759",
        "versions": versions(),
        "setup": {
            **data.facts(),
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
                "seed": network.wanted.seed,
                "epochs": network.epochs,
                "loss": network.last.train_loss,
                "accuracy": network.last.train_accuracy,
                "converged": network.converged,
                "test_accuracy": network.last.test_accuracy,
            }
            for name, network in result.trained.items()
        ],
        "distances": fig3.means(result.distances),
        "claims": [claim.as_dict() for claim in judged],
    }
    return json.dumps(results, indent=2, allow_nan=False) + "\n"


def _networks_line(trained: Mapping[str, Trained]) -> str:
    """Describe the results of the trainings."""
    lines = []
    for group, labels in ((GENERALIZING, "true"), (MEMORIZING, "random")):
        members = [network for network in trained.values() if network.wanted.labels == labels]
        epochs = [network.epochs for network in members]
        lines.append(
            f"{len(members)} {group} networks: {min(epochs)} to {max(epochs)} epochs, training "
            f"loss up to {max(network.last.train_loss for network in members):.4f}, test accuracy "
            f"{np.mean([network.last.test_accuracy for network in members]):.0%}"
        )
    lines.extend(
        f"{name} did not reach near-zero loss: {network.last.train_loss:.4f} after "
        f"{network.epochs} epochs"
        for name, network in trained.items()
        if not network.converged
    )
    return "\n".join(lines)


def _distances_table(distances: Distances) -> Table:
    listing = plain_table("Mean distance between networks (0: identical)")
    listing.add_column("\nlayer")
    columns: list[Mapping[str, Floats]] = [distances.pairs(name) for name in distances.measures]
    for name in distances.measures:
        for heading in (f"{TITLES[name]}\ngener.", "\nmemor.", "\ninter"):
            listing.add_column(heading, justify="right", no_wrap=True)
    for i, layer in enumerate(distances.layers):
        listing.add_row(
            layer,
            *(f"{values[:, i].mean():.3f}" for groups in columns for values in groups.values()),
        )
    return listing
