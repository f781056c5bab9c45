"""Ridge fold: ridge regression from some samples, for the samples held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from isorep.core.principal_axes import GRAM_TOLERANCE
from isorep.explanation.held_out_pairs import Floats

PENALTIES = 10.0 ** np.arange(-6, 5)
"""Ridge penalties, over the mean squared singular value of the training samples."""


class RidgeFold(NamedTuple):
    """Ridge regression from some samples, for the other samples.

    Attributes
    ----------
    fitted, held : (m,) and (n - m,) int64 array
        Rows of the training samples and of the samples held out.
    u, s : (m, r) and (r,) array
        Singular vectors and values of the training samples.
    held_scores : (n - m, r) array
        The samples held out, in the principal axes of the training samples.
    """

    fitted: NDArray[np.int64]
    held: NDArray[np.int64]
    u: Floats
    s: Floats
    held_scores: Floats

    @classmethod
    def from_rows(
        cls, x: Floats, is_fitted: NDArray[np.bool_], is_held: NDArray[np.bool_]
    ) -> RidgeFold:
        """Return the fold of samples x, (n, r), which are fitted, held out, or neither, (n,)."""
        fitted, held = np.flatnonzero(is_fitted), np.flatnonzero(is_held)
        mean = x[fitted].mean(axis=0)
        u, s, vt = np.linalg.svd(x[fitted] - mean, full_matrices=False)
        kept = s > GRAM_TOLERANCE * max(s[0], 1e-300)
        return cls(fitted, held, u[:, kept], s[kept], (x[held] - mean) @ vt[kept].T)

    def predictions(self, y: Floats) -> tuple[Floats, Floats]:
        """Return predictions and values of the neurons held out, about the training means.

        The penalty of each neuron minimises generalised cross-validation in the training samples.
        """
        mean = y[self.fitted].mean(axis=0)
        centred = y[self.fitted] - mean
        coefficients = self.u.T @ centred
        total = np.sum(centred**2, axis=0)
        best = np.full(y.shape[1], np.inf)
        chosen = np.zeros_like(coefficients)
        squares = self.s**2
        m = len(self.fitted)
        for penalty in PENALTIES * (squares.mean() if len(squares) else 1.0):
            shrinkage = squares / (squares + penalty)
            errors = total - (2 * shrinkage - shrinkage**2) @ coefficients**2
            # The mean takes one degree of freedom.
            criterion = errors / max(m - 1 - shrinkage.sum(), 1e-9) ** 2
            better = criterion < best
            best = np.where(better, criterion, best)
            chosen[:, better] = (shrinkage / self.s)[:, None] * coefficients[:, better]
        return self.held_scores @ chosen, y[self.held] - mean

    def leverages(self) -> Floats:
        """Return the leverages of the samples held out, without a penalty, (n - m,).

        The prediction of a neuron with noise of variance v has an error of variance v h.
        """
        return np.asarray(np.sum((self.held_scores / self.s) ** 2, axis=1) + 1 / len(self.fitted))
