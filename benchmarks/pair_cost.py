"""Processor time of one pair beside its floor, and how much of the floor it is.

    OMP_NUM_THREADS=1 python benchmarks/pair_cost.py
    OMP_NUM_THREADS=1 python benchmarks/pair_cost.py --rounds 1 pair-4096

With one thread, processor time is that of the arithmetic, whatever else the machine does. isorep
and the floor take turns.
"""

from __future__ import annotations

import argparse
import time
import warnings
from statistics import median

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
    print("| pair | isorep, s | floor, s | over the floor |")
    print("|---|---|---|---|", flush=True)
    for name in options.pairs:
        works = known[name]()
        seconds: dict[str, list[float]] = {"isorep": [], "floor": []}
        for _ in range(options.rounds + 1):
            for program, values in seconds.items():
                start = time.process_time()
                works[program].run()
                values.append(time.process_time() - start)
        # The first run of each imports what is imported late.
        isorep_s, floor_s = (median(values[1:]) for values in seconds.values())
        print(f"| {name} | {isorep_s:.3g} | {floor_s:.3g} | {isorep_s / floor_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
