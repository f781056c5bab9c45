"""Checkpoints: several states of one model, captured in one process on data that are read once."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isorep._utils.natural_order import natural_key
from isorep.cli.file_labels import labels_of_files
from isorep.cli.output import say
from isorep.cli.user_code import user_code


def weight_files(patterns: Sequence[str]) -> list[Path]:
    """Return the files and folders that patterns name, in natural order.

    Raises
    ------
    FileNotFoundError
        A pattern matches nothing.
    """
    files: dict[Path, None] = {}
    for pattern in patterns:
        matches = [pattern] if Path(pattern).exists() else glob.glob(pattern)
        if not matches:
            raise FileNotFoundError(f"no weights file {pattern!r}")
        files |= {Path(match): None for match in sorted(matches, key=natural_key)}
    return list(files)


def are_several(patterns: Sequence[str]) -> bool:
    """Return whether patterns may name several checkpoints: if there are several, or globs."""
    return len(patterns) > 1 or any(
        glob.has_magic(pattern) and not Path(pattern).exists() for pattern in patterns
    )


def outputs_of(weights: Sequence[Path], output: Path) -> dict[Path, Path]:
    """Return the file of activations of each checkpoint: run.zarr becomes run-step100.zarr.

    Raises
    ------
    ValueError
        If two checkpoints would have one file of activations.
    """
    sources: dict[Path, Path] = {}
    for label, path in labels_of_files(weights).items():
        file = output.with_name(f"{output.stem}-{label.replace('/', '-')}{output.suffix}")
        if file in sources:
            raise ValueError(
                f"the activations of {str(sources[file])!r} and {str(path)!r} would both be "
                f"{file.name!r}: rename one of them"
            )
        sources[file] = path
    return {path: file for file, path in sources.items()}


def capture_checkpoints(
    model: str, data: str, outputs: Mapping[Path, Path], options: Mapping[str, Any]
) -> None:
    """Capture each checkpoint of a model into its output, from data that are read once.

    Parameters
    ----------
    model
        Name of the model.
    data
        Name of the data.
    outputs
        File of weights to file of activations.
    options
        Options of `isorep.capture`.
    """
    from isorep.activations.batches import as_batches
    from isorep.activations.capture import capture
    from isorep.activations.kept_batches import KeptBatches
    from isorep.model_files.checkpoints import load_weights
    from isorep.model_files.data_files import make_data
    from isorep.model_files.specs import make_model

    with user_code(model, data):
        network = make_model(model)
        batches = KeptBatches(as_batches(make_data(data, [model]), [network]))
    for weights, output in outputs.items():
        with user_code(model, data):
            load_weights(network, weights)
            if output.suffix.lower() == ".zarr":
                capture(network, batches, out=output, **options)
            else:
                capture(network, batches, **options).save(output)
        say(f"{output}: {weights}", err=True)
