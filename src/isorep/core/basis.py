"""Basis: a representation, factorised once for all its comparisons."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Literal, get_args

import numpy as np
from array_api_compat import array_namespace

from isorep._utils.arrays import Array, ArrayLike, as_samples, check_finite, epsilon, to_numpy
from isorep._utils.cached_property import cached_property
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.computed_array import rounded_dtype, rounding_text
from isorep._utils.linalg import svd
from isorep._utils.validation import check_name
from isorep.core.dominance import Dominance
from isorep.core.moments import Moments, gram_matrix
from isorep.representations.sample_structure import SampleStructure
from isorep.representations.sample_table import rows_of

Solver = Literal["auto", "gram", "svd"]

GRAM_TOLERANCE = 1e-7
"""A float64 Gram matrix loses smaller relative singular values (sqrt(eps) is 1.5e-8)."""

SECOND_PASS_SPREAD = 100.0
"""Spread of the singular values above which whitening by a Gram matrix, whose error is about
eps * spread**2, is done twice."""

CENTRED = 1e-10
"""Largest mean left after centring, relative to the spread; products err by its square."""

FIRST_PASS_OFF = 0.5
"""Largest deviation of the eigenvalues of ``Q^T Q`` from 1 after whitening by a Gram matrix; if it
is larger, rounding passed for a direction and the SVD takes over."""

SMALL_WORK = 2e7
"""Largest n * p * min(n, p) for which "auto" takes the SVD: it is then fast enough."""


class NoVarianceError(ValueError):
    """A representation is constant within the precision of its dtype."""


@dataclass(frozen=True, eq=False)
class Basis:
    """A representation as ``x - mean = Q R`` with Q orthonormal, ordered as in PCA.

    Make one with `from_array`, or with `from_moments` if the samples do not fit in memory. It holds
    all that `Overlap` and the measures need, so a representation that is compared many times is
    factorised once.

    Attributes
    ----------
    n_samples : int
        Rows of the representation.
    dtype : str
        Name of the representation's dtype; its rounding decides the rank.
    mean : (p,) float64 array
        Mean of each feature.
    singular_values : (r,) float64 array
        Singular values of the centred representation, descending, in the features' unit times
        sqrt(n_samples).
    loadings : (r, p) float64 array
        ``R = Q^T (x - mean)``.
    whitening : (p, r) float64 array
        ``(x - mean) @ whitening = Q``.
    structure : SampleStructure or None
        Which samples depend on each other; None if they are independent.
    sample_ids : tuple of str or None
        Labels of the samples of a table; None for an array.
    simulated_from : Basis or None
        For a simulated sample, the basis of the real sample behind it. `svcca` keeps as many
        components as in that.
    """

    n_samples: int
    dtype: str
    mean: Array
    singular_values: Array
    loadings: Array
    whitening: Array
    # Q = factor @ rotation; a rotation of None is the identity. If the conditioning allows, factor
    # is the centred data, so that the product of two bases needs no whitened copies. The factor is
    # None if only second moments are known.
    factor: Array | None
    rotation: Array | None
    structure: SampleStructure | None = None
    sample_ids: tuple[str, ...] | None = None
    simulated_from: Basis | None = None

    @classmethod
    def from_array(
        cls, x: ArrayLike, *, solver: Solver = "auto", dtype: str | None = None, name: str = "x"
    ) -> Basis:
        """Centre `x`, decide its rank and whiten it.

        A direction is kept if its singular value s exceeds two bounds:

        - ``tol * s[0]``, with tol = 1e-7 ("auto", "gram") or ``max(n, p) * eps`` ("svd"): smaller
          values are rounding errors of the decomposition;
        - ``4 eps (sqrt(n) + sqrt(p))`` times the root mean square, mean included, of the features
          in the direction, with eps of the data's dtype: the largest value that rounding of the
          features can create. So a duplicated, rescaled or dead neuron adds no direction in
          float32, float16 or bfloat16, and a small neuron beside a huge one keeps its direction
          unless the first bound removes it.

        Parameters
        ----------
        x : (n, p) array
            Samples in rows. NumPy, PyTorch (any device with float64), JAX, CuPy, or array-like.
        solver : {"auto", "gram", "svd"}
            "gram" uses the eigenvectors of the smaller Gram matrix; if the kept singular values
            span a factor of more than 100, it whitens a second time or switches to the SVD. "svd"
            decomposes the data. "auto" is the SVD for small data and "gram" otherwise, with the
            rank rule of "gram".
        dtype : str, optional
            Name of the dtype that `x` was computed in, if it differs from the dtype of the array,
            such as "bfloat16" for activations stored as float32. Layers of `Representations` know
            it. If all values of a float32 or float64 array are bfloat16 or float16 values, other
            than integers and fixed-point numbers, they are taken for rounded ones, with a warning;
            ``dtype="float32"`` says that they are exact.
        name : str
            Name of `x` in error messages.

        Raises
        ------
        TypeError, ValueError
            If `x` is not a finite, real (n >= 2, p >= 1) array, or has no variance.

        Examples
        --------
        A duplicated and a dead neuron add no direction:

        >>> import numpy as np
        >>> x = np.random.default_rng(0).standard_normal((50, 3))
        >>> basis = Basis.from_array(np.column_stack([x, 2 * x[:, 0], np.ones(50)]))
        >>> basis.rank, basis.n_features
        (3, 5)
        """
        check_name("solver", solver, get_args(Solver))
        x, sample_ids = rows_of(x, name)
        samples, held_dtype = as_samples(x, name)
        dtype = dtype or _rounded_dtype(x, samples, held_dtype, name) or held_dtype
        xp = array_namespace(samples)
        n, p = samples.shape
        small = n * p * min(n, p) <= SMALL_WORK
        by_svd = solver == "svd" or (solver == "auto" and small)
        mean, varies, centred, scale, gram = _centre(xp, samples, name, by_svd or p > n)
        if not bool(xp.any(varies)):
            raise _no_variance(name, n, p)
        rounding = max(n, p) * epsilon("float64")
        tolerance = rounding if solver == "svd" else GRAM_TOLERANCE
        offset = xp.where(varies, mean, 0 * mean) / scale

        def significant(q: Array | None, s: Array, v: Array) -> tuple[Array | None, Array, Array]:
            kept = _kept(xp, s, v, tolerance, offset, n, dtype, name)
            if kept.shape[0] == s.shape[0]:
                return q, s, v
            q = None if q is None else xp.take(q, kept, axis=1)
            return q, xp.take(s, kept, axis=0), xp.take(v, kept, axis=1)

        def by_samples() -> tuple[Array | None, Array, Array]:
            return significant(*_from_svd(xp, centred))

        q, s, v = by_samples() if by_svd else significant(*_from_gram(xp, centred, gram))
        whitening, loadings = v / s, s[:, None] * v.T
        if q is None and float(s[0] / s[-1]) > SECOND_PASS_SPREAD:
            improved = _second_pass(xp, centred, whitening, loadings)
            if improved is None:
                q, s, v = by_samples()
                whitening, loadings = v / s, s[:, None] * v.T
            else:
                q, whitening, loadings = improved
        rotation = whitening if q is None else None
        if scale != 1.0:
            with np.errstate(over="ignore"):  # the whitening of values near 1e-310 is infinite
                s, loadings, whitening = s * scale, loadings * scale, whitening / scale
        return cls(
            n_samples=n,
            dtype=dtype,
            mean=mean,
            singular_values=s,
            loadings=loadings,
            whitening=whitening,
            factor=centred if q is None else q,
            rotation=rotation,
            structure=None if sample_ids is None else SampleStructure.from_ids(sample_ids),
            sample_ids=sample_ids,
        )

    @classmethod
    def from_moments(cls, moments: Moments, *, name: str = "x") -> Basis:
        """Decide the rank and compute the whitening from second moments.

        The rank rule is that of `from_array` with ``solver="gram"``. There is no second pass: if
        the kept singular values span a factor of k, correlations err by about ``1e-16 k^2``. What
        needs the samples themselves (`q`, `samples`, `scores`, `take`) raises ValueError.

        Parameters
        ----------
        moments : Moments
            Moments of at least two samples.
        name : str
            Name of the representation in error messages.

        Raises
        ------
        ValueError
            If there are fewer than two samples, or they have no variance.

        Examples
        --------
        >>> import numpy as np
        >>> x = np.random.default_rng(0).standard_normal((50, 3))
        >>> Basis.from_moments(Moments.from_batch(np.column_stack([x, 2 * x[:, 0]]))).rank
        3
        """
        n, p = moments.n, moments.n_features
        if n < 2:
            raise ValueError(f"{name} has moments of {n} samples: at least 2 samples are needed")
        varies = np.diagonal(moments.scatter) > 0
        if not varies.any():
            raise _no_variance(name, n, p)
        scale = sqrt(moments.scatter.diagonal().max())
        squares, vectors = np.linalg.eigh(moments.scatter / scale / scale)
        s, v = np.sqrt(np.clip(squares[::-1], 0.0, None)), vectors[:, ::-1]
        offset = np.where(varies, moments.mean, 0.0) / scale
        kept = to_numpy(_kept(np, s, v, GRAM_TOLERANCE, offset, n, moments.dtype, name))
        s, v = s[kept], v[:, kept]
        return cls(
            n_samples=n,
            dtype=moments.dtype,
            mean=moments.mean,
            singular_values=s * scale,
            loadings=s[:, None] * v.T * scale,
            whitening=v / s / scale,
            factor=None,
            rotation=None,
        )

    def __repr__(self) -> str:
        return (
            f"Basis({self.n_samples} samples, rank {self.rank} of {self.n_features} features, "
            f"{self.dtype})"
        )

    @property
    def rank(self) -> int:
        """Number of directions kept, r."""
        return int(self.singular_values.shape[0])

    @property
    def n_features(self) -> int:
        """Number of columns of the representation, p."""
        return int(self.mean.shape[0])

    @property
    def attainable_rank(self) -> int:
        """Number of directions that more samples may show: p, unless the features limit the rank.

        With n samples there are at most n - 1 directions, whatever the features.
        """
        return self.rank if self.rank < self.n_samples - 1 else self.n_features

    @property
    def knows_samples(self) -> bool:
        """Whether the samples are known, not only their second moments."""
        return self.factor is not None and self.factor.shape[0] == self.n_samples

    @cached_property
    def q(self) -> Array:
        """The orthonormal basis Q, (n, r)."""
        factor = self._factor()
        return factor if self.rotation is None else factor @ self.rotation

    @property
    def samples(self) -> Array:
        """The representation, (n, p), without the directions that the rank rule dropped."""
        return self.combine(self.loadings) + self.mean

    @property
    def scores(self) -> Array:
        """Principal component scores, (n, r).

        Their distances and inner products are those of the centred samples.
        """
        return self.q * self.singular_values

    @cached_property
    def dominance(self) -> Dominance:
        """What share of the variance the largest feature, sample and direction carry."""
        scores = self.factor if self.knows_samples else None
        if scores is not None and self.rotation is None:
            scores = scores * (self.singular_values / self.singular_values[0])
        return Dominance.from_parts(self.singular_values, self.loadings, scores)

    def take(self, rows: Array) -> Basis:
        """Return the basis of the samples with indices `rows`, (m,).

        Raises
        ------
        ValueError
            If there are fewer than two rows, or they do not vary.
        """
        if not self.knows_samples:
            raise _samples_unknown()
        xp = array_namespace(self.mean)
        # There are fewer principal components than features.
        part = Basis.from_array(xp.take(self.scores, rows, axis=0), name="the samples taken")
        axes = self.loadings / self.singular_values[:, None]
        return replace(
            part,
            dtype=self.dtype,
            mean=self.mean + part.mean @ axes,
            loadings=part.loadings @ axes,
            whitening=self.rotated_whitening(self.singular_values[:, None] * part.whitening),
            structure=None if self.structure is None else self.structure.take(to_numpy(rows)),
        )

    def rotated_whitening(self, rotation: Array) -> Array:
        """Return ``whitening @ rotation``, which overflows for values near 1e-310."""
        with np.errstate(over="ignore", invalid="ignore"):
            rotated: Array = self.whitening @ rotation
        return rotated

    def directions(self, rotation: Array) -> Array:
        """Return ``whitening @ rotation``.

        Raises
        ------
        ValueError
            The values of the basis are so small that float64 cannot hold it.
        """
        rotated = self.rotated_whitening(rotation)
        if not bool(array_namespace(rotated).all(array_namespace(rotated).isfinite(rotated))):
            raise ValueError(
                f"the directions of values as small as these (largest singular value "
                f"{float(self.singular_values[0]):.1e}) exceed float64; multiply the array by 1e100"
            )
        return rotated

    def leading(self, rank: int) -> Basis:
        """Return the basis of the first `rank` principal components."""
        return replace(
            self,
            singular_values=self.singular_values[:rank],
            loadings=self.loadings[:rank, :],
            whitening=self.whitening[:, :rank],
            factor=self.factor[:, :rank]
            if self.factor is not None and self.rotation is None
            else self.factor,
            rotation=None if self.rotation is None else self.rotation[:, :rank],
        )

    def combine(self, coefficients: Array) -> Array:
        """Return ``Q @ coefficients``, (n, k), without computing Q."""
        factor = self._factor()
        if self.rotation is None:
            return factor @ coefficients
        return factor @ (self.rotation @ coefficients)

    def _factor(self) -> Array:
        if self.factor is None:
            raise _samples_unknown()
        return self.factor


def _rounded_dtype(x: ArrayLike, samples: Array, held_dtype: str, name: str) -> str | None:
    """Return the half precision that a plain array is rounded to, after a warning; None if none."""
    if getattr(x, "computed_dtype", None) is not None or held_dtype not in ("float32", "float64"):
        return None
    dtype = rounded_dtype(samples)
    if dtype is not None:
        text = rounding_text(name, held_dtype, dtype)
        warnings.warn(text, UserWarning, stacklevel=stacklevel_of_caller())
    return dtype


def _no_variance(name: str, n: int, p: int) -> NoVarianceError:
    return NoVarianceError(
        f"{name} has no variance: each of its {p} features is constant over the {n} samples"
    )


def _samples_unknown() -> ValueError:
    return ValueError(
        "of a streamed or simulated representation only second moments are known: it has no "
        "variates, folds, cross-validated penalty, permutations or measures of the samples "
        "themselves; pass arrays in memory, without correction, for these"
    )


def _centre(
    xp: Any, x: Array, name: str, samples_alone: bool
) -> tuple[Array, Array, Array, float, Array | None]:
    """Return mean, which features vary, centred data over a scale, the scale, and the Gram matrix.

    The Gram matrix, (p, p), is None if `samples_alone`. Passes over the data are expensive, so the
    first attempt makes few; it is accurate for most data. NaN and infinity survive a mean, so it
    sends them to the careful attempt.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = xp.mean(x, axis=0)
        centred = x - mean
        gram = None if samples_alone else gram_matrix(centred)
        squares = xp.sum(centred**2, axis=0) if gram is None else xp.linalg.diagonal(gram)
        # The mean has a rounding error relative to the size of x. It is harmless if the spread is
        # not much smaller than the mean.
        n = x.shape[0]
        error = n * epsilon("float64") * xp.abs(mean)
        harmless = (n * error**2 <= CENTRED**2 * squares) | (squares == 0.0)
        largest = float(xp.max(squares))
    if 1e-200 < largest < 1e200 and bool(xp.all(harmless)):
        return mean, squares > 0.0, centred, 1.0, gram
    mean, varies, centred, scale = _centre_carefully(xp, x, name)
    return mean, varies, centred, scale, None if samples_alone else gram_matrix(centred)


