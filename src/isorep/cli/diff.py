"""isorep diff: what a change did to a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isorep._utils.optional import import_optional
from isorep.cli.app import app
from isorep.cli.output import check_targets, new_console, new_table, write_file

if TYPE_CHECKING:
    from isorep.comparison.diff import Diff
    from isorep.representations.representations import Representations

_STORES = (".npz", ".zarr", ".npy", ".safetensors")
_REPORTS = (".html", ".json", ".csv")


@app.command(
    epilog="Examples:\n\n"
    "isorep diff nets:make nets:quantised --data nets:images --layers 'conv*' --fail-below 0.95\n\n"
    "isorep diff nets:make@old.safetensors nets:make@new.safetensors --data images.npy\n\n"
    "isorep diff bert/ bert-tuned/ --data texts.txt --layers 'encoder.layer.?' -o diff.json\n\n"
    "isorep diff before.zarr after.zarr"
)
def diff(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="Model: module:name, module:name@weights (.pt, .pth or .safetensors), or a "
            "Hugging Face folder. Or what isorep capture saved of one.",
        ),
    ],
    changed: Annotated[str, typer.Argument(metavar="CHANGED", help="The same, after the change.")],
    data: Annotated[
        str | None,
        typer.Option(
            help="What models run on: module:name of the batches, inputs in .npy, .npz or "
            ".safetensors, or .txt with a text a line, for a Hugging Face folder's tokenizer."
        ),
    ] = None,
    layers: Annotated[
        list[str] | None, typer.Option(help="Glob of layer names; may be repeated. [default: *]")
    ] = None,
    reduce: Annotated[
        str, typer.Option(help="mean, positions, flatten, max, last or first.")
    ] = "mean",
    measure: Annotated[str, typer.Option(help="A measure to compare by.")] = "pwcca",
    fail_below: Annotated[
        float | None,
        typer.Option(help="Exit with status 1 if a layer's similarity is lower than that."),
    ] = None,
    interval: Annotated[
        bool,
        typer.Option(help="Bound each similarity (95 %), and tell chance: several times slower."),
    ] = True,
    device: Annotated[
        str | None, typer.Option(help="Where to run the models, such as cuda.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the samples that are simulated.")] = 0,
    output: Annotated[
        list[Path] | None,
        typer.Option("--output", "-o", help="Write .html, .json or .csv; may be repeated."),
    ] = None,
) -> None:
    """Tell what a change did to a model, layer by layer, most changed first.

    The similarity is corrected for the number of samples; 1 is unchanged up to a change of basis.
    Exit status: 0, or 1 if a layer is below --fail-below, or 2 if there is nothing to tell.
    """
    from isorep.cli.specs import check_names_model, make_data
    from isorep.comparison.diff import between, checked, reusable

    checked(measure, fail_below)
    outputs = output or []
    for target in outputs:
        if target.suffix.lower() not in _REPORTS:
            raise ValueError(
                f"cannot write {str(target)!r}: expected a name ending in .html, .json or .csv"
            )
    sources = [Path(spec) for spec in (base, changed, data) if spec and Path(spec).exists()]
    check_targets(outputs, sources=sources)
    models = [spec for spec in (base, changed) if _is_model(spec)]
    for spec in models:
        check_names_model(spec)
    if data is None and models:
        raise ValueError(f"{models[0]} is a model: it needs --data to run on")
    if not models:
        _refuse_of_stores(data is not None, "--data")
        _refuse_of_stores(reduce != "mean", "--reduce")
        _refuse_of_stores(device is not None, "--device")
    with _users_code(data):
        batches = None if data is None else reusable(make_data(data, models))
    patterns = layers or ["*"]
    # One after the other: two names may stand for one object, with the weights of the later.
    with warnings.catch_warnings(record=True) as warned:
        x, y = (
            _activations(spec, name, batches, patterns, reduce, device)
            for spec, name in ((base, "base"), (changed, "changed"))
        )
    for text in dict.fromkeys(str(warning.message) for warning in warned):
        typer.echo(f"isorep: warning: {text}", err=True)
    found = between(
        x,
        y,
        layers=patterns,
        measure=measure,
        fail_below=fail_below,
        interval=interval,
        seed=seed,
        progress=True,
    )
    _show(found, x.n_samples)
    for text in found.reasons(found.layers):
        typer.echo(f"isorep: warning: {text}", err=True)
    for target in outputs:
        if target.suffix.lower() == ".html":
            title = f"{base} and {changed}"
            order = [layer.layer for layer in found.layers]
            table = (
                found.grid()
                .sel(x_layer=order, y_layer=order)
                .assign_attrs({} if fail_below is None else {"fail_below": fail_below})
            )
            explorer = import_optional("isorep.explorer.report", "report")
            explorer.report(table, target, a=x, b=y, title=title)
        else:
            _write(found, target)
    if found.below:
        names = ", ".join(layer.layer for layer in found.below)
        typer.echo(f"isorep: {found.summary()} {names}", err=True)
        raise typer.Exit(1)


def _refuse_of_stores(given: bool, option: str) -> None:
    if given:
        raise ValueError(f"{option} is for models, and these are captured already: leave it out")


def _activations(
    spec: str, name: str, batches: Any, layers: list[str], reduce: str, device: str | None
) -> Representations:
    from isorep.cli.specs import make_model
    from isorep.comparison.diff import activations

    side = make_model(spec) if _is_model(spec) else spec
    with _users_code(spec):
        return activations(
            side, name, batches, layers=layers, reduce=reduce, device=device, progress=True
        )


@contextmanager
def _users_code(spec: str | None) -> Iterator[None]:
    """Make of any error one of bad input: a status of its own, 0 or 1, would be a verdict."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError):
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(f"running {spec} failed: {type(error).__name__}: {error}") from error


def _is_model(spec: str) -> bool:
    named, at, _ = spec.partition("@")
    return Path(spec).suffix not in _STORES or (at == "@" and ":" in named)


def _show(found: Diff, n_samples: int) -> None:
    """Print the layers, most changed first."""
    from rich.text import Text

    bar = "" if found.fail_below is None else f", at least {found.fail_below}"
    console = new_console()
    console.print(Text(f"{found.measure} similarity on {n_samples} samples{bar}", style="bold"))
    columns = found.columns(found.layers)
    marks = [found.mark(layer) for layer in found.layers]
    marked = [""] if any(marks) else []
    listing = new_table("layer", *columns, *marked)
    listing.columns[-1].justify = "left" if marked else "right"
    for i, (layer, mark) in enumerate(zip(found.layers, marks, strict=True)):
        listing.add_row(
            Text(layer.layer),
            *(f"{values[i]:.4f}" for values in columns.values()),
            *([Text(mark)] if marked else []),
            style="bold red" if layer.below else None,
        )
    console.print(listing)
    for note in found.notes():
        console.print(Text(note))


def _write(found: Diff, target: Path) -> None:
    text = found.to_json() if target.suffix.lower() == ".json" else found.to_csv()
    write_file(target, text.encode())
