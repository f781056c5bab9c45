"""Store: a folder with the states of a training and a log of what was found while it ran.

``states/step-<steps>.npz`` holds a state, `isorep.Representations` of the probe in float32, written
beside and moved into place: what is there is whole. These files are the record: which states there
are is told by their names alone. ``log.jsonl`` holds a line of JSON for each thing that happened,
added at the end and never changed.

A training resumed at step s lives through the steps after it once more. The states from s on are of
a training that is no more, and move to ``superseded/<number>/``; in the log a line with the event
"start" at step s says that what lines before it tell of steps from s on no longer holds.
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
    """Load the states that an `isorep.monitor.Monitor` left in its store, for `isorep.trajectory`.

    Parameters
    ----------
    store : path
        The folder.

    Returns
    -------
    dict of int to Representations
        Step to the layers at that step, ascending.

    Raises
    ------
    FileNotFoundError
        When it holds no states.
    ValueError
        When one of them is damaged; it names the file.

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
    found = Store(store)
    if not found.steps():
        raise FileNotFoundError(f"no states in {str(found.path)!r}: is it a monitor's store?")
    return {step: found.load(step) for step in found.steps()}


class Store:
    """The folder at `path`, which need not be there yet.

    Raises
    ------
    ValueError
        When it is a file, or a folder of other things.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self._states = self.path / "states"
        self._log = self.path / "log.jsonl"
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"the store {str(path)!r} is a file; name a folder")
        if self.path.is_dir() and not self._states.is_dir() and any(self.path.iterdir()):
            raise ValueError(
                f"{str(path)!r} is a folder of other things and no monitor's store; name a new "
                f"one, such as {str(self.path / 'isorep')!r}"
            )

    def steps(self) -> list[int]:
        """Return the steps at which there is a state, ascending."""
        if not self._states.is_dir():
            return []
        names = map(_STATE.fullmatch, os.listdir(self._states))
        return sorted(int(name[1]) for name in names if name)

    def load(self, step: int) -> Representations:
        """Return the state after so many steps."""
        return load(self._file(step))

    def save(self, step: int, state: Representations) -> None:
        """Write a state, in place of one at the same step."""
        self._states.mkdir(parents=True, exist_ok=True)
        save(state, self._file(step))

    def supersede(self, step: int) -> list[int]:
        """Move the states from `step` on aside, and return their steps."""
        later = [other for other in self.steps() if other >= step]
        if later:
            aside = self.path / "superseded"
            aside.mkdir(exist_ok=True)
            folder = aside / str(1 + sum(1 for _ in aside.iterdir()))
            folder.mkdir()
            for other in later:
                self._file(other).replace(folder / self._file(other).name)
        return later

    def note(self, event: str, step: int, **told: Any) -> None:
        """Add a line to the log."""
        self.path.mkdir(parents=True, exist_ok=True)
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"event": event, "step": step, "time": now, **told}, allow_nan=False)
        with open(self._log, "ab+") as file:
            # A crash may have cut the last line short; then this one starts on a line of its own.
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read() != b"\n":
                    file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _file(self, step: int) -> Path:
        return self._states / f"step-{step:08d}.npz"
