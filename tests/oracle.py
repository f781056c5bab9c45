"""Independent answers: 50-digit arithmetic and naive loops, sharing no code with the library."""

from __future__ import annotations

import mpmath
import numpy as np


def exact_correlations(x, y):
    """Canonical correlations of two full-rank float64 arrays in 50-digit arithmetic."""
    with mpmath.workdps(50):
        x, y = _centred(x), _centred(y)
        x_root = mpmath.inverse(mpmath.cholesky(x.T * x))
        y_root = mpmath.inverse(mpmath.cholesky(y.T * y))
        return np.array(
            [float(s) for s in mpmath.svd_r(x_root * (x.T * y) * y_root.T, compute_uv=False)]
        )


def _centred(x):
    matrix = mpmath.matrix(x.tolist())
    for j in range(matrix.cols):
        mean = mpmath.fsum(matrix[i, j] for i in range(matrix.rows)) / matrix.rows
        for i in range(matrix.rows):
            matrix[i, j] -= mean
    return matrix


def naive_cca(x, y):
    """Correlations and x's variates by QR of the centred data (Bjorck and Golub 1973)."""
    qx = np.linalg.qr(x - x.mean(axis=0))[0]
    qy = np.linalg.qr(y - y.mean(axis=0))[0]
    u, rho, _ = np.linalg.svd(qx.T @ qy, full_matrices=False)
    return rho, qx @ u


def naive_pwcca(x, y):
    """Weigh correlations as the paper's text says, one inner product at a time."""
    rho, variates = naive_cca(x, y)
    x = x - x.mean(axis=0)
    alpha = []
    for h in variates.T:
        total = 0.0
        for z in x.T:
            total += abs(sum(a * b for a, b in zip(h, z, strict=True)))
        alpha.append(total)
    return sum(a * r for a, r in zip(alpha, rho, strict=True)) / sum(alpha)


def naive_cka(x, y):
    """Alignment of the two n x n Gram matrices (Kornblith et al. 2019, equation 3)."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    return np.sum(k * l) / np.sqrt(np.sum(k * k) * np.sum(l * l))


def naive_procrustes(x, y):
    """Cosine of the residual after the best rotation, found explicitly."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(z, ((0, 0), (0, width - z.shape[1]))) for z in (x, y))
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    u, _, vt = np.linalg.svd(x.T @ y)
    return 1 - np.linalg.norm(x @ (u @ vt) - y) ** 2 / 2


def naive_svcca(x, y, variance):
    """Principal components by numpy.linalg.svd, cut by their share of variance; then CCA."""
    kept = []
    for z in (x, y):
        u, s, _ = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
        share = np.cumsum(s**2) / np.sum(s**2)
        kept.append(u[:, : int(np.argmax(share >= variance)) + 1])
    return np.linalg.svd(kept[0].T @ kept[1], compute_uv=False).mean()


def naive_cosine(x, y):
    """Cosine of the two matrices, one product at a time."""
    xy, xx, yy = (
        sum(a * b for u, v in zip(one, other, strict=True) for a, b in zip(u, v, strict=True))
        for one, other in ((x, y), (x, x), (y, y))
    )
    return xy / (xx * yy) ** 0.5


def naive_euclidean(x, y):
    """Similarity for the root of the sum of squared differences, one at a time."""
    squares = ((a - b) ** 2 for u, v in zip(x, y, strict=True) for a, b in zip(u, v, strict=True))
    return 1 / (1 + sum(squares) ** 0.5)


def conditioned_pair(n, a, b, condition, seed):
    """Draw two representations that share half of their directions, with given conditioning."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, min(a, b) // 2))

    def side(p):
        z = np.hstack([shared, rng.standard_normal((n, p - shared.shape[1]))])
        z += 0.5 * rng.standard_normal((n, p))
        scales = np.geomspace(1, 1 / condition, p)
        return (z @ rotation(rng, p) * scales) @ rotation(rng, p)

    return side(a), side(b)


def rotation(rng, p):
    """Draw an orthogonal matrix."""
    return np.linalg.qr(rng.standard_normal((p, p)))[0]


def toy(k, seed, n=2000, p=200):
    """Draw the pair of the paper's figure 2: k signal dimensions, the rest noise of sd 0.1."""
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal((n, k))
    noise = 0.1 * rng.standard_normal((2, n, p - k))
    return np.hstack([signal, noise[0]]), np.hstack([signal @ rotation(rng, k), noise[1]])


def two_sharing(k, p, n, seed, q=None, tails="normal"):
    """Draw two representations of p and q dimensions that share k, with correlations near 0.7."""
    rng = np.random.default_rng(seed)
    draw = {
        "normal": rng.standard_normal,
        "heavy": lambda size: rng.standard_t(5, size),
        "discrete": lambda size: rng.integers(0, 2, size) * 2.0 - 1,
    }[tails]
    shared = draw((n, k))
    sides = []
    for width in (p, p if q is None else q):
        own = draw((n, width))
        own[:, :k] = shared + 0.65 * own[:, :k]
        sides.append(own @ rotation(rng, width))
    return sides


def unrelated(n, a, b, seed):
    """Draw two normal representations that share nothing."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, a)), rng.standard_normal((n, b))
