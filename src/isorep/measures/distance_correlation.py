"""Distance correlation: correlation of the doubly centred distances between samples."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from isorep.core.basis import Basis, Solver
from isorep.core.kernel import Kernel, Matrix
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Measure, MeasureValue
from isorep.measures.dependence import ZERO, products


def _distances(basis: Basis, max_samples: int | None, seed: int) -> Any:
    kernel = Kernel.from_basis(basis, max_samples=max_samples, seed=seed)

    def matrix(rows: slice) -> Matrix:
        found = kernel.squared_distances(rows)
        return np.sqrt(found, out=found)

    return kernel, matrix


def _compute(overlap: Overlap, max_samples: int | None = None, seed: int = 0) -> MeasureValue:
    kernel, x = _distances(overlap.x, max_samples, seed)
    _, y = _distances(overlap.y, max_samples, seed)
    both, of_x, of_y = products(kernel, x, y)
    for side, own in (("x", of_x), ("y", of_y)):
        if own.centred() <= ZERO * own.total:
            raise ValueError(
                f"the {kernel.n_samples} samples of {side} do not vary; draw others by seed= or "
                "more by max_samples="
            )
    square = both.centred() / sqrt(of_x.centred() * of_y.centred())
    return MeasureValue(sqrt(max(square, 0.0)), overlap)


DISTANCE_CORRELATION = Measure(
    name="distance_correlation",
    formula="sqrt(dCov^2(X, Y) / sqrt(dCov^2(X, X) dCov^2(Y, Y)))",
    description="correlation of doubly centred distances between samples (biased, the root)",
    reference="Szekely, Rizzo and Bakirov 2007, equations 2.8 to 2.10",
    function=_compute,
    invariance="orthogonal",
    requires="samples",
)


def distance_correlation(
    x: Any,
    y: Any,
    *,
    max_samples: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Distance correlation: 0, in the limit of many samples, for independent data alone.

    The sample distance correlation R_n, itself and not its square: ``R_n^2 = dCov^2(X, Y) /
    sqrt(dCov^2(X, X) dCov^2(Y, Y))``, with ``dCov^2(X, Y) = 1 / n^2 sum_ij A_ij B_ij`` where A are
    the Euclidean distances between x's samples less the mean of their row, less that of their
    column, plus that of all, and B those of y. Any dependence, also a non-linear one, shows. This
    is the V-statistic, biased upwards with few samples and many features.

    Done in blocks of rows: no n x n matrix is held. Time grows as n^2 (a + b).

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    max_samples : int, optional
        Compare at most so many samples, drawn at random, the same of x and y.
    seed : int
        Of that draw.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric; in
        [0, 1].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and when the samples drawn do not vary.

    References
    ----------
    Szekely, Rizzo and Bakirov 2007, Measuring and testing dependence by correlation of distances,
    equations 2.8 to 2.10.

    Examples
    --------
    A dependence that no correlation sees:

    >>> import numpy as np, isorep
    >>> x = np.linspace(-1, 1, 201)[:, None]
    >>> found = isorep.measures.distance_correlation(x, x**2).similarity
    >>> round(found, 2), round(isorep.cca(x, x**2).similarity, 2)
    (0.49, 0.0)
    """
    return DISTANCE_CORRELATION.between(x, y, solver=solver, max_samples=max_samples, seed=seed)
