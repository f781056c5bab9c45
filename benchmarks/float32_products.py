"""Processor time and errors of CKA of float32 layers, by float32 and by float64 products.

    OMP_NUM_THREADS=1 python benchmarks/float32_products.py

The floor is three products in float32 and their norms. With one thread, processor time is that of
the arithmetic, whatever else the machine does.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import floors
import numpy as np
from numpy.typing import NDArray

import isorep

SIZES = ((10_000, 256), (10_000, 512), (10_000, 1024), (16_000, 4096))
"""Samples and features of both sides."""


def layers(n: int, p: int) -> list[NDArray[np.float32]]:
    """Return two layers after a ReLU that share 32 dimensions."""
    rng = np.random.default_rng(0)
    shared, kind = rng.standard_normal((n, 32), np.float32), np.float32
    return [
        np.maximum(
            shared @ rng.standard_normal((32, p), kind) / 6 + rng.standard_normal((n, p), kind), 0
        )
        for _ in range(2)
    ]


def main() -> None:
    """Print a Markdown table, a row for each size."""
    parser = argparse.ArgumentParser(prog="benchmarks/float32_products.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="runs of each, in turns")
    options = parser.parse_args()
    print("| samples | features | float32, s | float64, s | floor, s | bound | error |")
    print("|---|---|---|---|---|---|---|", flush=True)
    isorep.cka(*layers(500, 300), precision="single")  # imports count in no row
    for n, p in SIZES:
        x, y = layers(n, p)
        works: dict[str, Callable[[], Any]] = {
            "single": lambda x=x, y=y: isorep.cka(x, y, precision="single"),
            "double": lambda x=x, y=y: isorep.cka(x, y, precision="double"),
            "floor": lambda x=x, y=y: floors.alignment(x, y),
        }
        seconds: dict[str, list[float]] = {name: [] for name in works}
        scores = {}
        for _ in range(options.rounds):
            for name, work in works.items():
                start = time.process_time()
                scores[name] = work()
                seconds[name].append(time.process_time() - start)
        single, double = scores["single"], scores["double"]
        assert single.precision == "single"
        columns = " | ".join(f"{median(values):.3g}" for values in seconds.values())
        error = abs(single.similarity - double.similarity)
        print(f"| {n:,} | {p:,} | {columns} | {single.error:.0e} | {error:.0e} |", flush=True)


if __name__ == "__main__":
    main()
