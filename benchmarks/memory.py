"""How much memory a comparison of two stores takes, by their number of samples.

    python benchmarks/memory.py --samples 100000 300000 1000000

Each pair of stores is written to a temporary folder and removed again: 4 bytes a number, on both
sides. Each comparison runs in a process of its own, whose peak resident memory is printed: that of
Python and the libraries, which the first row shows without any comparison, included.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

BLOCK = 50_000


def write(path: Path, n: int, p: int, seed: int, ids: bool) -> None:
    """Save n samples of p float32 features, the first the largest, half of them shared."""
    import numpy as np

    from isorep import Representations

    x = np.empty((n, p), dtype=np.float32)
    scales = 1 / np.sqrt(np.arange(1, p + 1, dtype=np.float32))
    for start in range(0, n, BLOCK):
        part = x[start : start + BLOCK]
        both = np.random.default_rng([0, start]).standard_normal(part.shape, dtype=np.float32)
        own = np.random.default_rng([seed, start]).standard_normal(part.shape, dtype=np.float32)
        part[:] = (both + own) * scales + 1
    # As long as the digests that a capture gives to its samples.
    sample_ids = [f"{i:032x}" for i in range(n)] if ids else None
    Representations({"fc": x}, sample_ids=sample_ids).save(path)


def compare(a: Path, b: Path, memory: str | None, interval: bool) -> str:
    """Compare two stores, and tell what came out."""
    import isorep

    table = isorep.compare(a, b, measures=["pwcca", "cka"], memory=memory, interval=interval)
    return ", ".join(f"{name} {table[name].item():.6f}" for name in ("pwcca", "cka"))


def nothing() -> str:
    """Import what a comparison does."""
    import xarray  # noqa: F401
    import zarr  # noqa: F401

    import isorep  # noqa: F401

    return "imports alone"


def peak() -> float:
    """Return the peak resident memory of this process, MB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1e6 if sys.platform == "darwin" else 1e3 / 1.024)


def measured(function, *arguments):
    """Call a function; return its result, the peak memory of its process, and seconds."""
    start = time.perf_counter()
    return function(*arguments), peak(), time.perf_counter() - start


def alone(function, *arguments):
    """Call a function in a new process; it inherits the peak of this one, which stays small."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measured, function, *arguments).result()


def main() -> None:
    """Print a row for each number of samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--features", type=int, default=512)
    parser.add_argument("--memory", help="as of isorep.compare, such as '200 MB'")
    parser.add_argument("--interval", action="store_true", help="with jackknife intervals")
    parser.add_argument("--ids", action="store_true", help="stores that know their samples")
    options = parser.parse_args()
    print(f"{'samples':>9} {'a store':>9} {'peak':>7} {'time':>7}", flush=True)
    _, used, _ = alone(nothing)
    print(f"{0:9,} {0:6.2f} GB {used:4.0f} MB", flush=True)
    for n in options.samples:
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{name}.zarr" for name in "ab"]
            for seed, path in enumerate(paths, 1):
                alone(write, path, n, options.features, seed, options.ids)
            found, used, seconds = alone(compare, *paths, options.memory, options.interval)
        size = 4e-9 * n * options.features
        print(f"{n:9,} {size:6.2f} GB {used:4.0f} MB {seconds:5.0f} s  {found}", flush=True)


if __name__ == "__main__":
    main()