def _centre_carefully(xp: Any, x: Array, name: str) -> tuple[Array, Array, Array, float]:
    """Return the mean and which features vary, (p,), the centred data over `scale`, and `scale`."""
    check_finite(xp, x, name)
    mean = xp.mean(x, axis=0)
    centred = x - mean
    # The first mean has a rounding error relative to x, the second relative to the spread: so a
    # large mean costs no digits.
    rest = xp.mean(centred, axis=0)
    centred -= rest
    # A centred constant is rounding error, of any size if the constant is huge (a mask value).
    varies = xp.max(x, axis=0) != xp.min(x, axis=0)
    if not bool(xp.all(varies)):
        centred *= xp.astype(varies, xp.float64)
    scale = float(xp.maximum(xp.max(centred), -xp.min(centred)))
    if 1e-100 < scale < 1e100 or scale == 0.0:  # squares neither overflow nor vanish
        return mean + rest, varies, centred, 1.0
    return mean + rest, varies, centred / scale, scale


def _from_svd(xp: Any, centred: Array) -> tuple[Array, Array, Array]:
    q, s, vt = svd(xp, centred)
    return q, s, vt.T


def _from_gram(xp: Any, centred: Array, gram: Array | None) -> tuple[Array | None, Array, Array]:
    """Return Q (None: ``centred @ v / s``), s and v of the s that a Gram matrix can resolve."""
    squares, vectors = xp.linalg.eigh(centred @ centred.T if gram is None else gram)
    s = xp.flip(xp.sqrt(xp.clip(squares, 0.0, None)), axis=0)
    vectors = xp.flip(vectors, axis=1)
    above = max(1, int(xp.count_nonzero(s > GRAM_TOLERANCE * s[0])))
    s, vectors = s[:above], vectors[:, :above]
    if gram is not None:
        return None, s, vectors
    if float(s[0] / s[-1]) > SECOND_PASS_SPREAD:
        return _from_svd(xp, centred)
    return vectors, s, centred.T @ (vectors / s)


