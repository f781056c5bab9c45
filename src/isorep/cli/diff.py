"""isorep diff: what a change did to a model."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isorep.cli.app import app
from isorep.cli.options import (
    DeviceOption,
    LayerPatternsOption,
    MeasureOption,
    ReduceOption,
    SeedOption,
)
from isorep.cli.output import check_targets, new_console, new_table, write_file
from isorep.cli.user_code import user_code

if TYPE_CHECKING:
    from isorep.comparison.diff_result import Diff
    from isorep.representations.representations import Representations

_STORES = (".npz", ".zarr", ".npy", ".safetensors")
_REPORTS = (".html", ".json", ".csv")


@app.command(
    epilog="Examples:\n\n"
    "isorep diff nets:make nets:quantised --data nets:images --fail-below 0.95\n\n"
    "isorep diff nets:make@old.pt nets:make@new.pt --data images.npy\n\n"
    "isorep diff bert/ bert-tuned/ --data texts.txt -o diff.json\n\n"
    "isorep diff before.zarr after.zarr --layers 'conv*'"
)
def diff(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="Model before the change: module:name, module:name@weights (.pt, .pth or "
            ".safetensors), a Hugging Face folder, or a file of isorep capture.",
        ),
    ],
    changed: Annotated[
        str, typer.Argument(metavar="CHANGED", help="Model after the change, in the same forms.")
    ],
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Data to run models on: module:name of the batches; inputs in .npy, .npz or "
            ".safetensors; or for Hugging Face folders a .txt with one text per line.",
        ),
    ] = None,
    layers: LayerPatternsOption = None,
    reduce: ReduceOption = "mean",
    measure: MeasureOption = "pwcca",
    fail_below: Annotated[
        float | None,
        typer.Option(
            metavar="FLOAT",
            help="Threshold: exit with status 1 if a layer is less similar than this.",
        ),
    ] = None,
    interval: Annotated[
        bool,
        typer.Option(
            metavar="",
            help="Compute 95 % confidence intervals and chance levels; takes several times as "
            "long.",
        ),
    ] = True,
    device: DeviceOption = None,
    seed: SeedOption = 0,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write (.html, .json or .csv); may be repeated.",
        ),
    ] = None,
) -> None:
    """Compare a model with a changed copy, layer by layer, most changed first.

    The similarity is corrected for finite-sample bias. It is 1 if only the
    basis of a layer changed.
    Exit status: 0; 1 if a layer is below --fail-below; 2 for an error.
    """
    from isorep.comparison.diff import checked_measure, diff_representations
    from isorep.comparison.diff_result import diff_reasons
    from isorep.comparison.sides import reusable
    from isorep.model_files.data_files import make_data
    from isorep.model_files.specs import check_names_model

    checked_measure(measure, fail_below)
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
        raise ValueError(f"{models[0]} is a model: pass --data to run it on")
    if not models:
        for option, is_set in (
            ("--data", data is not None),
            ("--reduce", reduce != "mean"),
            ("--device", device is not None),
        ):
            if is_set:
                raise ValueError(
                    f"{option} is for models, but both sides are files of activations: leave it out"
                )
    with user_code(data):
        batches = None if data is None else reusable(make_data(data, models))
    patterns = layers or ["*"]
    # One model after the other: two names may stand for one object with different weights.
    with warnings.catch_warnings(record=True) as caught:
        x, y = (
            _activations(spec, name, batches, patterns, reduce, device)
            for spec, name in ((base, "base"), (changed, "changed"))
        )
    for text in dict.fromkeys(str(warning.message) for warning in caught):
        typer.echo(f"isorep: warning: {text}", err=True)
    result = diff_representations(
        x,
        y,
        layers=patterns,
        measure=measure,
        fail_below=fail_below,
        interval=interval,
        seed=seed,
        progress=True,
    )
    _print_layers(result, x.n_samples)
    for text in diff_reasons(result.layers):
        typer.echo(f"isorep: warning: {text}", err=True)
    for target in outputs:
        if target.suffix.lower() == ".html":
            _write_page(result, target, x, y, title=f"{base} and {changed}")
        else:
            as_text = result.to_json if target.suffix.lower() == ".json" else result.to_csv
            write_file(target, as_text().encode())
    if result.below:
        names = ", ".join(layer.layer for layer in result.below)
        typer.echo(f"isorep: {result.summary()} {names}", err=True)
        raise typer.Exit(1)


def _activations(
    spec: str, name: str, batches: Any, layers: list[str], reduce: str, device: str | None
) -> Representations:
    """Return the activations of one side: run the model, or load the file."""
    from isorep.comparison.sides import activations
    from isorep.model_files.specs import make_model

    side = make_model(spec) if _is_model(spec) else spec
    with _errors_of_user_code(spec):
        return activations(
            side, name, batches, layers=layers, reduce=reduce, device=device, progress=True
        )


@contextmanager
def _errors_of_user_code(spec: str | None) -> Iterator[None]:
    """Raise a ValueError for any error, as an exit status of 0 or 1 would be a verdict."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError):
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(f"running {spec} failed: {type(error).__name__}: {error}") from error


def _is_model(spec: str) -> bool:
    """Tell whether an argument stands for a model; else it is a file of activations."""
    name, at, _ = spec.partition("@")
    return Path(spec).suffix not in _STORES or (at == "@" and ":" in name)


def _print_layers(result: Diff, n_samples: int) -> None:
    """Print the layers, most changed first."""
    from rich.text import Text

    from isorep.comparison.diff_result import diff_columns, diff_mark, diff_notes

    threshold = "" if result.fail_below is None else f", fail below {result.fail_below}"
    console = new_console()
    direction = result.table[result.measure].attrs["direction"]
    details = f" ({direction}; x is base)" if direction else ""
    heading = f"{result.measure} similarity{details} on {n_samples} samples{threshold}"
    console.print(Text(heading, style="bold"))
    columns = diff_columns(result, result.layers)
    marks = [diff_mark(result, layer) for layer in result.layers]
    has_marks = any(marks)
    listing = new_table("layer", *columns, *([""] if has_marks else []))
    if has_marks:
        listing.columns[-1].justify = "left"
    for i, (layer, mark) in enumerate(zip(result.layers, marks, strict=True)):
        listing.add_row(
            Text(layer.layer),
            *(f"{values[i]:.4f}" for values in columns.values()),
            *([Text(mark)] if has_marks else []),
            style="bold red" if layer.below else None,
        )
    console.print(listing)
    for note in diff_notes(result):
        console.print(Text(note))


def _write_page(
    result: Diff, target: Path, base: Representations, changed: Representations, title: str
) -> None:
    """Write the page to explore, its layers most changed first."""
    from isorep.explorer.report import report

    report(result, target, a=base, b=changed, title=title)
