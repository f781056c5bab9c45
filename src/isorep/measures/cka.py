"""Linear CKA: centred kernel alignment of the two covariances, biased and debiased."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import inf, sqrt
from typing import Literal

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from isorep._utils.arrays import Array, to_numpy
from isorep.core.overlap import Overlap
from isorep.core.sample_stack import Stack
from isorep.core.single_products import squared_norm
from isorep.core.warning_text import WarningText
from isorep.measures import chance_levels
from isorep.measures.base import MeasureValue
from isorep.measures.grouped_hsic import FEWEST_GROUPS, grouped_hsic
from isorep.measures.measure_function import measure
from isorep.measures.sampled_neurons import SampledAlignment, sampled_alignment
from isorep.representations.sample_structure import SampleStructure

Features = Literal["all", "sampled"]

STRETCHES = 20
"""Stretches of a time series, within which pairs of samples are left out."""

UNCERTAIN = 0.1
"""Standard error over samples of neurons above which CKA of two populations warns."""

VANISHED = 1e-12
"""Share of a side's squared inner products below which the U-centred rest is rounding."""


def _squared_norm(overlap: Overlap | Stack) -> Array | float:
    cross = overlap.cross
    if isinstance(overlap, Overlap) and overlap.single_errors is not None:
        return squared_norm(cross)
    square: Array = array_namespace(cross).sum(cross**2, axis=(-2, -1))
    return square


def _alignment(overlap: Overlap | Stack) -> Array:
    norms = overlap.x.axes.gram_square * overlap.y.axes.gram_square
    alignment: Array = _squared_norm(overlap) / norms**0.5
    return alignment


def _error(overlap: Overlap, added: Sequence[float] = (0.0, 0.0, 0.0)) -> float:
    """Bound the error of ``S / sqrt(X Y)`` of float32 products.

    Each of S, X and Y is the squared norm of a product, whose error is known, and what is `added`.
    """
    errors = overlap.single_errors
    assert errors is not None
    if errors.same:
        return 0.0  # S, X and Y are one, so that every error cancels
    x, y = overlap.x.axes, overlap.y.axes
    squares = float(_squared_norm(overlap)), x.gram_square, y.gram_square
    sizes = errors.product, errors.x_gram, errors.y_gram
    low, middle, high = (
        [
            max(sqrt(square) + sign * size, 0.0) ** 2 + more
            for square, size, more in zip(squares, sizes, added, strict=True)
        ]
        for sign in (-1, 0, 1)
    )
    if not (low[1] > 0 and low[2] > 0):
        return inf
    value = _ratio(*middle)
    return max(abs(_ratio(*corner) - value) for corner in product(*zip(low, high, strict=True)))


def _ratio(shared: float, x: float, y: float) -> float:
    return shared / sqrt(x) / sqrt(y)


@measure(
    title="CKA",
    formula="||diag(sx) M diag(sy)||_F^2 / (||sx^2|| ||sy^2||)",
    description="linear centred kernel alignment (biased, as usually reported)",
    reference="Kornblith et al. 2019, equation 5 and table 1",
    invariance="orthogonal",
    any_axes=True,
    emphasis="squared variance",
    chance_rule=chance_levels.linear_cka,
    stack_rule=_alignment,
    single_rule=lambda: _error,
)
def cka(overlap: Overlap) -> MeasureValue:
    """Linear CKA: how well the samples' inner products on one side match those on the other.

    ``||Xc^T Yc||_F^2 / (||Xc^T Xc||_F ||Yc^T Yc||_F)`` with centred columns. Directions count by
    their squared variance, so a few strong directions decide. CKA whitens nothing and works for
    n < p, but this estimate is biased upwards if samples are few; `cka_debiased` is not.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric; in
        [0, 1].

    References
    ----------
    Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations
    revisited.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x = np.random.default_rng(0).standard_normal((200, 4))
    >>> rotated = x @ np.linalg.qr(np.ones((4, 4)) + np.eye(4))[0]
    >>> round(isorep.cka(x, 3 * rotated + 5).similarity, 9)
    1.0
    """
    return MeasureValue(float(_alignment(overlap)), overlap)


