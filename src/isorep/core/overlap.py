"""Overlap: two bases coupled by the one small matrix that every measure is read off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace, device

from isorep._utils.arrays import Array
from isorep._utils.cached_property import cached_property
from isorep._utils.linalg import svd, svds_of_cosines
from isorep.core.basis import Basis, Solver
from isorep.core.moments import CrossMoments


@dataclass(frozen=True, eq=False)
class Overlap:
    """Two representations of the same samples, coupled: ``M = Qx^T Qy``.

    Make one with `isorep.overlap`, or with `from_moments` where the samples are too many to hold;
    no measure of second moments can tell which. What costs more than ``M`` itself is computed when
    first asked for. Arrays are in the namespace and on the device of the representations.

    Attributes
    ----------
    x, y : Basis
        The two representations, prepared.
    matrix : (x_rank, y_rank) float64 array
        ``M``, the overlap of the two orthonormal bases of sample space.
    """

    x: Basis
    y: Basis
    matrix: Array
    # Of a stream that kept its moments in blocks: the overlaps without each block, made on demand.
    jackknife_replicates: Callable[[], Iterator[Overlap]] | None = None

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
            Of NumPy arrays, on the same samples; `Basis.from_moments` makes them.
        cross : CrossMoments
            Of the features of `x` with those of `y`, over these samples.
        jackknife_replicates : callable, optional
            Returns an iterator over the overlaps of all samples but those of a block, for each
            block in turn: what a jackknife needs.

        Raises
        ------
        ValueError
            When they are not of the same number of samples, or of other features.

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
        told, needed = (cross.n, *cross.scatter.shape), (x.n_samples, x.n_features, y.n_features)
        if told != needed or y.n_samples != x.n_samples:
            raise ValueError(
                f"x holds {x.n_samples} samples of {x.n_features} features and y {y.n_samples} of "
                f"{y.n_features}; the cross moments are of {cross.n} samples and "
                f"{cross.scatter.shape[0]} by {cross.scatter.shape[1]} features"
            )
        return cls(x, y, x.whitening.T @ cross.scatter @ y.whitening, jackknife_replicates)

    @property
    def n_samples(self) -> int:
        """Rows of both representations."""
        return self.x.n_samples

    @property
    def n_forced(self) -> int:
        """How many correlations are 1 whatever the data: ``max(0, rx + ry - (n - 1))``.

        Two subspaces of the n - 1 dimensions of centred samples meet in at least so many.
        """
        return count_forced(self.n_samples, self.x.rank, self.y.rank)

    @cached_property
    def _svd(self) -> tuple[Array, Array, Array]:
        xp = array_namespace(self.matrix)
        u, rho, wt = svd(xp, self.matrix)
        # Cosines of angles between subspaces: only rounding can carry them past 1.
        return u, xp.clip(rho, 0.0, 1.0), wt.T

    @cached_property
    def _triplets(self) -> tuple[Array, Array, Array]:
        """U, the correlations and W, for what does not need both sides orthonormal to rounding."""
        if "_svd" in vars(self):
            return self._svd
        (found,) = svds_of_cosines(array_namespace(self.matrix), self.matrix[None, ...])
        return found

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

    @property
    def knows_samples(self) -> bool:
        """Whether the samples of both sides are known, not their second moments alone."""
        return self.x.knows_samples and self.y.knows_samples

    @property
    def residual_gram(self) -> Array:
        """``E^T E`` of ``Qy = Qx M + E``, (y_rank, y_rank): what of y's directions x has not.

        It is ``1 - M^T M``, without the digits that this difference loses where rows are at hand.
        """
        if self.x.factor is None or self.y.factor is None:
            xp = array_namespace(self.matrix)
            explained = self.matrix.T @ self.matrix
            return xp.eye(self.y.rank, dtype=explained.dtype, device=device(explained)) - explained
        rest = self.y.q - self.x.combine(self.matrix)
        return rest.T @ rest

    @property
    def x_directions(self) -> Array:
        """Weights of x's features, (a, c): ``(x - mean) @ x_directions = x_variates``."""
        return self.x.whitening @ self.x_rotation

    @property
    def y_directions(self) -> Array:
        """Weights of y's features, (b, c): ``(y - mean) @ y_directions = y_variates``."""
        return self.y.whitening @ self.y_rotation

    @property
    def x_loadings(self) -> Array:
        """Inner products of x's variates and centred features, (c, a): ``<h_i, z_j>``."""
        return self.x_rotation.T @ self.x.loadings

    @property
    def y_loadings(self) -> Array:
        """Inner products of y's variates and centred features, (c, b)."""
        return self.y_rotation.T @ self.y.loadings

    @property
    def x_weights(self) -> Array:
        """Projection weights of x, (c,), non-negative, sum 1 (Morcos et al. 2018, section 2).

        ``alpha_i = sum_j |<h_i, z_j>|`` over x's features j, normalised.
        """
        return _projection_weights(self._triplets[0].T @ self.x.loadings)

    @property
    def y_weights(self) -> Array:
        """Projection weights of y, (c,), non-negative, sum 1."""
        return _projection_weights(self._triplets[2].T @ self.y.loadings)

    def leading(self, x_rank: int, y_rank: int) -> Overlap:
        """Return the overlap of the leading principal components of both sides."""
        return Overlap(
            self.x.leading(x_rank), self.y.leading(y_rank), self.matrix[:x_rank, :y_rank]
        )

    def swap(self) -> Overlap:
        """Return the overlap of y with x, with what was already computed for this one."""

        def jackknife_replicates() -> Iterator[Overlap]:
            assert self.jackknife_replicates is not None
            return (part.swap() for part in self.jackknife_replicates())

        other = Overlap(
            self.y,
            self.x,
            self.matrix.T,
            jackknife_replicates if self.jackknife_replicates else None,
        )
        for known in {"_svd", "_triplets"} & set(vars(self)):
            u, rho, w = vars(self)[known]
            vars(other)[known] = (w, rho, u)
        return other


