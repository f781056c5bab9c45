"""Unwhitened basis: a representation prepared for its products with others, and no more."""

from __future__ import annotations

from math import sqrt

import numpy as np
from array_api_compat import array_namespace, device

from isorep._utils.arrays import Array, ArrayLike, as_numbers, in_float64
from isorep._utils.triangular import cholesky, solve_upper
from isorep.core.basis import SMALL_WORK, Basis, Solver, half_precision
from isorep.core.dominance import ONE_DIRECTION
from isorep.core.moments import column_means, column_squares
from isorep.core.principal_axes import GRAM_TOLERANCE, RankRule
from isorep.core.single_products import PROBES, probes
from isorep.core.triangular_axes import MARGIN, varying_columns
from isorep.core.unwhitened_axes import UnwhitenedAxes
from isorep.representations.sample_structure import SampleStructure
from isorep.representations.sample_table import rows_of

SHARE, PER_FEATURE = 10, 2
"""The rank is decided by every `SHARE`-th sample, or by `PER_FEATURE` samples for each feature, if
these are more."""

PAYS = 4
"""Smallest ratio of all samples to the deciding ones for which this is cheaper than whitening."""

LARGEST_SPREAD = 1e5
"""Largest bound of the spread of the singular values, which is often a hundred times the spread. If
a warning needs whitening after all, one pass errs by no more than 1e-6, and usually by 1e-10."""

LARGEST_MEAN = 3.0
"""Largest mean of a feature, relative to its spread, that costs a product no more than a digit."""

RANGE = (1e-60, 1e60)
"""Variances whose squares neither overflow nor vanish."""


def unwhitened_basis(
    x: ArrayLike, *, solver: Solver = "auto", dtype: str | None = None, name: str = "x"
) -> Basis:
    """Return the basis of `x` for measures of products; see `Basis.from_array`.

    A part of the samples can show that all features are independent, since no further sample lowers
    a singular value. Then neither the Gram matrix nor a centred copy is computed, unless something
    reads it. If that part does not show it, the basis is that of `Basis.from_array`.
    """
    values, sample_ids = rows_of(x, name)
    numbers, held_dtype = as_numbers(values, name)
    n, p = numbers.shape
    if solver != "svd" and n >= PAYS * _n_deciding(n, p) and n * p * p > SMALL_WORK:
        dtype = dtype or half_precision(values, numbers, held_dtype, name) or held_dtype
        prepared = _axes(in_float64(numbers, name), dtype, name)
        if prepared is not None:
            mean, axes = prepared
            structure = None if sample_ids is None else SampleStructure.from_ids(sample_ids)
            return Basis(n, dtype, mean, axes, structure, sample_ids)
    return Basis.from_array(x, solver=solver, dtype=dtype, name=name)


def _n_deciding(n: int, p: int) -> int:
    return max(n // SHARE, PER_FEATURE * p)


def _axes(x: Array, dtype: str, name: str) -> tuple[Array, UnwhitenedAxes] | None:
    """Return the mean and the axes; None unless the deciding samples show the rank."""
    xp = array_namespace(x)
    n, p = x.shape
    with np.errstate(over="ignore", invalid="ignore"):
        mean = column_means(x)
        squares = column_squares(x) - n * mean**2
        variances = squares / n
        # Comparisons with NaN are false, as are those of a constant, unless it is 0.
        usable = ((squares == 0.0) & (mean == 0.0)) | (
            (mean**2 <= LARGEST_MEAN**2 * variances)
            & (variances > RANGE[0])
            & (variances < RANGE[1])
        )
    varies = squares > 0.0
    if not bool(xp.all(usable)) or not bool(xp.any(varies)):
        return None
    row_squares = xp.clip(xp.vecdot(x, x) - 2 * (x @ mean) + xp.vecdot(mean, mean), min=0.0)
    columns, places = varying_columns(xp, varies)
    shift = mean
    if columns is not None:
        x = xp.take(x, columns, axis=1)
        shift, squares = (xp.take(side, columns, axis=0) for side in (mean, squares))
    total = float(xp.sum(squares))
    part = x[:: n // _n_deciding(n, p), :] - shift
    gram = part.T @ part
    lower = cholesky(xp, gram)
    if lower is None:
        return None
    signs = probes(xp, gram.shape[0], device(gram))
    # The mean squared norm of whitened probes is the sum of all 1 / s^2.
    least = 1 / sqrt(float(xp.sum(solve_upper(lower, signs) ** 2)) / PROBES)
    rule = RankRule(GRAM_TOLERANCE, xp.where(varies, mean, 0 * mean), n, dtype, name)
    rounding = rule.factor(p) * sqrt(float(xp.max(rule.mean**2)) + float(xp.max(squares)) / n)
    if not least > MARGIN * max(rounding, sqrt(total) / LARGEST_SPREAD):
        return None
    # The directions but the largest have in all samples at least the variance they have here.
    others = float(xp.sum(xp.linalg.diagonal(gram))) - sqrt(float(xp.sum(gram**2)))
    most = 1 - others / total
    if not most <= ONE_DIRECTION:
        return None
    return mean, UnwhitenedAxes(x, shift, places, squares, row_squares, most)
