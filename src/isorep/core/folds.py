"""Folds: parts of the samples held out in turn, and bases fitted on the other samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array, ArrayLike
from isorep._utils.validation import as_integer, check_seed
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap, couple


def assign_folds(n: int, folds: int, groups: ArrayLike | None, seed: int) -> NDArray[np.int64]:
    """Return a random fold for each sample, (n,); the samples of a group share a fold.

    The numbers of samples (or groups, if any) in two folds differ by at most one.

    Raises
    ------
    TypeError
        If `folds` or `seed` is not an integer.
    ValueError
        If there are fewer samples or groups than folds, or fewer than 2 folds, or `groups` does not
        have one label per sample.
    """
    check_seed(seed)
    labels = np.arange(n) if groups is None else group_labels(groups, n)
    members, group_of = np.unique(labels, return_inverse=True)
    if not 2 <= as_integer(folds, "folds") <= len(members):
        kind = "samples" if groups is None else "groups"
        raise ValueError(
            f"folds must be from 2 to {len(members)}, the number of {kind}, got {folds}"
        )
    fold_of_member = np.arange(len(members)) % folds
    np.random.default_rng(seed).shuffle(fold_of_member)
    return fold_of_member[group_of]


def group_labels(groups: ArrayLike, n: int) -> NDArray[Any]:
    """Return the group labels as an array, (n,); raise ValueError unless each sample has one."""
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(
            f"groups must hold one label for each of {n} rows, got shape {labels.shape}"
        )
    missing = labels != labels  # NaN, in every dtype that has one
    if labels.dtype == object:
        missing |= np.array([label is None for label in labels])
    if missing.any():  # they would count as one group
        raise ValueError(
            f"groups has no label (NaN or None) for {missing.sum()} of {n} rows, the first of them "
            f"row {missing.argmax()}: remove these samples or give each a group"
        )
    return labels


def folds(like: Array, n_samples: int, n_folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yield training rows and held-out rows of each fold, as index arrays of `like`'s library.

    The samples are shuffled and cut into folds whose sizes differ by at most one.

    Raises
    ------
    TypeError
        If `n_folds` or `seed` is not an integer.
    ValueError
        If `n_folds` is not in [2, n_samples], or the seed is negative.
    """
    check_seed(seed)
    if not 2 <= as_integer(n_folds, "folds") <= n_samples:
        raise ValueError(f"folds must be from 2 to the {n_samples} samples, got {n_folds}")
    order = np.random.default_rng(seed).permutation(n_samples)
    held_out = np.arange(n_samples) * n_folds // n_samples
    for fold in range(n_folds):
        yield rows_like(like, order[held_out != fold]), rows_like(like, order[held_out == fold])


def rows_like(like: Array, rows: NDArray[np.int64]) -> Array:
    """Return indices as an array of `like`'s library, on its device."""
    indices: Array = array_namespace(like).asarray(rows, device=device(like))
    return indices


def rows_of(overlap: Overlap, taken: NDArray[np.bool_]) -> Overlap:
    """Return the overlap of the samples where `taken`, (n,), is True."""
    rows = rows_like(overlap.matrix, np.flatnonzero(taken))
    return couple(overlap.x.take(rows), overlap.y.take(rows))


def unit_scores(basis: Basis) -> Array:
    """Return principal component scores over the largest singular value, (n, r).

    Their whitening is finite also for data so small that the whitening of the data is not.
    """
    scores: Array = basis.q * (basis.singular_values / basis.singular_values[0])
    return scores


def fitted_basis(scores: Array, rows: Array) -> Basis:
    """Return the basis of some rows of `unit_scores`."""
    xp = array_namespace(scores)
    return Basis.from_array(xp.take(scores, rows, axis=0), name="the samples taken")


def whitened(basis: Basis, samples: Array) -> Array:
    """Return the whitened coordinates of other samples, (m, p), in a basis: (m, r)."""
    return (samples - basis.mean) @ basis.whitening
