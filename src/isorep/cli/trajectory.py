"""isorep trajectory: the states of one network, or of several runs, against a reference state."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from isorep.cli.app import app
from isorep.cli.checkpoints import capture_checkpoints, outputs_of, weight_files
from isorep.cli.file_labels import steps_of_runs
from isorep.cli.file_sides import as_file, file_options
from isorep.cli.inferred_cells import cell_listing, print_legend
from isorep.cli.model_options import model_options
from isorep.cli.option_groups import with_options
from isorep.cli.options import (
    ChanceOption,
    CorrectOption,
    DataOption,
    IntervalOption,
    LayersOption,
    MeasuresOption,
    MemoryOption,
    NanPolicyOption,
    PermutationsOption,
    PrecisionOption,
    SchedulerOption,
    SeedOption,
    SweepStoreOption,
    WeightsOption,
)
from isorep.cli.output import (
    check_targets,
    new_console,
    new_table,
    print_heading,
    print_notes,
    print_omitted,
    print_resumed_tiles,
    say,
    shown,
)
from isorep.cli.sample_options import SampleNames, sample_options
from isorep.cli.user_code import printed_warnings

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

    from isorep.core.single_basis import Precision
    from isorep.representations.missing_values import NanPolicy


@app.command(
    epilog="Examples:\n\n"
    "isorep trajectory run/step*.zarr -o path.zarr\n\n"
    "isorep trajectory run/step*.zarr --interval --chance -o path.zarr\n\n"
    "isorep trajectory seed0/*.zarr seed1/*.zarr --reference first -o paths.zarr\n\n"
    "isorep trajectory --model nets:make --weights 'run/*.pt' --data images.npy -o path.zarr"
)
@with_options(samples=sample_options, options=model_options)
def trajectory(
    output: SweepStoreOption,
    states: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[STATE...]",
            help="Representations of each state, in any order. The numbers in the names of the "
            "files are the steps; each folder is a run. If each folder has one file, the folders "
            "are the steps.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Model whose checkpoints, in --weights, are captured and compared in place of "
            "STATEs: module:name of a model or of a function that makes one, or a Hugging Face "
            "folder.",
        ),
    ] = None,
    weights: WeightsOption = None,
    data: DataOption = None,
    reference: Annotated[
        str,
        typer.Option(
            metavar="STATE",
            help="State to compare with: last, first, a step, or a file of representations.",
        ),
    ] = "last",
    layers: LayersOption = None,
    measure: MeasuresOption = None,
    correct: CorrectOption = False,
    interval: IntervalOption = False,
    chance: ChanceOption = False,
    permutations: PermutationsOption = None,
    seed: SeedOption = 0,
    nan_policy: NanPolicyOption = "raise",
    precision: PrecisionOption = "auto",
    scheduler: SchedulerOption = None,
    memory: MemoryOption = None,
    *,
    samples: SampleNames,
    options: dict[str, Any],
) -> None:
    """Compare every state of a network with a reference state, layer by layer."""
    from isorep.activations.options import check_for_models
    from isorep.comparison.sweeps.sweep_store import check_name_of_store
    from isorep.comparison.trajectory import trajectory as compare_states

    states = states or []
    known = samples.of(states)
    read: dict[str, Any] = dict(known.arrays)
    check_for_models(compare_states, model is not None, ("reduce", "channels"), **options)
    if model is not None:
        if states or not weights or data is None:
            raise ValueError(
                "--model needs --weights and --data, and no STATEs: its checkpoints are the states"
            )
        check_name_of_store(output)
        captured = _states_folder(output)
        files = weight_files(weights)
        outputs = outputs_of(files, captured / output.name)
        check_targets([output], sources=files)
        captured.mkdir(exist_ok=True)
        try:
            capture_checkpoints(model, data, outputs, options | {"layers": layers or "*"})
        except BaseException:
            with suppress(OSError):  # it holds states, with which the command resumes
                captured.rmdir()
            raise
        layers = None  # the states have no others
        states = list(outputs.values())
        runs = {
            run: {step: outputs[file] for step, file in by_step.items()}
            for run, by_step in steps_of_runs(files).items()
        }
    elif weights or data is not None or not states:
        raise ValueError("expected STATEs, or --model with --weights and --data")
    else:
        runs = steps_of_runs(states)
        reductions = {name: options[name] for name in ("reduce", "channels") if name in options}
        read |= file_options(**reductions)
    reference_state = _reference_state(reference, runs)
    reference_files = [reference_state] if isinstance(reference_state, Path) else []
    check_targets([output], sources=[*states, *reference_files, *known.paths.values()])
    print_resumed_tiles(output)
    states_of_runs = {
        run: {step: as_file(path, read) for step, path in paths.items()}
        for run, paths in runs.items()
    }
    with printed_warnings():
        table = compare_states(
            cast(
                "Mapping[Any, Any]",
                states_of_runs if len(runs) > 1 else next(iter(states_of_runs.values())),
            ),
            reference=as_file(reference_files[0], read) if reference_files else reference_state,
            layers=layers,
            measures=measure or ["pwcca"],
            correct=correct,
            interval=interval,
            chance=chance,
            n_permutations=permutations,
            seed=seed,
            **known.read(),
            precision=cast("Precision", precision),
            nan_policy=cast("NanPolicy", nan_policy),
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
            states_of_run = table if run is None else table.sel(run=run)
            console.print(_similarities(states_of_run, name))
            if "n_significant" in table:
                dims = ["step", "layer"]
                console.print(cell_listing(states_of_run, name, dims, dims))
    print_legend(console, table)
    if model is not None:  # the states are only kept for a command that is interrupted
        for state in states:
            shutil.rmtree(state)
        with suppress(OSError):  # it holds something else
            _states_folder(output).rmdir()
    say(f"wrote {output} ({len(states)} states)")
    print_omitted(table)
    print_notes(table)


def _states_folder(output: Path) -> Path:
    """Return the folder of the captured states of a model, until they are compared."""
    return output.with_name(f"{output.name}.states")


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
    listing = new_table("step", *(str(layer) for layer in table["layer"].to_numpy()))
    rows = zip(table["step"].to_numpy(), table[measure].to_numpy(), strict=True)
    for step, similarities in rows:
        listing.add_row(shown(step), *(f"{similarity:.4f}" for similarity in similarities))
    return listing
