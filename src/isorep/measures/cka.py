"""Linear CKA: centred kernel alignment of the two covariances, biased and debiased."""

from __future__ import annotations

from math import sqrt
from typing import Any

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep.core.basis import Solver
from isorep.core.overlap import Overlap
from isorep.core.score import Score
from isorep.measures import chance_levels
from isorep.measures.base import Measure, MeasureValue

VANISHED = 1e-12
"""Share of a side's squared inner products under which what U-centring leaves is rounding."""


def _compute(overlap: Overlap) -> MeasureValue:
    xp = array_namespace(overlap.matrix)
    # In units of the largest singular value: fourth powers of anything else could overflow.
    sx = overlap.x.singular_values / overlap.x.singular_values[0]
    sy = overlap.y.singular_values / overlap.y.singular_values[0]
    shared = xp.sum((sx[:, None] * overlap.matrix * sy) ** 2)
    return MeasureValue(float(shared / xp.sqrt(xp.sum(sx**4) * xp.sum(sy**4))), overlap)


CKA = Measure(
    name="cka",
    formula="||diag(sx) M diag(sy)||_F^2 / (||sx^2|| ||sy^2||)",
    description="linear centred kernel alignment (biased, as usually reported)",
    reference="Kornblith et al. 2019, equation 5 and table 1",
    function=_compute,
    invariance="orthogonal",
    chance_rule=chance_levels.linear_cka,
)


def cka(x: Any, y: Any, *, correct: bool = False, seed: int = 0, solver: Solver = "auto") -> Score:
    """Linear CKA: how well the samples' inner products on one side match those on the other.

    ``||Xc^T Yc||_F^2 / (||Xc^T Xc||_F ||Yc^T Yc||_F)`` with centred columns. Directions count by
    their variance squared, so a few strong ones decide. Nothing is whitened, and n < p is no
    obstacle; but this estimate is biased upwards with few samples, which
    `cka_debiased` is not.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    correct, seed
        Correct for finite-sample bias, and its random seed; see `isorep.similarity`.
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
        See `isorep.overlap`.

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations
    revisited.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> rotated = x @ np.linalg.qr(np.ones((4, 4)) + np.eye(4))[0]
    >>> round(isorep.cka(x, 3 * rotated + 5).similarity, 9)
    1.0
    """
    return CKA.between(x, y, solver=solver, correct=correct, seed=seed)


def _compute_debiased(overlap: Overlap) -> MeasureValue:
    n = overlap.n_samples
    if n < 4:
        raise ValueError(f"debiased CKA needs at least 4 samples, got {n}")
    xp = array_namespace(overlap.matrix)
    sx = overlap.x.singular_values / overlap.x.singular_values[0]
    sy = overlap.y.singular_values / overlap.y.singular_values[0]
    # Squared norms of the samples: the diagonals that U-centring takes out.
    k, l = (xp.sum((b.q * s) ** 2, axis=1) for b, s in ((overlap.x, sx), (overlap.y, sy)))  # noqa: E741

    def inner(products: Array, k: Array, l: Array) -> float:  # noqa: E741
        """Return ``n (n - 3)`` times the unbiased HSIC from ``||X^T Y||_F^2`` and diagonals."""
        both = float(xp.sum(k)) * float(xp.sum(l)) / ((n - 1) * (n - 2))
        return float(products) - n / (n - 2) * float(xp.sum(k * l)) + both

    xx, yy = xp.sum(sx**4), xp.sum(sy**4)
    own = inner(xx, k, k), inner(yy, l, l)
    for name, value, squares in (("x", own[0], xx), ("y", own[1], yy)):
        if value <= VANISHED * float(squares):
            raise ValueError(
                f"debiased CKA is undefined: U-centring leaves nothing of {name}'s inner products "
                f"between samples, as when all {n} samples are equally far apart; take more samples"
            )
    shared = inner(xp.sum((sx[:, None] * overlap.matrix * sy) ** 2), k, l)
    return MeasureValue(shared / sqrt(own[0]) / sqrt(own[1]), overlap)


CKA_DEBIASED = Measure(
    name="cka_debiased",
    formula="HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), HSIC unbiased",
    description="linear centred kernel alignment without the bias of few samples",
    reference="Song et al. 2007; Szekely and Rizzo 2014; Nguyen et al. 2021",
    function=_compute_debiased,
    invariance="orthogonal",
    requires="samples",
    similarity_range=(-1.0, 1.0),
    chance_rule=lambda overlap: 0.0,
)


def cka_debiased(x: Any, y: Any, *, solver: Solver = "auto") -> Score:
    """Linear CKA of unbiased estimates: about 0 for unrelated data, however few the samples.

    The alignment ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` of ``K = X X^T`` and ``L = Y Y^T``,
    with the unbiased estimate of HSIC that leaves the diagonals of K and L out. With centred X and
    Y, whose squared norms of samples are ``k`` and ``l``,

    ``n (n - 3) HSIC = ||X^T Y||_F^2 - n / (n - 2) k . l + sum(k) sum(l) / ((n - 1) (n - 2))``,

    so that no n x n matrix is formed. It is the cosine of the two U-centred matrices, and therefore
    in [-1, 1]; for unrelated data it is negative about as often as not, and it is never clipped to
    0. Each of the three estimates is unbiased, their ratio only nearly so.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows, at least 4.
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
        See `isorep.overlap`; with fewer than 4 samples; and when U-centring leaves nothing of a
        side, as when all its samples are equally far apart.

    References
    ----------
    Song, Smola, Gretton, Borgwardt and Bedo 2007, Supervised feature selection via dependence
    estimation. Szekely and Rizzo 2014, Partial distance correlation with methods for
    dissimilarities. Nguyen, Raghu and Kornblith 2021, Do wide and deep networks learn the same
    things?

    Examples
    --------
    Unrelated data, 20 samples of 100 features:

    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 20, 100))
    >>> for measure in (isorep.cka, isorep.measures.cka_debiased):
    ...     print(round(measure(x, y).similarity, 2))
    0.82
    -0.01
    """
    return CKA_DEBIASED.between(x, y, solver=solver)
