"""isorep trajectory: the states of one network, or of several runs, against a reference state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from isorep.cli.app import app
from isorep.cli.file_labels import steps_of_runs
from isorep.cli.file_sides import array_or_file, as_file, file_options
from isorep.cli.options import (
    ChannelsOption,
    GroupsOption,
    IdsOption,
    LabelsOption,
    LayerNamesOption,
    MeasuresOption,
    MemoryOption,
    OrderOption,
    PrecisionOption,
    ReduceOption,
    SchedulerOption,
    SweepStoreOption,
)
from isorep.cli.output import (
    check_targets,
    new_console,
    new_table,
    print_heading,
    print_notes,
    print_resumed_tiles,
)
from isorep.cli.sample_labels import read_sample_labels

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

    from isorep.comparison.sweeps.sweep import Precision


@app.command(
    epilog="Examples:\n\n"
    "isorep trajectory run/step*.zarr -o path.zarr\n\n"
    "isorep trajectory seed0/*.zarr seed1/*.zarr --reference first -o paths.zarr"
)
def trajectory(
    states: Annotated[
        list[Path],
        typer.Argument(
            metavar="STATE...",
            help="Representations of each state, in any order. The numbers in the names of the "
            "files are the steps; each folder is a run.",
        ),
    ],
    output: SweepStoreOption,
    reference: Annotated[
        str,
        typer.Option(
            metavar="STATE",
            help="State to compare with: last, first, a step, or a file of representations.",
        ),
    ] = "last",
    layer: LayerNamesOption = None,
    reduce: ReduceOption = None,
    channels: ChannelsOption = "auto",
    ids: IdsOption = None,
    labels: LabelsOption = None,
    measure: MeasuresOption = None,
    groups: GroupsOption = None,
    order: OrderOption = None,
    precision: PrecisionOption = "auto",
    scheduler: SchedulerOption = None,
    memory: MemoryOption = None,
) -> None:
    """Compare every state of a network with a reference state, layer by layer."""
    from isorep.comparison.trajectory import trajectory as compare_states

    runs = steps_of_runs(states)
    reference_state = _reference_state(reference, runs)
    array, groups = array_or_file(groups)
    options = file_options(
        layers=layer, reduce=reduce, channels=channels, ids=ids, labels=labels, groups=array
    )
    reference_files = [reference_state] if isinstance(reference_state, Path) else []
    check_targets([output], sources=[*states, *reference_files, *filter(None, (groups, order))])
    print_resumed_tiles(output)
    files = {
        run: {step: as_file(path, options) for step, path in paths.items()}
        for run, paths in runs.items()
    }
    table = compare_states(
        cast("Mapping[Any, Any]", files if len(files) > 1 else next(iter(files.values()))),
        reference=as_file(reference_files[0], options) if reference_files else reference_state,
        layers=layer,
        measures=measure or ["pwcca"],
        groups=read_sample_labels(groups),
        order=read_sample_labels(order),
        precision=cast("Precision", precision),
        out=output,
        scheduler=scheduler,
        memory=memory,
    )
    console = new_console()
    for name in table.attrs["measures"]:
        for run in table["run"].to_numpy() if "run" in table.dims else [None]:
            subject = f"similarity to {_reference_text(table)}"
            subject += "" if run is None else f", run {run}"
            print_heading(console, table, name, subject)
            console.print(_similarities(table if run is None else table.sel(run=run), name))
    typer.echo(f"wrote {output} ({len(states)} states)")
    print_notes(table)


def _reference_state(text: str, runs: Mapping[str, Mapping[int | str, Path]]) -> int | str | Path:
    """Return the reference as a step if there is such a step, else as a file if it exists."""
    steps = {step for run in runs.values() for step in run}
    if text.lstrip("-").isdigit() and int(text) in steps:
        return int(text)
    if text not in steps and text not in ("first", "last") and Path(text).exists():
        return Path(text)
    return text


def _reference_text(table: xarray.Dataset) -> str:
    """Return the reference of a trajectory in words."""
    reference = table.attrs["reference"]
    if reference == "given":
        return "the reference"
    return f"the {reference} step" if reference in ("first", "last") else f"step {reference}"


def _similarities(table: xarray.Dataset, measure: str) -> Table:
    """List the similarity of each step with the reference, one column per layer."""
    from rich.text import Text

    listing = new_table("step", *(str(layer) for layer in table["layer"].to_numpy()))
    rows = zip(table["step"].to_numpy(), table[measure].to_numpy(), strict=True)
    for step, similarities in rows:
        listing.add_row(Text(str(step)), *(f"{similarity:.4f}" for similarity in similarities))
    return listing
