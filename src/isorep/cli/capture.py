"""isorep capture: the activations of a PyTorch model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isorep.cli.app import app
from isorep.cli.output import check_targets


@app.command(
    epilog="Examples:\n\n"
    "isorep capture models:make_resnet --weights w.safetensors --data data:make_loader "
    "--layers 'layer*' -o a.zarr\n\n"
    "isorep capture nets:model --data nets:images --layers 'conv*' --layers fc -o a.npz\n\n"
    "A .zarr is written as the samples come; after a kill, the same command goes on."
)
def capture(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="module:name of a model, or of a function that makes one; or a Hugging Face "
            "folder.",
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            help="module:name of the batches, or of a function that makes them; or inputs in .npy, "
            ".npz or .safetensors; or .txt, a text a line for a Hugging Face folder's tokenizer."
        ),
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
    from isorep.cli.specs import load_weights, make_data, make_model

    check_targets([output], sources=[weights])
    network = make_model(model)
    if weights is not None:
        load_weights(network, weights)
    batches = make_data(data, [model])
    options: dict[str, Any] = {
        "layers": layers or "*",
        "reduce": reduce,
        "max_samples": max_samples,
        "device": device,
        "dtype": dtype,
    }
    if output.suffix.lower() != ".zarr":
        found = capture_layers(network, batches, **options)
        found.save(output)
        typer.echo(f"{output}: {found}", err=True)
        return
    from isorep._formats.resumable import n_committed
    from isorep.storage import open_store

    there = n_committed(output)
    if output.exists():
        typer.echo(f"{output} is there already; looking whether it is of this capture", err=True)
    elif there:
        typer.echo(f"{output}: going on after {there} samples", err=True)
    capture_layers(network, batches, out=output, **options)
    typer.echo(f"{output}: {open_store(output)}", err=True)
