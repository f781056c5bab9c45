"""isorep pairwise: many networks, each with every other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

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
    "isorep pairwise runs/*.zarr --layer conv8 -o sweep.zarr\n\n"
    "isorep pairwise runs/*.zarr --measure pwcca --measure cka --memory '8 GB' -o sweep.zarr\n\n"
    "isorep pairwise runs/*.zarr --scheduler tcp://10.0.0.1:8786 -o sweep.zarr"
)
def pairwise(
    networks: Annotated[
        list[Path],
        typer.Argument(
            metavar="NETWORK...",
            help="Representations of each: .zarr, .npy or .h5 (read a layer at a time), .npz or "
            ".safetensors.",
        ),
    ],
    output: Output,
    layer: LayerNames = None,
    measure: Measures = None,
    precision: ProductPrecision = "auto",
    scheduler: Scheduler = None,
    memory: Memory = None,
) -> None:
    """Compare every network with every other, layer by layer."""
    from isorep import pairwise as compare_networks

    if len(networks) < 2:
        raise ValueError(f"expected at least two networks to compare, got {len(networks)}")
    check_targets([output], sources=networks)
    going_on(output)
    table = compare_networks(
        cast("Mapping[Any, Any]", names_of(networks)),
        layers=layer,
        measures=measure or ["pwcca"],
        precision=cast("Precision", precision),
        out=output,
        scheduler=scheduler,
        memory=memory,
    )
    for name in table.attrs["measures"]:
        show(_summary(table, name))
    typer.echo(f"{len(networks)} networks in {output}")
    report_trouble(table)


def _summary(table: xarray.Dataset, name: str) -> object:
    """Tell of each layer how alike two networks are: on average, at least and at most."""
    import numpy as np
    from rich.text import Text

    networks = [str(network) for network in table["x"].to_numpy()]
    listing = new_table(name, "mean", "least", "", "most", "")
    for k, layer in enumerate(table["layer"].to_numpy()):
        values = np.array(table[name].isel(layer=k).to_numpy())
        np.fill_diagonal(values, np.nan)
        if np.isnan(values).all():
            listing.add_row(Text(str(layer)), *["-"] * 5)
            continue
        cells = [f"{np.nanmean(values):.4f}"]
        for place in (np.nanargmin(values), np.nanargmax(values)):
            i, j = divmod(int(place), len(networks))
            cells += [f"{values[i, j]:.4f}", f"{networks[i]}, {networks[j]}"]
        listing.add_row(Text(str(layer)), *map(Text, cells))
    return listing
