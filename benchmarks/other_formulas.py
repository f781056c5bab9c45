"""Other formulas: what other tools compute under the names pwcca, svcca and cka, on one input.

    python benchmarks/other_formulas.py

Each function states the formula of a tool in NumPy, as its source had it in November 2026. The page
docs/other-tools.md shows the table that this prints.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import isorep

Array = NDArray[Any]


def inputs() -> tuple[Array, Array]:
    """Draw two representations that share ten of their directions, (500, 20) and (500, 30)."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((500, 10)) * np.geomspace(8, 0.5, 10)
    x = shared @ rng.standard_normal((10, 20)) + rng.standard_normal((500, 20)) + 3
    y = shared @ rng.standard_normal((10, 30)) + rng.standard_normal((500, 30)) - 1
    return x, y


def canonical(x: Array, y: Array) -> tuple[Array, Array]:
    """Return the canonical variates of x, with unit norm, and the canonical correlations."""
    q_x, q_y = (np.linalg.qr(side - side.mean(0))[0] for side in (x, y))
    u, correlations, _ = np.linalg.svd(q_x.T @ q_y, full_matrices=False)
    return q_x @ u, correlations


def components(x: Array, share: float, power: int, *, centred: bool = True) -> Array:
    """Return x in its leading components, up to a share of the sum of singular values ** power."""
    u, s, _ = np.linalg.svd(x - x.mean(0) if centred else x, full_matrices=False)
    cumulative = np.cumsum(s**power) / np.sum(s**power)
    k = int(np.searchsorted(cumulative, share)) + 1
    return u[:, :k] * s[:k]


def weighted(weights: Array, correlations: Array) -> float:
    """Return the mean of the correlations with these weights."""
    return float(weights @ correlations / weights.sum())


def anatome_pwcca(x: Array, y: Array) -> float:
    """Weights: absolute projections of uncentred x, summed over the samples.

    The directions are the coefficients of the variates, made orthonormal by QR.
    """
    variates, correlations = canonical(x, y)
    coefficients = np.linalg.lstsq(x - x.mean(0), variates, rcond=None)[0]
    return weighted(np.abs(x @ np.linalg.qr(coefficients)[0]).sum(0), correlations)


def platonic_pwcca(x: Array, y: Array) -> float:
    """Weights: the variances of the canonical variates of 99 % of the variance, all of them 1."""
    variates, correlations = canonical(components(x, 0.99, 2), components(y, 0.99, 2))
    return weighted(variates.var(0), correlations)


def svcca(x: Array, y: Array) -> float:
    """Mean correlation of the components with 99 % of the variance."""
    return float(canonical(components(x, 0.99, 2), components(y, 0.99, 2))[1].mean())


def anatome_svcca(x: Array, y: Array) -> float:
    """Mean correlation of uncentred components that stay below 99 % of the sum of the values."""
    sides = [components(side, 0.99, 1, centred=False)[:, :-1] for side in (x, y)]
    return float(canonical(*sides)[1].mean())


def first_components_svcca(x: Array, y: Array, k: int) -> float:
    """Mean correlation of the first k components."""
    sides = (np.linalg.svd(side - side.mean(0), full_matrices=False)[0][:, :k] for side in (x, y))
    return float(canonical(*sides)[1].mean())


def aristotelian_pwcca(x: Array, y: Array) -> float:
    """Weights: the absolute values of each variate, summed over the samples."""
    variates, correlations = canonical(x, y)
    return weighted(np.abs(variates).sum(0), correlations)


def resi_svcca(x: Array, y: Array) -> float:
    """Correlation of the first components.

    The cumulative share of variance, at most 1, is compared with 0.99 of the total variance. If no
    share reaches it, the number of components is 1.
    """
    firsts = []
    for side in (x, y):
        u, s, _ = np.linalg.svd(side - side.mean(0), full_matrices=False)
        shares = np.cumsum(s**2) / np.sum(s**2)
        reached = shares >= 0.99 * np.sum(s**2)
        firsts.append(u[:, : int(np.argmax(reached)) + 1])
    return float(canonical(*firsts)[1].mean())


def linear_cka(x: Array, y: Array) -> float:
    """Linear CKA of Kornblith et al. 2019, biased."""
    x, y = x - x.mean(0), y - y.mean(0)
    norms = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(x.T @ y) ** 2 / norms)


def rows() -> list[str]:
    """Return the lines of the table."""
    x, y = inputs()
    google = isorep.pwcca(x, y, weighting="google").similarity
    values = {
        "isorep": {
            name: isorep.similarity(x, y, name).similarity for name in ("pwcca", "svcca", "cka")
        },
        "google/svcca": {"pwcca": google, "svcca": first_components_svcca(x, y, 20)},
        "anatome": {
            "pwcca": anatome_pwcca(x, y),
            "svcca": anatome_svcca(x, y),
            "cka": linear_cka(x, y),
        },
        "ReSi": {"pwcca": google, "svcca": resi_svcca(x, y), "cka": linear_cka(x, y)},
        "platonic-universe": {
            "pwcca": platonic_pwcca(x, y),
            "svcca": svcca(x, y),
            "cka": linear_cka(x, y),
        },
        "calibrated-similarity": {
            "pwcca": aristotelian_pwcca(x, y),
            "svcca": first_components_svcca(x, y, 10),
            "cka": linear_cka(x, y),
        },
        "mean CCA": {"cca": float(canonical(x, y)[1].mean())},
    }
    table = ["| tool | pwcca | svcca | cka |", "|---|---|---|---|"]
    for tool, of_tool in values.items():
        if tool != "mean CCA":
            cells = [f"{of_tool[n]:.4f}" if n in of_tool else "" for n in ("pwcca", "svcca", "cka")]
            table.append(f"| {tool} | {' | '.join(cells)} |")
    table.append(f"mean CCA of all directions: {values['mean CCA']['cca']:.4f}")
    return table


if __name__ == "__main__":
    print("\n".join(rows()))
