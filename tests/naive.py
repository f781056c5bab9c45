"""The paper's distances written out, by other routes than the library's."""

import numpy as np


def correlations(x, y):
    """Canonical correlations, descending: singular values between bases from QR."""
    x, y = x - x.mean(0), y - y.mean(0)
    return np.linalg.svd(np.linalg.qr(x)[0].T @ np.linalg.qr(y)[0])[1].clip(max=1)


def variates(x, y):
    """Canonical variates of x, most correlated first."""
    qx, qy = np.linalg.qr(x - x.mean(0))[0], np.linalg.qr(y - y.mean(0))[0]
    return qx @ np.linalg.svd(qx.T @ qy, full_matrices=False)[0]


def cca(x, y):
    return 1 - correlations(x, y).mean()


def pwcca(x, y):
    h = variates(x, y)
    alpha = [sum(abs(h[:, i] @ z) for z in (x - x.mean(0)).T) for i in range(h.shape[1])]
    return 1 - np.average(correlations(x, y), weights=alpha)


def cosine(x, y):
    return 1 - np.sum(x * y) / np.sqrt(np.sum(x**2) * np.sum(y**2))


def euclidean(x, y):
    """Over the norm of y."""
    return np.sqrt(np.sum((x - y) ** 2) / np.sum(y**2))
