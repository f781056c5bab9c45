"""How often the noise edge finds correlations that lengths of samples alone create.

    python studies/noise_edge.py

Counts canonical correlations above the edge of random-matrix theory, for samples as they are and
scaled to equal length as `isorep.inference.random_matrix_edge` scales them: of unrelated sides with
the lengths of a multivariate t(2), and of sides that share 9 of 50 directions, in three classes of
spread 0.3, 1 and 3.
"""

from __future__ import annotations

import argparse

import numpy as np

import isorep
from isorep.random_matrix.equal_lengths import with_equal_lengths
from isorep.random_matrix.tracy_widom import n_above_edge


def heavy_tailed(rng, n=300, p=20):
    """Return two unrelated sides, each with lengths of its own."""
    return rng.standard_normal((2, n, p)) / np.sqrt(rng.chisquare(2, (2, n, 1)) / 2)


def in_classes(rng, n=1000, p=50, shared=9):
    """Return two sides that share directions and, in each class, the spread of the samples."""
    spread = np.array([0.3, 1, 3])[rng.integers(0, 3, n)][:, None]
    common = rng.standard_normal((n, shared))
    alone = rng.standard_normal((2, n, p - shared))
    x = spread * np.hstack([common, alone[0]])
    y = spread * np.hstack([common + 0.5 * rng.standard_normal(common.shape), alone[1]])
    return x, y


def count(overlap):
    """Return the number of correlations above the edge."""
    return n_above_edge(overlap.correlations, overlap.n_samples, overlap.x.rank, overlap.y.rank)


def main():
    """Print the mean number found, and how often there was any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    for draw in (heavy_tailed, in_classes):
        rng = np.random.default_rng(0)
        overlaps = [isorep.overlap(*draw(rng)) for _ in range(repeats)]
        for name, change in (("as they are", lambda o: o), ("equal lengths", with_equal_lengths)):
            found = np.array([count(change(overlap)) for overlap in overlaps])
            print(f"{draw.__name__}, {name}: any in {np.mean(found > 0):.1%}, ", end="")
            print(f"mean {found.mean():.1f}, from {found.min()} to {found.max()}")


if __name__ == "__main__":
    main()
