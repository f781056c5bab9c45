"""Labels of networks and steps, made from the paths of their files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from isorep._utils.natural_order import natural_key


def labels_of_files(paths: Sequence[Path]) -> dict[str, Path]:
    """Label files by their names, with as many of their folders as make the labels unique.

    Raises
    ------
    ValueError
        If a path occurs twice.
    """
    absolute = [Path(os.path.abspath(path)) for path in paths]
    if len(set(absolute)) < len(absolute):
        repeated = next(path for k, path in enumerate(paths) if absolute[k] in absolute[:k])
        raise ValueError(f"{str(repeated)!r} is given twice: give each network once")
    labels = [path.stem for path in paths]
    if len(set(labels)) < len(labels):
        common = os.path.commonpath([path.parent for path in absolute])
        relative = [path.relative_to(common) for path in absolute]
        labels = [path.with_suffix("").as_posix() for path in relative]
        if len(set(labels)) < len(labels):
            labels = [path.as_posix() for path in relative]
    return dict(zip(labels, paths, strict=True))


def steps_of_runs(paths: Iterable[Path]) -> dict[str, dict[int | str, Path]]:
    """Sort states into runs by their folders, and into steps by the numbers in their names.

    If each of several folders has one state, these are the steps of one run, named by what differs
    in their paths, as in step1/acts.npy and step2/acts.npy.

    The steps are integers if all names differ in their last number only, as step5 and step10 do.
    """
    paths = list(paths)
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    if len(folders) == len(paths) > 1:
        labels, runs = {"": Path()}, [_by_differing_part(paths)]
    else:
        labels = labels_of_files(list(folders))
        runs = [labels_of_files(folders[folder]) for folder in labels.values()]
    numbers = {name: re.findall(r"\d+", name) for run in runs for name in run}
    patterns = {re.sub(r"\d+$", "", name) for name in numbers}
    numbered = len(patterns) == 1 and all(numbers.values())
    return {
        label: {
            int(numbers[name][-1]) if numbered else name: run[name]
            for name in sorted(run, key=natural_key)
        }
        for label, run in zip(labels, runs, strict=True)
    }


def _by_differing_part(paths: Sequence[Path]) -> dict[str, Path]:
    """Label files of different folders; the last parts that all paths share are left out."""
    labels_of_files(paths)  # raises if a path occurs twice, so that a part differs
    shortened = [Path(os.path.abspath(path)) for path in paths]
    while len({path.name for path in shortened}) == 1:
        shortened = [path.parent for path in shortened]
    return dict(zip(labels_of_files(shortened), paths, strict=True))
