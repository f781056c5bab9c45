"""Single basis: a representation prepared by float32 products, for measures of norms."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import sqrt
from typing import Any, Literal, get_args

import numpy as np
from array_api_compat import array_namespace, device

from isorep._utils.arrays import Array, ArrayLike, as_numbers
from isorep._utils.triangular import blocked_cholesky, solve_upper
from isorep._utils.validation import check_name
from isorep.core.basis import Basis, Solver, half_precision, harmless
from isorep.core.principal_axes import GRAM_TOLERANCE, RankRule
from isorep.core.single_products import (
    PROBES,
    SingleErrors,
    float64_blocks,
    norm_of_error,
    probes,
    product_error,
    single_product,
)
from isorep.core.triangular_axes import MARGIN, TriangularAxes, extremes, varying_columns
from isorep.representations.sample_structure import SampleStructure
from isorep.representations.sample_table import rows_of

Precision = Literal["auto", "double", "single"]
ProductPrecision = Literal["double", "single"]
"""Precision of products."""

NARROW = ("float32", "float16", "bfloat16")
"""Dtypes whose values float32 holds."""

PAYS = 1e9
"""Smallest n * p^2 of the largest layer for which "auto" takes float32 products."""

CERTAIN = 0.5
"""Largest ``||Q^T Q - I||_F`` after whitening by a Gram matrix of float32 products. The squares of
the singular values are then wrong by half at most."""

CENTRED = 1e-7
"""Largest mean left after centring, relative to the spread; products err by its square."""

RANGE = (1e-20, 1e30)
"""Squared norms of features whose products float32 holds."""


def choose_precision(precision: Precision, arrays: Iterable[Any]) -> ProductPrecision:
    """Return the precision of the products of these representations, for measures of norms.

    "auto" is "single" if all are arrays of float32, float16 or bfloat16 with fewer features than
    samples, and one is large.
    """
    check_name("precision", precision, get_args(Precision))
    if precision != "auto":
        return precision
    work = 0
    for x in arrays:
        dtype: Any = getattr(x, "dtype", None)
        shape: Any = getattr(x, "shape", ())
        narrow = str(dtype).rpartition(".")[2] in NARROW
        if isinstance(x, Basis) or not narrow or len(shape) != 2 or shape[1] >= shape[0]:
            return "double"
        work = max(work, shape[0] * shape[1] ** 2)
    return "single" if work >= PAYS else "double"


def single_basis(
    x: ArrayLike, *, solver: Solver = "auto", dtype: str | None = None, name: str = "x"
) -> Basis:
    """Return the basis of `x` by float32 products, for measures of norms; see `Basis.from_array`.

    If the measured error of the products leaves the rank uncertain, or there are as many features
    as samples, it is the basis by float64 products. `Basis.in_double` is so for all.
    """
    values, sample_ids = rows_of(x, name)
    numbers, held_dtype = as_numbers(values, name)
    n, p = numbers.shape
    prepared = None
    if p < n and solver != "svd":
        dtype = dtype or half_precision(values, numbers, held_dtype, name) or held_dtype
        prepared = _single_axes(numbers, dtype, name)
    in_double = partial(Basis.from_array, x, solver=solver, dtype=dtype, name=name)
    if prepared is None:
        return in_double()
    mean, axes = prepared
    structure = None if sample_ids is None else SampleStructure.from_ids(sample_ids)
    return Basis(n, dtype or held_dtype, mean, axes, structure, sample_ids, make_double=in_double)


def _single_axes(x: Array, dtype: str, name: str) -> tuple[Array, TriangularAxes] | None:
    """Return the mean and the axes by float32 products.

    Returns None unless all features that vary are certain to be linearly independent by the rank
    rule, in spite of the error of the products.
    """
    xp = array_namespace(x)
    n, p = x.shape
    with np.errstate(over="ignore", invalid="ignore"):
        mean = xp.sum(x, axis=0, dtype=xp.float64) / n
        centred = xp.astype(x, xp.float32, copy=False) - xp.astype(mean, xp.float32)
        gram = single_product(centred, centred)
    squares = xp.astype(xp.linalg.diagonal(gram), xp.float64)
    in_range = RANGE[0] < float(xp.max(squares)) < RANGE[1]
    if not (in_range and bool(xp.all(harmless(xp, mean, squares, n, CENTRED)))):
        return None
    varies = squares > 0.0
    columns, places = varying_columns(xp, varies)
    if columns is not None:
        x, centred = (xp.take(side, columns, axis=1) for side in (x, centred))
        gram = xp.take(xp.take(gram, columns, axis=0), columns, axis=1)
    lower = blocked_cholesky(xp.astype(gram, xp.float32, copy=False))
    if lower is None:
        return None
    signs = probes(xp, gram.shape[0], device(gram))
    # Errors of the factor and of the solution are parts of what is measured below.
    whitened = xp.astype(solve_upper(lower, xp.astype(signs, xp.float32)), xp.float64)
    rule = RankRule(GRAM_TOLERANCE, xp.where(varies, mean, 0 * mean), n, dtype, name)
    rounding = rule.factor(p) * sqrt(float(xp.max(rule.mean**2 + squares / n)))
    bound = (
        MARGIN * max(rounding, GRAM_TOLERANCE * sqrt(float(xp.sum(squares)))) / sqrt(1 - CERTAIN)
    )
    # The mean squared norm of whitened probes is the sum of all 1 / s^2.
    least = 1 / sqrt(float(xp.sum(whitened**2)) / PROBES)
    if not (least > bound or _least_singular_value(gram, lower) > bound):
        return None
    shift = mean if columns is None else xp.take(mean, columns, axis=0)
    images, row_squares = _images(x, shift, xp.concat([signs, whitened], axis=1))
    of_signs, of_whitened = images[:, :PROBES], images[:, PROBES:]
    # F of (X W)^T (X W) = I + F, with W the whitening by `lower`.
    off = norm_of_error(of_whitened.T @ of_whitened - signs.T @ signs)
    error = product_error(gram, of_signs, of_signs)
    if not off < CERTAIN:
        return None
    errors = SingleErrors(of_signs, error)
    return mean, TriangularAxes(centred, lower, None, gram, places, row_squares, errors)


def _least_singular_value(gram: Array, lower: Array) -> float:
    xp = array_namespace(gram)
    return extremes(xp, *(xp.astype(part, xp.float64, copy=False) for part in (gram, lower)))[1]


def _images(x: Array, mean: Array, vectors: Array) -> tuple[Array, Array]:
    """Return ``(x - mean) @ vectors`` and the squared norms of ``x - mean``, in float64."""
    xp = array_namespace(x)
    images, squares = [], []
    for block in float64_blocks(x):
        centred = block - mean
        images.append(centred @ vectors)
        squares.append(xp.vecdot(centred, centred))
    return xp.concat(images, axis=0), xp.concat(squares)
