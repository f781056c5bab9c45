"""isorep contrast: whether layers of one network are closer to another network than others are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from isorep.cli.app import app
from isorep.cli.completion import complete_layer
from isorep.cli.file_sides import as_file, file_options
from isorep.cli.option_groups import with_options
from isorep.cli.options import (
    ChannelsOption,
    LayersOption,
    MeasuresOption,
    NanPolicyOption,
    ReduceOption,
    SeedOption,
)
from isorep.cli.output import (
    STDOUT,
    check_targets,
    new_console,
    new_table,
    print_notes,
    print_omitted,
    say,
    shown,
    write_text,
)
from isorep.cli.sample_options import SampleNames, sample_options
from isorep.cli.user_code import printed_warnings

if TYPE_CHECKING:
    import xarray

    from isorep.representations.missing_values import NanPolicy

_MOST_ROWS = 30
"""Number of contrasts of a measure that are printed."""


@app.command(
    epilog="Examples:\n\n"
    "isorep contrast model.npz brain.npz --measure cka_debiased\n\n"
    "isorep contrast model.npz brain.npz --other-layers conv1\n\n"
    "isorep contrast trained.npz brain.npz --other untrained.npz --groups stimuli.txt\n\n"
    "isorep contrast model.npz brain.npz --csv contrasts.csv"
)
@with_options(samples=sample_options)
def contrast(
    a: Annotated[
        Path,
        typer.Argument(
            metavar="A", help="Activations of a network, in a format that isorep formats lists."
        ),
    ],
    b: Annotated[
        Path, typer.Argument(metavar="B", help="What its layers are compared with, such as areas.")
    ],
    other: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Another network, whose layers are contrasted with those of A."
        ),
    ] = None,
    other_layers: Annotated[
        list[str] | None,
        typer.Option(
            "--other-layers",
            "--other-layer",
            metavar="GLOB",
            autocompletion=complete_layer,
            help="Layers of A with which the layers of A are contrasted; may be repeated. "
            "\\[default: *]",
        ),
    ] = None,
    layers: LayersOption = None,
    reduce: ReduceOption = None,
    channels: ChannelsOption = "auto",
    measure: MeasuresOption = None,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw", metavar="", help="Compare similarities without correction for sample size."
        ),
    ] = False,
    seed: SeedOption = 0,
    nan_policy: NanPolicyOption = "raise",
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all numbers as CSV; - writes to stdout."),
    ] = None,
    *,
    samples: SampleNames,
) -> None:
    """Test whether layers of A are more similar to B than other layers are."""
    from isorep.comparison.contrasts import contrasts
    from isorep.comparison.export import contrasts_to_csv
    from isorep.storage import load

    if other is not None and other_layers:
        raise ValueError("--other-layers selects layers of A: leave it out beside --other")
    files = [path for path in (a, b, other) if path is not None]
    known = samples.of(files)
    check_targets([None if csv == STDOUT else csv], sources=[*files, *known.paths.values()])
    options: dict[str, Any] = file_options(reduce=reduce, channels=channels) | known.arrays
    x, y, *others = (load(as_file(path, options)) for path in files)
    with printed_warnings():
        table = contrasts(
            x,
            y,
            others[0] if others else other_layers,
            layers=layers or "*",
            measures=measure or ["pwcca"],
            corrected=not raw,
            **known.read(),
            seed=seed,
            nan_policy=cast("NanPolicy", nan_policy),
        )
    if csv is not None:
        write_text(csv, contrasts_to_csv(table))
    if csv != STDOUT:
        for name in table.attrs["measures"]:
            _print_contrasts(table, name, both_orders=other is not None)
    print_omitted(table)
    print_notes(table)


def _print_contrasts(table: xarray.Dataset, measure: str, *, both_orders: bool) -> None:
    """List the contrasts of a measure, the clearest first; of layers of A, each pair once."""
    import numpy as np

    console = new_console()
    direction = table[f"{measure}_difference"].attrs["direction"]
    details = f" ({direction})" if direction else ""
    console.print(shown(f"{measure}{details}: similarity of x and y minus other and y", "bold"))
    names = [table[dim].to_numpy().tolist() for dim in ("x_layer", "other_layer", "y_layer")]
    columns = [
        table[f"{measure}_{name}"].to_numpy()
        for name in ("difference", "low", "high", "p_value", "p_adjusted")
    ]
    rows = []
    for cell in np.ndindex(*map(len, names)):
        x, o, y = (layers[i] for layers, i in zip(names, cell, strict=True))
        is_mirror = o in names[0][: cell[0]] and x in names[1]
        if both_orders or not (x == o or is_mirror):
            rows.append(((x, o, y), [float(column[cell]) for column in columns]))
    rows.sort(key=lambda row: row[1][3])
    listing = new_table(
        "x", "other", "y", "difference", "95 % interval", "p", "p adjusted", n_text_columns=3
    )
    for layers, (difference, low, high, p_value, p_adjusted) in rows[:_MOST_ROWS]:
        listing.add_row(
            *map(shown, layers),
            f"{difference:.4f}",
            f"{low:.4f} to {high:.4f}",
            f"{p_value:.2g}",
            f"{p_adjusted:.2g}",
        )
    console.print(listing)
    if len(rows) > _MOST_ROWS:
        say(f"... and {len(rows) - _MOST_ROWS} more; --csv writes all")
