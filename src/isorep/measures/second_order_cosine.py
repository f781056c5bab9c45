"""Second-order cosine: whether samples keep their similarities to their neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from isorep.core.basis import Solver
from isorep.core.kernel import Kernel, Matrix
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Measure, MeasureValue
from isorep.measures.neighbours import Indices, kernel_of, nearest


def _compute(
    overlap: Overlap, k: int = 10, max_samples: int | None = None, seed: int = 0
) -> MeasureValue:
    kernels = [kernel_of(side, "cosine", max_samples, seed) for side in (overlap.x, overlap.y)]
    near = np.hstack([nearest(kernel, k, "cosine") for kernel in kernels])
    near.sort(axis=1)
    # A neighbour on both sides counts once.
    once = np.diff(near, axis=1, prepend=-1) > 0
    x, y = (_cosines(kernel, near) * once for kernel in kernels)
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    # A sample without any similarity, such as one of zeros, is like another such and no other.
    empty = ~x.any(axis=1) & ~y.any(axis=1)
    cosines = ((x * y).sum(axis=1) + empty) / np.where(norms > 0, norms, 1.0)
    return MeasureValue(float(cosines.mean()), overlap)


def _cosines(kernel: Kernel, near: Indices) -> Matrix:
    """Return each sample's cosine with those named in its row, (m, 2 k)."""
    found = np.empty(near.shape)
    for rows in kernel.blocks():
        found[rows] = np.take_along_axis(kernel.inner_products(rows), near[rows], axis=1)
    return found


SECOND_ORDER_COSINE = Measure(
    name="second_order_cosine",
    formula="mean_i(cos(s_x(i), s_y(i))), s(i) = cosines of i with N_x(i) | N_y(i)",
    description="cosine between each sample's similarities to its 10 nearest of either side",
    reference="Hamilton et al. 2016; Klabunde et al. 2025",
    function=_compute,
    invariance="rotation",
    requires="samples",
    similarity_range=(-1.0, 1.0),
)


def second_order_cosine(
    x: Any,
    y: Any,
    *,
    k: int = 10,
    max_samples: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """Second-order cosine similarity of the samples, over their nearest neighbours.

    ``1/n sum_i cos(s_x(i), s_y(i))``, where ``s_x(i)`` are the cosine similarities, in x, of sample
    i with the samples that are among its k nearest by cosine in x or in y, and ``s_y(i)`` those in
    y. (Not of the cosine distances, which code that computes this measure has used.) Where samples
    have a mean in common, as after a ReLU, all cosines are positive and unrelated data has a
    similarity well above 0; of centred data it is about 0.

    Neighbours and ties are as in `mutual_knn`. A sample whose similarities are all 0 counts 1 where
    the other side says the same, and 0 otherwise.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    k, max_samples, seed
        As for `mutual_knn`.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric;
        similarity in [-1, 1], distance in [0, 2].

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; and when `k` is not in [1, n - 1].

    References
    ----------
    Hamilton, Leskovec and Jurafsky 2016, Cultural shift or linguistic drift? Comparing two
    computational measures of semantic change. Klabunde, Schumacher, Strohmaier and Lemmerich 2025,
    Similarity of neural network models.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> round(isorep.measures.second_order_cosine(x, 3 * x[:, ::-1]).similarity, 9)
    1.0
    >>> round(isorep.measures.second_order_cosine(x, x**2).similarity, 1)
    0.4
    """
    return SECOND_ORDER_COSINE.between(x, y, solver=solver, k=k, max_samples=max_samples, seed=seed)
