"""isorep capture: the activations of a PyTorch model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isorep.cli.app import app
from isorep.cli.checkpoints import are_several, capture_checkpoints, outputs_of, weight_files
from isorep.cli.model_options import model_options
from isorep.cli.option_groups import with_options
from isorep.cli.options import LayersOption, WeightsOption
from isorep.cli.output import check_targets, say
from isorep.cli.user_code import user_code


@app.command(
    epilog="Examples:\n\n"
    "isorep capture nets:model --data nets:images --layers 'conv*' -o a.npz\n\n"
    "isorep capture nets:make --weights w.pt --data images.npy -o a.zarr\n\n"
    "isorep capture nets:make --weights 'run/step*.pt' --data images.npy -o run.zarr\n\n"
    "The same command resumes an interrupted capture to .zarr."
)
@with_options(options=model_options)
def capture(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="Model: module:name of a model or of a function that makes one, "
            "module:name@weights, a Hugging Face folder, or the folder of a PEFT adapter.",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="DATA",
            help="Data: module:name of the batches or of a function that makes them; inputs in "
            ".npy, .npz or .safetensors; or for a Hugging Face folder one text per line, in a "
            ".txt, a pipe or - (standard input).",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write (.npz or .zarr). With several checkpoints, run.zarr becomes "
            "run-step100.zarr for step100.pt.",
        ),
    ],
    weights: WeightsOption = None,
    layers: LayersOption = None,
    dtype: Annotated[
        str | None, typer.Option(metavar="DTYPE", help="Type to store numbers in, e.g. float16.")
    ] = None,
    *,
    options: dict[str, Any],
) -> None:
    """Save the activations of a PyTorch model, layer by layer."""
    from isorep.activations.capture import capture as capture_layers
    from isorep.model_files.checkpoints import load_weights
    from isorep.model_files.data_files import make_data
    from isorep.model_files.specs import make_model

    files = weight_files(weights or [])
    options |= {"layers": layers or "*", "dtype": dtype}
    if are_several(weights or []):
        outputs = outputs_of(files, output)
        check_targets([*outputs.values()], sources=files)
        capture_checkpoints(model, data, outputs, options)
        return
    check_targets([output], sources=files)
    with user_code(model, data):
        network = make_model(model)
        for file in files:
            load_weights(network, file)
        batches = make_data(data, [model])
    if output.suffix.lower() != ".zarr":
        with user_code(model, data):
            representations = capture_layers(network, batches, **options)
        representations.save(output)
        say(f"{output}: {representations}", err=True)
        return
    from isorep._formats.resumable import n_committed
    from isorep.storage import open_store

    n_captured = n_committed(output)
    if output.exists():
        say(f"{output} exists; checking that it holds this capture", err=True)
    elif n_captured:
        say(f"{output}: resuming after {n_captured} samples", err=True)
    with user_code(model, data):
        capture_layers(network, batches, out=output, **options)
    say(f"{output}: {open_store(output)}", err=True)
