"""isorep diff: what a change did to a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from isorep.cli.app import app
from isorep.cli.completion import complete_layer
from isorep.cli.file_sides import as_sides
from isorep.cli.model_options import model_options
from isorep.cli.option_groups import with_options
from isorep.cli.options import (
    DataOption,
    LayersOption,
    MeasureOption,
    NanPolicyOption,
    SeedOption,
)
from isorep.cli.output import (
    check_targets,
    new_console,
    new_table,
    print_omitted,
    say,
    shown,
    write_text,
)
from isorep.cli.sample_options import SampleNames, sample_options
from isorep.cli.user_code import user_code

if TYPE_CHECKING:
    from isorep.comparison.diff_result import Diff
    from isorep.comparison.diffing.layer_matching import LayerMap
    from isorep.representations.missing_values import NanPolicy
    from isorep.representations.representations import Representations

_REPORTS = (".html", ".json", ".csv")
_STYLES = {"fail": "bold red", "not judged": "yellow"}


@app.command(
    epilog="Examples:\n\n"
    "isorep diff nets:make nets:quantised --data nets:images --fail-below 0.95\n\n"
    "isorep diff nets:make@old.pt nets:make@new.pt --data images.npy\n\n"
    "isorep diff bert/ bert-tuned/ --data texts.txt -o diff.json\n\n"
    "isorep diff before.zarr after.zarr --layers 'conv*'"
)
@with_options(samples=sample_options, options=model_options)
def diff(
    base: Annotated[
        str,
        typer.Argument(
            metavar="BASE",
            help="Model before the change: module:name, module:name@weights (a checkpoint), a "
            "Hugging Face folder, the folder of a PEFT adapter, or activations in a format that "
            "isorep formats lists.",
        ),
    ],
    changed: Annotated[
        str, typer.Argument(metavar="CHANGED", help="Model after the change, in the same forms.")
    ],
    data: DataOption = None,
    layers: LayersOption = None,
    layers_changed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            autocompletion=complete_layer,
            help="Layers of the changed model, if its names differ from those of --layers; may be "
            "repeated.",
        ),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OLD=NEW",
            help="Name of a layer of BASE and its name in CHANGED; may be repeated, and have * on "
            "both sides. 'order' matches the layers by the order in which they run.",
        ),
    ] = None,
    all_layers: Annotated[
        bool,
        typer.Option(
            "--all",
            help="Also show layers with the same values as another one, such as the last submodule "
            "of a block.",
        ),
    ] = False,
    measure: MeasureOption = "pwcca",
    fail_below: Annotated[
        float | None,
        typer.Option(
            metavar="FLOAT",
            help="Threshold: exit with status 1 if a layer is less similar than this.",
        ),
    ] = None,
    allow_missing: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Layers of BASE that may be missing in CHANGED; may be repeated. With "
            "--fail-below, all other missing layers fail.",
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
    explain: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            help="Explain the N most changed layers in words: the directions, classes and samples "
            "that changed more than the others.",
        ),
    ] = 0,
    seed: SeedOption = 0,
    nan_policy: NanPolicyOption = "raise",
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write (.html, .json or .csv); may be repeated.",
        ),
    ] = None,
    *,
    samples: SampleNames,
    options: dict[str, Any],
) -> None:
    """Compare a model with a changed copy, layer by layer, most changed first.

    The similarity is corrected for finite-sample bias. It is 1 if only the
    basis of a layer changed.
    Exit status with --fail-below: 0 if all layers pass; 1 if a layer fails or is missing; 3 if none
    fails, but a layer cannot be judged. 2 for an error, and if no layer has a similarity.
    """
    from isorep.comparison.diff import checked_measure, diff_captured, side_capture
    from isorep.comparison.diff_result import diff_reasons
    from isorep.comparison.sides import model_of, reusable
    from isorep.model_files.data_files import make_data
    from isorep.model_files.specs import check_names_model, names_model

    row = checked_measure(measure, fail_below)
    layer_map = _layer_map(mapping or [])
    outputs = output or []
    for target in outputs:
        if target.suffix.lower() not in _REPORTS:
            raise ValueError(
                f"cannot write {str(target)!r}: expected a name ending in .html, .json or .csv"
            )
    known = samples.of([side for side in (base, changed) if not names_model(side)])
    sources = [Path(spec) for spec in (base, changed, data) if spec and Path(spec).exists()]
    check_targets(outputs, sources=[*sources, *known.paths.values()])
    base_side, changed_side = as_sides((base, changed), known.arrays)
    models = [spec for spec in (base, changed) if names_model(spec)]
    for spec in models:
        check_names_model(spec)
    if data is None and models:
        raise ValueError(f"{models[0]} is a model: pass --data to run it on")
    if data is not None and not models:
        raise ValueError(
            "--data is for models, but both sides are files of activations: leave it out"
        )
    with user_code(data):
        batches = reusable(make_data(data, models))
    capture = side_capture(
        batches,
        layers=(layers or ["*"], layers_changed) if layers_changed else layers or ["*"],
        layer_map=layer_map,
        any_model=bool(models),
        any_file=len(models) < 2,
        measure=row,
        progress=True,
        **options,
    )
    # One model after the other: two names may stand for one object with different weights.
    with user_code(base, changed):
        x = capture.base(model_of(base_side, models))
        y = capture.changed(model_of(changed_side, models), x)
    result = diff_captured(
        x,
        y,
        names=(base, changed),
        selection=capture.selection,
        layer_map=layer_map,
        all_layers=all_layers,
        measure=measure,
        fail_below=fail_below,
        allow_missing=allow_missing or [],
        interval=interval,
        explain=explain,
        **known.read(),
        seed=seed,
        nan_policy=cast("NanPolicy", nan_policy),
        progress=True,
    )
    _print_layers(result, x.layers.n_samples - result.table.attrs.get("n_omitted", 0))
    print_omitted(result.table)
    for text in diff_reasons(result, result.layers):
        say(f"isorep: warning: {text}", err=True)
    for target in outputs:
        if target.suffix.lower() == ".html":
            _write_page(result, target, x.layers, y.layers, title=f"{base} and {changed}")
        else:
            as_text = result.to_json if target.suffix.lower() == ".json" else result.to_csv
            write_text(target, as_text())
    if result.below or result.missing or result.not_judged:
        names = [*(layer.layer for layer in (*result.below, *result.not_judged)), *result.missing]
        say(f"isorep: {result.summary()} {', '.join(names)}", err=True)
        raise typer.Exit(1 if result.below or result.missing else 3)


def _layer_map(pairs: list[str]) -> LayerMap | None:
    """Return the map that --map gives.

    Raises
    ------
    ValueError
        If a pair is neither OLD=NEW nor, alone, "order".
    """
    if not pairs or pairs == ["order"]:
        return "order" if pairs else None
    for pair in pairs:
        if "=" not in pair:
            raise ValueError(f"--map {pair!r}: expected OLD=NEW, or 'order' alone")
    return {old: new for old, _, new in (pair.partition("=") for pair in pairs)}


def _print_layers(result: Diff, n_samples: int) -> None:
    """Print the layers, most changed first."""
    from isorep.comparison.diff_result import (
        diff_columns,
        diff_explanations,
        diff_mark,
        diff_notes,
    )

    threshold = "" if result.fail_below is None else f", fail below {result.fail_below}"
    console = new_console()
    direction = result.table[result.measure].attrs["direction"]
    details = f" ({direction}; x is base)" if direction else ""
    sides = f"{result.table.attrs['base']} and {result.table.attrs['changed']}"
    heading = f"{sides}: {result.measure} similarity{details} on {n_samples} samples{threshold}"
    console.print(shown(heading, style="bold"))
    columns = diff_columns(result, result.layers)
    marks = [diff_mark(result, layer) for layer in result.layers]
    has_marks = any(marks)
    listing = new_table("layer", *columns, *([""] if has_marks else []))
    if has_marks:
        listing.columns[-1].justify = "left"
    for i, (layer, mark) in enumerate(zip(result.layers, marks, strict=True)):
        listing.add_row(
            shown(layer.layer),
            *(texts[i] for texts in columns.values()),
            *([shown(mark)] if has_marks else []),
            style=_STYLES.get(layer.verdict or ""),
        )
    console.print(listing)
    for note in (*diff_notes(result), *diff_explanations(result)):
        console.print(shown(note))


def _write_page(
    result: Diff, target: Path, base: Representations, changed: Representations, title: str
) -> None:
    """Write the page to explore, its layers most changed first."""
    from isorep.explorer.report import report

    report(result, target, a=base, b=changed, title=title)
