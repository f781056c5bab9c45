"""Output: a figure's files, all of them whole before the first takes its place."""

from __future__ import annotations

import csv
import io
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
    """Return a figure as a picture that depends on nothing but what it shows."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=200, metadata={"Software": None})
    return content.getvalue()


def svg(figure: Figure) -> bytes:
    """Return a figure as a drawing that depends on nothing but what it shows."""
    import matplotlib as mpl

    content = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "isorep"}):
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def csv_of(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows with the same names as CSV; floats in full."""
    listed = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(listed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return out.getvalue().encode()


def versions() -> dict[str, str]:
    """Return the versions that the numbers depend on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in ("isorep", "numpy", "scipy", "torch")},
    }


def machine() -> str:
    """Say in words what computed."""
    return f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()})"


def check_folder(folder: Path) -> None:
    """Refuse a folder that cannot be written to, before minutes of training."""
    for path in (folder, *folder.absolute().parents):
        if path.exists():
            if not path.is_dir():
                raise ValueError(f"out must be a folder, but {str(path)!r} is a file")
            if not os.access(path, os.W_OK):
                raise ValueError(f"out must be a folder to write to, but {str(path)!r} is not")
            return


def write_all(folder: Path, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write all files into a folder, or none."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        for name, content in contents.items():
            stack.enter_context(new_file(folder / name)).write(content)
    return tuple(folder / name for name in contents)
