"""Level and power of the p-value of the best layer, against the maximum over all layers.

    python studies/best_layer.py --repeats 800 --out best_layer.csv
    python studies/best_layer.py --candidates 100

Nine layers of 2 to 128 features are compared with one area of 8 dimensions, 60 samples. Level: the
area is unrelated; share of draws with ``p <= 0.05`` for the best layer, by its own p-value, by
Bonferroni (its own p-value times nine) and by the maximum (`p_max`). Power: one layer, of 4 or of
32 features, shares a part with the area; share of draws with ``p <= 0.05`` for this layer.

Layers are independent, or share 80 % of their variance with the layer before. Of unrelated layers,
also how often one of the three widest is the largest: by the raw similarity, and standardized as
for `p_max`. By chance it would be a third.

Candidates: five layers of 4 features against an area of 4 dimensions, 200 samples; share of draws
in which the population's best layer is among the candidates of `isorep.best`, and their number.
"""

from __future__ import annotations

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np

import isorep
from isorep.core.orders import Orders
from isorep.inference.max_statistic import max_p_values, standardized
from isorep.inference.null_distribution import null_distributions
from isorep.measures.registry import measures_named

WIDTHS = (2, 4, 8, 16, 32, 64, 128, 64, 16)
MEASURES = ("cka", "pwcca(weights_from=y)")
N_SAMPLES, AREA = 60, 8
N_PERMUTATIONS = 199
ALPHA = 0.05
WIDE = 64
"""Features of a wide layer, at least; three of the nine are."""

RELATED = ((None, 0.0), (1, 0.4), (4, 0.25))
"""Index of the related layer, and the standard deviation of its shared part."""


def area_and_layers(rng, correlated, related=None, strength=0.0):
    """Return an area and layers, of which the one with index `related` knows the area."""
    area = rng.standard_normal((N_SAMPLES, AREA))
    layers = []
    for i, width in enumerate(WIDTHS):
        layer = rng.standard_normal((N_SAMPLES, width))
        if correlated and layers:
            before = layers[-1] @ rng.standard_normal((layers[-1].shape[1], width))
            layer = np.sqrt(0.8) * before / before.std() + np.sqrt(0.2) * layer
        if i == related:
            signal = area @ rng.standard_normal((AREA, width))
            layer = layer + strength * signal / signal.std()
        layers.append(layer)
    return area, layers


def draw(rng, orders, **options):
    """Return p-values, standardized and raw similarities, and the maxima, by measure."""
    area, layers = area_and_layers(rng, **options)
    y = isorep.Basis.from_array(area)
    rows = measures_named(MEASURES)
    nulls = []
    for layer in layers:
        coupled = isorep.overlap(isorep.Basis.from_array(layer), y)
        similarities = {row: row.compute(coupled).similarity for row in rows}
        nulls.append(null_distributions(coupled, similarities, orders))
    results = {}
    for row in rows:
        of_measure = [null[row.label] for null in nulls]
        pairs = [standardized(null) for null in of_measure]
        scores = np.array([similarity for similarity, _ in pairs])
        maxima = np.max([draws for _, draws in pairs], axis=0)
        results[row.label] = {
            "p_value": np.array([null.p_value for null in of_measure]),
            "p_max": max_p_values(scores, maxima),
            "score": scores,
            "raw": np.array([null.similarity for null in of_measure]),
        }
    return results


def rejections(results, measure, cell):
    """Return shares of draws in which a cell, or the best if it is None, is above chance."""

    def share(key, factor=1):
        p_values = np.array([result[measure][key] for result in results])
        chosen = p_values.min(axis=1) if cell is None else p_values[:, cell]
        return float(np.mean(factor * chosen <= ALPHA + 1e-12))

    return {
        "own p": share("p_value"),
        "Bonferroni": share("p_value", len(WIDTHS)),
        "p_max": share("p_max"),
    }


def wide_wins(results, measure, key):
    """Return how often one of the widest layers is the largest."""
    winners = [WIDTHS[int(np.argmax(result[measure][key]))] for result in results]
    return float(np.mean(np.array(winners) >= WIDE))


KNOWN = ((0.6, 0.6, 0.6, 0.6, 0.6), (0.6, 0.5, 0.4, 0.3, 0.2))
"""Correlation of each layer's features with those of the area; the first layer is the best."""


def candidates(known, seed, n=200, width=4):
    """Return whether each layer may be the best."""
    rng = np.random.default_rng([seed, int(100 * sum(known))])
    area = rng.standard_normal((n, width))
    model = {
        f"layer{k}": share * area + np.sqrt(1 - share**2) * rng.standard_normal((n, width))
        for k, share in enumerate(known)
    }
    sides = model, {"area": area}
    table = isorep.compare(
        *sides, measures="cka", correct=True, chance=True, n_permutations=19, progress=False
    )
    contrasts = isorep.contrasts(*sides, measures="cka", progress=False)
    return isorep.best(table, contrasts)["may_be_best"].sel(y_layer="area").to_numpy()


def print_candidates(repeats):
    """Print how often the best layer is a candidate, and how many candidates there are."""
    for known in KNOWN:
        may_be_best = np.array([candidates(known, seed) for seed in range(repeats)])
        share, number = may_be_best[:, 0].mean(), may_be_best.sum(axis=1).mean()
        print(f"{known}: the best is a candidate in {share:.3f}; candidates: {number:.2f}")


def main():
    """Run the study, and write a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=800)
    parser.add_argument("--out", type=Path, default=Path("best_layer.csv"))
    parser.add_argument("--candidates", type=int, metavar="REPEATS")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", isorep.CodedWarning)
    if arguments.candidates:
        print_candidates(arguments.candidates)
        return
    rows = []
    for correlated in (False, True):
        for related, strength in RELATED:
            repeats = arguments.repeats if related is None else arguments.repeats // 4
            results = [
                draw(
                    np.random.default_rng([i, correlated, 0 if related is None else related]),
                    Orders(N_SAMPLES, N_PERMUTATIONS, seed=i),
                    correlated=correlated,
                    related=related,
                    strength=strength,
                )
                for i in range(repeats)
            ]
            for measure in MEASURES:
                row = {
                    "measure": measure,
                    "layers": "correlated" if correlated else "independent",
                    "related": "none" if related is None else f"width {WIDTHS[related]}",
                    "draws": repeats,
                    **rejections(results, measure, related),
                }
                if related is None:
                    row["wide is largest, raw"] = wide_wins(results, measure, "raw")
                    row["wide is largest, standardized"] = wide_wins(results, measure, "score")
                rows.append(row)
                print(row, flush=True)
    with arguments.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
