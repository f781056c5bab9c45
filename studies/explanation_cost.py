"""Seconds that `isorep.diff` takes with intervals, and that an explanation takes, by width.

    python studies/explanation_cost.py

Two layers of 1,000 samples, the second one with noise added, on one core.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import isorep


def seconds(x, y, **options):
    """Return how long a diff takes."""
    start = time.perf_counter()
    isorep.diff({"fc": x}, {"fc": y}, progress=False, **options)
    return time.perf_counter() - start


def main():
    """Time all widths."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 64, 128, 256])
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    seconds(*rng.standard_normal((2, 100, 4)), interval=False, explain=1)  # imports
    for width in arguments.widths:
        x = rng.standard_normal((arguments.samples, width))
        y = x + 0.5 * rng.standard_normal(x.shape)
        bare = seconds(x, y, interval=False)
        explained = seconds(x, y, interval=False, explain=1) - bare
        whole = seconds(x, y)
        print(
            f"{width} neurons, {arguments.samples} samples: diff {bare:.1f} s, with intervals "
            f"{whole:.1f} s; explanation {explained:.1f} s"
        )


if __name__ == "__main__":
    main()
