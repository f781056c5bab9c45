"""Held-out correlations: canonical directions from some samples, their correlations on others."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass
from math import sqrt

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import ArrayLike, NDArray

from isorep._arrays import Array, to_numpy
from isorep.basis import Basis
from isorep.inference._sequential import check_overlap
from isorep.overlap import Overlap, couple
from isorep.score import FewSamplesWarning


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Correlations of canonical variates on samples that had no part in finding them.

    Attributes
    ----------
    correlations : (c,) float64 array
        In [-1, 1], in the order of the correlations fitted; c is the fewest that a fold has.
    x_weights, y_weights : (c,) float64 array
        Projection weights of the two sides, fitted, the folds' mean; sum 1.
    folds : (n,) int64 array
        The fold in which each sample was held out.
    warnings : tuple of str
        Reasons to read the result with care; empty where there are none.
    """

    correlations: NDArray[np.float64]
    x_weights: NDArray[np.float64]
    y_weights: NDArray[np.float64]
    folds: NDArray[np.int64]
    warnings: tuple[str, ...] = ()

    @property
    def cca(self) -> float:
        """Mean correlation."""
        return float(np.mean(self.correlations))

    @property
    def pwcca(self) -> float:
        """Correlations weighted by x's projections, as `isorep.pwcca` does by default."""
        return float(self.x_weights @ self.correlations)


def held_out(
    overlap: Overlap, folds: int = 5, *, groups: ArrayLike | None = None, seed: int = 0
) -> HeldOut:
    """Find canonical directions on all folds but one, and correlate their variates on that one.

    Fitted correlations are too high, since the directions make the most of noise. Held-out ones
    are too low, since noise leads the directions astray. Whatever the distribution, the truth lies
    between, but for the error of sampling. Unrelated sides have held-out correlations around 0, of
    either sign, even where all their fitted ones are forced to 1.

    The variates of all the held-out samples, less the means and in the scale of the folds that they
    were fitted on, are pooled before they are correlated, the i-th of one fold with the i-th of the
    others, so that a fold may be as small as one sample:

    ``rho_i = sum_j u_ij v_ij / sqrt(sum_j u_ij^2 sum_j v_ij^2)`` over the n samples j.

    Where the training samples are fewer than the directions of both sides, the fitted correlations
    are 1 whatever the data and the directions arbitrary, and the result warns.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    folds : int
        How many parts, from 2 to the number of samples, or of groups.
    groups : (n,) array-like, optional
        Label of the group of each sample, such as the text that a token comes from. The samples of
        a group are held out together, which they must be where they depend on each other.
    seed : int
        Of NumPy's generator, which deals samples or groups out to the folds.

    Returns
    -------
    HeldOut
        Correlations and weights, and mean CCA and PWCCA made of them.

    Raises
    ------
    TypeError
        When `overlap` is none.
    ValueError
        When there are not as many samples or groups as folds, `groups` has not one label a sample,
        or the training samples of a fold do not vary.

    References
    ----------
    Stone 1974, Cross-validatory choice and assessment of statistical predictions. Bilenko and
    Gallant 2016, Pyrcca: regularized kernel canonical correlation analysis in Python and its
    application to neuroimaging, has held-out correlations of canonical variates.

    Examples
    --------
    Two shared dimensions among twenty:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((400, 2))
    >>> x, y = (np.hstack([shared, rng.standard_normal((400, 18))]) for _ in range(2))
    >>> o = isorep.overlap(x, y)
    >>> float(o.correlations.mean().round(2)), round(isorep.inference.held_out(o).cca, 2)
    (0.27, 0.11)
    """
    check_overlap(overlap, "isorep.inference.held_out")
    n = overlap.n_samples
    fold_of = deal(n, folds, groups, seed)
    sides = overlap.x, overlap.y
    samples = tuple(side.samples for side in sides)
    moments, weights = [], []
    warnings: tuple[str, ...] = ()
    for fold in range(folds):
        trained, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        part = couple(*(side.take(rows_like(side.mean, trained)) for side in sides))
        warnings = warnings or _arbitrary(part)
        u = _project(samples[0], part.x, part.x_directions, held)
        v = _project(samples[1], part.y, part.y_directions, held)
        moments.append(
            np.stack([np.sum(u * v, axis=0), np.sum(u**2, axis=0), np.sum(v**2, axis=0)])
        )
        weights.append(np.stack([to_numpy(part.x_weights), to_numpy(part.y_weights)]))
    for text in warnings:
        python_warnings.warn(text, FewSamplesWarning, stacklevel=2)
    c = min(moment.shape[1] for moment in moments)
    products, x_squares, y_squares = np.sum([moment[:, :c] for moment in moments], axis=0)
    norms = np.sqrt(x_squares) * np.sqrt(y_squares)
    mean_weights = np.sum([weight[:, :c] for weight in weights], axis=0)
    mean_weights = mean_weights / mean_weights.sum(axis=1, keepdims=True)
    return HeldOut(
        # A variate that is its mean on every held-out sample is correlated with nothing.
        correlations=np.clip(products / np.where(norms > 0, norms, 1.0), -1.0, 1.0),
        x_weights=mean_weights[0],
        y_weights=mean_weights[1],
        folds=fold_of,
        warnings=warnings,
    )


def deal(n: int, folds: int, groups: ArrayLike | None, seed: int) -> NDArray[np.int64]:
    """Return the fold of each sample, (n,)."""
    labels = np.arange(n) if groups is None else np.asarray(groups)
    if labels.shape != (n,):
        raise ValueError(
            f"groups has shape {labels.shape}: expected one label for each of {n} rows"
        )
    members, group_of = np.unique(labels, return_inverse=True)
    if not 2 <= folds <= len(members):
        kind = "samples" if groups is None else "groups"
        raise ValueError(
            f"expected 2 to {len(members)} folds of {len(members)} {kind}, not {folds}"
        )
    dealt = np.arange(len(members)) % folds
    np.random.default_rng(seed).shuffle(dealt)
    return dealt[group_of]


def rows_like(like: Array, rows: NDArray[np.int64]) -> Array:
    """Return indices as an array of the library and on the device of another."""
    return array_namespace(like).asarray(rows, device=device(like))


def _project(
    samples: Array, fitted: Basis, directions: Array, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the variates of some rows, (m, c), of about unit variance."""
    xp = array_namespace(samples)
    centred = xp.take(samples, rows_like(samples, rows), axis=0) - fitted.mean
    return sqrt(fitted.n_samples) * to_numpy(centred @ directions)


def _arbitrary(part: Overlap) -> tuple[str, ...]:
    if not part.n_forced:
        return ()
    return (
        f"{part.n_samples} training samples are too few for {part.x.rank} and {part.y.rank} "
        f"directions: {part.n_forced} of the fitted correlations are 1 whatever the data, and "
        "their directions arbitrary; take more samples, more folds or fewer directions",
    )