def count_forced(n_samples: int, x_rank: int, y_rank: int) -> int:
    """Return how many canonical correlations are 1 whatever the data; see `Overlap.n_forced`."""
    return max(0, x_rank + y_rank - (n_samples - 1))


def _projection_weights(loadings: Array) -> Array:
    xp = array_namespace(loadings)
    sums = xp.sum(xp.abs(loadings), axis=1)
    return sums / xp.sum(sums)


def overlap(x: Any, y: Any, *, solver: Solver = "auto") -> Overlap:
    """Couple two representations of the same samples.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        Samples in rows, in the same order on both sides. Both from one array library, on one
        device. A `Basis` is used as it is, so that one representation can meet many others.
    solver : {"auto", "gram", "svd"}
        How arrays are whitened; see `Basis.from_array`.

    Returns
    -------
    Overlap
        Canonical correlations, variates, directions and projection weights; every measure reads
        it.

    Raises
    ------
    TypeError, ValueError
        When a side is not a representation, or the two do not belong together.

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
    shapes = [getattr(side, "shape", None) for side in (x, y)]
    if all(shape is not None and len(shape) == 2 for shape in shapes):
        _check_paired(*shapes)  # type: ignore[arg-type]  # before any work is done
    x_basis = x if isinstance(x, Basis) else Basis.from_array(x, solver=solver, name="x")
    y_basis = y if isinstance(y, Basis) else Basis.from_array(y, solver=solver, name="y")
    return couple(x_basis, y_basis)


def couple(x: Basis, y: Basis) -> Overlap:
    """Couple two prepared representations of the same samples."""
    _check_paired((x.n_samples, x.n_features), (y.n_samples, y.n_features))
    _check_together(x, y)
    if x.factor is None or y.factor is None:
        raise ValueError(
            "x or y is known by its second moments alone: couple them by their cross moments, with "
            "Overlap.from_moments"
        )
    matrix = x.factor.T @ y.factor
    if x.rotation is not None:
        matrix = x.rotation.T @ matrix
    if y.rotation is not None:
        matrix = matrix @ y.rotation
    return Overlap(x, y, matrix)


def _check_paired(x_shape: tuple[int, int], y_shape: tuple[int, int]) -> None:
    if x_shape[0] == y_shape[0]:
        return
    turned = [
        f"{name} looks transposed: pass {name}.T"
        for name, mine, other in (("x", x_shape, y_shape), ("y", y_shape, x_shape))
        if mine[1] == other[0]
    ]
    hint = (". " + ", or ".join(turned)) if turned else ""
    raise ValueError(
        f"x has {x_shape[0]} samples (rows) and y has {y_shape[0]}: shapes {tuple(x_shape)} and "
        f"{tuple(y_shape)}. Both must hold the same samples in the same order{hint}"
    )


def _check_together(x: Basis, y: Basis) -> None:
    try:
        array_namespace(x.mean, y.mean)
    except TypeError as error:
        raise TypeError(
            f"x is a {_kind(x.mean)} array and y a {_kind(y.mean)} array: convert one of them"
        ) from error
    if device(x.mean) != device(y.mean):
        raise ValueError(
            f"x is on device {device(x.mean)} and y on {device(y.mean)}: move one of them"
        )


def _kind(array: Array) -> str:
    return f"{type(array).__module__.partition('.')[0]}"
