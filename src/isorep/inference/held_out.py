"""Held-out correlations: canonical directions of training samples, applied to held-out samples."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from isorep._utils.arrays import Array, to_numpy
from isorep.core.basis import Basis
from isorep.core.folds import assign_folds, rows_like, rows_of
from isorep.core.overlap import Overlap
from isorep.core.principal_axes import NoVarianceError
from isorep.core.warning_text import WarningText, issue
from isorep.inference.sequential import check_overlap
from isorep.random_matrix.undeclared_dependence import dependence_warnings


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Correlations of canonical variates on samples that were not used to fit them.

    Attributes
    ----------
    correlations : (c,) float64 array
        Held-out correlations in [-1, 1], in the order of the fitted correlations, with c as for all
        samples. Directions in which only held-out samples vary are missing in that fold.
    x_weights, y_weights : (c,) float64 array
        Projection weights of the two sides: mean of the fitted weights over folds, with sum 1.
    folds : (n,) int64 array
        Fold in which each sample was held out.
    warnings : tuple of str
        Reasons to read the result with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 200, 20))
    >>> held_out = isorep.inference.held_out(isorep.overlap(x, y))
    >>> abs(held_out.cca) < 0.1 < isorep.cca(x, y).similarity, held_out.folds.shape
    (True, (200,))
    """

    correlations: NDArray[np.float64]
    x_weights: NDArray[np.float64]
    y_weights: NDArray[np.float64]
    folds: NDArray[np.int64]
    warnings: tuple[str, ...] = ()

    @property
    def cca(self) -> float:
        """Mean held-out correlation."""
        return float(np.mean(self.correlations))

    @property
    def pwcca(self) -> float:
        """Held-out correlations weighted by x's weights, as `isorep.pwcca` does by default."""
        return float(self.x_weights @ self.correlations)


def held_out(overlap: Overlap, folds: int = 5, *, seed: int = 0) -> HeldOut:
    """Return the correlations of canonical variates on held-out samples, by cross-validation.

    Fitted correlations are too high, because the directions also fit noise. Held-out correlations
    are too low, because noise changes the directions. For every distribution the population value
    is between the two, up to sampling error. Unrelated sides have held-out correlations around 0,
    of either sign, even if all fitted correlations are forced to be 1.

    Directions are fitted on all folds but one. The variates of held-out samples are centred and
    scaled as the training samples. They are pooled over the folds, the i-th variate of all folds
    together, before they are correlated, so a fold may be a single sample. The samples of a group
    (see `isorep.overlap`) are held out together.

    ``rho_i = sum_j u_ij v_ij / sqrt(sum_j u_ij^2 sum_j v_ij^2)`` over the n samples j.

    If there are fewer training samples than directions of both sides, some fitted correlations are
    1 whatever the data, their directions are arbitrary, and the result warns.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    folds : int
        Number of folds, from 2 to the number of samples or groups.
    seed : int
        Random seed of the assignment of samples or groups to folds.

    Returns
    -------
    HeldOut
        Held-out correlations, weights, mean CCA and PWCCA.

    Raises
    ------
    TypeError
        If `overlap` is not an Overlap.
    ValueError
        If there are fewer samples or groups than folds.

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
    fold_of = assign_folds(n, folds, overlap.structure, seed)
    samples = overlap.x.samples, overlap.y.samples
    c = overlap.correlations.shape[0]
    moments, weights = np.zeros((3, c)), np.zeros((2, c))
    warnings: tuple[str, ...] = ()
    for fold in range(folds):
        try:
            trained = rows_of(overlap, fold_of != fold)
        except NoVarianceError:
            continue  # no directions were fitted
        warnings = warnings or _training_warning(trained)
        held = rows_like(overlap.matrix, np.flatnonzero(fold_of == fold))
        u = _project(samples[0], trained.x, trained.x_directions, held)
        v = _project(samples[1], trained.y, trained.y_directions, held)
        fitted = trained.correlations.shape[0]  # less than c if a feature varies only in the fold
        moments[:, :fitted] += [np.sum(u * v, axis=0), np.sum(u**2, axis=0), np.sum(v**2, axis=0)]
        weights[:, :fitted] += [to_numpy(trained.x_weights), to_numpy(trained.y_weights)]
    warnings = issue((*warnings, *dependence_warnings(overlap)), stacklevel=2)
    products, x_squares, y_squares = moments
    norms = np.sqrt(x_squares) * np.sqrt(y_squares)
    mean_weights = weights / weights.sum(axis=1, keepdims=True)
    return HeldOut(
        # A variate that is constant on the held-out samples has correlation 0.
        correlations=np.clip(products / np.where(norms > 0, norms, 1.0), -1.0, 1.0),
        x_weights=mean_weights[0],
        y_weights=mean_weights[1],
        folds=fold_of,
        warnings=warnings,
    )


def _project(samples: Array, fitted: Basis, directions: Array, rows: Array) -> NDArray[np.float64]:
    """Return the variates of some rows, (m, c), with a variance of about 1."""
    xp = array_namespace(samples)
    centred = xp.take(samples, rows, axis=0) - fitted.mean
    return sqrt(fitted.n_samples) * to_numpy(centred @ directions)


def _training_warning(trained: Overlap) -> tuple[str, ...]:
    if not trained.n_forced:
        return ()
    return (
        WarningText(
            "few-samples",
            f"{trained.n_samples} training samples are too few for {trained.x.rank} and "
            f"{trained.y.rank} directions: {trained.n_forced} of the fitted correlations are 1 "
            "whatever the data, and their directions arbitrary",
            "take more samples, more folds or fewer directions",
        ),
    )
