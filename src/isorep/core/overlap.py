"""Overlap: two bases and the small matrix that couples them, from which measures are computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from isorep._utils.arrays import Array, ArrayLike, to_numpy
from isorep._utils.cached_property import cached_property
from isorep._utils.cosine_svd import CosineSVD, cosine_svd
from isorep._utils.html_table import html_table
from isorep._utils.linalg import svd
from isorep._utils.validation import check_name
from isorep.core.basis import Basis, Solver
from isorep.core.moments import CrossMoments, cross_product
from isorep.core.principal_axes import PrincipalAxes
from isorep.core.single_basis import Precision, choose_precision, single_basis
from isorep.core.single_products import PairErrors
from isorep.core.triangular_axes import TriangularAxes
from isorep.core.unwhitened_axes import UnwhitenedAxes
from isorep.core.unwhitened_basis import unwhitened_basis
from isorep.representations.missing_values import NanPolicy, complete_rows
from isorep.representations.sample_order import difference
from isorep.representations.sample_structure import SampleStructure, common_structure
from isorep.representations.sample_table import paired

LISTED = 5
"""Correlations that notebooks show."""

SVD = tuple[Array, Array, Array]
"""U (rx, c), the correlations (c,) and W (ry, c) of ``M = U diag(correlations) W^T``."""


@dataclass(frozen=True, eq=False)
class Overlap:
    """Two representations of the same samples, coupled: ``M = Qx^T Qy``.

    Make one with `isorep.overlap`, or with `from_moments` if the samples do not fit in memory;
    measures of second moments give the same result for both. Quantities that cost more than ``M``
    are computed at the first access. Arrays belong to the library and device of the
    representations.

    Attributes
    ----------
    x, y : Basis
        The two representations, prepared.
    known_matrix : (x_rank, y_rank) float64 array or None
        `matrix`, if it is known.
    product : array or None
        The product of the factors of both bases, from which `matrix` is computed otherwise.
    n_omitted : int
        Rows that were left out because they have NaN; see `isorep.overlap`.
    single_errors : PairErrors or None
        Errors of `product` and of the Gram matrices of both bases, if these are float32 products.
        Such an overlap is for measures of norms alone; see `in_double`.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> shared, x, y = np.random.default_rng(0).standard_normal((3, 1000, 2))
    >>> o = isorep.overlap(np.hstack([shared, x]), np.hstack([y, shared]))
    >>> o.matrix.shape, int((o.correlations > 0.99).sum())
    ((4, 4), 2)
    >>> round(isorep.cca(o.x, o.y).similarity, 1)
    0.5
    """

    x: Basis
    y: Basis
    known_matrix: Array | None
    # If a stream kept its moments in blocks: computes the overlaps without each block, on demand.
    jackknife_replicates: Callable[[], Iterator[Overlap]] | None = None
    product: Array | None = None
    # Decompositions that are known already; see `_svd` and `_triplets`.
    known_svd: SVD | None = None
    known_triplets: SVD | CosineSVD | None = None
    n_omitted: int = 0
    # Of samples that the jackknife keeps: the overlap of all samples, and the numbers of the rows.
    part_of: tuple[Overlap, NDArray[np.int64]] | None = None
    single_errors: PairErrors | None = None

    @classmethod
    def from_moments(
        cls,
        x: Basis,
        y: Basis,
        cross: CrossMoments,
        jackknife_replicates: Callable[[], Iterator[Overlap]] | None = None,
    ) -> Overlap:
        """Couple two representations by their cross moments.

        Parameters
        ----------
        x, y : Basis
            Bases of the same samples, of one array library; `Basis.from_moments` makes them.
        cross : CrossMoments
            Cross moments of the features of `x` and `y` over these samples.
        jackknife_replicates : callable, optional
            Function that returns an iterator over the overlaps without one block of samples, for
            each block in turn; the jackknife needs it.

        Raises
        ------
        ValueError
            If the numbers of samples or features of `x`, `y` and `cross` differ.

        Examples
        --------
        >>> import numpy as np, isorep
        >>> from isorep.core.moments import CrossMoments
        >>> x, y = np.random.default_rng(0).standard_normal((2, 100, 3))
        >>> bases = [isorep.Basis.from_moments(isorep.Moments.from_batch(z)) for z in (x, y)]
        >>> o = Overlap.from_moments(*bases, CrossMoments.from_batch(x, y))
        >>> bool(np.allclose(o.correlations, isorep.overlap(x, y).correlations, atol=1e-12))
        True
        """
        sizes, expected = (cross.n, *cross.scatter.shape), (x.n_samples, x.n_features, y.n_features)
        if sizes != expected or y.n_samples != x.n_samples:
            raise ValueError(
                f"x holds {x.n_samples} samples of {x.n_features} features and y {y.n_samples} of "
                f"{y.n_features}; the cross moments are of {cross.n} samples and "
                f"{cross.scatter.shape[0]} by {cross.scatter.shape[1]} features"
            )
        matrix = x.whitening.T @ cross.scatter @ y.whitening
        return cls(x, y, matrix, jackknife_replicates=jackknife_replicates)

    @classmethod
    def from_svd(cls, x: Basis, y: Basis, u: Array, correlations: Array, w: Array) -> Overlap:
        """Couple two representations by the singular value decomposition of their overlap.

        Where correlations are equal, a new decomposition of ``M`` could choose other directions.

        Parameters
        ----------
        x, y : Basis
            The two representations.
        u, w : (x_rank, c) and (y_rank, c) arrays
            Orthonormal columns: the canonical variates in the bases of x and y.
        correlations : (c,) array
            Canonical correlations, descending, in [0, 1].

        Examples
        --------
        >>> import numpy as np, isorep
        >>> x, y = np.random.default_rng(0).standard_normal((2, 100, 3))
        >>> o = isorep.overlap(x, y)
        >>> same = Overlap.from_svd(o.x, o.y, o.x_rotation, o.correlations, o.y_rotation)
        >>> bool(np.allclose(same.matrix, o.matrix))
        True
        """
        return cls(x, y, (u * correlations) @ w.T, known_svd=(u, correlations, w))

    def __repr__(self) -> str:
        return f"Overlap({self.n_samples} samples, x: {_rank(self.x)}, y: {_rank(self.y)})"

    def _repr_html_(self) -> str:
        first = [f"{float(rho):.4g}" for rho in to_numpy(self.correlations[:LISTED])]
        more = ", ..." if self.correlations.shape[0] > LISTED else ""
        return html_table(
            "Overlap",
            [
                ("samples", self.n_samples),
                ("x", _rank(self.x)),
                ("y", _rank(self.y)),
                ("correlations", ", ".join(first) + more),
            ],
        )

    @property
    def in_double(self) -> Overlap:
        """The same overlap by float64 products: itself, unless it is of float32 products."""
        # An overlap that cached itself would stay in memory until a collection of cycles.
        return self if self.single_errors is None else self._double

    @cached_property
    def _double(self) -> Overlap:
        return replace(couple(self.x.in_double, self.y.in_double), n_omitted=self.n_omitted)

    @property
    def n_samples(self) -> int:
        """Rows of both representations."""
        return self.x.n_samples

    @property
    def n_forced(self) -> int:
        """Number of correlations that are 1 for all data: ``max(0, rx + ry - (n - 1))``.

        Two subspaces of the n - 1 dimensions of centred samples share at least so many dimensions.
        """
        return count_forced(self.n_samples, self.x.rank, self.y.rank)

    @cached_property
    def matrix(self) -> Array:
        """``M = Qx^T Qy``, (x_rank, y_rank), with both bases in the order of PCA."""
        if self.known_matrix is not None:
            return self.known_matrix
        return self._coupled(self.x.principal.whiten_rows, self.y.principal.whiten_columns)

    @cached_property
    def whitened(self) -> Array:
        """``M`` of other orthonormal bases, which may be cheaper than those of PCA.

        It has the singular values and the norm of `matrix`.
        """
        if not self._is_triangular:
            return self.matrix
        return self._coupled(self.x.axes.whiten_rows, self.y.axes.whiten_columns)

    @cached_property
    def cross(self) -> Array:
        """Inner products of the centred features of x and y, up to a rotation of each side.

        In units of ``x.axes.unit * y.axes.unit``. Its singular values and its norm are those of
        ``diag(sx) M diag(sy)``, without a decomposition where that is possible.
        """
        if self._is_triangular:
            return self._coupled(self.x.axes.scores_of_rows, self.y.axes.scores_of_columns)
        x, y = self.x.axes, self.y.axes
        sx, sy = x.principal.singular_values / x.unit, y.principal.singular_values / y.unit
        scores: Array = sx[:, None] * self.matrix * sy
        return scores

    @property
    def y_from_x(self) -> Array:
        """What Q of x explains of y's centred features, up to rotations: ``M diag(sy)``.

        In units of ``y.axes.unit``.
        """
        if self._is_triangular:
            return self._coupled(self.x.axes.whiten_rows, self.y.axes.scores_of_columns)
        scores: Array = self.matrix * (self.y.singular_values / self.y.axes.unit)
        return scores

    def _coupled(
        self, of_rows: Callable[[Array], Array], of_columns: Callable[[Array], Array]
    ) -> Array:
        """Turn the rows of `product` into axes of x, and its columns into axes of y."""
        assert self.product is not None
        return of_columns(of_rows(self.product))

    @property
    def _is_triangular(self) -> bool:
        """Whether the bases of `whitened` are not those of PCA."""
        return self.product is not None and not all(
            isinstance(side.axes, PrincipalAxes) for side in (self.x, self.y)
        )

    @cached_property
    def _svd(self) -> SVD:
        """U, the correlations and W, with the columns of U and of W orthonormal to rounding."""
        if self.known_svd is not None:
            return self.known_svd
        xp = array_namespace(self.matrix)
        u, rho, wt = svd(xp, self.matrix)
        # Cosines of angles between subspaces: only rounding can make them exceed 1.
        return u, xp.clip(rho, 0.0, 1.0), wt.T

    @cached_property
    def _triplets(self) -> SVD | CosineSVD:
        """U, the correlations and W of `whitened`.

        Cheaper than `_svd`, above all if only one of U and W is needed; U or W may be less
        orthonormal.
        """
        if self.known_triplets is not None:
            return self.known_triplets
        if not self._is_triangular and (self.known_svd is not None or "_svd" in vars(self)):
            return self._svd
        return cosine_svd(array_namespace(self.whitened), self.whitened)

    @property
    def correlations(self) -> Array:
        """Canonical correlations, (c,), descending, in [0, 1]; c is the smaller rank."""
        return self._triplets[1]

    @property
    def x_rotation(self) -> Array:
        """U of ``M = U diag(correlations) W^T``, (x_rank, c)."""
        return self._svd[0]

    @property
    def y_rotation(self) -> Array:
        """W of ``M = U diag(correlations) W^T``, (y_rank, c)."""
        return self._svd[2]

    @cached_property
    def x_variates(self) -> Array:
        """Canonical variates of x, (n, c), orthonormal."""
        return self.x.combine(self.x_rotation)

    @cached_property
    def y_variates(self) -> Array:
        """Canonical variates of y, (n, c), orthonormal."""
        return self.y.combine(self.y_rotation)

    @cached_property
    def structure(self) -> SampleStructure | None:
        """Which samples depend on each other; None if they are independent.

        Permutations, folds, the jackknife and corrections follow it.

        Raises
        ------
        ValueError
            If the two sides have other groups.
        """
        return common_structure(self.x.structure, self.y.structure)

    @property
    def knows_samples(self) -> bool:
        """Whether the samples of both sides are known, not their second moments alone."""
        return self.x.knows_samples and self.y.knows_samples

    @property
    def residual_gram(self) -> Array:
        """Gram matrix ``E^T E`` of the residual ``Qy = Qx M + E``, (y_rank, y_rank).

        It equals ``I - M^T M``. If the samples are known it is computed from E, so that it does not
        lose the digits that this difference loses.
        """
        if self.x.factor is None or self.y.factor is None:
            xp = array_namespace(self.matrix)
            explained = self.matrix.T @ self.matrix
            identity: Array = xp.eye(self.y.rank, dtype=explained.dtype, device=device(explained))
            return identity - explained
        residual = self.y.q - self.x.combine(self.matrix)
        return residual.T @ residual

    @property
    def x_directions(self) -> Array:
        """Weights of x's features, (p, c): ``(x - mean) @ x_directions = x_variates``."""
        return self.x.directions(self.x_rotation)

    @property
    def y_directions(self) -> Array:
        """Weights of y's features, (q, c): ``(y - mean) @ y_directions = y_variates``."""
        return self.y.directions(self.y_rotation)

    @property
    def x_loadings(self) -> Array:
        """Inner products of x's variates and centred features, (c, p): ``<h_i, z_j>``."""
        return self.x_rotation.T @ self.x.loadings

    @property
    def y_loadings(self) -> Array:
        """Inner products of y's variates and centred features, (c, q)."""
        return self.y_rotation.T @ self.y.loadings

    @property
    def x_weights(self) -> Array:
        """Projection weights of x, (c,), non-negative, with sum 1 (Morcos et al. 2018, section 2).

        ``alpha_i = sum_j |<h_i, z_j>|`` over x's features j, normalised.
        """
        return _shares(self._axes(self.x).projection_sums(self._triplets[0]))

    @property
    def y_weights(self) -> Array:
        """Projection weights of y, (c,), non-negative, with sum 1."""
        return _shares(self._axes(self.y).projection_sums(self._triplets[2]))

    def _axes(self, side: Basis) -> PrincipalAxes | TriangularAxes | UnwhitenedAxes:
        """Return the axes of `whitened`."""
        return side.axes if self._is_triangular else side.principal

    def leading(self, x_rank: int, y_rank: int) -> Overlap:
        """Return the overlap of the leading principal components of both sides."""
        return Overlap(
            self.x.leading(x_rank),
            self.y.leading(y_rank),
            self.matrix[:x_rank, :y_rank],
        )

    def swap(self) -> Overlap:
        """Return the overlap of y with x; decompositions computed so far are kept."""

        def jackknife_replicates() -> Iterator[Overlap]:
            assert self.jackknife_replicates is not None
            return (part.swap() for part in self.jackknife_replicates())

        return Overlap(
            self.y,
            self.x,
            None if self.known_matrix is None else self.known_matrix.T,
            jackknife_replicates if self.jackknife_replicates else None,
            product=None if self.product is None else self.product.T,
            single_errors=None if self.single_errors is None else self.single_errors.swap(),
            known_svd=_swapped(vars(self).get("_svd", self.known_svd)),
            known_triplets=_swapped_triplets(vars(self).get("_triplets", self.known_triplets)),
        )


