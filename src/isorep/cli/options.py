"""Options that several commands share, each with its help line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MeasureOption = Annotated[
    str,
    typer.Option(
        "--measure",
        metavar="MEASURE",
        help="Measure to compare by, e.g. cka or 'linear_regression(folds=10)'.",
    ),
]
MeasuresOption = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        metavar="MEASURE",
        help="Measure to compare by, e.g. cka or 'linear_regression(folds=10)'; may be repeated. "
        "\\[default: pwcca]",
    ),
]
LayerPatternsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layers",
        metavar="GLOB",
        help="Pattern of layer names, e.g. 'conv*'; may be repeated. \\[default: *]",
    ),
]
LayerNamesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layer",
        metavar="NAME",
        help="Layer to compare; may be repeated. \\[default: all layers of the first file]",
    ),
]
ReduceOption = Annotated[
    str | None,
    typer.Option(
        "--reduce",
        metavar="NAME",
        help="How positions become features or rows: mean, positions, flatten, max, last or first. "
        "\\[default: mean for models; files with positions need it]",
    ),
]
ChannelsOption = Annotated[
    str,
    typer.Option(
        "--channels",
        metavar="AXIS",
        help="Axis of the features: first or last after the samples, or auto.",
    ),
]
IdsOption = Annotated[
    str | None,
    typer.Option(
        "--ids", metavar="ARRAY", help="Array or column of the files with the ids of the samples."
    ),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        "--labels", metavar="ARRAY", help="Array or column of the files with labels of the samples."
    ),
]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="Data to run models on: module:name of the batches; inputs in .npy, .npz or "
        ".safetensors; or for Hugging Face folders one text per line, in a .txt, a pipe or - "
        "(standard input).",
    ),
]
WeightsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        help="Checkpoint to load: a file of torch.save or safetensors, an index of shards, or a "
        "folder of them. Several, as a glob in quotes ('run/step*.pt') or one option each, are "
        "captured one after the other, on data that are read once.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="INTEGER", help="Random seed.")]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        help="Memory limit, e.g. 2GB. \\[default: half of the free memory]",
    ),
]
SweepStoreOption = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help="Store to write (.zarr); the same command resumes an interrupted sweep.",
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="PRECISION",
        help="Precision of matrix products: auto, double or single.",
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Dask scheduler, e.g. tcp://10.0.0.1:8786. \\[default: threads of this process]",
    ),
]
GroupsOption = Annotated[
    Path | None,
    typer.Option(
        "--groups",
        metavar="FILE",
        help="Group of each sample, if samples of a group depend on each other: a .npy, a text "
        "with one value a line, or the name of an array in the files. "
        "\\[default: what the files know]",
    ),
]
OrderOption = Annotated[
    Path | None,
    typer.Option(
        "--order",
        metavar="FILE",
        help="Time of each sample, within its group, in the same forms as --groups.",
    ),
]
NanPolicyOption = Annotated[
    str,
    typer.Option(
        "--nan-policy",
        metavar="POLICY",
        help="What to do with NaN: raise, or omit the samples that have NaN in any layer.",
    ),
]
