"""isorep trajectory: the states of one network, or of several runs, against one of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from isorep._utils.natural_order import natural_key
from isorep.cli.app import app
from isorep.cli.output import check_targets, new_table, report_trouble, show
from isorep.cli.sweep_options import (
    LayerNames,
    Measures,
    Memory,
    Output,
    ProductPrecision,
    Scheduler,
    going_on,
    names_of,
)

if TYPE_CHECKING:
    import xarray

    from isorep.comparison.sweeps.sweep import Precision


@app.command(
    epilog="Examples:\n\n"
    "isorep trajectory run/step*.zarr -o path.zarr\n\n"
    "isorep trajectory seed0/*.zarr seed1/*.zarr --measure cka --reference first -o paths.zarr"
)
def trajectory(
    states: Annotated[
        list[Path],
        typer.Argument(
            metavar="STATE...",
            help="Representations of each, in any order: the numbers in their names are the steps. "
            "Those of several folders are several runs.",
        ),
    ],
    output: Output,
    reference: Annotated[
        str, typer.Option(help="last, first, a step, or the path of representations.")
    ] = "last",
    layer: LayerNames = None,
    measure: Measures = None,
    precision: ProductPrecision = "auto",
    scheduler: Scheduler = None,
    memory: Memory = None,
) -> None:
    """Compare every state of a network with one of them, layer by layer."""
    from isorep import trajectory as compare_states

    by_step = _runs(states)
    end = _reference(reference, by_step)
    check_targets([output], sources=[*states, *([end] if isinstance(end, Path) else [])])
    going_on(output)
    table = compare_states(
        cast("Mapping[Any, Any]", by_step if len(by_step) > 1 else next(iter(by_step.values()))),
        reference=end,
        layers=layer,
        measures=measure or ["pwcca"],
        precision=cast("Precision", precision),
        out=output,
        scheduler=scheduler,
        memory=memory,
    )
    for name in table.attrs["measures"]:
        for run in table["run"].to_numpy() if "run" in table.dims else [None]:
            show(_summary(table if run is None else table.sel(run=run), name, run))
    typer.echo(f"{len(states)} states in {output}")
    report_trouble(table)


def _runs(paths: Iterable[Path]) -> dict[str, dict[int | str, Path]]:
    """Sort states into runs by their folders, and into steps by the numbers in their names."""
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    names = names_of(list(folders))
    found = [names_of(folders[folder]) for folder in names.values()]
    steps = {name: re.findall(r"\d+", name) for run in found for name in run}
    # Numbers only where they say it all: one pattern, as in step5 and step10.
    patterns = {re.sub(r"\d+$", "", name) for name in steps}
    numbered = len(patterns) == 1 and all(numbers for numbers in steps.values())
    return {
        name: {
            int(steps[step][-1]) if numbered else step: run[step]
            for step in sorted(run, key=natural_key)
        }
        for name, run in zip(names, found, strict=True)
    }


def _reference(given: str, runs: Mapping[str, Mapping[int | str, Path]]) -> int | str | Path:
    """Read a step as the number that it is; what is no step but a path, as that."""
    steps = {step for run in runs.values() for step in run}
    if given.lstrip("-").isdigit() and int(given) in steps:
        return int(given)
    if given not in steps and given not in ("first", "last") and Path(given).exists():
        return Path(given)
    return given


def _summary(table: xarray.Dataset, name: str, run: object) -> object:
    """List each step's similarity with the reference, layer by layer."""
    from rich.text import Text

    layers = [str(layer) for layer in table["layer"].to_numpy()]
    listing = new_table(name if run is None else f"{name}, {run}", *layers)
    for step, values in zip(table["step"].to_numpy(), table[name].to_numpy(), strict=True):
        listing.add_row(Text(str(step)), *(f"{value:.4f}" for value in values))
    return listing
