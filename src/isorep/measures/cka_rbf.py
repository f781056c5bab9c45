"""RBF CKA: kernel alignment by Gaussians of the distances between samples, biased and debiased."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from isorep.core.basis import Basis, Solver
from isorep.core.kernel import Kernel, Matrix, check_memory
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures.base import Measure, MeasureValue
from isorep.measures.dependence import ZERO, Product, products


def _gaussians(
    name: str, basis: Basis, bandwidth: float, max_samples: int | None, seed: int
) -> Any:
    if not bandwidth > 0:
        raise ValueError(f"bandwidth is a share of the median distance, above 0, not {bandwidth}")
    check_memory(name, basis.n_samples, 0.5, max_samples)
    kernel = Kernel.from_basis(basis, max_samples=max_samples, seed=seed)
    distances = kernel.pairs(kernel.squared_distances)
    np.sqrt(distances, out=distances)
    width = bandwidth * float(np.median(distances, overwrite_input=True))
    if width == 0:
        raise ValueError(
            f"the median distance between the {kernel.n_samples} samples is 0: most of them are "
            "equal, and give the kernel no width; drop the copies"
        )

    def matrix(rows: slice) -> Matrix:
        # Centring takes a constant away again; without the 1, wide kernels keep their digits.
        found: Matrix = np.expm1(kernel.squared_distances(rows) / (-2 * width**2))
        return found

    return kernel, matrix


def _compute_biased(
    overlap: Overlap, bandwidth: float = 1.0, max_samples: int | None = None, seed: int = 0
) -> MeasureValue:
    return _compute("cka_rbf", Product.centred, overlap, bandwidth, max_samples, seed)


def _compute_debiased(
    overlap: Overlap, bandwidth: float = 1.0, max_samples: int | None = None, seed: int = 0
) -> MeasureValue:
    n = min(overlap.n_samples, max_samples or overlap.n_samples)
    if n < 4:
        raise ValueError(f"the unbiased HSIC needs 4 samples or more, not {n}")
    return _compute("cka_rbf_debiased", Product.unbiased, overlap, bandwidth, max_samples, seed)


def _compute(
    name: str,
    hsic: Callable[[Product], float],
    overlap: Overlap,
    bandwidth: float,
    max_samples: int | None,
    seed: int,
) -> MeasureValue:
    kernel, x = _gaussians(name, overlap.x, bandwidth, max_samples, seed)
    _, y = _gaussians(name, overlap.y, bandwidth, max_samples, seed)
    both, of_x, of_y = products(kernel, x, y)
    for side, own in (("x", of_x), ("y", of_y)):
        if hsic(own) <= ZERO * own.total:
            raise ValueError(
                f"the samples of {side} are all as far from each other, as far as the kernel can "
                f"tell, and {name} is 0/0: take a larger bandwidth"
            )
    return MeasureValue(hsic(both) / sqrt(hsic(of_x) * hsic(of_y)), overlap)


CKA_RBF = Measure(
    name="cka_rbf",
    formula="HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K_ij = exp(-d_ij^2 / (2 median(d)^2))",
    description="kernel alignment by Gaussians as wide as the median distance (biased)",
    reference="Kornblith et al. 2019, section 3 and table 2",
    function=_compute_biased,
    invariance="orthogonal",
    requires="samples",
)

CKA_RBF_DEBIASED = Measure(
    name="cka_rbf_debiased",
    formula="cka_rbf with the unbiased HSIC",
    description="RBF kernel alignment around 0 for unrelated data, from any number of samples",
    reference="Kornblith et al. 2019, section 3; Song et al. 2007",
    function=_compute_debiased,
    invariance="orthogonal",
    requires="samples",
    similarity_range=(-1.0, 1.0),
    chance_rule=lambda overlap, **_: 0.0,
)


def cka_rbf(
    x: Any,
    y: Any,
    *,
    bandwidth: float = 1.0,
    max_samples: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """CKA with a Gaussian kernel: how well small distances on one side match those on the other.

    ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` with ``HSIC(K, L) = tr(K H L H) / (n - 1)^2``, H
    the centring matrix, and ``K_ij = exp(-||x_i - x_j||^2 / (2 sigma^2))``, sigma being `bandwidth`
    times the median of the n (n - 1) / 2 distances between two samples of x; the same for L and y.
    A narrow kernel sees the nearest samples only; with a wide one, cka_rbf is `cka`. With few
    samples it is biased upwards: `cka_rbf_debiased` is not.

    The exact median holds 4 n^2 bytes; all else is done in blocks. Time grows as n^2 (a + b).

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    bandwidth : float
        Share of the median distance; 1 is what the code published with the paper starts from, whose
        table 2 tries 0.2, 0.4 and 0.8. (That code counts the n zeros of a sample with itself into
        the median.)
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
        See `isorep.overlap`; when more than half of the distances are 0; and when the distances
        need more than 4 GiB, above 32,000 samples.

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
    return CKA_RBF.between(
        x, y, solver=solver, bandwidth=bandwidth, max_samples=max_samples, seed=seed
    )


def cka_rbf_debiased(
    x: Any,
    y: Any,
    *,
    bandwidth: float = 1.0,
    max_samples: int | None = None,
    seed: int = 0,
    solver: Solver = "auto",
) -> Score:
    """CKA with a Gaussian kernel and the unbiased HSIC: around 0 for unrelated data.

    As `cka_rbf`, with ``HSIC(K, L) = (tr(K L) + 1'K1 1'L1 / ((n - 1)(n - 2)) - 2 / (n - 2) 1'KL1) /
    (n (n - 3))``, where the diagonals of K and L are zero. Each HSIC is unbiased, their ratio
    nearly so. It is an inner product, so the similarity is within [-1, 1]; it is negative for about
    half of all unrelated data and is left so.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows, 4 or more.
    bandwidth, max_samples, seed
        As for `cka_rbf`.
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
        As for `cka_rbf`; with fewer than 4 samples; and when the samples of one side are all as far
        from each other.

    References
    ----------
    Song, Smola, Gretton, Borgwardt and Bedo 2007, Supervised feature selection via dependence
    estimation. Kornblith et al. 2019, as for `cka_rbf`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 40, 30))
    >>> biased, debiased = isorep.measures.cka_rbf, isorep.measures.cka_rbf_debiased
    >>> round(biased(x, y).similarity, 1), abs(round(debiased(x, y).similarity, 1))
    (0.6, 0.0)
    """
    return CKA_RBF_DEBIASED.between(
        x, y, solver=solver, bandwidth=bandwidth, max_samples=max_samples, seed=seed
    )
