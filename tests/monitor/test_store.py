"""Store: whole states, and a log that a crash cannot spoil."""

import json

import numpy as np
import pytest
import torch

from isorep import Representations
from isorep.monitor import Monitor
from isorep.monitor.store import Store


def state(value=1.0):
    return Representations({"conv": np.full((3, 2), value)}, sample_ids="abc")


def test_a_torn_line_spoils_no_other(tmp_path):
    store = Store(tmp_path / "run")
    store.log("start", 0, layers=["ä"])
    store.log("state", 0)
    log = tmp_path / "run/log.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"event": "sta')  # power was cut
    store.log("start", 5)
    assert log.read_bytes().startswith(whole)  # what is there is never changed
    lines = log.read_text().splitlines()
    assert len(lines) == 4
    assert [json.loads(lines[i])["event"] for i in (0, 1, 3)] == ["start", "state", "start"]


def test_half_a_state_is_no_state(tmp_path, monkeypatch):
    store = Store(tmp_path)
    store.save(10, state(1.0))

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    for step in (10, 20):
        with pytest.raises(OSError, match="No space left"):
            store.save(step, state(2.0))
    monkeypatch.undo()
    assert store.steps() == [10]
    assert store.load(10) == state(1.0)
    assert [path.name for path in (tmp_path / "states").iterdir()] == ["step-00000010.npz"]


def test_steps_are_ordered_as_numbers(tmp_path):
    store = Store(tmp_path)
    for step in (100_000_000, 99_999_999, 3):
        store.save(step, state())
    (tmp_path / "states/notes.txt").touch()
    assert store.steps() == [3, 99_999_999, 100_000_000]
    assert Store(tmp_path).supersede(99_999_999 + 1) == [100_000_000]
    assert Store(tmp_path).supersede(100_000_000) == []
    assert store.steps() == [3, 99_999_999]


def test_nothing_but_numbers_goes_into_the_log(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        Store(tmp_path).log("state", 1, to_start={"conv": float("nan")})
    assert not (tmp_path / "log.jsonl").exists()


def test_a_store_that_cannot_be_written_is_an_error_at_the_start(tmp_path):
    """Not a warning: no state of the training would be kept."""
    (tmp_path / "file").touch()
    model = torch.nn.Sequential(torch.nn.Linear(4, 3))
    monitor = Monitor(torch.rand(50, 4), store=tmp_path / "file" / "store")
    with pytest.raises(OSError, match="file"):
        monitor.start(model)
