"""Contest: the same work done by several programs in one process, in turns."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Contestant:
    """A program and what it did.

    Attributes
    ----------
    seconds : float
        Median over the rounds, for the whole work.
    part : float
        How much of the work was timed; the rest is extrapolated.
    memory : float
        MiB that its process grew by, at the peak.
    processor : float
        Processor seconds of the run whose memory was measured, for the whole work. Other work on
        the machine changes them less than the seconds.
    """

    name: str
    seconds: float
    part: float
    memory: float
    processor: float


@dataclass(frozen=True)
class Work:
    """What a program is to do: all of it, or a part from which the time of all is extrapolated."""

    run: Callable[[], Any]
    part: float = 1.0
    rounds: int | None = None


def compete(
    works: Mapping[str, Work], rounds: int, load: Callable[[], Any] = lambda: None
) -> list[Contestant]:
    """Time the programs in turns, so that whatever else the machine does slows all of them.

    Each process calls `load` first, for what nobody is to pay for.

    Memory is that of a run in a process of its own, which is all there is of what runs once, and
    the rehearsal of what is timed in several rounds.
    """
    alone = {name: _alone(work.run, load) for name, work in works.items()}
    load()
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for name, work in works.items():
        if (work.rounds or rounds) > 1:
            work.run()
        else:
            seconds[name].append(alone[name].seconds)
    for i in range(rounds):
        for name, work in works.items():
            if 1 < (work.rounds or rounds) > i:
                seconds[name].append(_seconds(work.run))
    return [
        Contestant(
            name,
            statistics.median(seconds[name]) / work.part,
            work.part,
            alone[name].memory,
            alone[name].processor / work.part,
        )
        for name, work in works.items()
    ]


def _seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class _Alone(NamedTuple):
    """MiB that a process of its own grew by, at the peak, its seconds and processor seconds."""

    memory: float
    seconds: float
    processor: float


def _alone(run: Callable[[], Any], load: Callable[[], Any]) -> _Alone:
    """Run in a process of its own."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def measured() -> None:
        load()
        before, start = _resident(), time.process_time()
        seconds = _seconds(run)
        sender.send((_peak() - before, seconds, time.process_time() - start))

    process = context.Process(target=measured)
    process.start()
    sender.close()
    try:
        return _Alone(*receiver.recv())
    except EOFError:  # it died; its own message is on stderr
        return _Alone(nan, nan, nan)
    finally:
        process.join()


def _resident() -> float:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
