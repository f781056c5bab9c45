"""isorep compare: two networks, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isorep._utils.optional import import_optional
from isorep.cli.app import app
from isorep.cli.completion import complete_layer
from isorep.cli.file_sides import as_sides
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
    SeedOption,
)
from isorep.cli.output import (
    STDOUT,
    check_targets,
    fits,
    new_console,
    new_table,
    print_heading,
    print_notes,
    print_omitted,
    say,
    shown,
    write_file,
    write_text,
)
from isorep.cli.sample_options import SampleNames, sample_options
from isorep.cli.user_code import user_code

if TYPE_CHECKING:
    import xarray
    from rich.table import Table

    from isorep.plot.axis import InferredQuantity, Quantity
    from isorep.representations.activation_file import ActivationFile
    from isorep.representations.representations import Representations

_PICTURES = (".png", ".svg", ".pdf")


@app.command(
    epilog="Examples:\n\n"
    "isorep compare a.npz b.npz\n\n"
    "isorep compare a.zarr b.zarr --measure pwcca --measure cka --plot heat.png\n\n"
    "isorep compare a.npz b.npz --correct --interval --chance --plot heat.png\n\n"
    "isorep compare nets:a nets:b --data nets:images --layers 'conv*'\n\n"
    "isorep compare gpt2/ llama/ --data texts.txt --layers-a 'h.?' --layers-b 'layers.?'\n\n"
    "isorep compare a.npz b.npz --chance --groups stimuli.txt\n\n"
    "isorep compare a.h5 b.mat --reduce mean --channels last --ids image\n\n"
    "isorep compare a.zarr b.zarr --memory 2GB --dry-run\n\n"
    "isorep compare a.npz b.npz --json - | jq .measures.pwcca.similarity"
)
@with_options(samples=sample_options, options=model_options)
def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="One network: a file or folder of activations in a format that isorep formats "
            "lists; or a model: module:name, module:name@weights, or a Hugging Face folder.",
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help="The other network, in the same forms and on the same samples."
        ),
    ],
    data: DataOption = None,
    layers: LayersOption = None,
    layers_a: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            autocompletion=complete_layer,
            help="Pattern of layer names of A alone; may be repeated.",
        ),
    ] = None,
    layers_b: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            autocompletion=complete_layer,
            help="Pattern of layer names of B alone; may be repeated.",
        ),
    ] = None,
    measure: MeasuresOption = None,
    correct: CorrectOption = False,
    interval: IntervalOption = False,
    chance: ChanceOption = False,
    permutations: PermutationsOption = None,
    seed: SeedOption = 0,
    precision: PrecisionOption = "auto",
    nan_policy: NanPolicyOption = "raise",
    memory: MemoryOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Print the plan and exit.")
    ] = False,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all numbers as JSON; - writes to stdout."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write all numbers as CSV; - writes to stdout."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Draw the first measure as a heatmap (.png, .svg or .pdf): calibrated with "
            "--chance, otherwise corrected with --correct or --interval.",
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write a page to explore; holds A and B in memory as a whole."
        ),
    ] = None,
    *,
    samples: SampleNames,
    options: dict[str, Any],
) -> None:
    """Compare two networks, every layer with every layer."""
    from isorep.comparison.compare import compare as compare_layers
    from isorep.comparison.export import to_csv, to_json
    from isorep.model_files.specs import names_model

    measures = measure or ["pwcca"]
    if layers and (layers_a or layers_b):
        raise ValueError("--layers applies to both networks: give it alone")
    known = samples.of([side for side in (a, b) if not names_model(side)])
    x_side, y_side = as_sides((a, b), known.arrays)
    sides: dict[str, Any] = {
        "data": data,
        "layers": (layers_a or ["*"], layers_b or ["*"])
        if layers_a or layers_b
        else layers or ["*"],
        **options,
    }
    table_options: dict[str, Any] = {
        "measures": measures,
        "correct": correct,
        "interval": interval,
        "chance": chance,
        "n_permutations": permutations,
        **known.read(),
        "seed": seed,
        "precision": precision,
        "nan_policy": nan_policy,
        "memory": memory,
    }
    if dry_run:
        with user_code(data, a, b):
            plan = compare_layers(x_side, y_side, plan_only=True, **sides, **table_options)
        say(str(plan))  # rich would read names of layers as markup
        return
    if json == STDOUT and csv == STDOUT:
        raise ValueError("--json - and --csv - both write to stdout: give one of them a file")
    check_targets(
        [*(target for target in (json, csv) if target != STDOUT), plot, html],
        sources=[Path(a), Path(b), *known.paths.values()],
    )
    if plot is not None and plot.suffix.lower() not in _PICTURES:
        raise ValueError(f"cannot draw {str(plot)!r}: expected a name ending in .png, .svg or .pdf")
    with user_code(data, a, b):
        if html is None:
            table = compare_layers(x_side, y_side, **sides, **table_options)
        else:
            x, y = _in_memory(x_side, y_side, **sides)
            table = compare_layers(x, y, **table_options).assign_attrs(a=a, b=b)
    for target, write in ((json, to_json), (csv, to_csv)):
        if target is not None:
            write_text(target, write(table))
    if plot is not None:
        _draw(
            table,
            plot,
            "calibrated" if chance else "corrected" if correct or interval else "similarity",
        )
    if html is not None:
        from isorep.explorer.report import report

        report(table, html, a=x, b=y, title=f"{a} and {b}")
    if STDOUT not in (json, csv):
        _print_tables(table)
    print_omitted(table)
    print_notes(table)


def _in_memory(
    a: str | ActivationFile, b: str | ActivationFile, *, data: Any, layers: Any, **options: Any
) -> tuple[Representations, Representations]:
    """Load or capture the layers of both sides; a name that is both sides is loaded once."""
    from isorep._utils.layer_patterns import patterns_of_each
    from isorep.activations.options import check_for_models
    from isorep.comparison.compare import compare as compare_layers
    from isorep.comparison.sides import (
        activations,
        is_model,
        is_same_path,
        model_of,
        patterns_of_sides,
        reusable,
        select_layers,
        with_patterns,
    )
    from isorep.model_files.data_files import make_data
    from isorep.model_files.specs import names_model

    models = [side for side in (a, b) if names_model(side)]
    general = ("reduce", "channels") if len(models) < 2 else ()
    check_for_models(compare_layers, bool(models), general, **options)
    data = reusable(make_data(data, (a, b)))
    of_a, of_b = patterns_of_each(layers, 2)
    if of_a == of_b:
        of_a, of_b = patterns_of_sides((a, b), of_a)

    def side(spec: Any, name: str, patterns: list[str]) -> Representations:
        network, patterns = with_patterns(model_of(spec, (a, b)), patterns, options)
        layers = activations(network, name, data, layers=patterns, progress=True, **options)
        return layers if is_model(network) else select_layers(layers, patterns, name)

    x = side(a, "a", of_a)
    return x, x if is_same_path(a, b) and of_a == of_b else side(b, "b", of_b)


def _draw(table: xarray.Dataset, target: Path, quantity: Quantity | InferredQuantity) -> None:
    import io

    import_optional("matplotlib", "plot").use("Agg")
    from matplotlib import pyplot

    from isorep.plot.heatmap import heatmap

    figure = heatmap(table, quantity=quantity).get_figure(root=True)
    assert figure is not None
    content = io.BytesIO()
    figure.savefig(content, format=target.suffix.lower().removeprefix("."), dpi=150)
    pyplot.close(figure)
    write_file(target, content.getvalue())


def _print_tables(table: xarray.Dataset) -> None:
    """Print the grid of each measure, or the most similar layers if the grid is too wide."""
    console = new_console()
    for name in table.attrs["measures"]:
        grid = _grid(table, name)
        print_heading(console, table, name)
        console.print(grid if fits(grid, console) else _most_similar(table, name))
        if "n_significant" in table:
            console.print(cell_listing(table, name, ["x_layer", "y_layer"], ["x", "y"]))
    print_legend(console, table)


def _grid(table: xarray.Dataset, measure: str) -> Table:
    """List the similarity of every pair of layers, one row for each layer of x."""
    y_layers = [str(layer) for layer in table["y_layer"].to_numpy()]
    grid = new_table("x \\ y", *y_layers)
    for x_layer, row in zip(table["x_layer"].to_numpy(), table[measure].to_numpy(), strict=True):
        grid.add_row(shown(x_layer), *(f"{similarity:.4f}" for similarity in row))
    return grid


def _most_similar(table: xarray.Dataset, measure: str) -> Table:
    """List the most similar layer of y for each layer of x."""
    import numpy as np

    listing = new_table("x", "most similar y", "similarity", n_text_columns=2)
    y_layers = table["y_layer"].to_numpy()
    for x_layer, row in zip(table["x_layer"].to_numpy(), table[measure].to_numpy(), strict=True):
        if np.isnan(row).all():
            listing.add_row(shown(x_layer), "-", "nan")
        else:
            best = int(np.nanargmax(row))
            listing.add_row(shown(x_layer), shown(y_layers[best]), f"{row[best]:.4f}")
    return listing