def count_forced(n_samples: int, x_rank: int, y_rank: int) -> int:
    """Return how many canonical correlations are 1 for all data; see `Overlap.n_forced`."""
    return max(0, x_rank + y_rank - (n_samples - 1))


def _rank(basis: Basis) -> str:
    return f"rank {basis.rank} of {basis.n_features} features"


def _swapped(decomposition: SVD | None) -> SVD | None:
    return None if decomposition is None else decomposition[::-1]


def _swapped_triplets(decomposition: SVD | CosineSVD | None) -> SVD | CosineSVD | None:
    if isinstance(decomposition, CosineSVD):
        return decomposition.swap()
    return _swapped(decomposition)


def projection_weights(loadings: Array) -> Array:
    """Return the weights, (..., c), of variates with these loadings, (..., c, p), with sum 1."""
    xp = array_namespace(loadings)
    sizes = xp.abs(loadings)
    sizes = sizes / xp.max(sizes, axis=(-2, -1), keepdims=True)  # so that sums do not overflow
    return _shares(xp.sum(sizes, axis=-1))


def _shares(sums: Array) -> Array:
    total: Array = array_namespace(sums).sum(sums, axis=-1, keepdims=True)
    return sums / total


def overlap(
    x: ArrayLike | Basis,
    y: ArrayLike | Basis,
    *,
    groups: ArrayLike | None = None,
    order: ArrayLike | None = None,
    solver: Solver = "auto",
    nan_policy: NanPolicy = "raise",
) -> Overlap:
    """Couple two representations of the same samples.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        Representations: samples in rows, in the same order on both sides, from one array library
        and on one device. Pass a `Basis` to prepare a representation once and compare it with many.
        Tables of xarray, pandas and AnnData with the same labels of samples are brought into the
        order of x; see `isorep.Representations.from_mapping`.
    groups : (n,) array-like or str, optional
        Group label of each sample, if samples of one group depend on each other: the text of a
        token, the stimulus of a trial. All that is inferred from the overlap then follows the
        groups. A string names a coordinate of tables: of xarray, a level of a pandas index, a
        column of AnnData's obs. By default, samples with the same label in a table are a group.
    order : (n,) array-like or str, optional
        Time of each sample, if neighbours in time depend on each other; within its group, if there
        are groups.
    solver : {"auto", "gram", "svd"}
        Whitening of arrays; see `Basis.from_array`.
    nan_policy : {"raise", "omit"}
        What to do with NaN: "raise" raises ValueError; "omit" leaves out the rows that have NaN on
        either side, and ``n_omitted`` of the result is their number.

    Returns
    -------
    Overlap
        Canonical correlations, variates, directions and projection weights; every measure is
        computed from it.

    Raises
    ------
    TypeError, ValueError
        If a side is not a representation, the two have different numbers or labels of samples,
        array libraries or devices, or `groups` or `order` does not have one value per sample.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((100, 3))
    >>> o = isorep.overlap(x, x[:, :2] @ [[2.0, 1.0], [0.0, 1.0]])
    >>> o.correlations.round(6)
    array([1., 1.])
    >>> o.x_directions.shape, o.y_variates.shape
    ((3, 2), (100, 2))
    """
    return couple_arrays(x, y, groups=groups, order=order, solver=solver, nan_policy=nan_policy)


