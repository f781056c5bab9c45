"""Cost of a sweep: measure tiles on one core, fit how time grows, predict large sweeps.

``OMP_NUM_THREADS=1 python benchmarks/sweep_cost.py [--precision single] [--measure pwcca]``

Times are CPU times, the least of several runs, because other work on the machine only adds time.
The fit is

- a layer of one network (from memory; centred, whitened): n p^2, p^3, n p;
- a pair, both ways (product, decomposition, measure): n p^2, p^3, n p, and a constant,

with non-negative coefficients, by relative error. Last, a whole sweep runs and its time is compared
with the prediction.
"""

from __future__ import annotations

import argparse
import time
from itertools import product

import numpy as np
from scipy.optimize import nnls

import isorep
from isorep.comparison.sweeps.network import Network
from isorep.comparison.sweeps.tile import Tile, compare_layers, prepare_layer

SAMPLES = (2_000, 5_000, 10_000)
WIDTHS = (64, 128, 256, 512, 1024)


def networks(count: int, n: int, p: int) -> dict[str, dict[str, np.ndarray]]:
    """Draw layers that share half of their directions, with falling variances."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, p // 2), dtype=np.float32)
    falling = (1 / np.sqrt(1 + np.arange(p))).astype(np.float32)
    drawn = {}
    for i in range(count):
        x = rng.standard_normal((n, p), dtype=np.float32)
        x[:, : p // 2] += shared
        mixing = np.linalg.qr(rng.standard_normal((p, p)))[0].astype(np.float32)
        drawn[f"net{i}"] = {"layer": (x * falling) @ mixing}
    return drawn


def one_tile(n: int, p: int, measure: str, precision: str) -> tuple[float, float]:
    """Return the CPU seconds of a layer and of a pair."""
    edge = 4 if p <= 256 else 2
    nets = networks(2 * edge, n, p)
    sources = [Network.from_source(name, layers) for name, layers in nets.items()]
    start = time.thread_time()
    prepared = [prepare_layer(source, "layer", "auto", precision) for source in sources]
    middle = time.thread_time()
    tile = Tile(0, 0, range(edge), range(edge, 2 * edge), (0,), (0,), ())
    by_number = dict(enumerate(prepared))
    compare_layers(tile, [by_number[k] for k in tile.networks], [measure], precision)
    end = time.thread_time()
    return (middle - start) / (2 * edge), (end - middle) / edge**2


def terms(n: int, p: int, constant: bool) -> list[float]:
    """Return the terms that time grows with, in billions, and for a pair a constant."""
    grows = [n * p * p / 1e9, p**3 / 1e9, n * p / 1e9]
    return [*grows, 1.0] if constant else grows


def fit(sizes: list[tuple[int, int]], seconds: list[float], constant: bool) -> np.ndarray:
    """Fit coefficients by relative error."""
    rows = np.array([terms(n, p, constant) for n, p in sizes])
    coefficients, _ = nnls(rows / np.array(seconds)[:, None], np.ones(len(seconds)))
    return coefficients


def main() -> None:
    """Measure, fit, check and predict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precision", choices=["single", "double"], default="single")
    parser.add_argument("--measure", default="pwcca")
    parser.add_argument(
        "--networks",
        type=int,
        default=24,
        help="Number of networks of the sweep that checks the fit.",
    )
    chosen = parser.parse_args()

    one_tile(1_000, 32, chosen.measure, chosen.precision)  # the first call is slower
    sizes, layers, pairs = [], [], []
    print(f"{chosen.measure}, {chosen.precision}: milliseconds of one core")
    print(f"{'n':>7} {'p':>5} {'layer':>9} {'pair':>9}")
    for n, p in product(SAMPLES, WIDTHS):
        if n < 4 * p:
            continue
        layer, pair = np.min(
            [one_tile(n, p, chosen.measure, chosen.precision) for _ in range(5 if p <= 256 else 2)],
            axis=0,
        )
        sizes.append((n, p))
        layers.append(float(layer))
        pairs.append(float(pair))
        print(f"{n:7d} {p:5d} {1e3 * layer:9.2f} {1e3 * pair:9.2f}", flush=True)

    a, b = fit(sizes, layers, constant=False), fit(sizes, pairs, constant=True)
    for name, coefficients, measured, constant in (
        ("layer", a, layers, False),
        ("pair", b, pairs, True),
    ):
        fitted = [float(np.dot(coefficients, terms(n, p, constant))) for n, p in sizes]
        errors = np.abs(np.array(fitted) / measured - 1)
        shown = ", ".join(
            f"{value:.3g} {unit}"
            for value, unit in zip(
                coefficients, ("n p^2/1e9", "p^3/1e9", "n p/1e9", "s"), strict=False
            )
        )
        print(
            f"seconds a {name} = {shown}; median error {np.median(errors):.0%}, "
            f"worst {errors.max():.0%}"
        )

    def predicted(count: int, n: int, p: int) -> float:
        layer, pair = np.dot(a, terms(n, p, False)), np.dot(b, terms(n, p, True))
        return float(count * layer + count * (count + 1) / 2 * pair)

    count, n, p = chosen.networks, 10_000, 256
    nets = networks(count, n, p)
    start, wall = time.process_time(), time.perf_counter()
    isorep.pairwise(nets, measures=chosen.measure, precision=chosen.precision, progress=False)
    took, elapsed = time.process_time() - start, time.perf_counter() - wall
    n_pairs = count * (count + 1) // 2
    print(
        f"{count} networks of {n} x {p}: {took:.1f} core seconds, {1e3 * took / n_pairs:.1f} ms a "
        f"pair ({predicted(count, n, p):.1f} predicted), in {elapsed:.1f} s"
    )
    print("core hours of one layer, predicted:")
    print(
        f"{'networks':>9}"
        + "".join(f"{p:>10}" for p in (64, 256, 512, 1024))
        + "  wide, n = 10,000"
    )
    for count in (200, 1_000, 10_000):
        hours = (predicted(count, 10_000, p) / 3600 for p in (64, 256, 512, 1024))
        print(f"{count:9d}" + "".join(f"{value:10.2f}" for value in hours))


if __name__ == "__main__":
    main()
