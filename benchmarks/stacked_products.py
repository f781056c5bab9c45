"""What stacking the layers of a grid would save: processor time of its products.

    OMP_NUM_THREADS=1 python benchmarks/stacked_products.py

The products of all pairs of the 12 x 12 layers of the row `grid-cka`: each pair alone, as isorep
computes them, and layers side by side in arrays of up to 512, 1,024 and 2,048 columns, whose
product is then cut into pairs. Beside them, the whole table of CKA and of PWCCA, to which a saving
counts.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rows import WIDTHS, _layers, _named

import isorep
from isorep.core.moments import cross_product

Layers = Sequence[NDArray[np.float64]]


def alone(xs: Layers, ys: Layers) -> list[NDArray[np.float64]]:
    """Return the product of each pair."""
    return [cross_product(x, y) for x in xs for y in ys]


def stacked(xs: Layers, ys: Layers, width: int) -> list[NDArray[np.float64]]:
    """Return the same products, of stacks of layers up to this wide."""
    products: dict[tuple[int, int], NDArray[np.float64]] = {}
    columns = [(members, np.hstack([ys[j] for j in members])) for members in _stacks(ys, width)]
    for rows in _stacks(xs, width):
        left = np.hstack([xs[i] for i in rows]).T
        for members, right in columns:
            product = left @ right
            top = 0
            for i in rows:
                start = 0
                for j in members:
                    cut = product[top : top + xs[i].shape[1], start : start + ys[j].shape[1]]
                    products[i, j] = np.ascontiguousarray(cut)
                    start += ys[j].shape[1]
                top += xs[i].shape[1]
    return [products[i, j] for i in range(len(xs)) for j in range(len(ys))]


def _stacks(layers: Layers, most: int) -> list[list[int]]:
    """Return which layers are side by side, the narrow ones first."""
    stacks: list[list[int]] = []
    width = most
    for i in sorted(range(len(layers)), key=lambda i: layers[i].shape[1]):
        if width + layers[i].shape[1] > most:
            stacks.append([])
            width = 0
        stacks[-1].append(i)
        width += layers[i].shape[1]
    return stacks


def main() -> None:
    """Print a line for each work: the median of its processor time."""
    parser = argparse.ArgumentParser(prog="benchmarks/stacked_products.py", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each, in turns")
    parser.add_argument("--samples", type=int, default=10_000, help="samples of the layers")
    options = parser.parse_args()
    warnings.simplefilter("ignore", isorep.FewSamplesWarning)
    xs, ys = (_layers(options.samples, WIDTHS, seed) for seed in (0, 1))
    table = partial(isorep.compare, *_named(xs, ys), progress=False)
    works: dict[str, Callable[[], Any]] = {
        "products, each pair alone": partial(alone, xs, ys),
        **{
            f"products, stacked up to {width:,} columns": partial(stacked, xs, ys, width)
            for width in (512, 1024, 2048)
        },
        "the table of CKA": partial(table, measures=["cka"]),
        "the table of PWCCA": partial(table, measures=["pwcca"]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(options.rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            seconds[name].append(time.process_time() - start)
    for name, values in seconds.items():
        print(f"{median(values):8.3f} s  {name}", flush=True)


if __name__ == "__main__":
    main()
