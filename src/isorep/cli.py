"""The shell: every capability as a command."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import xarray
    from rich.table import Table

    from isorep.paper import Entry
    from isorep.plot._axis import Quantity, Told

app = typer.Typer(
    name="isorep",
    help="Tell whether two neural representations are the same up to a change of basis.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

_STDOUT = Path("-")
_UNBOUNDED = 100_000
_PICTURES = (".png", ".svg", ".pdf")
_ALIKE = {
    "linear": "invertible linear maps of one representation",
    "orthogonal": "rotations and scaling of one representation",
    "rotation": "rotations about the origin and scaling of one representation",
    "permutation": "another order of one representation's neurons, scaling and translation",
    "neurons": "another order of one representation's neurons, each rescaled and shifted",
    "signed": "another order of one representation's neurons, each rescaled, negated or shifted",
    "common": "another order of one representation's neurons, all rescaled and shifted alike",
    "scaling": "positive multiples of one representation",
    "none": "one representation alone",
}


def main() -> None:
    """Run the command line; bad input is one message and exit status 2, never a traceback."""
    try:
        app()
    except (ValueError, TypeError, OSError, ImportError) as error:
        typer.echo(f"isorep: error: {error}", err=True)
        sys.exit(2)


def _version(wanted: bool) -> None:
    if wanted:
        from isorep import __version__

        typer.echo(f"isorep {__version__}")
        raise typer.Exit


@app.callback()
def _isorep(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command(
    epilog="Examples:\n\n"
    "isorep compare a.npz b.npz\n\n"
    "isorep compare a.zarr b.zarr --measure pwcca --measure cka --plot heat.png\n\n"
    "isorep compare a.npz b.npz --correct --interval --chance --plot heat.png\n\n"
    "isorep compare a.npz b.npz --json - | jq .measures.pwcca.similarity"
)
def compare(
    a: Annotated[
        Path,
        typer.Argument(metavar="A", help="Representations: .npz, .zarr, .npy or .safetensors."),
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
) -> None:
    """Compare two networks layer by layer."""
    from isorep import compare as compare_layers
    from isorep.export import to_csv, to_json
    from isorep.storage import load

    if json == _STDOUT and csv == _STDOUT:
        raise ValueError("--json - and --csv - both want stdout: write one of them to a file")
    _check_targets([json, csv, plot], sources=[a, b])
    if plot is not None and plot.suffix.lower() not in _PICTURES:
        raise ValueError(f"cannot draw {str(plot)!r}: expected a name ending in .png, .svg or .pdf")
    table = compare_layers(
        load(a),
        load(b),
        measures=measure or ["pwcca"],
        correct=correct,
        interval=interval,
        chance=chance,
        n_permutations=permutations,
        seed=seed,
    )
    for target, write in ((json, to_json), (csv, to_csv)):
        if target == _STDOUT:
            sys.stdout.write(write(table))
        elif target is not None:
            _write(target, write(table).encode())
    if plot is not None:
        _draw(
            table,
            plot,
            "calibrated" if chance else "corrected" if correct or interval else "similarity",
        )
    if _STDOUT not in (json, csv):
        _show(table)
    _report_trouble(table)


@app.command(
    epilog="Examples:\n\n"
    "isorep capture models:make_resnet --weights w.safetensors --data data:make_loader "
    "--layers 'layer*' -o a.zarr\n\n"
    "isorep capture nets:model --data nets:images --layers 'conv*' --layers fc -o a.npz"
)
def capture(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="module:name of a model, or of a function that makes one."
        ),
    ],
    data: Annotated[
        str, typer.Option(help="module:name of the batches, or of a function that makes them.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to save (.npz or .zarr).")],
    weights: Annotated[
        Path | None, typer.Option(help="State dict to load (.pt, .pth or .safetensors).")
    ] = None,
    layers: Annotated[
        list[str] | None, typer.Option(help="Glob of layer names; may be repeated. [default: *]")
    ] = None,
    reduce: Annotated[
        str, typer.Option(help="mean, positions, flatten, max, last or first.")
    ] = "mean",
    max_samples: Annotated[int | None, typer.Option(help="Stop after so many samples.")] = None,
    device: Annotated[
        str | None, typer.Option(help="Where to run the model, such as cuda.")
    ] = None,
    dtype: Annotated[str | None, typer.Option(help="dtype to keep, such as float16.")] = None,
) -> None:
    """Save the activations of a PyTorch model's layers."""
    from isorep import capture as capture_layers
    from isorep._factory import load_weights, make

    _check_targets([output], sources=[weights])
    network = make(model)
    if weights is not None:
        load_weights(network, weights)
    found = capture_layers(
        network,
        make(data),
        layers=layers or "*",
        reduce=reduce,
        max_samples=max_samples,
        device=device,
        dtype=dtype,
    )
    found.save(output)
    typer.echo(f"{output}: {found}", err=True)