def _kept(
    xp: Any, s: Array, v: Array, tolerance: float, mean: Array, n: int, dtype: str, name: str
) -> Array:
    """Return the indices of the directions that exceed rounding; see `Basis.from_array`."""
    kept: Array = xp.nonzero((s > tolerance * s[0]) & (s > _noise(xp, mean, s, v, n, dtype)))[0]
    if kept.shape[0] == 0:
        raise NoVarianceError(f"{name} has no variance beyond the rounding of {dtype}")
    return kept


def _noise(xp: Any, mean: Array, s: Array, v: Array, n: int, dtype: str) -> Array:
    """Return a bound of the singular value that rounding to `dtype` creates in each direction."""
    p, shares = v.shape[0], v**2
    mean_square = mean**2 + shares @ s**2 / n
    root_mean_square: Array = xp.sqrt(mean_square @ shares)
    return 4 * epsilon(dtype) * (sqrt(n) + sqrt(p)) * root_mean_square


def _second_pass(
    xp: Any, centred: Array, whitening: Array, loadings: Array
) -> tuple[Array, Array, Array] | None:
    """Orthonormalise the almost orthonormal ``centred @ whitening`` again (as in CholeskyQR2).

    ``Q1 = centred @ whitening`` has the right span; ``Q1 (Q1^T Q1)^(-1/2)`` is orthonormal, and the
    symmetric root, unlike a triangular one, moves each column as little as possible. Within the
    tolerance of a Gram matrix the first pass errs by a few percent, so one more pass suffices.
    Returns None if the first pass errs by more.
    """
    q = centred @ whitening
    squares, vectors = xp.linalg.eigh(gram_matrix(q))
    if float(xp.max(xp.abs(squares - 1.0))) > FIRST_PASS_OFF:
        return None
    root = xp.sqrt(squares)
    inverse = (vectors / root) @ vectors.T
    return q @ inverse, whitening @ inverse, (vectors * root) @ (vectors.T @ loadings)