def couple_arrays(
    x: ArrayLike | Basis,
    y: ArrayLike | Basis,
    *,
    groups: ArrayLike | None = None,
    order: ArrayLike | None = None,
    solver: Solver = "auto",
    nan_policy: NanPolicy = "raise",
    precision: Precision = "double",
    whitened: bool = True,
) -> Overlap:
    """Do as `overlap`, for measures that need less.

    By float32 products, for measures of norms, if `precision` allows it; without whitening, for
    measures of products, unless `whitened`.
    """
    check_name("nan_policy", nan_policy, get_args(NanPolicy))
    pair = paired(x, y)
    x, y, ids = pair.x, pair.y, pair.ids
    shapes = [getattr(side, "shape", None) for side in (x, y)]
    if all(shape is not None and len(shape) == 2 for shape in shapes):
        check_paired(*shapes)  # type: ignore[arg-type]  # before any work is done
    if solver != "auto" and isinstance(x, Basis) and isinstance(y, Basis):
        raise ValueError(
            f"solver={solver!r} says how arrays are whitened, and x and y are prepared already: "
            "pass it to Basis.from_array"
        )
    kept: NDArray[np.bool_] | None = None
    if nan_policy == "omit":
        sides, kept = complete_rows({"x": x, "y": y})
        x, y = sides.values()
    single = choose_precision(precision, (x, y)) == "single"
    prepare = single_basis if single else Basis.from_array if whitened else unwhitened_basis
    x_basis, y_basis = (
        side if isinstance(side, Basis) else prepare(side, solver=solver, name=name)
        for side, name in ((x, "x"), (y, "y"))
    )
    structure = None if ids is None else SampleStructure.from_ids(ids)
    if groups is not None or order is not None:
        n = x_basis.n_samples if kept is None else len(kept)
        groups, order = pair.labels(groups, "groups"), pair.labels(order, "order")
        structure = SampleStructure.from_labels(groups, order, n)
    if structure is not None:
        structure = structure if kept is None else structure.take(np.flatnonzero(kept))
        x_basis, y_basis = (replace(side, structure=structure) for side in (x_basis, y_basis))
    coupled = couple(x_basis, y_basis)
    return coupled if kept is None else replace(coupled, n_omitted=int((~kept).sum()))


