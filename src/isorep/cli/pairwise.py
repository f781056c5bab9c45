"""isorep pairwise: every network against every other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from isorep.cli.app import app
from isorep.cli.file_labels import labels_of_files
from isorep.cli.file_sides import as_file, file_options
from isorep.cli.option_groups import with_options
from isorep.cli.options import (
    ChanceOption,
    ChannelsOption,
    CorrectOption,
    IntervalOption,
    LayersOption,
    MeasuresOption,
    MemoryOption,
    NanPolicyOption,
    PermutationsOption,
    PrecisionOption,
    ReduceOption,
    SchedulerOption,
    SeedOption,
    SweepStoreOption,
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
    "isorep pairwise runs/*.zarr --layer conv8 -o sweep.zarr\n\n"
    "isorep pairwise runs/*.zarr --measure pwcca --measure cka -o sweep.zarr\n\n"
    "isorep pairwise runs/*.zarr --chance --permutations 199 -o sweep.zarr\n\n"
    "isorep pairwise runs/*.zarr --scheduler tcp://10.0.0.1:8786 -o sweep.zarr"
)
@with_options(samples=sample_options)
def pairwise(
    networks: Annotated[
        list[Path],
        typer.Argument(
            metavar="NETWORK...",
            help="Representations of each network, in a format that isorep formats lists. Files "
            "that may be larger than memory are read one layer at a time.",
        ),
    ],
    output: SweepStoreOption,
    layers: LayersOption = None,
    reduce: ReduceOption = None,
    channels: ChannelsOption = "auto",
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
) -> None:
    """Compare every network with every other, layer by layer."""
    from isorep.comparison.pairwise import pairwise as compare_networks

    if len(networks) < 2:
        raise ValueError(f"expected at least two networks to compare, got {len(networks)}")
    known = samples.of(networks)
    check_targets([output], sources=[*networks, *known.paths.values()])
    print_resumed_tiles(output)
    options = file_options(reduce=reduce, channels=channels) | known.arrays
    files = {name: as_file(path, options) for name, path in labels_of_files(networks).items()}
    with printed_warnings():
        table = compare_networks(
            cast("Mapping[Any, Any]", files),
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
        print_heading(console, table, name)
        console.print(_summary(table, name))
    say(f"wrote {output} ({len(networks)} networks)")
    print_omitted(table)
    print_notes(table)


def _summary(table: xarray.Dataset, measure: str) -> Table:
    """List the mean, least and greatest similarity of two networks at each layer.

    If p-values are known, also how many pairs are more similar than unrelated data.
    """
    import numpy as np

    from isorep.plot.heatmap import NOT_ABOVE_CHANCE

    p_values = table.get(f"{measure}_p_adjusted")
    networks = [str(network) for network in table["x"].to_numpy()]
    headings = ["layer", "mean", "minimum", "between", "maximum", "between"]
    headings += [] if p_values is None else ["above chance"]
    summary = new_table(*headings)
    for k, layer in enumerate(table["layer"].to_numpy()):
        similarities = np.array(table[measure].isel(layer=k).to_numpy())
        np.fill_diagonal(similarities, np.nan)
        if np.isnan(similarities).all():
            summary.add_row(shown(layer), *["-"] * (len(headings) - 1))
            continue
        cells = [f"{np.nanmean(similarities):.4f}"]
        for index in (np.nanargmin(similarities), np.nanargmax(similarities)):
            i, j = divmod(int(index), len(networks))
            cells += [f"{similarities[i, j]:.4f}", f"{networks[i]}, {networks[j]}"]
        if p_values is not None:
            of_layer = p_values.isel(layer=k).to_numpy()[~np.isnan(similarities)]
            above = np.count_nonzero(of_layer <= NOT_ABOVE_CHANCE)
            cells.append(f"{above} of {of_layer.size}")
        summary.add_row(shown(layer), *map(shown, cells))
    return summary
