"""Folds: parts of the samples held out in turn, and bases of the others applied to them."""

from __future__ import annotations

from collections.abc import Iterator
from operator import index

import numpy as np
from array_api_compat import array_namespace, device

from isorep._arrays import Array
from isorep.basis import Basis


def folds(like: Array, n_samples: int, n_folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yield the rows to fit on and the rows held out, as index arrays of the library of `like`.

    The samples are shuffled and cut into parts whose sizes differ by one at most.

    Raises
    ------
    TypeError
        When `n_folds` is no integer.
    ValueError
        When it is not in [2, n_samples].
    """
    if not 2 <= index(n_folds) <= n_samples:
        raise ValueError(f"folds must be from 2 to the {n_samples} samples, got {n_folds}")
    xp = array_namespace(like)
    order = np.random.default_rng(seed).permutation(n_samples)
    held_out = np.arange(n_samples) * n_folds // n_samples
    for fold in range(n_folds):
        yield tuple(
            xp.asarray(order[rows], device=device(like))
            for rows in (held_out != fold, held_out == fold)
        )


def whitened(basis: Basis, samples: Array) -> Array:
    """Return the coordinates of other samples in a basis, (m, r)."""
    return (samples - basis.mean) @ basis.whitening
