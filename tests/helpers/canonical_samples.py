"""Samples of a Gaussian population with known canonical correlations."""

import numpy as np


def sampled_correlations(n, a, b, rho, rng):
    """Canonical correlations of n simulated samples: SVD of orthonormal bases, no shortcut."""
    x = rng.standard_normal((n, a))
    y = rng.standard_normal((n, b))
    c = len(rho)
    y[:, :c] = x[:, :c] * rho + y[:, :c] * np.sqrt(1 - rho**2)
    qx, qy = (np.linalg.qr(side - side.mean(axis=0))[0] for side in (x, y))
    return np.linalg.svd(qx.T @ qy, compute_uv=False)
