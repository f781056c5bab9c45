"""Second-order cosine: whether samples have the same similarities to their neighbours."""

from __future__ import annotations

import numpy as np

from isorep.core.kernel import CHUNK, Kernel, Matrix
from isorep.core.overlap import Overlap
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure
from isorep.measures.neighbour_search import Search, neighbours_of
from isorep.measures.neighbours import Indices, kernel_of


def _cosines(kernel: Kernel, near: Indices) -> Matrix:
    """Return the cosines of each sample with the samples in its row of `near`, (m, 2 k)."""
    cosines = np.empty(near.shape)
    size = max(1, CHUNK // (8 * near.shape[1] * kernel.points.shape[1]))
    for start in range(0, len(near), size):
        rows = slice(start, start + size)
        cosines[rows] = np.einsum("ij,ikj->ik", kernel.points[rows], kernel.points[near[rows]])
    return cosines


@measure(
    title="second-order cosine",
    formula="mean_i(cos(s_x(i), s_y(i))), s(i) = cosines of i with N_x(i) | N_y(i)",
    description="cosine between each sample's similarities to its nearest (10 a side by default)",
    reference="Hamilton et al. 2016; Klabunde et al. 2025",
    invariance="rotation",
    emphasis="distances",
    requires="samples",
    similarity_range=(-1.0, 1.0),
)
def second_order_cosine(
    overlap: Overlap,
    *,
    k: int = 10,
    max_samples: int | None = None,
    search: Search = "exact",
    seed: int = 0,
) -> MeasureValue:
    """Second-order cosine similarity of the samples, over their nearest neighbours.

    ``1/n sum_i cos(s_x(i), s_y(i))``, where ``s_x(i)`` are the cosine similarities in x between
    sample i and the samples that are among its k nearest by cosine in x or in y; ``s_y(i)`` are
    those in y. (Some published code uses cosine distances instead.) If all samples share a large
    mean, as after a ReLU, all cosines are positive and unrelated data have a similarity well above
    0; for centred data it is about 0.

    Neighbours and ties are as in `mutual_knn`. A sample whose similarities are all 0 counts 1 if
    they are 0 on the other side too, and 0 otherwise.

    Parameters
    ----------
    k, max_samples, search, seed
        As for `mutual_knn`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric;
        similarity in [-1, 1], distance in [0, 2].

    Raises
    ------
    ValueError
        If `k` is not in [1, n - 1].

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
    kernels = [kernel_of(side, "cosine", max_samples, seed) for side in (overlap.x, overlap.y)]
    *sides, warnings = neighbours_of(kernels, k, "cosine", seed, search)
    near = np.hstack(sides)
    near.sort(axis=1)
    # A neighbour on both sides counts once.
    once = np.diff(near, axis=1, prepend=-1) > 0
    x, y = (_cosines(kernel, near) * once for kernel in kernels)
    norms = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    # A sample without any similarity, such as a sample of zeros, only matches another such sample.
    empty = ~x.any(axis=1) & ~y.any(axis=1)
    cosines = ((x * y).sum(axis=1) + empty) / np.where(norms > 0, norms, 1.0)
    return MeasureValue(float(cosines.mean()), overlap, warnings=warnings)