@app.command()
def measures() -> None:
    """List the measures: what each is, its formula, and what holds for it."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from isorep import MEASURES

    console = Console(highlight=False)
    for name, row in MEASURES.items():
        console.print(f"[bold]{name}[/bold]: {row.description}")
        symmetric = "symmetric" if row.symmetric else "not symmetric"
        units = "" if row.distance.units == "1" else f", in {row.distance.units}"
        metric = "a metric" if row.metric else "no metric"
        low, high = row.similarity_range
        facts = (
            f"similarity = {row.formula}\n"
            f"distance = {row.distance.formula}{units}; {metric}\n"
            f"similarity in [{low:g}, {high:g}], 1 for {_ALIKE[row.invariance]}; {symmetric}\n"
            f"{row.reference}"
        )
        console.print(Padding(Text(facts), (0, 0, 1, 4)))


@app.command(epilog="Example:\n\nisorep demo --networks 3 --out figure3")
def demo(
    networks: Annotated[int, typer.Option(help="Networks to train on each labelling.")] = 5,
    out: Annotated[Path, typer.Option(help="Folder for the figure and the numbers.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the whole run.")] = 0,
) -> None:
    """Reproduce the paper's main finding on real data, offline, in minutes.

    Trains networks on the true labels of scikit-learn's digits and on one fixed random labelling,
    and compares every layer of every pair: figures 3 and A9 of Morcos et al. (2018).
    """
    from isorep.paper import demo as figures_3_and_a9

    result = figures_3_and_a9.run(networks=networks, out=out, seed=seed)
    for part in result.tables():
        _print(part)


@app.command(
    epilog="Examples:\n\n"
    "isorep paper list\n\n"
    "isorep paper fig3 -o out\n\n"
    "isorep paper all --scale small --data datasets -o out"
)
def paper(
    figure: Annotated[
        str, typer.Argument(metavar="FIGURE", help="A figure such as fig3, or all, or list.")
    ],
    scale: Annotated[str, typer.Option(help="laptop, small or paper.")] = "laptop",
    data: Annotated[
        Path | None, typer.Option(help="Folder of data sets, for all scales but laptop.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to train: auto, cpu, cuda, ...")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the whole run.")] = 0,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the figures and trained networks.")
    ] = Path("paper"),
) -> None:
    """Reproduce a figure of the paper and judge its claims.

    Writes a folder with the figure, its data and claims.json, and a page, README.md, about all
    figures there. Networks are trained once and shared between figures; a run that was stopped goes
    on where it was.
    """
    from isorep.paper import FIGURES, SCALES
    from isorep.paper.page import write_page
    from isorep.paper.runner import reproduce
    from isorep.paper.verdicts import LEGEND, claims_table

    if figure == "list":
        _list_figures(FIGURES, SCALES)
        return
    failed = {}
    for name in FIGURES if figure == "all" else [figure]:
        typer.echo(f"isorep: {name} at {scale} scale", err=True)
        try:
            made = reproduce(name, scale, data=data, device=device, seed=seed, out=out)
        except (ValueError, OSError) as error:
            if figure != "all":
                raise
            # The others may do without what this one lacks.
            failed[name] = str(error)
            typer.echo(f"isorep: error: {name}: {error}", err=True)
            continue
        _print(claims_table(made.claims))
        for file in made.files:
            _print(f"wrote {file}")
    if len(failed) < len(FIGURES):
        _print(LEGEND)
        _print(f"wrote {write_page(out)}")
    if failed:
        raise ValueError(f"{len(failed)} of {len(FIGURES)} figures failed: {', '.join(failed)}")


def _list_figures(figures: Mapping[str, Entry], scales: Mapping[str, str]) -> None:
    listing = _listing("figure", "title", "what it claims")
    for name, entry in figures.items():
        listing.add_row(name, entry.title, entry.claim)
    for column in listing.columns:
        column.justify = "left"
    _print(listing)
    for scale, meaning in scales.items():
        _print(f"--scale {scale}: {meaning}")


def _check_targets(targets: Sequence[Path | None], sources: Sequence[Path | None]) -> None:
    """Refuse, before any work is done, a target that cannot be written or should not be."""
    sources_found = {path.resolve() for path in sources if path is not None}
    taken: set[Path] = set()
    for target in targets:
        if target is None or target == _STDOUT:
            continue
        found = target.resolve()
        if not found.parent.is_dir():
            raise FileNotFoundError(
                f"cannot write {str(target)!r}: no folder {str(target.parent)!r}"
            )
        if found.is_dir() and target.suffix.lower() != ".zarr":
            raise ValueError(f"cannot write {str(target)!r}: it is a folder")
        if found in sources_found:
            raise ValueError(f"cannot write {str(target)!r}: it is what is to be read")
        if found in taken:
            raise ValueError(f"cannot write {str(target)!r} twice: give each output its own file")
        taken.add(found)


def _write(target: Path, content: bytes) -> None:
    from isorep.storage.atomic import new_file

    if target.exists() and not target.is_file():  # a pipe or a device takes bytes, not a rename
        target.write_bytes(content)
        return
    with new_file(target.resolve()) as file:
        file.write(content)


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
    _write(target, content.getvalue())


def _print(content: Any) -> None:
    from rich.console import Console

    Console().print(content)


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
        console.print("real: canonical correlations beyond noise; p: adjusted for the many cells")


def _listing(*headings: str) -> Table:
    from rich.table import Table
    from rich.text import Text  # a layer's name is no markup

    listing = Table(box=None, header_style="bold", pad_edge=False)
    for heading in headings:
        left = heading == headings[0]
        listing.add_column(Text(heading), overflow="fold", justify="left" if left else "right")
    return listing


def _grid(table: xarray.Dataset, name: str) -> Table:
    from rich.text import Text

    y_layers = [str(layer) for layer in table["y_layer"].to_numpy()]
    listing = _listing("x \\ y", *y_layers)
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
    listing = _listing("x", "y", "raw", *columns.values(), "real")
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

    listing = _listing("x", "most similar y", "similarity")
    y_layers = table["y_layer"].to_numpy()
    for x_layer, row in zip(table["x_layer"].to_numpy(), table[name].to_numpy(), strict=True):
        if np.isnan(row).all():
            listing.add_row(Text(str(x_layer)), "-", "nan")
        else:
            best = int(np.nanargmax(row))
            listing.add_row(Text(str(x_layer)), Text(str(y_layers[best])), f"{row[best]:.4f}")
    return listing


def _report_trouble(table: xarray.Dataset) -> None:
    """Say on stderr, once for each kind, what to read with care and what could not be computed."""
    for variable, heading in (("warnings", "warning"), ("reason", "not computed")):
        texts = [text for text in table[variable].to_numpy().ravel() if text]
        for text in list(dict.fromkeys(texts))[:3]:
            typer.echo(f"isorep: {heading} ({texts.count(text)} cells): {text}", err=True)
        if len(set(texts)) > 3:
            typer.echo(f"isorep: ... and {len(set(texts)) - 3} more kinds; see --json", err=True)


if __name__ == "__main__":
    main()
