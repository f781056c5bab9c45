"""A measure of your own: CKNNA, alignment of kernels over mutual nearest neighbours.

Huh, Cheung, Wang and Isola 2024, The platonic representation hypothesis, appendix A: CKA whose
inner products count only for pairs of samples that are nearest neighbours, by the unbiased HSIC.
The authors' program changes when x and y are swapped, since neighbours need not be mutual (`isorep
certify` shows it). This is the mean of its two values.

    isorep certify cknna_measure:cknna
    python cknna_measure.py

A package adds such a measure by an entry point in its pyproject.toml:

    [project.entry-points."isorep.measures"]
    cknna = "cknna_measure:cknna"

Expect 1 for the same samples, less for half of the features, and about 0 with a large p-value for
noise.
"""

import argparse

import numpy as np
from scipy.sparse import csr_array

import isorep


@isorep.register(
    invariance="rotation",
    similarity_range=(-1, 1),
    formula="hsic(K, L) / sqrt(hsic(K, K) hsic(L, L)), over pairs of neighbours on both sides",
    reference="Huh et al. 2024, appendix A",
)
def cknna(x, y, *, k: int = 10):
    """CKA over pairs of samples that are nearest neighbours in both representations."""
    if not 1 <= k < len(x):
        raise ValueError(f"k should be from 1 to n - 1 = {len(x) - 1}, got {k}")
    # In units of the largest entry: squares could overflow.
    sides = [x / np.abs(x).max(), y / np.abs(y).max()]
    x_near, y_near = (neighbours(side, k) for side in sides)
    both = x_near.multiply(y_near).tocsr()
    alike = hsic(*(products(side, both) for side in sides))
    of_x, of_y = (
        hsic(kernel, kernel) for kernel in (products(sides[0], x_near), products(sides[1], y_near))
    )
    if of_x <= 0 or of_y <= 0:
        raise ValueError(f"too few samples are mutual neighbours: k = {k} of {len(x)} samples")
    return alike / np.sqrt(of_x * of_y)


BLOCK = 500  # samples at a time, so that no (n, n) matrix is held


def neighbours(side, k):
    """Return the mask of the k greatest inner products of each sample with another, sparse."""
    n = len(side)
    columns = np.empty((n, k), dtype=np.int64)
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n))
        others = side[rows] @ side.T
        others[rows - start, rows] = -np.inf
        columns[rows] = np.argsort(-others, axis=1, kind="stable")[:, :k]
    rows = np.repeat(np.arange(n), k)
    return csr_array((np.ones(n * k), (rows, columns.ravel())), shape=(n, n))


def products(side, mask):
    """Return the inner products of the pairs of samples of a mask, sparse."""
    rows, columns = mask.nonzero()
    values = np.empty(len(rows))
    for start in range(0, len(rows), BLOCK):
        pairs = slice(start, start + BLOCK)
        values[pairs] = np.einsum("ij,ij->i", side[rows[pairs]], side[columns[pairs]])
    return csr_array((values, (rows, columns)), shape=mask.shape)


def hsic(a, b):
    """Return the unbiased HSIC of two sparse matrices (n, n) with diagonals of 0."""
    n = a.shape[0]
    within = a.multiply(b.T).sum()
    totals = a.sum() * b.sum() / ((n - 1) * (n - 2))
    chains = (a.sum(0) @ b.sum(1) + b.sum(0) @ a.sum(1)) / (n - 2)  # mean of both orders
    return (within + totals - chains) / (n * (n - 3))


def main(arguments=None):
    """Compare a layer with itself, half of itself, and noise."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="take few samples")
    n = 60 if parser.parse_args(arguments).quick else 300
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 8))
    layers = {"same": x, "half": x[:, :4], "noise": rng.standard_normal((n, 8))}
    measures = ["cknna", "cknna(k=20)", "mutual_knn", "cka"]
    table = isorep.compare(layers, {"x": x}, measures=measures, chance=True, progress=False)
    for name in measures:
        for layer in layers:
            cell = table.sel(x_layer=layer, y_layer="x")
            p_value = cell[f"{name}_p_value"].item()
            print(f"{name:12} {layer:6} {cell[name].item():6.3f}  p = {p_value:.3f}")


if __name__ == "__main__":
    main()
