"""Output: the files of a figure, which are written all or none."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isorep._utils.atomic import new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def png(figure: Figure) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure) -> bytes:
    """Return a figure as SVG; the same figure gives the same bytes."""
    import matplotlib as mpl

    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "isorep"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def csv_of(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows with the same columns as CSV, with floats in full precision."""
    listed = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return out.getvalue().encode()


def versions() -> dict[str, str]:
    """Return the versions of the software that the numbers depend on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("isorep", "numpy", "scipy", "torch")},
    }


def machine() -> str:
    """Describe the computer."""
    return f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()})"


def check_folder(folder: Path) -> None:
    """Raise ValueError if a folder cannot be written to, before minutes of training."""
    for path in (folder, *folder.absolute().parents):
        if path.exists():
            if not path.is_dir():
                raise ValueError(f"out must be a folder, but {str(path)!r} is a file")
            if not os.access(path, os.W_OK):
                raise ValueError(f"out must be writable, but {str(path)!r} is not")
            return


TIME = "time.json"


def note_time(folder: Path, seconds: float) -> None:
    """Write how long a figure took; of several runs the longest, since others find networks."""
    path = folder / TIME
    earlier = json.loads(path.read_text())["seconds"] if path.exists() else 0
    with new_file(path) as file:
        file.write((json.dumps({"seconds": max(earlier, round(seconds))}) + "\n").encode())


def write_all(folder: Path, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write all files to a folder, or none."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name, content in contents.items():
            stack.enter_context(new_file(folder / name)).write(content)
    return tuple(folder / name for name in contents)
