"""isorep compare: two networks, layer by layer."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isorep.cli.app import app
from isorep.cli.output import STDOUT, check_targets, new_table, report_trouble, write_file

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

    from isorep.plot.axis import Quantity, Told

_UNBOUNDED = 100_000
_PICTURES = (".png", ".svg", ".pdf")


@app.command(
    epilog="Examples:\n\n"
    "isorep compare a.npz b.npz\n\n"
    "isorep compare a.zarr b.zarr --measure pwcca --measure cka --plot heat.png\n\n"
    "isorep compare a.npz b.npz --correct --interval --chance --plot heat.png\n\n"
    "isorep compare a.zarr b.zarr --memory 2GB --dry-run\n\n"
    "isorep compare a.npz b.npz --json - | jq .measures.pwcca.similarity"
)
def compare(
    a: Annotated[
        Path,
        typer.Argument(
            metavar="A",
            help="Representations: .npz, .zarr, .npy, .safetensors, .h5 or .hdf5; those in .zarr, "
            ".npy and HDF5 may be larger than memory.",
        ),
    ],
    b: Annotated[
        Path, typer.Argument(metavar="B", help="The other network's, on the same samples.")
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option(help="A measure to compare by; may be repeated. [default: pwcca]"),
    ] = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Take out what the number of samples adds.")
    ] = False,
    interval: Annotated[
        bool, typer.Option("--interval", help="Bound the population's similarity (95 %).")
    ] = False,
    chance: Annotated[
        bool, typer.Option("--chance", help="Tell what unrelated data would show, and p-values.")
    ] = False,
    permutations: Annotated[
        int | None, typer.Option(help="Shuffles for each p-value. [default: 20 a cell]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of what these draw.")] = 0,
    memory: Annotated[
        str | None,
        typer.Option(help="What it may take, such as 2GB. [default: half of what is free]"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how it would go about it, and stop.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Write all numbers as JSON; - is stdout.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write all numbers as CSV; - is stdout.")] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            help="Draw the first measure (.png, .svg or .pdf); calibrated with --chance, else "
            "corrected with --correct or --interval."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page to explore; for its details, A and B are read whole."),
    ] = None,
) -> None:
    """Compare two networks layer by layer."""
    from isorep.comparison.compare import compare as compare_layers
    from isorep.comparison.export import to_csv, to_json

    measures = measure or ["pwcca"]
    if dry_run:
        plan = compare_layers(
            a,
            b,
            measures=measures,
            correct=correct,
            interval=interval,
            chance=chance,
            memory=memory,
            plan_only=True,
        )
        typer.echo(str(plan))  # to rich, names of layers could be markup
        return
    if json == STDOUT and csv == STDOUT:
        raise ValueError("--json - and --csv - both want stdout: write one of them to a file")
    check_targets([json, csv, plot, html], sources=[a, b])
    if plot is not None and plot.suffix.lower() not in _PICTURES:
        raise ValueError(f"cannot draw {str(plot)!r}: expected a name ending in .png, .svg or .pdf")
    table = compare_layers(
        a,
        b,
        measures=measures,
        correct=correct,
        interval=interval,
        chance=chance,
        n_permutations=permutations,
        seed=seed,
        memory=memory,
    )
    for target, write in ((json, to_json), (csv, to_csv)):
        if target == STDOUT:
            sys.stdout.write(write(table))
        elif target is not None:
            write_file(target, write(table).encode())
    if plot is not None:
        _draw(
            table,
            plot,
            "calibrated" if chance else "corrected" if correct or interval else "similarity",
        )
    if html is not None:
        from isorep.explorer.report import report
        from isorep.storage import load

        report(table, html, a=load(a), b=load(b))
    if STDOUT not in (json, csv):
        _show(table)
    report_trouble(table)


def _draw(table: xarray.Dataset, target: Path, quantity: Quantity | Told) -> None:
    import io

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from isorep.plot import heatmap

    figure = heatmap(table, quantity=quantity).get_figure(root=True)
    assert figure is not None
    content = io.BytesIO()
    figure.savefig(content, format=target.suffix.lower().removeprefix("."), dpi=150)
    pyplot.close(figure)
    write_file(target, content.getvalue())


def _show(table: xarray.Dataset) -> None:
    """Print each measure's grid, or the best partner of each layer where the grid is too wide."""
    from rich.console import Console

    # What goes to a file or a pipe is not cut to the width of a terminal.
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    console = Console(highlight=False, width=_UNBOUNDED if piped else None)
    unbounded = console.options.update_width(_UNBOUNDED)
    for name in table.attrs["measures"]:
        grid = _grid(table, name)
        if console.measure(grid, options=unbounded).maximum > console.width:
            grid = _best_partners(table, name)
        console.print(f"{name} similarity (1 is the same)", style="bold")
        console.print(grid)
        if "n_significant" in table:
            console.print(_told(table, name))
    if "n_significant" in table:
        adjusted = any(f"{name}_p_adjusted" in table for name in table.attrs["measures"])
        console.print(
            "real: canonical correlations beyond noise"
            + ("; p: adjusted for the many cells" if adjusted else "")
        )


def _grid(table: xarray.Dataset, name: str) -> Table:
    from rich.text import Text

    y_layers = [str(layer) for layer in table["y_layer"].to_numpy()]
    listing = new_table("x \\ y", *y_layers)
    for x_layer, row in zip(table["x_layer"].to_numpy(), table[name].to_numpy(), strict=True):
        listing.add_row(Text(str(x_layer)), *(f"{value:.4f}" for value in row))
    return listing


def _told(table: xarray.Dataset, name: str) -> Table:
    """List each cell with what is known about how far to trust it."""
    from rich.text import Text

    shown = {
        "corrected": "corrected",
        "low": "low",
        "high": "high",
        "chance": "chance",
        "calibrated": "calibrated",
        "p_adjusted": "p",
    }
    columns = {key: text for key, text in shown.items() if f"{name}_{key}" in table}
    listing = new_table("x", "y", "raw", *columns.values(), "real")
    for x_layer in table["x_layer"].to_numpy():
        for y_layer in table["y_layer"].to_numpy():
            cell = table.sel(x_layer=x_layer, y_layer=y_layer)
            listing.add_row(
                Text(str(x_layer)),
                Text(str(y_layer)),
                f"{cell[name].item():.3f}",
                *(f"{cell[f'{name}_{key}'].item():.3f}" for key in columns),
                f"{cell['n_significant'].item():.0f}",
            )
    return listing


def _best_partners(table: xarray.Dataset, name: str) -> Table:
    import numpy as np
    from rich.text import Text

    listing = new_table("x", "most similar y", "similarity")
    y_layers = table["y_layer"].to_numpy()
    for x_layer, row in zip(table["x_layer"].to_numpy(), table[name].to_numpy(), strict=True):
        if np.isnan(row).all():
            listing.add_row(Text(str(x_layer)), "-", "nan")
        else:
            best = int(np.nanargmax(row))
            listing.add_row(Text(str(x_layer)), Text(str(y_layers[best])), f"{row[best]:.4f}")
    return listing
