"""RBF CKA: alignment of Gaussian kernels of the samples, biased and debiased."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np

from isorep.core.basis import Basis
from isorep.core.kernel import Kernel, Matrix, MatrixRows
from isorep.core.overlap import Overlap
from isorep.measures.base import MeasureValue
from isorep.measures.dependence import ZERO, Product, products
from isorep.measures.measure_function import measure
from isorep.measures.median_distance import median_distance


def gaussian_kernel(
    basis: Basis, bandwidth: float, max_samples: int | None, seed: int
) -> tuple[Kernel, MatrixRows]:
    """Return the samples, and a function of some rows that returns their Gaussians, minus 1."""
    if not bandwidth > 0:
        raise ValueError(
            f"bandwidth must be a share of the median distance, above 0, got {bandwidth}"
        )
    kernel = Kernel.from_basis(basis, max_samples=max_samples, seed=seed)
    width = bandwidth * median_distance(kernel)
    if width == 0:
        raise ValueError(
            f"the median distance between the {kernel.n_samples} samples is 0, so the kernel has "
            "no width: most samples are equal; drop the copies"
        )

    def matrix(rows: slice, start: int = 0) -> Matrix:
        # exp - 1 instead of exp: centring removes the constant, and wide kernels keep their digits.
        values = kernel.squared_distances(rows, start)
        values /= -2 * width**2
        return np.expm1(values, out=values)

    return kernel, matrix


def _compute(
    name: str,
    hsic: Callable[[Product], float],
    overlap: Overlap,
    bandwidth: float,
    max_samples: int | None,
    seed: int,
) -> MeasureValue:
    kernel, x = gaussian_kernel(overlap.x, bandwidth, max_samples, seed)
    _, y = gaussian_kernel(overlap.y, bandwidth, max_samples, seed)
    xy, xx, yy = products(kernel, x, y)
    for side, product in (("x", xx), ("y", yy)):
        if hsic(product) <= ZERO * product.total:
            raise ValueError(
                f"the samples of {side} are all equally far apart for this kernel, so {name} is "
                "0/0; take a larger bandwidth"
            )
    norm = sqrt(hsic(xx) * hsic(yy))
    chance = xy.chance() / norm if hsic is Product.centred else 0.0
    return MeasureValue(hsic(xy) / norm, overlap, chance=chance)


@measure(
    title="RBF CKA",
    formula="HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K_ij = exp(-d_ij^2 / (2 median(d)^2))",
    description="kernel alignment by Gaussians as wide as the median distance (biased)",
    reference="Kornblith et al. 2019, section 3 and table 2",
    invariance="orthogonal",
    emphasis="distances",
    requires="samples",
)
def cka_rbf(
    overlap: Overlap, *, bandwidth: float = 1.0, max_samples: int | None = None, seed: int = 0
) -> MeasureValue:
    """CKA with a Gaussian kernel: how well small distances in x match small distances in y.

    ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` with ``HSIC(K, L) = tr(K H L H) / (n - 1)^2``, H
    the centring matrix, and ``K_ij = exp(-||x_i - x_j||^2 / (2 sigma^2))``, where sigma is
    `bandwidth` times the median of the n (n - 1) / 2 distances between samples of x; the same for L
    and y. A narrow kernel sees only the nearest samples; with a wide kernel, cka_rbf equals `cka`.
    It is biased upwards if samples are few; `cka_rbf_debiased` is not.

    It is computed in blocks of rows, without an n x n matrix; the median is exact. Time grows as
    n^2 (p + q).

    Parameters
    ----------
    bandwidth : float
        Width of the kernel as a share of the median distance. Table 2 of the paper tries 0.2, 0.4
        and 0.8; 1 is the start value of its published code, whose median includes the n zero
        distances of each sample to itself.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric; in
        [0, 1].

    Raises
    ------
    ValueError
        If more than half of the distances are 0.

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations
    revisited.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> round(isorep.measures.cka_rbf(x, 3 * x[:, ::-1] + 5).similarity, 9)
    1.0
    >>> wide = isorep.measures.cka_rbf(x, x**3, bandwidth=1e4).similarity
    >>> abs(wide - isorep.cka(x, x**3).similarity) < 1e-6
    True
    """
    return _compute("cka_rbf", Product.centred, overlap, bandwidth, max_samples, seed)


@measure(
    title="debiased RBF CKA",
    formula="cka_rbf with the unbiased HSIC",
    description="RBF kernel alignment around 0 for unrelated data, from any number of samples",
    reference="Kornblith et al. 2019, section 3; Song et al. 2007",
    invariance="orthogonal",
    emphasis="distances",
    requires="samples",
    similarity_range=(-1.0, 1.0),
    chance_rule=lambda overlap, **_: 0.0,
)
def cka_rbf_debiased(
    overlap: Overlap, *, bandwidth: float = 1.0, max_samples: int | None = None, seed: int = 0
) -> MeasureValue:
    """CKA with a Gaussian kernel and the unbiased HSIC: around 0 for unrelated data.

    As `cka_rbf`, with ``HSIC(K, L) = (tr(K L) + 1'K1 1'L1 / ((n - 1)(n - 2)) - 2 / (n - 2) 1'KL1) /
    (n (n - 3))``, where the diagonals of K and L are zero. Each HSIC is unbiased; their ratio is
    nearly unbiased. The similarity is a cosine, in [-1, 1]; it is negative for about half of all
    unrelated data and is not clipped.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        The same n samples in rows, at least 4.
    bandwidth, max_samples, seed
        As for `cka_rbf`.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric;
        similarity in [-1, 1], distance in [0, 2].

    Raises
    ------
    ValueError
        As for `cka_rbf`; if there are fewer than 4 samples; or if the samples of one side are all
        equally far apart.

    References
    ----------
    Song, Smola, Gretton, Borgwardt and Bedo 2007, Supervised feature selection via dependence
    estimation. Kornblith et al. 2019, as for `cka_rbf`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 40, 30))
    >>> with isorep.silence("few-samples"):
    ...     biased = isorep.measures.cka_rbf(x, y).similarity
    >>> debiased = isorep.measures.cka_rbf_debiased(x, y).similarity
    >>> round(biased, 1), abs(round(debiased, 1))
    (0.6, 0.0)
    """
    n = min(overlap.n_samples, max_samples or overlap.n_samples)
    if n < 4:
        raise ValueError(f"the unbiased HSIC needs at least 4 samples, got {n}")
    return _compute("cka_rbf_debiased", Product.unbiased, overlap, bandwidth, max_samples, seed)
