"""Runner: makes a figure at a scale, and writes it with its data and its verdicts."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from isorep._utils.validation import unknown_name
from isorep.paper import FIGURES, LANGUAGE, SCALES, Entry
from isorep.paper.analysis import permutation_tests
from isorep.paper.analysis.claims import ALPHA, Claim
from isorep.paper.figures.language_figure import language_figure
from isorep.paper.output import (
    check_folder,
    csv_of,
    machine,
    note_time,
    png,
    svg,
    versions,
    write_all,
)
from isorep.paper.run import Run

_PARTS = ("SETUPS", "compute", "draw", "claims", "rows", "facts")


@dataclass(frozen=True)
class Made:
    """A finished figure: its claims and the written files."""

    name: str
    claims: tuple[Claim, ...]
    files: tuple[Path, ...]


def figure_named(name: str) -> tuple[str, Entry]:
    """Return a figure's name and entry; the case of `name` does not matter.

    Raises
    ------
    ValueError
        If there is no such figure; the message suggests similar names.
    """
    by_lower = {figure.lower(): figure for figure in FIGURES}
    try:
        figure = by_lower[name.lower()]
    except KeyError:
        raise ValueError(unknown_name("figure", name, [*FIGURES, "all"])) from None
    return figure, FIGURES[figure]


def setup_of(entry: Entry, scale: str, seed: int, source: str | None = None) -> Any:
    """Return the set-up of a figure at a scale, with a seed.

    Raises
    ------
    ValueError
        If there is no such scale, the figure has no other data of this name, or the seed is
        negative.
    """
    if scale not in SCALES:
        raise ValueError(unknown_name("scale", scale, SCALES))
    if seed < 0:
        raise ValueError(f"seed must not be negative, got {seed}")
    setups = module_of(entry).SETUPS
    others = [name for name in setups if name not in SCALES]
    if source is None:
        return replace(setups[scale], seed=seed)
    if scale != "laptop" or source not in others:
        raise ValueError(
            f"source {source!r} is unknown: at laptop scale, other data of this figure are: "
            f"{', '.join(others) or 'none'}; at other scales there are none"
        )
    return replace(setups[source], seed=seed)


def device_named(name: str) -> str:
    """Return the name of a device that PyTorch can use; "auto" is a GPU if there is one.

    Raises
    ------
    ValueError
        If PyTorch cannot use the device.
    """
    from isorep._utils.optional import import_optional

    torch = import_optional("torch", "torch,paper")  # the message names all extras of the figures
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device {name!r} is not available: {reason}") from error
    return name


def reproduce(
    name: str,
    scale: str = "laptop",
    *,
    data: Path | None = None,
    device: str = "auto",
    seed: int = 0,
    source: str | None = None,
    out: Path = Path("paper"),
    console: Console | None = None,
) -> Made:
    """Make a figure, and write it to a folder with its name.

    The folder contains the figure as PNG and SVG, the data behind it as CSV (long format), and
    ``claims.json``: each claim with its statistic and verdict, the set-up, the networks, the data,
    the versions and the command. Trained networks are stored in ``networks`` beside it. Other
    figures use them too, and a run that was stopped resumes from them.

    Parameters
    ----------
    name : str
        Name in `isorep.paper.FIGURES`.
    scale : {"laptop", "small", "paper"}
        Size of the networks and the data.
    data : Path, optional
        Folder of data sets; all scales but "laptop" need it.
    device : str
        Device to train on: "auto" or a PyTorch device.
    seed : int
        Random seed.
    source : {"digits"}, optional
        Other data for the figures of image networks at laptop scale: scikit-learn's digits.
    out : Path
        Folder of all figures.
    console : rich.console.Console, optional
        Console for progress; stderr by default.

    Raises
    ------
    ValueError
        If the name, the scale, the source, the seed or the device is invalid, or the data are
        missing.
    """
    figure, entry = figure_named(name)
    setup = setup_of(entry, scale, seed, source)
    check_folder(out)
    torch_device = device_named(device)
    console = Console(stderr=True) if console is None else console
    run = Run(out, data, torch_device, console)
    start = perf_counter()
    module = module_of(entry)
    result = module.compute(setup, run)
    judged = tuple(module.claims(result))
    drawn = module.draw(result)
    command = ["isorep", "paper", figure, "--scale", scale, "--device", device, "--seed", str(seed)]
    if source is not None:
        command += ["--source", source]
    if data is not None:
        command += ["--data", str(data)]
    record = {
        "figure": f"{figure} of Morcos et al. (2018), arXiv 1806.05759: {entry.title}",
        "command": shlex.join(command),
        "scale": scale,
        "device": torch_device,
        "machine": machine(),
        "versions": versions(),
        "criteria": {"alpha": ALPHA, "confidence": permutation_tests.CONFIDENCE},
        "claims": [claim.as_dict() for claim in judged],
        "controls": [control.as_dict() for control in module.controls(result)],
        "setup": asdict(setup),
        "facts": module.facts(result),
    }
    files = write_all(
        out / figure,
        {
            f"{figure}.png": png(drawn),
            f"{figure}.svg": svg(drawn),
            f"{figure}.csv": csv_of(module.rows(result)),
            "claims.json": (json.dumps(record, indent=2, allow_nan=False) + "\n").encode(),
        },
    )
    note_time(out / figure, perf_counter() - start)
    return Made(figure, judged, files)


def module_of(entry: Entry) -> Any:
    """Return the parts of a figure, as `isorep.paper` describes them."""
    modules = [
        import_module(f"isorep.paper.figures.{name}") for name in (entry.base, entry.module) if name
    ]
    module = SimpleNamespace(
        **{part: getattr(m, part) for m in modules for part in _PARTS if hasattr(m, part)}
    )
    # A figure of the same networks as another one has its own controls, or none.
    module.controls = getattr(modules[-1], "controls", lambda result: [])
    return language_figure(module) if entry.module in LANGUAGE else module
