"""File sides: files of activations with the options to read them."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isorep.representations.activation_file import ActivationFile


def file_options(
    *, layers: list[str] | None = None, reduce: str | None = None, channels: str = "auto"
) -> dict[str, Any]:
    """Return the options of a command that `isorep.load` takes, as far as they are set."""
    options = {
        "layers": layers,
        "reduce": reduce,
        "channels": None if channels == "auto" else channels,
    }
    return {name: value for name, value in options.items() if value is not None}


def as_file(path: str | PathLike[str], options: dict[str, Any]) -> ActivationFile:
    """Return a file that is read with these options."""
    from isorep.representations.activation_file import ActivationFile

    return ActivationFile.from_path(path, **options)


def as_sides(specs: Iterable[str], options: dict[str, Any]) -> list[str | ActivationFile]:
    """Return the files among the sides of a comparison with options, and names of models unchanged.

    Raises
    ------
    ValueError
        If options are set and no side is a file.
    """
    from isorep.model_files.specs import names_model

    sides = [spec if names_model(spec) else as_file(spec, options) for spec in specs]
    if options and all(isinstance(side, str) for side in sides):
        raise ValueError(
            f"--{next(iter(options))} names an array in files, and no side is a file: leave it out"
        )
    return sides
