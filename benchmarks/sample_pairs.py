"""Processor time and peak memory of the measures of pairs of samples, by number of samples.

    OMP_NUM_THREADS=1 python benchmarks/sample_pairs.py --samples 5000 20000

Each measure runs in a process of its own, on two representations of half-shared noise. The peak is
the growth of its resident memory over that of the prepared representations.
"""

from __future__ import annotations

import argparse
import time

from memory import alone, peak

NAMES = [
    "mutual_knn",
    "second_order_cosine",
    "rank_similarity",
    "cka_rbf",
    "distance_correlation",
    "rsa",
    "rsa(comparison=pearson)",
]


def measure(name: str, n: int, p: int, decay: float) -> tuple[str, float, float]:
    """Return the similarity or the error, processor seconds, and growth of the peak in MB."""
    import numpy as np

    import isorep
    from isorep.measures import MEASURES

    rng = np.random.default_rng(0)
    both, *noises = rng.standard_normal((3, n, p)) / np.arange(1, p + 1) ** decay
    overlap = isorep.overlap(*(both + noise for noise in noises))
    name, _, option = name.partition("(")
    options = dict([option[:-1].split("=")]) if option else {}
    start, before = time.process_time(), peak()
    try:
        score = MEASURES[name](overlap, **options)
        value = "  ".join((f"{score.similarity:.12f}", *score.warnings))
    except (ValueError, ImportError) as error:
        value = str(error)
    return value, time.process_time() - start, peak() - before


def main() -> None:
    """Print a row for each measure and number of samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[5_000, 20_000])
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument(
        "--decay", type=float, default=0.0, help="power by which standard deviations fall"
    )
    parser.add_argument("--measures", nargs="+", default=NAMES)
    options = parser.parse_args()
    for n in options.samples:
        for name in options.measures:
            (value, seconds, used), _, _ = alone(measure, name, n, options.features, options.decay)
            print(f"{n:7,} {name:24} {seconds:6.1f} s {used:6.0f} MB  {value}", flush=True)


if __name__ == "__main__":
    main()
