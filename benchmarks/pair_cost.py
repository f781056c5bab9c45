"""Processor time of one pair beside its floor, and how much of the floor it is.

    OMP_NUM_THREADS=1 python benchmarks/pair_cost.py
    OMP_NUM_THREADS=1 python benchmarks/pair_cost.py --rounds 1 pair-4096

With one thread, processor time is that of the arithmetic, whatever else the machine does. The time
of the kernel, which finds memory for new arrays, is beside it: on a busy machine it differs from
run to run. isorep and the floor take turns.
"""

from __future__ import annotations

import argparse
import resource
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

from rows import rows

import isorep

PAIRS = ("pair-128", "pair-512", "pair-2048", "procrustes-512")
"""Rows of the benchmark that are compared if none are named."""


def main() -> None:
    """Print a Markdown table, a row for each pair."""
    parser = argparse.ArgumentParser(prog="benchmarks/pair_cost.py", description=__doc__)
    parser.add_argument("pairs", nargs="*", default=PAIRS, help="rows such as pair-512")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turns")
    parser.add_argument("--samples", type=int, default=10_000, help="samples of both sides")
    options = parser.parse_args()
    warnings.simplefilter("ignore", isorep.FewSamplesWarning)
    known = rows(options.samples, 2, None, "cpu")
    print("| pair | isorep, s | its kernel, s | floor, s | its kernel, s | over the floor |")
    print("|---|---|---|---|---|---|", flush=True)
    for name in options.pairs:
        works = known[name]()
        times: dict[str, list[tuple[float, float]]] = {"isorep": [], "floor": []}
        for _ in range(options.rounds + 1):
            for program, rounds in times.items():
                rounds.append(_seconds(works[program].run))
        # The first run of each imports what is imported late.
        numbers = [
            median(part) for rounds in times.values() for part in zip(*rounds[1:], strict=True)
        ]
        columns = " | ".join(f"{number:.3g}" for number in numbers)
        print(f"| {name} | {columns} | {numbers[0] / numbers[2]:.2f} |", flush=True)


def _seconds(run: Callable[[], Any]) -> tuple[float, float]:
    """Return the seconds of arithmetic and of the kernel."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    run()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime


if __name__ == "__main__":
    main()
