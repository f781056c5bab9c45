"""Basis: a representation, factorised once for all its comparisons."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from typing import Any, Literal, get_args

import numpy as np
from array_api_compat import array_namespace, device

from isorep._utils.arrays import (
    Array,
    ArrayLike,
    as_numbers,
    check_finite,
    epsilon,
    in_float64,
    to_numpy,
)
from isorep._utils.cached_property import cached_property
from isorep._utils.caller import stacklevel_of_caller
from isorep._utils.computed_array import rounded_dtype, rounding_text
from isorep._utils.validation import check_name
from isorep.core.dominance import Dominance
from isorep.core.moments import Moments, gram_matrix
from isorep.core.principal_axes import (
    GRAM_TOLERANCE,
    NoVarianceError,
    PrincipalAxes,
    RankRule,
)
from isorep.core.triangular_axes import TriangularAxes
from isorep.core.unwhitened_axes import UnwhitenedAxes
from isorep.representations.sample_structure import SampleStructure
from isorep.representations.sample_table import rows_of

Solver = Literal["auto", "gram", "svd"]

CENTRED = 1e-10
"""Largest mean left after centring, relative to the spread; products err by its square."""

SMALL_WORK = 2e7
"""Largest n * p * min(n, p) for which "auto" takes the SVD: it is then fast enough."""


@dataclass(frozen=True, eq=False)
class Basis:
    """A representation as ``x - mean = Q R`` with Q orthonormal.

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
    axes : PrincipalAxes, TriangularAxes or UnwhitenedAxes
        The factorisation. Measures that need no order of the directions read it; for the others,
        `singular_values`, `loadings`, `whitening` and `q` are those of PCA, computed at the first
        access.
    structure : SampleStructure or None
        Which samples depend on each other; None if they are independent.
    sample_ids : tuple of str or None
        Labels of the samples of a table; None for an array.
    simulated_from : Basis or None
        For a simulated sample, the basis of the real sample behind it. `svcca` keeps as many
        components as in that.
    make_double : callable or None
        Function that prepares the representation again by float64 products, if its axes are those
        of float32 products; see `in_double`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((100, 3))
    >>> basis = isorep.Basis.from_array(x)
    >>> basis.n_samples, basis.rank
    (100, 3)
    >>> bool(np.allclose(basis.q.T @ basis.q, np.eye(3)))
    True
    """

    n_samples: int
    dtype: str
    mean: Array
    axes: PrincipalAxes | TriangularAxes | UnwhitenedAxes
    structure: SampleStructure | None = None
    sample_ids: tuple[str, ...] | None = None
    simulated_from: Basis | None = None
    make_double: Callable[[], Basis] | None = None

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
            "gram" whitens by the Cholesky factor of the Gram matrix if all features that vary are
            clearly independent, and by the eigenvectors of the smaller Gram matrix otherwise. If
            the singular values span a factor of more than 100, it whitens a second time or
            switches to the SVD. "svd" decomposes the data. "auto" is the SVD for small data and
            "gram" otherwise, with the rank rule of "gram".
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
        numbers, held_dtype = as_numbers(x, name)
        samples = in_float64(numbers, name)
        dtype = dtype or half_precision(x, samples, held_dtype, name) or held_dtype
        xp = array_namespace(samples)
        n, p = samples.shape
        small = n * p * min(n, p) <= SMALL_WORK
        by_svd = solver == "svd" or (solver == "auto" and small)
        mean, varies, centred, scale, gram = _centre(
            xp, numbers, samples, name, samples_alone=by_svd or p > n
        )
        if not bool(xp.any(varies)):
            raise _no_variance(name, n, p)
        rounding = max(n, p) * epsilon("float64")
        tolerance = rounding if solver == "svd" else GRAM_TOLERANCE
        rule = RankRule(tolerance, xp.where(varies, mean, 0 * mean) / scale, n, dtype, name)
        axes: PrincipalAxes | TriangularAxes | None = None
        if gram is not None and scale == 1.0:
            axes = TriangularAxes.from_gram(centred, gram, varies, rule)
        if axes is None:
            axes = PrincipalAxes.from_centred(centred, gram, rule, by_svd=by_svd).scaled(scale)
        return cls(
            n_samples=n,
            dtype=dtype,
            mean=mean,
            axes=axes,
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
            Moments of at least two samples. If their scatter is of another array library, so is
            the basis, on the device of the scatter.
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
        xp, scatter = array_namespace(moments.scatter), moments.scatter
        squares = to_numpy(xp.linalg.diagonal(scatter))
        if not (squares > 0).any():
            raise _no_variance(name, n, p)
        scale = sqrt(squares.max())
        offset, mean = (
            xp.asarray(values, device=device(scatter))
            for values in (np.where(squares > 0, moments.mean, 0.0) / scale, moments.mean)
        )
        rule = RankRule(GRAM_TOLERANCE, offset, n, moments.dtype, name)
        axes = PrincipalAxes.from_scatter(scatter / scale / scale, rule).scaled(scale)
        return cls(n_samples=n, dtype=moments.dtype, mean=mean, axes=axes)

    def __repr__(self) -> str:
        return (
            f"Basis({self.n_samples} samples, rank {self.rank} of {self.n_features} features, "
            f"{self.dtype})"
        )

    @property
    def rank(self) -> int:
        """Number of directions kept, r."""
        return self.axes.rank

    @property
    def principal(self) -> PrincipalAxes:
        """The factorisation of PCA."""
        return self.axes.principal

    @property
    def singular_values(self) -> Array:
        """Singular values of the centred representation, (r,), descending.

        Their unit is the features' unit times sqrt(n_samples).
        """
        return self.principal.singular_values

    @property
    def loadings(self) -> Array:
        """``R = Q^T (x - mean)``, (r, p), with Q in the order of PCA."""
        return self.principal.loadings

    @property
    def whitening(self) -> Array:
        """Whitening of PCA, (p, r): ``(x - mean) @ whitening = Q``."""
        return self.principal.whitening

    @property
    def factor(self) -> Array | None:
        """``Q = factor @ rotation``; None if only second moments are known."""
        return self.axes.factor

    @property
    def rotation(self) -> Array | None:
        """See `factor`; None stands for the identity."""
        return self.principal.rotation

    @property
    def in_double(self) -> Basis:
        """The same basis by float64 products: itself, unless it is of float32 products."""
        # A basis that cached itself would stay in memory until a collection of cycles.
        return self if self.make_double is None else self._double

    @cached_property
    def _double(self) -> Basis:
        assert self.make_double is not None
        return replace(self.make_double(), structure=self.structure, sample_ids=self.sample_ids)

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
        if isinstance(self.axes, UnwhitenedAxes):  # whose factor would be a copy of the samples
            return True
        return self.factor is not None and self.factor.shape[0] == self.n_samples

    @cached_property
    def q(self) -> Array:
        """The orthonormal basis Q, (n, r)."""
        factor = self._factor_in_double()
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

    @property
    def row_squares(self) -> Array:
        """Squared norm of each centred sample, (n,), in units of ``axes.unit^2``."""
        self._factor()
        return self.axes.row_squares

    @cached_property
    def dominance(self) -> Dominance:
        """What share of the variance the largest feature, sample and direction carry."""
        return Dominance(self.axes, self.knows_samples)

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
            axes=replace(
                part.principal,
                loadings=part.loadings @ axes,
                whitening=self.rotated_whitening(self.singular_values[:, None] * part.whitening),
            ),
            structure=None if self.structure is None else self.structure.take(to_numpy(rows)),
        )

    def with_factor(self, q: Array | None) -> Basis:
        """Return the basis with other samples, Q of shape (m, r), or with none."""
        axes = replace(self.principal, factor=q, rotation=None, factor_is_whitened=False)
        return replace(self, axes=axes)

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
        return replace(self, axes=self.principal.leading(rank))

    def combine(self, coefficients: Array) -> Array:
        """Return ``Q @ coefficients``, (n, k), without computing Q."""
        factor = self._factor_in_double()
        if self.rotation is None:
            return factor @ coefficients
        return factor @ (self.rotation @ coefficients)

    def _factor(self) -> Array:
        if self.factor is None:
            raise _samples_unknown()
        return self.factor

    def _factor_in_double(self) -> Array:
        """Return the factor in float64, which that of float32 products is not."""
        factor = self._factor()
        if self.make_double is None:
            return factor
        xp = array_namespace(factor)
        converted: Array = xp.astype(factor, xp.float64)
        return converted


def half_precision(x: ArrayLike, samples: Array, held_dtype: str, name: str) -> str | None:
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
    xp: Any, numbers: Array, samples: Array, name: str, *, samples_alone: bool
) -> tuple[Array, Array, Array, float, Array | None]:
    """Return mean, which features vary, centred data over a scale, the scale, and the Gram matrix.

    Passes over the data are expensive, so the first attempt makes few; it is accurate for most
    data. NaN and infinity survive a mean, so it sends them to the careful attempt.

    Parameters
    ----------
    numbers : (n, p) array
        The representation, as it is.
    samples : (n, p) float64 array
        The same in float64. If it is a copy, it is centred in place.
    name : str
    samples_alone : bool
        Leave out the Gram matrix, (p, p).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mean = xp.mean(samples, axis=0)
        if numbers.dtype == samples.dtype:
            centred = samples - mean
        else:
            samples -= mean
            centred = samples
        gram = None if samples_alone else gram_matrix(centred)
        squares = xp.sum(centred**2, axis=0) if gram is None else xp.linalg.diagonal(gram)
        accurate = bool(xp.all(harmless(xp, mean, squares, samples.shape[0])))
        largest = float(xp.max(squares))
    if 1e-200 < largest < 1e200 and accurate:
        return mean, squares > 0.0, centred, 1.0, gram
    mean, varies, centred, scale = _centre_carefully(xp, in_float64(numbers, name), name)
    return mean, varies, centred, scale, None if samples_alone else gram_matrix(centred)


def harmless(xp: Any, mean: Array, squares: Array, n: int, tolerance: float = CENTRED) -> Array:
    """Tell for which features, (p,), the rounding of their mean leaves centred data accurate.

    It is an error relative to the size of the data, harmless if the spread is not much smaller.

    Parameters
    ----------
    mean, squares : (p,) arrays
        Mean of each feature, and the squared norm of each centred feature.
    n : int
        Number of samples.
    tolerance : float
        Largest mean left after centring, relative to the spread.
    """
    error = n * epsilon("float64") * xp.abs(mean)
    accurate: Array = (n * error**2 <= tolerance**2 * squares) | (squares <= 0.0)
    return accurate


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