def couple(x: Basis, y: Basis) -> Overlap:
    """Couple two prepared representations of the same samples."""
    check_paired((x.n_samples, x.n_features), (y.n_samples, y.n_features))
    _check_together(x, y)
    if None not in (x.sample_ids, y.sample_ids) and x.sample_ids != y.sample_ids:
        raise ValueError(
            difference(
                x.sample_ids or (),
                y.sample_ids or (),
                "x",
                "y",
                if_reordered="couple the tables themselves, which brings them into one order",
                if_different="select the same samples on both sides by their labels",
            )
        )
    if isinstance(x.axes, UnwhitenedAxes) and isinstance(y.axes, UnwhitenedAxes):
        return Overlap(x, y, None, product=x.axes.product(y.axes))
    if x.factor is None or y.factor is None:
        raise ValueError(
            "x or y is known by its second moments alone: couple them by their cross moments, with "
            "Overlap.from_moments"
        )
    single = None
    if isinstance(x.axes, TriangularAxes) and isinstance(y.axes, TriangularAxes):
        single = x.axes.single_product(y.axes)
    if single is not None:
        product, errors = single
        return Overlap(x, y, None, product=product, single_errors=errors)
    x, y = x.in_double, y.in_double
    assert x.factor is not None
    assert y.factor is not None
    return Overlap(x, y, None, product=cross_product(x.factor, y.factor))


def check_paired(x_shape: tuple[int, int], y_shape: tuple[int, int]) -> None:
    """Raise ValueError if x and y have different numbers of samples."""
    if x_shape[0] == y_shape[0]:
        return
    transposed = [
        f"{name} looks transposed: pass {name}.T"
        for name, shape, other in (("x", x_shape, y_shape), ("y", y_shape, x_shape))
        if shape[1] == other[0]
    ]
    hint = (". " + ", or ".join(transposed)) if transposed else ""
    raise ValueError(
        f"x has {x_shape[0]} samples (rows) and y has {y_shape[0]}: shapes {tuple(x_shape)} and "
        f"{tuple(y_shape)}. Both must hold the same samples in the same order{hint}"
    )


def _check_together(x: Basis, y: Basis) -> None:
    try:
        array_namespace(x.mean, y.mean)
    except TypeError as error:
        raise TypeError(
            f"x is a {_library(x.mean)} array and y a {_library(y.mean)} array: convert one of them"
        ) from error
    if device(x.mean) != device(y.mean):
        raise ValueError(
            f"x is on device {device(x.mean)} and y on {device(y.mean)}: move one of them"
        )


def _library(array: Array) -> str:
    return type(array).__module__.partition(".")[0]
