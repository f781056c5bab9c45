"""Distance correlation: correlation of the doubly centred distances between samples."""

from __future__ import annotations

from math import sqrt

import numpy as np

from isorep.core.basis import Basis
from isorep.core.kernel import Kernel, Matrix, MatrixRows
from isorep.core.overlap import Overlap
from isorep.measures.base import MeasureValue
from isorep.measures.dependence import ZERO, products
from isorep.measures.measure_function import measure


def distance_kernel(basis: Basis, max_samples: int | None, seed: int) -> tuple[Kernel, MatrixRows]:
    """Return the samples, and a function of some rows that returns their distances to all."""
    kernel = Kernel.from_basis(basis, max_samples=max_samples, seed=seed)

    def matrix(rows: slice, start: int = 0) -> Matrix:
        distances = kernel.squared_distances(rows, start)
        return np.sqrt(distances, out=distances)

    return kernel, matrix


@measure(
    formula="sqrt(dCov^2(X, Y) / sqrt(dCov^2(X, X) dCov^2(Y, Y)))",
    description="correlation of doubly centred distances between samples (biased, the root)",
    reference="Szekely, Rizzo and Bakirov 2007, equations 2.8 to 2.10",
    invariance="orthogonal",
    requires="samples",
)
def distance_correlation(
    overlap: Overlap, *, max_samples: int | None = None, seed: int = 0
) -> MeasureValue:
    """Distance correlation: 0, in the limit of many samples, for independent data alone.

    The sample distance correlation R_n, itself and not its square: ``R_n^2 = dCov^2(X, Y) /
    sqrt(dCov^2(X, X) dCov^2(Y, Y))``, with ``dCov^2(X, Y) = 1 / n^2 sum_ij A_ij B_ij`` where A are
    the Euclidean distances between samples of x, minus the mean of their row, minus the mean of
    their column, plus the mean of all distances; B is the same for y. It detects every dependence,
    linear or not. This is the V-statistic, biased upwards for few samples and many features.

    It is computed in blocks of rows, without an n x n matrix. Time grows as n^2 (p + q).

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric; in
        [0, 1].

    Raises
    ------
    ValueError
        If the samples drawn do not vary.

    References
    ----------
    Szekely, Rizzo and Bakirov 2007, Measuring and testing dependence by correlation of distances,
    equations 2.8 to 2.10.

    Examples
    --------
    A dependence without any correlation:

    >>> import numpy as np, isorep
    >>> x = np.linspace(-1, 1, 201)[:, None]
    >>> dependence = isorep.measures.distance_correlation(x, x**2).similarity
    >>> round(dependence, 2), round(isorep.cca(x, x**2).similarity, 2)
    (0.49, 0.0)
    """
    kernel, x = distance_kernel(overlap.x, max_samples, seed)
    _, y = distance_kernel(overlap.y, max_samples, seed)
    xy, xx, yy = products(kernel, x, y)
    for side, product in (("x", xx), ("y", yy)):
        if product.centred() <= ZERO * product.total:
            raise ValueError(
                f"the {kernel.n_samples} samples of {side} do not vary; draw other samples with "
                "seed=, or more with max_samples="
            )
    norm = sqrt(xx.centred() * yy.centred())
    square = xy.centred() / norm
    return MeasureValue(sqrt(max(square, 0.0)), overlap, chance=sqrt(xy.chance() / norm))
