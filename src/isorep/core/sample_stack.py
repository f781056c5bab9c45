"""Sample stack: overlaps of different samples of the same features, decomposed together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from array_api_compat import array_namespace

from isorep._utils.arrays import Array
from isorep._utils.cached_property import cached_property
from isorep._utils.linalg import stacked_svds_of_cosines
from isorep.core.basis import Basis
from isorep.core.overlap import SVD, Overlap, projection_weights
from isorep.core.overlap_stack import OverlapStack
from isorep.core.principal_axes import PrincipalAxes


@dataclass(frozen=True, eq=False)
class StackedSide:
    """One side of each overlap of a stack: ``x - mean = Q roots @ basis.loadings``.

    Attributes
    ----------
    basis : Basis
        The basis whose loadings span those of all samples.
    roots : (b, k, r) or (1, k, r) array
        Loadings of the axes of each sample, or of all, in the components of `basis`.
    rows : (b, m, k) or (1, m, k) array or None
        Q of each sample, or other rows with the same second moments; None if they are not known.
    simulated_from : Basis or None
        See `Basis`.
    is_principal : bool
        Whether the axes are those of PCA.
    n_samples : tuple of int or None
        Number of samples of each; None if it is that of `basis`.
    offsets : (b, r) array or None
        Mean of each sample minus that of `basis`, in the components of `basis`; None for 0.
    """

    basis: Basis
    roots: Array
    rows: Array | None = None
    simulated_from: Basis | None = None
    is_principal: bool = False
    n_samples: tuple[int, ...] | None = None
    offsets: Array | None = None

    @property
    def rank(self) -> int:
        """Number of directions of each sample, k."""
        return int(self.roots.shape[1])

    @property
    def axes(self) -> StackedSide:
        """The side itself: formulas of measures read the attributes of axes."""
        return self

    @property
    def unit(self) -> float:
        """Unit of `scores` and of what is computed from it, so that powers do not overflow."""
        return float(self.basis.singular_values[0])

    @cached_property
    def scores(self) -> Array:
        """Inner products of the axes with the components of `basis`, (b, k, r)."""
        scores: Array = self.roots * (self.basis.singular_values / self.unit)
        return scores

    @cached_property
    def squared_norm(self) -> Array:
        """``||x - mean||_F^2`` of each sample, (b,), in units of ``unit^2``."""
        squares: Array = array_namespace(self.scores).sum(self.scores**2, axis=(1, 2))
        return squares

    @cached_property
    def gram_square(self) -> Array:
        """``||(x - mean)^T (x - mean)||_F^2`` of each sample, (b,), in units of ``unit^4``."""
        squares: Array = array_namespace(self._gram).sum(self._gram**2, axis=(1, 2))
        return squares

    @property
    def singular_values(self) -> Array:
        """Singular values of each sample, (b, k), descending."""
        xp = array_namespace(self.roots)
        side, _ = self.principal
        norms: Array = xp.sqrt(xp.sum(side.scores**2, axis=2))
        return norms * self.unit

    @property
    def principal(self) -> tuple[StackedSide, Array | None]:
        """The side with the axes of PCA, and the rotations to them, (b, k, k); None for none."""
        # A side that cached itself would stay in memory until a collection of cycles.
        return (self, None) if self.is_principal else self._principal

    @cached_property
    def _principal(self) -> tuple[StackedSide, Array]:
        xp = array_namespace(self.roots)
        # Left vectors are orthonormal also for tiny singular values.
        rotations = xp.flip(xp.linalg.eigh(self._gram)[1], axis=-1)
        rows = None if self.rows is None else self.rows @ rotations
        roots = xp.matrix_transpose(rotations) @ self.roots
        return replace(self, roots=roots, rows=rows, is_principal=True), rotations

    @cached_property
    def _gram(self) -> Array:
        return self.scores @ _transposed(self.scores)

    def leading(self, rank: int) -> StackedSide:
        """Return the first `rank` axes of PCA."""
        side, _ = self.principal
        rows = None if side.rows is None else side.rows[:, :, :rank]
        return replace(side, roots=side.roots[:, :rank, :], rows=rows)

    def bases(self) -> list[Basis]:
        """Return the basis of each sample."""
        xp = array_namespace(self.roots)
        side, _ = self.principal
        invert = xp.linalg.inv if side.rank == side.roots.shape[2] else xp.linalg.pinv
        inverses = (self.basis.singular_values / self.unit)[:, None] * invert(side.scores)
        loadings, s = side.roots @ self.basis.loadings, self.singular_values
        offsets = self.offsets
        means = None if offsets is None else self.basis.mean + offsets @ self.basis.loadings
        return [
            replace(
                self.basis,
                n_samples=self.basis.n_samples if self.n_samples is None else self.n_samples[i],
                mean=self.basis.mean if means is None else means[i, :],
                sample_ids=None,
                axes=PrincipalAxes(
                    singular_values=s[i, :],
                    loadings=loadings[i, ...],
                    whitening=self.basis.rotated_whitening(inverses[i, ...]),
                    factor=None if side.rows is None else _of(side.rows, i),
                    rotation=None,
                ),
                simulated_from=self.simulated_from,
            )
            for i in range(s.shape[0])
        ]


@dataclass(frozen=True, eq=False)
class SampleStack:
    """Overlaps of different samples of x and y, computed and decomposed together.

    The attributes are those of `Overlap` with one more axis, the first, of length b. Iteration
    yields each `Overlap`.

    Attributes
    ----------
    x, y : StackedSide
        The two sides of each sample.
    whitened : (b, x_rank, y_rank) or (1, x_rank, y_rank) array
        ``Qx^T Qy`` of each sample, or of all.
    known_svd : tuple of arrays or None
        U (b, x_rank, c), the correlations (b, c) and W (b, y_rank, c), if they are known. What all
        samples have in common may have a first axis of length 1, here and in what follows from it.

    Examples
    --------
    >>> import numpy as np
    >>> samples = np.random.default_rng(0).standard_normal((2, 9, 3))
    >>> x, y = (Basis.from_array(side) for side in samples)
    >>> roots, matrix = np.stack([np.eye(3), 2 * np.eye(3)]), np.stack([x.q.T @ y.q] * 2)
    >>> stack = SampleStack(StackedSide(x, roots), StackedSide(y, roots), matrix)
    >>> (stack.x.singular_values / x.singular_values).round(6).tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """

    x: StackedSide
    y: StackedSide
    whitened: Array
    known_svd: SVD | None = None

    @property
    def matrix(self) -> Array:
        """``M`` of each sample, (b, x_rank, y_rank), with both bases in the order of PCA."""
        return self._principal.whitened

    @cached_property
    def cross(self) -> Array:
        """Inner products of the centred features of x and y, up to rotations of each side.

        In units of ``x.axes.unit * y.axes.unit``.
        """
        cross: Array = _transposed(self.x.scores) @ self.whitened @ self.y.scores
        return cross

    @cached_property
    def _triplets(self) -> SVD:
        """U (b, rx, c), the correlations (b, c) and W (b, ry, c)."""
        if self.known_svd is not None:
            return self.known_svd
        return stacked_svds_of_cosines(array_namespace(self.whitened), self.whitened)

    @property
    def correlations(self) -> Array:
        """Canonical correlations, (b, c), descending."""
        return self._triplets[1]

    @cached_property
    def x_loadings(self) -> Array:
        """Inner products of x's variates and centred features, (b, c, p)."""
        return _transposed(self._triplets[0]) @ self.x.roots @ self.x.basis.loadings

    @cached_property
    def y_loadings(self) -> Array:
        """Inner products of y's variates and centred features, (b, c, q)."""
        return _transposed(self._triplets[2]) @ self.y.roots @ self.y.basis.loadings

    @property
    def x_weights(self) -> Array:
        """Projection weights of x, (b, c)."""
        return projection_weights(self.x_loadings)

    @property
    def y_weights(self) -> Array:
        """Projection weights of y, (b, c)."""
        return projection_weights(self.y_loadings)

    def leading(self, x_rank: int, y_rank: int) -> SampleStack:
        """Return the overlaps of the leading principal components of both sides."""
        matrix = self.matrix[:, :x_rank, :y_rank]
        return SampleStack(self.x.leading(x_rank), self.y.leading(y_rank), matrix)

    def __len__(self) -> int:
        return max(int(part.shape[0]) for part in (self.x.roots, self.y.roots, self.whitened))

    def __iter__(self) -> Iterator[Overlap]:
        return iter(self._overlaps)

    @cached_property
    def _principal(self) -> SampleStack:
        """The same overlaps with the axes of PCA on both sides."""
        (x, x_rotations), (y, y_rotations) = self.x.principal, self.y.principal
        matrix = _turned(x_rotations, self.whitened)
        matrix = _transposed(_turned(y_rotations, _transposed(matrix)))
        svd = self.known_svd
        if svd is not None:
            svd = (_turned(x_rotations, svd[0]), svd[1], _turned(y_rotations, svd[2]))
        return SampleStack(x, y, matrix, svd)

    @cached_property
    def _overlaps(self) -> list[Overlap]:
        same = self._principal
        xs, ys, svd = same.x.bases(), same.y.bases(), same.known_svd
        return [
            Overlap(
                xs[i % len(xs)],
                ys[i % len(ys)],
                _of(same.whitened, i),
                known_svd=None if svd is None else (_of(svd[0], i), _of(svd[1], i), _of(svd[2], i)),
            )
            for i in range(len(self))
        ]


Stack = OverlapStack | SampleStack
"""Overlaps that measures compute together."""


def _of(stack: Array, index: int) -> Array:
    """Return the part of one sample, or the part that all share."""
    part: Array = stack[index % stack.shape[0], ...]
    return part


def _turned(rotations: Array | None, columns: Array) -> Array:
    return columns if rotations is None else _transposed(rotations) @ columns


def _transposed(stack: Array) -> Array:
    transposed: Array = array_namespace(stack).matrix_transpose(stack)
    return transposed
