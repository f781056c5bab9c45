"""Cost of correction, interval and chance level in a table, beside the same measure by measure.

``OMP_NUM_THREADS=1 python benchmarks/inference_cost.py [--layers 3 3] [--permutations 1999]``

The naive program corrects each measure of each cell on its own, takes its jackknife and permutes
the samples once after the other. The table shares the simulated samples, the jackknife and the
permutations of all measures, and computes them in batches. Times are CPU times of one run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import product

import numpy as np

import isorep
from isorep.core.overlap import Overlap, couple
from isorep.measures import MEASURES
from isorep.random_matrix.population import Population

MEASURED = ("pwcca", "cka")
INFERRED = ("correct", "interval", "chance")
WIDTHS = (16, 32, 64)


def layers(count: int, shared: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw layers of 16, 32 and 64 neurons that share 40 directions."""
    n, k = shared.shape
    return {
        f"layer{i}": shared @ rng.standard_normal((k, width)) + 2 * rng.standard_normal((n, width))
        for i in range(count)
        for width in [WIDTHS[i % len(WIDTHS)]]
    }


def naive(x: np.ndarray, y: np.ndarray, name: str, n_permutations: int) -> list[float]:
    """Return corrected value, jackknife error, chance level and p-value, computed on their own."""
    row = MEASURES[name]

    def similarity(overlap: Overlap) -> float:
        return row(overlap).similarity

    o = isorep.overlap(x, y)
    observed = similarity(o)
    excess = Population.estimate(o).excess(similarity)
    error = float(isorep.inference.jackknife(o, similarity))
    rng = np.random.default_rng(0)
    x_basis = o.x.with_factor(o.x.q)
    draws = [
        similarity(couple(x_basis, o.y.with_factor(o.y.q[rng.permutation(len(y))])))
        for _ in range(n_permutations)
    ]
    p_value = (1 + np.sum(np.array(draws) >= observed)) / (1 + n_permutations)
    return [observed - float(excess.mean), error, float(np.mean(draws)), float(p_value)]


def main() -> None:
    """Time the parts of the table and the naive program, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, nargs=2, default=(3, 3))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=1999)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((options.samples, 40))
    a, b = (layers(count, shared, rng) for count in options.layers)
    small = ({"layer": side["layer0"][:100, :3]} for side in (a, b))
    together(*small, INFERRED, 9)  # imports
    cells = len(a) * len(b)
    print(f"{cells} cells, {len(MEASURED)} measures, {options.permutations} permutations")
    print("ms of processor time a cell:")
    parts: dict[str, Sequence[str]] = {
        "similarities alone": (),
        "corrected": ("correct",),
        "corrected, with interval": ("interval",),
        "with chance level and p-values": ("chance",),
        "all": INFERRED,
    }
    for text, inferred in parts.items():
        start = time.process_time()
        together(a, b, inferred, options.permutations)
        everything = time.process_time() - start
        print(f"  {1000 * everything / cells:8.1f}  {text}")
    start = time.process_time()
    for x, y in product(a.values(), b.values()):
        for name in MEASURED:
            naive(x, y, name, options.permutations)
    separately = time.process_time() - start
    print(f"  {1000 * separately / cells:8.1f}  all, measure by measure")
    print(f"ratio: {separately / everything:.1f}")


def together(
    a: dict[str, np.ndarray],
    b: dict[str, np.ndarray],
    inferred: Sequence[str],
    n_permutations: int,
) -> None:
    """Fill a table."""
    isorep.compare(
        a,
        b,
        measures=MEASURED,
        **dict.fromkeys(inferred, True),
        n_permutations=n_permutations if "chance" in inferred else None,
        progress=False,
    )


if __name__ == "__main__":
    main()
