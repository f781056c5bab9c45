"""Progress: a bar on a terminal, elsewhere an estimate and a line a minute."""

import io

import pytest

from isorep._utils import progress
from isorep._utils.progress import track


class Clock:
    """A clock that the test sets forward."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """A standard error that is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock)
    monkeypatch.setattr(progress, "LONG", 20.0)
    monkeypatch.setattr(progress, "LINE_EVERY", 60.0)
    return clock


def lines(capsys, clock, seconds, **options):
    """Return what is written while each item takes some seconds."""
    total = options.pop("total", len(seconds))
    for taken in track(seconds, "compare", total, options.pop("wanted", True), **options):
        clock.now += taken
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_a_log_gets_an_estimate_and_a_line_a_minute(capsys, clock):
    assert lines(capsys, clock, [1.0] * 200, unit="cells", work="2 measures") == [
        "isorep: compare: about 3 min for 200 cells (2 measures)",
        "isorep: compare: 60 of 200 cells, about 2 min left",
        "isorep: compare: 120 of 200 cells, about 80 s left",
        "isorep: compare: 180 of 200 cells, about 20 s left",
    ]


def test_long_items_get_a_line_each(capsys, clock):
    assert lines(capsys, clock, [7200.0, 7200.0]) == [
        "isorep: compare: about 4.0 h for 2 steps",
        "isorep: compare: 1 of 2 steps, about 2.0 h left",
        "isorep: compare: 2 of 2 steps, about 1 s left",
    ]


def test_short_work_is_silent(capsys, clock):
    assert lines(capsys, clock, [0.5] * 38) == []


def test_unwanted_reports_are_silent(capsys, clock):
    assert lines(capsys, clock, [90.0] * 9, wanted=False) == []


def test_an_unknown_number_of_items_has_no_estimate(capsys, clock):
    assert lines(capsys, clock, [40.0] * 4, total=None, unit="batches") == [
        "isorep: compare: 2 batches so far",
        "isorep: compare: 4 batches so far",
    ]


def test_items_that_come_together_are_timed_together(capsys, clock):
    """Four cells at a time: the first comes after 8 s, and the next three at once."""
    seconds = [8.0, 0.0, 0.0, 0.0] * 4
    assert lines(capsys, clock, seconds, timed=8, unit="cells") == [
        "isorep: compare: about 32 s for 16 cells"
    ]


def test_a_terminal_gets_the_estimate_and_no_lines(monkeypatch, clock):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    for taken in track([1.0] * 200, "compare", 200, True, unit="cells"):
        clock.now += taken
    assert screen.getvalue().count("isorep: compare: about 3 min for 200 cells") == 1
    assert "left" not in screen.getvalue()


@pytest.mark.parametrize("screen", [io.StringIO, Terminal])
def test_closing_closes_the_items(monkeypatch, screen):
    monkeypatch.setattr("sys.stderr", screen())
    closed = []

    def items():
        try:
            yield from range(5)
        finally:
            closed.append(True)

    tracked = track(items(), "compare", 5, True)
    assert next(tracked) == 0
    tracked.close()
    assert closed == [True]