@measure(
    title="debiased CKA",
    formula="HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), HSIC unbiased",
    description="linear centred kernel alignment without the bias of few samples",
    reference="Song et al. 2007; Szekely and Rizzo 2014; Nguyen et al. 2021",
    invariance="orthogonal",
    any_axes=True,
    emphasis="squared variance",
    requires="samples",
    unbiased_of_groups=True,
    similarity_range=(-1.0, 1.0),
    chance_rule=lambda overlap, **_: 0.0,
    single_rule=lambda features: _error_of_debiased if features == "all" else None,
)
def cka_debiased(overlap: Overlap, *, features: Features = "all") -> MeasureValue:
    """Linear CKA of unbiased estimates: 0 on average for unrelated data, however few the samples.

    The alignment ``HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` of ``K = X X^T`` and ``L = Y Y^T``,
    with the unbiased estimate of HSIC, which ignores the diagonals of K and L. X and Y are centred,
    and ``k`` and ``l`` are the squared norms of their samples:

    ``n (n - 3) HSIC = ||X^T Y||_F^2 - n / (n - 2) k . l + sum(k) sum(l) / ((n - 1) (n - 2))``,

    so no n x n matrix is needed. The similarity is the cosine of the two U-centred matrices and
    therefore in [-1, 1]. It is negative for about half of all unrelated data and is not clipped to
    0. Each of the three estimates is unbiased; their ratio is nearly unbiased. With 10 samples or
    fewer, a single similarity may be far from 0 by chance, and the score warns.

    If samples depend on each other, pairs of samples of one group are left out; of a time series,
    pairs within each of 20 stretches of time. The similarity may then leave [-1, 1] and is clipped.

    If the features are a random sample of the neurons of a population, the CKA of two samples is
    lower than that of the populations, however many stimuli there are. With ``features="sampled"``,
    each norm leaves out the pairs of a neuron with itself, and the similarity estimates the CKA of
    the populations. It may be above 1, and is clipped. It holds for neurons of x and y that were
    drawn independently of each other, not for the same neurons on both sides.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        The same n samples in rows, at least 4.
    features : {"all", "sampled"}
        Whether x and y have all features, or random samples of neurons (at least 3), whose
        populations are compared.

    Returns
    -------
    Score
        Invariant to rotation, reflection and isotropic scaling of either side; symmetric;
        similarity in [-1, 1], distance in [0, 2]. With ``features="sampled"``, invariant to the
        order of the neurons and to isotropic scaling. It then warns if another sample of neurons
        would change the similarity by more than 0.1 (standard error, by the jackknife).

    Raises
    ------
    ValueError
        If there are fewer than 4 samples or groups, or the U-centred inner products of a side are
        0, as for samples that are all equally far apart. With ``features="sampled"``, also if a
        side has fewer than 3 neurons, or they have nothing in common.

    References
    ----------
    Song, Smola, Gretton, Borgwardt and Bedo 2007, Supervised feature selection via dependence
    estimation. Szekely and Rizzo 2014, Partial distance correlation with methods for
    dissimilarities. Nguyen, Raghu and Kornblith 2021, Do wide and deep networks learn the same
    things? Chun et al. 2025, Estimating neural representation alignment from sparsely sampled
    inputs and features, for ``features="sampled"``.

    Examples
    --------
    Unrelated data, 20 samples of 100 features:

    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 20, 100))
    >>> with isorep.silence("few-samples"):
    ...     biased = isorep.cka(x, y).similarity
    >>> round(biased, 2), round(isorep.measures.cka_debiased(x, y).similarity, 2)
    (0.82, -0.01)

    Samples of 40 neurons of two populations that represent the same 20 dimensions:

    >>> rng = np.random.default_rng(0)
    >>> stimuli = rng.standard_normal((500, 20))
    >>> x, y = (stimuli @ rng.standard_normal((20, 40)) for _ in range(2))
    >>> for features in ("all", "sampled"):
    ...     print(round(isorep.measures.cka_debiased(x, y, features=features).similarity, 1))
    0.7
    1.0
    """
    if features == "sampled":
        return _of_populations(overlap)
    if overlap.structure is not None:
        return MeasureValue(_of_groups(overlap, overlap.structure), overlap)
    n = overlap.n_samples
    if n < 4:
        raise ValueError(f"debiased CKA needs at least 4 samples, got {n}")
    # Squared norms of the samples: the diagonals that U-centring removes.
    k, l = overlap.x.row_squares, overlap.y.row_squares  # noqa: E741
    xx, yy = overlap.x.axes.gram_square, overlap.y.axes.gram_square
    x_norm, y_norm = _inner(xx, k, k), _inner(yy, l, l)
    for name, value, squares in (("x", x_norm, xx), ("y", y_norm, yy)):
        _check_defined(name, value, squares, n)
    shared = _inner(float(_squared_norm(overlap)), k, l)
    return MeasureValue(_ratio(shared, x_norm, y_norm), overlap)


