"""Leave one out: similarities without each sample, in closed form.

With n samples, ``a = n / (n - 1)``, and x and y the centred rows of sample j, the second moments
without the sample are ``Xc^T Yc - a x y^T``: the mean moves too. In the bases Q the rows are q and
r, with leverages ``h = |q|^2`` and ``g = |r|^2``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import to_numpy
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap

Floats = NDArray[np.float64]

SINGULAR = 1e-8
"""Value of ``1 - a h`` below which a direction varies in one sample only."""


class _Rows(NamedTuple):
    """Rows in the basis, (n, r), over the principal components, (n, r), and their sizes, (r,)."""

    q: Floats
    scores: Floats
    sizes: Floats

    @classmethod
    def from_basis(cls, basis: Basis) -> _Rows:
        sizes = to_numpy(basis.singular_values / basis.singular_values[0])
        q = to_numpy(basis.q)
        return cls(q, q * sizes, sizes)


def _rows(overlap: Overlap) -> tuple[_Rows, _Rows, Floats, float]:
    n = overlap.n_samples
    x, y = _Rows.from_basis(overlap.x), _Rows.from_basis(overlap.y)
    return x, y, to_numpy(overlap.matrix), n / (n - 1)


def _dot(u: Floats, v: Floats) -> Floats:
    """Return the inner product of each row of u with the same row of v."""
    return np.asarray(np.einsum("ij,ij->i", u, v))


def is_singular(overlap: Overlap) -> bool:
    """Tell whether a direction of a side varies in one sample only, so that its rank would drop."""
    x, y, _, a = _rows(overlap)
    largest = max(float(_dot(side.q, side.q).max()) for side in (x, y))
    return 1 - a * largest < SINGULAR


def cka_without(overlap: Overlap) -> Floats:
    """Return linear CKA without each sample, (n,); exact.

    ``||C - a x y^T||_F^2 = ||C||_F^2 - 2 a x^T C y + a^2 |x|^2 |y|^2``, for the cross-covariance C
    and for the covariance of either side.
    """
    x, y, m, a = _rows(overlap)

    def squares(u: _Rows, v: _Rows, cross: Floats) -> Floats:
        inner = _dot(u.scores @ cross, v.scores)
        norms = _dot(u.scores, u.scores) * _dot(v.scores, v.scores)
        return np.asarray(np.sum(cross**2) - 2 * a * inner + a**2 * norms)

    cross = x.sizes[:, None] * m * y.sizes
    own = squares(x, x, np.diag(x.sizes**2)) * squares(y, y, np.diag(y.sizes**2))
    return np.asarray(squares(x, y, cross) / np.sqrt(own))


def cka_debiased_without(overlap: Overlap) -> Floats:
    """Return debiased CKA without each sample, (n,); exact for samples without groups.

    Without sample j the squared norm of sample i about the new mean is ``k_i + 2 x_i . x_j / (n -
    1) + k_j / (n - 1)^2``, so the sums over i of these norms, and of their products with those of
    y, need only sums over all samples.
    """
    x, y, m, a = _rows(overlap)
    n = overlap.n_samples
    b = 1 / (n - 1)

    def unbiased(u: _Rows, v: _Rows, cross: Floats) -> Floats:
        """Return the unbiased HSIC of n - 1 samples, times a factor common to all."""
        k, l = _dot(u.scores, u.scores), _dot(v.scores, v.scores)  # noqa: E741
        inner = _dot(u.scores @ cross, v.scores)
        products = np.sum(cross**2) - 2 * a * inner + a**2 * k * l
        both = (
            np.sum(k * l)
            + 2 * b * (v.scores @ (k @ v.scores) + u.scores @ (l @ u.scores))
            + b**2 * (np.sum(k) * l + np.sum(l) * k + 4 * inner)
            + n * b**4 * k * l
            - a**4 * k * l
        )
        sums = (np.sum(k) - a * k) * (np.sum(l) - a * l)
        others = n - 1
        return np.asarray(
            products - others / (others - 2) * both + sums / ((others - 1) * (others - 2))
        )

    cross = x.sizes[:, None] * m * y.sizes
    own = unbiased(x, x, np.diag(x.sizes**2)) * unbiased(y, y, np.diag(y.sizes**2))
    return np.asarray(unbiased(x, y, cross) / np.sqrt(own))


def _inverse_factor(q: Floats, a: float) -> tuple[Floats, Floats]:
    """Return the leverages h, and alpha of ``(I - a q q^T)^-1 = I + alpha q q^T``."""
    h = _dot(q, q)
    return h, a / (1 - a * h)


def squared_correlations_without(overlap: Overlap) -> Floats:
    """Return the sum of squared canonical correlations without each sample, (n,); exact.

    ``tr(A N B N^T)`` with ``N = M - a q r^T``, ``A = I + alpha q q^T``, ``alpha = a / (1 - a h)``,
    and B the same of y.
    """
    x, y, m, a = _rows(overlap)
    (h, alpha), (g, beta) = _inverse_factor(x.q, a), _inverse_factor(y.q, a)
    back, forth = x.q @ m, y.q @ m.T  # M^T q and M r
    inner = _dot(back, y.q)
    core = np.sum(m**2) - 2 * a * inner + a**2 * h * g
    x_part = _dot(back, back) - 2 * a * h * inner + a**2 * h**2 * g
    y_part = _dot(forth, forth) - 2 * a * g * inner + a**2 * g**2 * h
    both = (inner - a * h * g) ** 2
    return np.asarray(core + alpha * x_part + beta * y_part + alpha * beta * both)


def explained_variance_without(overlap: Overlap) -> Floats:
    """Return the share of y's variance that x explains without each sample, (n,); exact.

    ``||G||_F^2 + alpha |G^T q|^2`` over ``||sy||^2 - a |y|^2``, with ``G = M diag(sy) - a q y^T``.
    """
    x, y, m, a = _rows(overlap)
    h, alpha = _inverse_factor(x.q, a)
    scaled = m * y.sizes
    norms = _dot(y.scores, y.scores)
    back = x.q @ scaled
    inner = _dot(back, y.scores)
    core = np.sum(scaled**2) - 2 * a * inner + a**2 * h * norms
    x_part = _dot(back, back) - 2 * a * h * inner + a**2 * h**2 * norms
    return np.asarray((core + alpha * x_part) / (np.sum(y.sizes**2) - a * norms))


def mean_correlation_without(overlap: Overlap) -> Floats:
    """Return the mean canonical correlation without each sample, (n,); to first order.

    The overlap matrix without the sample is exact: ``(I + c q q^T) (M - a q r^T) (I + d r r^T)``,
    with ``c = ((1 - a h)^-1/2 - 1) / h``. The sum of its singular values is taken to first order,
    as its inner product with ``U W^T`` of ``M = U diag(rho) W^T``.
    """
    x, y, m, a = _rows(overlap)
    h, g = _dot(x.q, x.q), _dot(y.q, y.q)
    c, d = ((1 / np.sqrt(1 - a * s) - 1) / np.maximum(s, 1e-300) for s in (h, g))
    polar = to_numpy(overlap.x_rotation) @ to_numpy(overlap.y_rotation).T
    back, forth = x.q @ m, y.q @ m.T
    polar_back, polar_forth = x.q @ polar, y.q @ polar.T
    inner, polar_inner = _dot(back, y.q), _dot(polar_back, y.q)
    total = np.sum(m * polar) - a * polar_inner
    total = total + c * (_dot(back, polar_back) - a * h * polar_inner)
    total = total + d * (_dot(forth, polar_forth) - a * g * polar_inner)
    total = total + c * d * (inner - a * h * g) * polar_inner
    return np.asarray(total / min(overlap.x.rank, overlap.y.rank))


def procrustes_without(overlap: Overlap) -> Floats:
    """Return the Procrustes similarity without each sample, (n,); to first order.

    The norms are exact. The nuclear norm of ``C - a x y^T`` is taken to first order, ``||C||_* - a
    x^T U W^T y`` with ``C = U diag(c) W^T``.
    """
    x, y, m, a = _rows(overlap)
    u, values, wt = np.linalg.svd(x.sizes[:, None] * m * y.sizes, full_matrices=False)
    inner = _dot(x.scores @ (u @ wt), y.scores)
    norms = [np.sum(side.sizes**2) - a * _dot(side.scores, side.scores) for side in (x, y)]
    return np.asarray((np.sum(values) - a * inner) / np.sqrt(norms[0] * norms[1]))
