"""Options that several commands share, each with its help line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isorep.cli.completion import complete_layer, complete_measure
from isorep.cli.own_measures import import_measure, import_measures

MeasureOption = Annotated[
    str,
    typer.Option(
        "--measure",
        metavar="MEASURE",
        autocompletion=complete_measure,
        callback=import_measure,
        help="Measure to compare by, e.g. cka, 'linear_regression(folds=10)', or module:name of "
        "what isorep.register returned.",
    ),
]
MeasuresOption = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        metavar="MEASURE",
        autocompletion=complete_measure,
        callback=import_measures,
        help="Measure to compare by, e.g. cka, 'linear_regression(folds=10)', or module:name of "
        "what isorep.register returned; may be repeated. \\[default: pwcca]",
    ),
]
LayersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layers",
        "--layer",
        metavar="GLOB",
        autocompletion=complete_layer,
        help="Pattern of layer names, e.g. 'conv*', or '!fc' for all others; may be repeated. "
        "\\[default: *]",
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
CorrectOption = Annotated[
    bool, typer.Option("--correct", metavar="", help="Correct for finite-sample bias.")
]
IntervalOption = Annotated[
    bool, typer.Option("--interval", metavar="", help="Compute 95 % confidence intervals.")
]
ChanceOption = Annotated[
    bool, typer.Option("--chance", metavar="", help="Compute chance levels and p-values.")
]
PermutationsOption = Annotated[
    int | None,
    typer.Option(
        "--permutations",
        metavar="N",
        help="Permutations for each p-value. \\[default: 20 for each cell]",
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
NanPolicyOption = Annotated[
    str,
    typer.Option(
        "--nan-policy",
        metavar="POLICY",
        help="What to do with NaN: raise, or omit the samples that have NaN in any layer.",
    ),
]
