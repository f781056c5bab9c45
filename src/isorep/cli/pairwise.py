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
    ChannelsOption,
    LayersOption,
    MeasuresOption,
    MemoryOption,
    NanPolicyOption,
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

    from isorep.comparison.sweeps.sweep import Precision
    from isorep.representations.missing_values import NanPolicy


@app.command(
    epilog="Examples:\n\n"
    "isorep pairwise runs/*.zarr --layer conv8 -o sweep.zarr\n\n"
    "isorep pairwise runs/*.zarr --measure pwcca --measure cka -o sweep.zarr\n\n"
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
    """List the mean, least and greatest similarity of two networks at each layer."""
    import numpy as np

    networks = [str(network) for network in table["x"].to_numpy()]
    summary = new_table("layer", "mean", "minimum", "between", "maximum", "between")
    for k, layer in enumerate(table["layer"].to_numpy()):
        similarities = np.array(table[measure].isel(layer=k).to_numpy())
        np.fill_diagonal(similarities, np.nan)
        if np.isnan(similarities).all():
            summary.add_row(shown(layer), *["-"] * 5)
            continue
        cells = [f"{np.nanmean(similarities):.4f}"]
        for index in (np.nanargmin(similarities), np.nanargmax(similarities)):
            i, j = divmod(int(index), len(networks))
            cells += [f"{similarities[i, j]:.4f}", f"{networks[i]}, {networks[j]}"]
        summary.add_row(shown(layer), *map(shown, cells))
    return summary
