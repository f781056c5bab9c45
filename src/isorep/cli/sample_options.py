"""Sample options: what is known of the samples, in all commands that read activations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import typer

from isorep.cli.sample_labels import read_sample_labels


@dataclass(frozen=True)
class SampleOptions:
    """What --ids, --labels, --groups and --order name.

    Attributes
    ----------
    arrays : dict
        Arrays of the files of activations, or values of the samples, by the options of
        `isorep.load`.
    paths : dict
        Files with values of the samples.
    """

    arrays: dict[str, Any]
    paths: dict[str, Path]

    def read(self) -> dict[str, Any]:
        """Return the groups and the order that files have, as comparisons take them."""
        return {key: read_sample_labels(self.paths.get(key)) for key in ("groups", "order")}


@dataclass(frozen=True)
class SampleNames:
    """The values of --ids, --labels, --groups and --order."""

    ids: str | None
    labels: str | None
    groups: str | None
    order: str | None

    def of(self, files: Sequence[str | PathLike[str]]) -> SampleOptions:
        """Return what the values name, for these files of activations.

        Raises
        ------
        ValueError
            If a value names a file as well as an array, or the file cannot be read.
        """
        arrays: dict[str, Any] = {}
        paths = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None:
                continue
            if _is_file(field.name, value, files):
                paths[field.name] = Path(value)
            else:
                arrays[field.name] = value
        for option in ("ids", "labels"):  # files are read with them, as with names of arrays
            if option in paths:
                arrays[option] = read_sample_labels(paths[option], as_text=option == "ids")
        return SampleOptions(arrays, paths)


def sample_options(
    ids: Annotated[
        str | None,
        typer.Option(
            metavar="ARRAY|FILE", help="Id of each sample, in the same forms as --groups."
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="ARRAY|FILE", help="Label of each sample, in the same forms as --groups."
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="ARRAY|FILE",
            help="Group of each sample, if samples of a group depend on each other: an array or "
            "column of the files; or a file, a .npy or a text with one value a line. "
            "\\[default: what the files know]",
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            metavar="ARRAY|FILE",
            help="Time of each sample, within its group, in the same forms as --groups.",
        ),
    ] = None,
) -> SampleNames:
    """Return options of a command that say what is known of the samples."""
    return SampleNames(ids, labels, groups, order)


def _is_file(option: str, value: str, files: Sequence[str | PathLike[str]]) -> bool:
    """Return whether a value is the path of a file, and not the name of an array."""
    from isorep.storage import array_names

    if os.path.basename(value) != value or Path(value).suffix.lower() in (".npy", ".txt"):
        return True
    if not Path(value).is_file():
        return False
    if files and value in array_names(files[0]):
        raise ValueError(
            f"--{option} {value} is the name of a file and of an array in {str(files[0])!r}: write "
            f".{os.sep}{value} for the file, or rename the file to use the array"
        )
    return True
