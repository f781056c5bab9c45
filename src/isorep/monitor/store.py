"""Store: a folder with the states of a training and a log.

``states/step-<steps>.npz`` holds one state: `isorep.Representations` of the probe in float32. A
file is written under another name and then renamed, so it is always complete; the names of the
files are the only list of states. ``log.jsonl`` holds one line of JSON per event; lines are only
appended.

A training that is resumed at step s repeats the steps after s. The states from s on belong to the
interrupted training and move to ``superseded/<number>/``. In the log, a line with event "start" at
step s means that earlier lines about steps from s on are obsolete.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

from isorep.comparison.inputs import Label
from isorep.representations.representations import Representations
from isorep.storage import load, save

_STATE = re.compile(r"step-(\d+)\.npz")


def states(store: str | PathLike[str]) -> dict[Label, Representations]:
    """Load the states in the store of a `Monitor`, for example for `isorep.trajectory`.

    Parameters
    ----------
    store : path
        Folder of the store.

    Returns
    -------
    dict of int to Representations
        States by step, ascending.

    Raises
    ------
    FileNotFoundError
        If the folder holds no states.
    ValueError
        If a state is damaged; the message names the file.

    Examples
    --------
    >>> import tempfile, torch, isorep
    >>> from isorep.monitor import Monitor, states
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Monitor(torch.rand(50, 4), store=folder).start(model):
    ...         pass  # no step is done
    ...     states(folder)
    {0: Representations(2 layers, 50 samples: 0 (50, 3), 1 (50, 3))}
    """
    folder = Store(store)
    if not folder.steps():
        raise FileNotFoundError(f"no states in {str(folder.path)!r}: is it a monitor's store?")
    return {step: folder.load(step) for step in folder.steps()}


class Store:
    """Folder of states and log.

    Parameters
    ----------
    path : path
        Folder, which need not exist.

    Raises
    ------
    ValueError
        If `path` is a file, or a folder that holds something else.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self._states = self.path / "states"
        self._log_file = self.path / "log.jsonl"
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"the store {str(path)!r} is a file; pass a folder")
        if self.path.is_dir() and not self._states.is_dir() and any(self.path.iterdir()):
            raise ValueError(
                f"{str(path)!r} holds other files and is not a monitor's store; pass a new folder, "
                f"such as {str(self.path / 'isorep')!r}"
            )

    def steps(self) -> list[int]:
        """Return the steps of the stored states, ascending."""
        if not self._states.is_dir():
            return []
        names = map(_STATE.fullmatch, os.listdir(self._states))
        return sorted(int(name[1]) for name in names if name)

    def load(self, step: int) -> Representations:
        """Return the state at a step."""
        return load(self._file(step))

    def save(self, step: int, state: Representations) -> None:
        """Write a state; a state at the same step is replaced."""
        self._states.mkdir(parents=True, exist_ok=True)
        save(state, self._file(step))

    def supersede(self, step: int) -> list[int]:
        """Move the states from `step` on to a folder of superseded states; return their steps."""
        superseded = [stored for stored in self.steps() if stored >= step]
        if superseded:
            parent = self.path / "superseded"
            parent.mkdir(exist_ok=True)
            folder = parent / str(1 + sum(1 for _ in parent.iterdir()))
            folder.mkdir()
            for stored in superseded:
                self._file(stored).replace(folder / self._file(stored).name)
        return superseded

    def check_writable(self) -> None:
        """Raise OSError if the log cannot be written to, so that no state could be kept."""
        self.path.mkdir(parents=True, exist_ok=True)
        self._log_file.open("ab").close()

    def log(self, event: str, step: int, **details: Any) -> None:
        """Append a line to the log."""
        self.path.mkdir(parents=True, exist_ok=True)
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"event": event, "step": step, "time": time, **details}, allow_nan=False)
        with open(self._log_file, "ab+") as file:
            # After a crash the last line may be incomplete; the new line must not join it.
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _file(self, step: int) -> Path:
        return self._states / f"step-{step:08d}.npz"