def _inner(products: float, k: Array, l: Array) -> float:  # noqa: E741
    """Return ``n (n - 3)`` times the unbiased HSIC from ``||X^T Y||_F^2`` and diagonals."""
    xp, n = array_namespace(k), k.shape[0]
    both = float(xp.sum(k)) * float(xp.sum(l)) / ((n - 1) * (n - 2))
    return products - n / (n - 2) * float(xp.sum(k * l)) + both


def _error_of_debiased(overlap: Overlap) -> float:
    if overlap.structure is not None or overlap.n_samples < 4:
        return inf
    k, l = overlap.x.row_squares, overlap.y.row_squares  # noqa: E741
    return _error(overlap, [_inner(0.0, *pair) for pair in ((k, l), (k, k), (l, l))])


def _of_populations(overlap: Overlap) -> MeasureValue:
    structure = overlap.structure
    groups = None if structure is None else _groups(structure)
    if groups is None and overlap.n_samples < 4:
        raise ValueError(f"debiased CKA needs at least 4 samples, got {overlap.n_samples}")
    # In units of the largest singular value: fourth powers of anything else could overflow.
    x, y = (
        to_numpy(side.combine(side.loadings / side.singular_values[0]))
        for side in (overlap.x, overlap.y)
    )
    alignment = sampled_alignment(x, y, groups)
    return MeasureValue(alignment.value, overlap, warnings=_uncertain(alignment, overlap))


def _uncertain(alignment: SampledAlignment, overlap: Overlap) -> tuple[WarningText, ...]:
    if alignment.error <= UNCERTAIN:
        return ()
    p, q = overlap.x.n_features, overlap.y.n_features
    return (
        WarningText(
            "few-neurons",
            f"{p} and {q} neurons are few: the CKA of their populations, {alignment.value:.2f}, "
            f"has a standard error of {alignment.error:.2f} over samples of neurons",
            "take more neurons, or average over recordings",
        ),
    )


def _groups(structure: SampleStructure) -> NDArray[np.int64]:
    """Return the group of each sample, of at least 4 groups."""
    groups = structure.units(STRETCHES)
    n_groups = len(np.unique(groups))
    if n_groups < FEWEST_GROUPS:
        raise ValueError(
            f"debiased CKA needs at least {FEWEST_GROUPS} independent groups, got {n_groups}"
        )
    return groups


def _of_groups(overlap: Overlap, structure: SampleStructure) -> float:
    groups = _groups(structure)
    x, y = (
        to_numpy(side.q) * to_numpy(side.singular_values / side.singular_values[0])
        for side in (overlap.x, overlap.y)
    )
    x_norm, y_norm = grouped_hsic(x, x, groups), grouped_hsic(y, y, groups)
    n = overlap.n_samples
    for name, side, value in (("x", x, x_norm), ("y", y, y_norm)):
        _check_defined(name, value, float(np.sum((side.T @ side) ** 2)) / n**2, n)
    return grouped_hsic(x, y, groups) / sqrt(x_norm) / sqrt(y_norm)


def _check_defined(name: str, value: float, squares: float, n: int) -> None:
    if value <= VANISHED * squares:
        raise ValueError(
            f"debiased CKA is undefined: the U-centred inner products of {name} are 0, for "
            f"instance because all {n} samples are equally far apart; take more samples"
        )
