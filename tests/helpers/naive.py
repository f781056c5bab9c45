"""The paper's distances written out, by other routes than the library's."""

import numpy as np


def basis(x):
    """Principal directions of the centred samples, but those of rounding alone."""
    u, s, _ = np.linalg.svd(x - x.mean(0), full_matrices=False)
    return u[:, s > 1e-5 * s[0]]


def correlations(x, y):
    """Canonical correlations, descending: singular values between bases."""
    return np.linalg.svd(basis(x).T @ basis(y))[1].clip(max=1)


def variates(x, y):
    """Canonical variates of x, most correlated first."""
    qx = basis(x)
    return qx @ np.linalg.svd(qx.T @ basis(y), full_matrices=False)[0]


def cca(x, y):
    return 1 - correlations(x, y).mean()


def svcca(x, y):
    """CCA of the fewest components that hold 99 % of the variance, from the covariance."""
    return cca(*(components(side) for side in (x, y)))


def components(x):
    variances, directions = np.linalg.eigh(np.cov(x.T))
    held = np.cumsum(variances[::-1]) / variances.sum()
    return x @ directions[:, ::-1][:, : 1 + np.count_nonzero(held < 0.99)]


def pwcca(x, y):
    h = variates(x, y)
    alpha = [sum(abs(h[:, i] @ z) for z in (x - x.mean(0)).T) for i in range(h.shape[1])]
    return 1 - np.average(correlations(x, y), weights=alpha)


def cosine(x, y):
    return 1 - np.sum(x * y) / np.sqrt(np.sum(x**2) * np.sum(y**2))


def euclidean(x, y):
    """Over the norm of y."""
    return np.sqrt(np.sum((x - y) ** 2) / np.sum(y**2))
