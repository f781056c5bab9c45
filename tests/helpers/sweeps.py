"""Networks for sweeps: unequal widths, a dead layer, shared and unshared parts."""

import numpy as np


def networks(count=11, n=307, dead=3):
    """Draw networks of two layers that share part of what they hold; one layer is constant."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, 5))
    drawn = {}
    for i in range(count):
        conv = shared @ rng.standard_normal((5, 19 + i % 3)) + rng.standard_normal((n, 19 + i % 3))
        fc = shared[:, :3] @ rng.standard_normal((3, 7)) + rng.standard_normal((n, 7))
        drawn[f"seed{i}"] = {
            "conv": conv.astype(np.float32),
            "fc": np.ones((n, 2)) if i == dead else fc,
        }
    return drawn


def saved(given, folder):
    """Save each network to a store and return the paths."""
    from isorep.storage import save

    paths = {}
    for name, layers in given.items():
        paths[name] = folder / f"{name}.zarr"
        save(layers, paths[name])
    return paths


def equal(a, b):
    """Return whether two tables are the same, bit for bit, whatever holds their strings."""
    return a.equals(b) and a.attrs == b.attrs
