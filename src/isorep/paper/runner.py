"""Runner: make a figure at a scale, and write it with its data and its verdicts."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isorep._utils.validation import unknown_name
from isorep.paper import FIGURES, LANGUAGE, SCALES, Entry
from isorep.paper.analysis import permutation_tests
from isorep.paper.analysis.claims import ALPHA, Claim
from isorep.paper.output import check_folder, csv_of, machine, png, svg, versions, write_all
from isorep.paper.run import Run

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Made:
    """A figure that was made: its claims, and the files that were written."""

    name: str
    claims: tuple[Claim, ...]
    files: tuple[Path, ...]


def figure_named(name: str) -> tuple[str, Entry]:
    """Return a row of the table of figures whatever the case, or say which names come nearest."""
    by_lower = {known.lower(): known for known in FIGURES}
    try:
        known = by_lower[name.lower()]
    except KeyError:
        raise ValueError(unknown_name("figure", name, [*FIGURES, "all"])) from None
    return known, FIGURES[known]


def setup_of(entry: Entry, scale: str, seed: int) -> Any:
    """Return the set-up of a figure at a scale, with a seed.

    Raises
    ------
    ValueError
        When there is no such scale, or the seed is negative.
    """
    if scale not in SCALES:
        raise ValueError(unknown_name("scale", scale, SCALES))
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    return replace(module_of(entry).SETUPS[scale], seed=seed)


def device_named(name: str) -> str:
    """Return a device that PyTorch has; "auto" is a GPU if there is one.

    Raises
    ------
    ValueError
        When PyTorch has no such device here.
    """
    from isorep._utils.optional import import_optional

    torch = import_optional("torch", "torch,paper")  # so that one line brings all that figures need
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = str(error).splitlines()[0]
        raise ValueError(f"cannot compute on device {name!r}: {first}") from error
    return name


def reproduce(
    name: str,
    scale: str = "laptop",
    *,
    data: Path | None = None,
    device: str = "auto",
    seed: int = 0,
    out: Path = Path("paper"),
    console: Console | None = None,
) -> Made:
    """Make a figure, and write it into a folder of its name.

    That folder gets the figure as PNG and SVG, the data behind it as CSV (long format), and
    ``claims.json``: each claim with its statistic and verdict, the set-up, the networks, the data,
    the versions and the command. Trained networks stay in ``networks`` beside it, for other figures
    and for a run that goes on after it was killed.

    Parameters
    ----------
    name : str
        A name in `isorep.paper.FIGURES`.
    scale : {"laptop", "small", "paper"}
        How large.
    data : Path, optional
        The folder of data sets, which all scales but "laptop" need.
    device : str
        Where to train: "auto", or what PyTorch calls it.
    seed : int
        Of everything random.
    out : Path
        Where all figures go.
    console : rich.console.Console, optional
        Where to show progress; stderr by default.

    Raises
    ------
    ValueError
        When a name, the seed or the device is none, or the data are not there.
    """
    figure, entry = figure_named(name)
    setup = setup_of(entry, scale, seed)
    check_folder(out)
    used = device_named(device)
    run = Run(out, data, used) if console is None else Run(out, data, used, console)
    module = module_of(entry)
    result = module.compute(setup, run)
    judged = tuple(module.claims(result))
    drawn = module.draw(result)
    command = ["isorep", "paper", figure, "--scale", scale, "--device", device, "--seed", str(seed)]
    if data is not None:
        command += ["--data", str(data)]
    about = {
        "figure": f"{figure} of Morcos et al. (2018), arXiv 1806.05759: {entry.title}",
        "command": shlex.join(command),
        "scale": scale,
        "device": used,
        "machine": machine(),
        "versions": versions(),
        "criteria": {"alpha": ALPHA, "confidence": permutation_tests.CONFIDENCE},
        "claims": [claim.as_dict() for claim in judged],
        "setup": asdict(setup),
        "facts": module.facts(result),
    }
    files = write_all(
        out / figure,
        {
            f"{figure}.png": png(drawn),
            f"{figure}.svg": svg(drawn),
            f"{figure}.csv": csv_of(module.rows(result)),
            "claims.json": (json.dumps(about, indent=2, allow_nan=False) + "\n").encode(),
        },
    )
    return Made(figure, judged, files)


def module_of(entry: Entry) -> Any:
    """Import what makes a figure; see `isorep.paper` for its parts."""
    module = import_module(f"isorep.paper.figures.{entry.module}")
    if entry.module not in LANGUAGE:
        return module
    from isorep.paper.training.language_networks import figure

    return figure(module)
