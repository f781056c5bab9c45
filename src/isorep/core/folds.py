"""Folds: parts of the samples held out in turn, and bases of the others applied to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import ArrayLike, NDArray

from isorep._utils.arrays import Array
from isorep._utils.validation import as_integer, check_seed
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap, couple


def assign_folds(n: int, folds: int, groups: ArrayLike | None, seed: int) -> NDArray[np.int64]:
    """Return the fold of each sample, (n,), at random; groups stay together.

    Samples in a fold, or groups where there are any, differ in number by one at most.

    Raises
    ------
    TypeError
        When `folds` or `seed` is no whole number.
    ValueError
        When there are not as many samples or groups as folds, fewer than 2 folds, or `groups` has
        not one label a sample.
    """
    check_seed(seed)
    labels = np.arange(n) if groups is None else group_labels(groups, n)
    members, group_of = np.unique(labels, return_inverse=True)
    if not 2 <= as_integer(folds, "folds") <= len(members):
        kind = "samples" if groups is None else "groups"
        raise ValueError(
            f"expected 2 to {len(members)} folds of {len(members)} {kind}, not {folds}"
        )
    dealt = np.arange(len(members)) % folds
    np.random.default_rng(seed).shuffle(dealt)
    return dealt[group_of]


def group_labels(groups: ArrayLike, n: int) -> NDArray[Any]:
    """Return the label of each of n samples, (n,); a ValueError where there is not one for each."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(
            f"groups has shape {labels.shape}: expected one label for each of {n} rows"
        )
    missing = labels != labels  # NaN, in every dtype that has one
    if labels.dtype == object:
        missing |= np.array([label is None for label in labels])
    if missing.any():  # they would all count as one group
        raise ValueError(
            f"groups has no label (NaN or None) for {missing.sum()} of {n} rows, the first of them "
            f"row {missing.argmax()}: leave these samples out, or give each a group"
        )
    return labels


def folds(like: Array, n_samples: int, n_folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yield the rows to fit on and the rows held out, as index arrays of the library of `like`.

    The samples are shuffled and cut into parts whose sizes differ by one at most.

    Raises
    ------
    TypeError
        When `n_folds` or `seed` is no whole number.
    ValueError
        When `n_folds` is not in [2, n_samples], or the seed is negative.
    """
    check_seed(seed)
    if not 2 <= as_integer(n_folds, "folds") <= n_samples:
        raise ValueError(f"folds must be from 2 to the {n_samples} samples, got {n_folds}")
    order = np.random.default_rng(seed).permutation(n_samples)
    held_out = np.arange(n_samples) * n_folds // n_samples
    for fold in range(n_folds):
        yield rows_like(like, order[held_out != fold]), rows_like(like, order[held_out == fold])


def rows_like(like: Array, rows: NDArray[np.int64]) -> Array:
    """Return indices as an array of the library and on the device of another."""
    return array_namespace(like).asarray(rows, device=device(like))


def rows_of(overlap: Overlap, taken: NDArray[np.bool_]) -> Overlap:
    """Return the overlap of the samples marked, (n,)."""
    rows = rows_like(overlap.matrix, np.flatnonzero(taken))
    return couple(overlap.x.take(rows), overlap.y.take(rows))


def whitened(basis: Basis, samples: Array) -> Array:
    """Return the coordinates of other samples in a basis, (m, r)."""
    return (samples - basis.mean) @ basis.whitening
