"""Folds: parts of the samples held out in turn, and bases fitted on the other samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array
from isorep._utils.validation import as_integer, check_seed
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap, couple
from isorep.representations.sample_structure import SampleStructure


def assign_folds(
    n: int, folds: int, structure: SampleStructure | None, seed: int
) -> NDArray[np.int64]:
    """Return a random fold for each sample, (n,); samples that depend on each other share a fold.

    The numbers of samples (or groups, if any) in two folds differ by at most one. See
    `SampleStructure.units`.

    Raises
    ------
    TypeError
        If `folds` or `seed` is not an integer.
    ValueError
        If there are fewer samples or groups than folds, or fewer than 2 folds.
    """
    check_seed(seed)
    n_folds = as_integer(folds, "folds")
    units = np.arange(n) if structure is None else structure.units(n_folds)
    members, unit_of = np.unique(units, return_inverse=True)
    if not 2 <= n_folds <= len(members):
        kind = "samples" if structure is None else "groups"
        raise ValueError(
            f"folds must be from 2 to {len(members)}, the number of {kind}, got {folds}"
        )
    fold_of_member = np.arange(len(members)) % folds
    np.random.default_rng(seed).shuffle(fold_of_member)
    return fold_of_member[unit_of]


def folds(overlap: Overlap, n_folds: int, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yield training rows and held-out rows of each fold, as index arrays of the samples' library.

    Independent samples are shuffled and cut into folds whose sizes differ by at most one; samples
    that depend on each other are held out together, see `assign_folds`. The samples that the
    jackknife keeps stay in their folds; a fold without samples is omitted.

    Raises
    ------
    TypeError
        If `n_folds` or `seed` is not an integer.
    ValueError
        If `n_folds` is not from 2 to the number of samples or groups, or the seed is negative.
    """
    check_seed(seed)
    fold_of = _fold_of_each(overlap, n_folds, seed)
    for fold in range(n_folds):
        held_out = np.flatnonzero(fold_of == fold)
        if len(held_out):
            fitted = np.flatnonzero(fold_of != fold)
            yield rows_like(overlap.matrix, fitted), rows_like(overlap.matrix, held_out)


def _fold_of_each(overlap: Overlap, n_folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each sample, (n,)."""
    if overlap.part_of is not None:
        # New folds would differ from those of all samples as much as another seed does, and the
        # jackknife would take that for a difference between samples.
        whole, rows = overlap.part_of
        return _fold_of_each(whole, n_folds, seed)[rows]
    n = overlap.n_samples
    if overlap.structure is not None:
        return assign_folds(n, n_folds, overlap.structure, seed)
    if not 2 <= as_integer(n_folds, "folds") <= n:
        raise ValueError(f"folds must be from 2 to the {n} samples, got {n_folds}")
    fold_of = np.empty(n, dtype=np.int64)
    fold_of[np.random.default_rng(seed).permutation(n)] = np.arange(n) * n_folds // n
    return fold_of


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
