"""Held-out correlations: canonical directions from some samples, their correlations on others."""

from __future__ import annotations

import warnings as python_warnings
from dataclasses import dataclass
from math import sqrt

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import ArrayLike, NDArray

from isorep._utils.arrays import Array, to_numpy
from isorep.core.basis import Basis, NoVarianceError
from isorep.core.folds import assign_folds, rows_like, rows_of
from isorep.core.overlap import Overlap
from isorep.core.score import FewSamplesWarning
from isorep.inference.sequential import check_overlap


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Correlations of canonical variates on samples that had no part in finding them.

    Attributes
    ----------
    correlations : (c,) float64 array
        In [-1, 1], in the order of the correlations fitted, c as many as those of all samples. A
        direction in which only held-out samples vary is not there to be judged in that fold.
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
        When there are not as many samples or groups as folds, or `groups` has not one label a
        sample.

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
    fold_of = assign_folds(n, folds, groups, seed)
    samples = overlap.x.samples, overlap.y.samples
    c = len(overlap.correlations)
    moments, weights = np.zeros((3, c)), np.zeros((2, c))
    warnings: tuple[str, ...] = ()
    for fold in range(folds):
        try:
            trained = rows_of(overlap, fold_of != fold)
        except NoVarianceError:
            continue  # no direction to judge the samples by
        warnings = warnings or _arbitrary(trained)
        held = rows_like(overlap.matrix, np.flatnonzero(fold_of == fold))
        u = _project(samples[0], trained.x, trained.x_directions, held)
        v = _project(samples[1], trained.y, trained.y_directions, held)
        found = len(trained.correlations)  # fewer, where what varies is in the fold alone
        moments[:, :found] += [np.sum(u * v, axis=0), np.sum(u**2, axis=0), np.sum(v**2, axis=0)]
        weights[:, :found] += [to_numpy(trained.x_weights), to_numpy(trained.y_weights)]
    for text in warnings:
        python_warnings.warn(text, FewSamplesWarning, stacklevel=2)
    products, x_squares, y_squares = moments
    norms = np.sqrt(x_squares) * np.sqrt(y_squares)
    mean_weights = weights / weights.sum(axis=1, keepdims=True)
    return HeldOut(
        # A variate that is its mean on every held-out sample is correlated with nothing.
        correlations=np.clip(products / np.where(norms > 0, norms, 1.0), -1.0, 1.0),
        x_weights=mean_weights[0],
        y_weights=mean_weights[1],
        folds=fold_of,
        warnings=warnings,
    )


def _project(samples: Array, fitted: Basis, directions: Array, rows: Array) -> NDArray[np.float64]:
    """Return the variates of some rows, (m, c), of about unit variance."""
    xp = array_namespace(samples)
    centred = xp.take(samples, rows, axis=0) - fitted.mean
    return sqrt(fitted.n_samples) * to_numpy(centred @ directions)


def _arbitrary(trained: Overlap) -> tuple[str, ...]:
    if not trained.n_forced:
        return ()
    return (
        f"{trained.n_samples} training samples are too few for {trained.x.rank} and "
        f"{trained.y.rank} directions: {trained.n_forced} of the fitted correlations are 1 "
        "whatever the data, and their directions arbitrary; take more samples, more folds or fewer "
        "directions",
    )
