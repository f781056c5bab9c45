"""Align: bring the features of one representation into those of another."""

from __future__ import annotations

from typing import Literal, Self, get_args

import numpy as np

from isorep._utils.arrays import ArrayLike, as_samples, check_finite, to_numpy
from isorep._utils.optional import import_optional
from isorep._utils.validation import check_name, check_seed
from isorep.alignment.cca_maps import cca_maps
from isorep.alignment.linear_maps import Floats, LinearMaps, centred
from isorep.alignment.permutation_maps import permutation_maps
from isorep.alignment.procrustes_maps import procrustes_maps
from isorep.alignment.ridge_maps import Penalty, ridge_maps
from isorep.core.basis import Basis
from isorep.core.overlap import Overlap, check_paired, overlap
from isorep.core.warning_text import WarningText, issue
from isorep.measures.sample_size_warnings import FEW_SAMPLES

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
except ModuleNotFoundError:
    import_optional("sklearn", "align")

Method = Literal["cca", "procrustes", "ridge", "permutation"]

USED_BY = {"n_components": "cca", "scale": "procrustes", "penalty": "ridge", "seed": "ridge"}
"""The method that each option is for."""


class Alignment(  # type: ignore[no-untyped-call]
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Maps between the features of two representations, an estimator of scikit-learn.

    Parameters
    ----------
    method, n_components, scale, penalty, seed
        See `isorep.align`.

    Attributes
    ----------
    x_mean_, y_mean_ : (p,) and (q,) float64 arrays
        Means of the features.
    forward_ : (p, q) float64 array
        ``transform(x) = y_mean_ + (x - x_mean_) @ forward_``.
    backward_ : (q, p) float64 array
        ``inverse_transform(y) = x_mean_ + (y - y_mean_) @ backward_``.
    correlations_ : (c,) float64 array
        For "cca", canonical correlations of the pairs that are used.
    penalties_ : (float, float)
        For "ridge", the penalties of `transform` and `inverse_transform`.
    pairs_ : (min(p, q), 2) int64 array
        For "permutation", the matched neurons of x and of y.
    n_features_in_ : int
        Number of features of x.
    warnings_ : tuple of str
        Reasons to read the alignment with care; empty if there are none.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> x = np.random.default_rng(0).standard_normal((200, 3))
    >>> y = x @ [[0.0, 2.0], [1.0, 0.0], [0.0, 1.0]]
    >>> pipeline = make_pipeline(StandardScaler(), Alignment("ridge", penalty=0.0)).fit(x, y)
    >>> bool(np.allclose(pipeline.transform(x[:5]), y[:5]))
    True
    """

    def __init__(
        self,
        method: Method = "cca",
        *,
        n_components: int | None = None,
        scale: bool = True,
        penalty: Penalty = "cv",
        seed: int = 0,
    ) -> None:
        self.method = method
        self.n_components = n_components
        self.scale = scale
        self.penalty = penalty
        self.seed = seed

    def fit(self, x: ArrayLike | Basis, y: ArrayLike | Basis) -> Self:
        """Fit the maps to two representations of the same samples.

        Parameters
        ----------
        x, y : (n, p) and (n, q) arrays, or Basis
            The same n samples in rows; see `isorep.overlap`.
        """
        return self.fit_overlap(overlap(x, y))

    def fit_overlap(self, coupled: Overlap) -> Self:
        """Fit the maps to an overlap, which may know groups or times of its samples."""
        check_name("method", self.method, get_args(Method))
        check_seed(self.seed)
        self._check_used()
        maps = self._maps(coupled)
        self.x_mean_, self.y_mean_ = to_numpy(coupled.x.mean), to_numpy(coupled.y.mean)
        self.forward_, self.backward_ = maps
        self.n_features_in_ = coupled.x.n_features
        self._n_features_out = coupled.y.n_features  # get_feature_names_out and set_output use it
        self.warnings_ = issue(self._few_samples(coupled), stacklevel=3)
        return self

    def transform(self, x: ArrayLike) -> Floats:
        """Map samples from the features of x to those of y, (m, p) to (m, q)."""
        self._check_fitted()
        mapped: Floats = self.y_mean_ + centred(x, self.x_mean_, "x") @ self.forward_
        return mapped

    def inverse_transform(self, y: ArrayLike) -> Floats:
        """Map samples from the features of y to those of x, (m, q) to (m, p).

        Of the information that `transform` keeps, this is its exact inverse; for "ridge" it is a
        prediction of its own.
        """
        self._check_fitted()
        mapped: Floats = self.x_mean_ + centred(y, self.y_mean_, "y") @ self.backward_
        return mapped

    def score(self, x: ArrayLike, y: ArrayLike) -> float:
        """Return the share of y's variance that ``transform(x)`` gets right, at most 1.

        ``1 - ||y - transform(x)||_F^2 / ||y - mean(y)||_F^2`` over all features, as
        `isorep.measures.linear_regression`. Use samples that were not used to fit.

        Raises
        ------
        TypeError, ValueError
            If x and y hold other samples or features than expected, NaN or infinity, or y has no
            variance in these samples.
        """
        self._check_fitted()
        samples, targets = (
            to_numpy(as_samples(side, name)[0]) for side, name in ((x, "x"), (y, "y"))
        )
        check_paired(samples.shape, targets.shape)
        centred(targets, self.y_mean_, "y")
        for side, name in ((samples, "x"), (targets, "y")):
            check_finite(np, side, name)
        # Divided by the largest value, so that no square overflows.
        scale = float(np.abs(targets - targets.mean(axis=0)).max())
        if scale == 0:
            raise ValueError("y has no variance in these samples, so there is no share of it")
        error = np.sum(((targets - self.transform(samples)) / scale) ** 2)
        return float(1 - error / np.sum(((targets - targets.mean(axis=0)) / scale) ** 2))

    def _check_fitted(self) -> None:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)  # type: ignore[no-untyped-call]

    def _check_used(self) -> None:
        defaults = Alignment()
        for name, method in USED_BY.items():
            if self.method != method and getattr(self, name) != getattr(defaults, name):
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is for method={method!r}, got method="
                    f"{self.method!r}: leave {name} out"
                )

    def _few_samples(self, coupled: Overlap) -> tuple[str, ...]:
        n, rank = coupled.n_samples, max(coupled.x.rank, coupled.y.rank)
        if self.method != "cca" or n >= FEW_SAMPLES * rank:
            return ()
        return (
            WarningText(
                "few-samples",
                f"{n} samples are few for {rank} directions: the canonical variates fit noise too, "
                "so that new samples are aligned worse than these",
                f"take more samples ({FEW_SAMPLES * rank}), or use 'ridge' or 'procrustes'; "
                "score() of samples that were held out shows what is right",
            ),
        )

    def _maps(self, coupled: Overlap) -> LinearMaps:
        if self.method == "cca":
            maps = cca_maps(coupled, self.n_components)
            self.correlations_ = to_numpy(coupled.correlations)[: self.n_components]
            return maps
        if self.method == "procrustes":
            return procrustes_maps(coupled, self.scale)
        if self.method == "permutation":
            maps, self.pairs_ = permutation_maps(coupled)
            return maps
        maps, *penalties = ridge_maps(coupled, self.penalty, self.seed)
        self.penalties_ = tuple(penalties)
        return maps


def align(
    x: ArrayLike | Basis,
    y: ArrayLike | Basis,
    method: Method = "cca",
    *,
    n_components: int | None = None,
    scale: bool = True,
    penalty: Penalty = "cv",
    groups: ArrayLike | None = None,
    order: ArrayLike | None = None,
    seed: int = 0,
) -> Alignment:
    """Fit maps that bring the features of x into those of y, and back.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        The same n samples in rows; see `isorep.overlap`.
    method : {"cca", "procrustes", "ridge", "permutation"}
        - "cca" sends each canonical variate of x to its partner in y, with y's size. It needs some
          ten samples per direction;
        - "procrustes" rotates or reflects x to y, and scales it;
        - "ridge" predicts y from x with a penalty, so that noise is not amplified;
        - "permutation" reorders the neurons of x to those of y; a neuron without a partner is
          replaced by its mean.
    n_components : int, optional
        For "cca", number of canonical pairs, the most correlated first. Default: all.
    scale : bool
        For "procrustes", whether x is also scaled to y.
    penalty : float or "cv"
        For "ridge", the penalty as a multiple of the mean squared singular value; "cv" chooses it
        in 5 folds.
    groups, order : (n,) array-like, optional
        Group and time of each sample, which the folds follow; see `isorep.overlap`.
    seed : int
        Random seed of the folds.

    Returns
    -------
    Alignment
        A fitted transformer of scikit-learn, with `transform`, `inverse_transform` and `score`, for
        new samples too.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; also if the method is unknown or an option is for another method.
    ImportError
        If scikit-learn is not installed.

    References
    ----------
    Gallego, Perich, Chowdhury, Solla and Miller 2020, Long-term stability of cortical population
    dynamics underlying consistent behavior (CCA). Schönemann 1966, A generalized solution of the
    orthogonal Procrustes problem. Li, Yosinski, Clune, Lipson and Hopcroft 2016, Convergent
    learning (matched neurons).

    Examples
    --------
    A rotated copy, and samples that were not used to fit:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 5))
    >>> y = 2 * x @ np.linalg.qr(rng.standard_normal((5, 5)))[0] + 1
    >>> alignment = isorep.align(x[:200], y[:200], "procrustes")
    >>> round(alignment.score(x[200:], y[200:]), 9)
    1.0
    >>> bool(np.allclose(alignment.inverse_transform(y[200:]), x[200:]))
    True
    """
    alignment = Alignment(
        method, n_components=n_components, scale=scale, penalty=penalty, seed=seed
    )
    return alignment.fit_overlap(overlap(x, y, groups=groups, order=order))
