"""Time isorep beside the arithmetic floor and its peers, in one run: ``make bench``.

Ratios of one run are what to quote: seconds depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
from datetime import date
from pathlib import Path

import numpy as np
from one_row import run_row
from rows import rows
from threadpoolctl import threadpool_info

import isorep


def main() -> None:
    """Run the rows that are asked for and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which rows; all by default")
    parser.add_argument("--svcca", type=Path, help="a clone of google/svcca")
    parser.add_argument("--samples", type=int, default=10_000, help="rows of each representation")
    parser.add_argument("--networks", type=int, default=200, help="of the sweep")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each program, in turns")
    parser.add_argument("--device", default="cpu", help="PyTorch's name for that of the sweep")
    options = parser.parse_args()
    known = rows(options.samples, options.networks, options.svcca, options.device)
    unknown = [name for name in options.rows if name not in known]
    if unknown:
        parser.error(f"unknown rows {', '.join(unknown)}; known: {', '.join(known)}")
    print(_machine(), flush=True)
    print("\n| work | program | seconds | over isorep | over the floor | peak MiB | processor s |")
    print("|---|---|---|---|---|---|---|", flush=True)
    # Each row in a process of its own: threads of one row do not survive the forks of the next.
    spawn = multiprocessing.get_context("spawn")
    for name in options.rows or known:
        process = spawn.Process(target=run_row, args=(name, options))
        process.start()
        process.join()


def _machine() -> str:
    blas = {
        f"{info['internal_api']} {info['version']}, {info['num_threads']} threads"
        for info in threadpool_info()
        if info["user_api"] == "blas"
    }
    return (
        f"{date.today()}, isorep {isorep.__version__}, Python {platform.python_version()}, "
        f"NumPy {np.__version__} ({'; '.join(sorted(blas))}), {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    sys.exit(main())
