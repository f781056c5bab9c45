"""Jackknife: standard errors, by leaving out one block of the samples at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike
from isorep._utils.parallel import check_stopped, one_thread
from isorep._utils.validation import as_integer
from isorep.core.folds import assign_folds, rows_of
from isorep.core.overlap import Overlap
from isorep.core.principal_axes import NoVarianceError
from isorep.core.sample_stack import SampleStack

BLOCKS = 20
"""Default number of blocks."""

WithoutEach = Callable[[Overlap, Sequence[NDArray[np.int64]]], Iterator[SampleStack]]
"""``(overlap, blocks)``: yields the overlaps of the samples outside each block, in stacks."""

Statistic = Callable[[Overlap], ArrayLike]
StackStatistic = Callable[[SampleStack], NDArray[np.float64]]


def jackknife(
    overlap: Overlap,
    statistic: Callable[[Overlap], ArrayLike],
    blocks: int = BLOCKS,
    *,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the standard error of a statistic of an overlap, by the delete-a-block jackknife.

    ``sqrt(mean_b (t_b* - t*)^2 / (h_b - 1))`` over the g blocks b, with ``h_b = n / m_b``, m_b the
    size of block b, ``t_b* = h_b t - (h_b - 1) t_b``, t_b the statistic without block b, and
    ``t* = g t - sum_b (1 - 1 / h_b) t_b``. For blocks of equal size it is
    ``sqrt((g - 1) / g sum_b (t_b - mean(t_b))^2)``. It assumes no distribution. It does not include
    the finite-sample bias, which is common to all t_b. The samples of a group are left out
    together; of a time series, stretches of time are left out (see `isorep.overlap`).

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    statistic : callable
        ``Overlap -> number or array``, such as ``lambda o: MEASURES["cka"](o).similarity``.
    blocks : int
        Number of blocks, from 2 to the number of samples or groups. The overlap of a stream already
        has its blocks.
    seed : int
        Random seed of the assignment of samples or groups to blocks.

    Returns
    -------
    float64 array
        Standard errors, of the shape of the statistic.

    Raises
    ------
    ValueError
        If there are fewer samples or groups than blocks, a side is constant without one block, or
        the statistic then has another shape.

    References
    ----------
    Tukey 1958, Bias and confidence in not quite large samples. Efron and Stein 1981, The jackknife
    estimate of variance. Busing, Meijer and van der Leeden 1999, Delete-m jackknife for unequal m.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 500, 1))
    >>> o = isorep.overlap(x, y + x)
    >>> error = jackknife(o, lambda o: isorep.MEASURES["cca"](o).similarity)
    >>> error.shape, bool(0.01 < error < 0.04)  # of a correlation of 0.7: (1 - 0.5) / sqrt(500)
    ((), True)
    """
    deviations = leave_out(overlap, statistic, blocks, seed=seed)
    return np.asarray(np.sqrt(np.mean(deviations**2, axis=0)))


def leave_out(
    overlap: Overlap,
    statistic: Statistic,
    blocks: int = BLOCKS,
    *,
    seed: int = 0,
    stacked: tuple[WithoutEach, StackStatistic] | None = None,
) -> NDArray[np.float64]:
    """Return the blocks' deviations, (g, ...); their mean square is the squared standard error.

    ``(t_b* - t*) / sqrt(h_b - 1)``; see `jackknife`. With `stacked`, the overlaps of the samples
    outside each block and their statistics are computed together; by default one by one, and the
    overlaps know their samples.
    """
    n, structure = overlap.n_samples, overlap.structure
    n_blocks = as_integer(blocks, "blocks")
    n_parts = n if structure is None else len(np.unique(structure.units(n_blocks)))
    if n_parts < n_blocks:
        kind = "samples" if structure is None else "groups"
        raise ValueError(
            f"the jackknife needs at least {blocks} {kind}, one for each block, got {n_parts}"
        )
    full = np.asarray(statistic(overlap), dtype=np.float64)
    rows: list[NDArray[np.int64]] = []
    if overlap.jackknife_replicates is None:
        block_of = assign_folds(n, blocks, structure, seed)
        rows = [np.flatnonzero(block_of == block) for block in range(blocks)]
    with one_thread():
        if rows and stacked is not None:
            without_each, of_stack = stacked
            replicates = np.concatenate([of_stack(part) for part in without_each(overlap, rows)])
            block_sizes = [len(block) for block in rows]
        else:
            known = overlap.jackknife_replicates
            parts = _without_each(overlap, rows) if known is None else known()
            replicates, block_sizes = _replicates(parts, statistic, full.shape, n)
    sizes = np.reshape(block_sizes, (-1, *[1] * full.ndim))
    ratios = n / sizes
    pseudovalues = ratios * full - (ratios - 1) * replicates
    centre = len(sizes) * full - np.sum((1 - sizes / n) * replicates, axis=0)
    return np.asarray((pseudovalues - centre) / np.sqrt(ratios - 1))


def _replicates(
    parts: Iterator[Overlap], statistic: Statistic, shape: tuple[int, ...], n: int
) -> tuple[NDArray[np.float64], list[int]]:
    """Return the statistic of each part of n samples, and how many samples each lacks."""
    replicates, block_sizes = [], []
    for part in parts:
        check_stopped()
        block_size = n - part.n_samples
        replicates.append(_of_shape(shape, statistic(part), n, block_size))
        block_sizes.append(block_size)
    return np.array(replicates), block_sizes


def _without_each(overlap: Overlap, blocks: Sequence[NDArray[np.int64]]) -> Iterator[Overlap]:
    """Yield the overlap of the samples outside a block, for each block in turn."""
    for block in blocks:
        taken = np.ones(overlap.n_samples, dtype=bool)
        taken[block] = False
        with varying_without(block, overlap.n_samples):
            part = rows_of(overlap, taken)
        yield replace(part, part_of=(overlap, np.flatnonzero(taken)))


@contextmanager
def varying_without(block: NDArray[np.int64], n_samples: int) -> Iterator[None]:
    """Say in the error that a side is constant without a block of samples which block it is."""
    try:
        yield
    except NoVarianceError as error:
        raise ValueError(
            f"cannot estimate the standard error: one side varies only in {len(block)} of the "
            f"{n_samples} samples and is constant without them"
        ) from error


def _of_shape(
    shape: tuple[int, ...], values: ArrayLike, n: int, block_size: int
) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(
            f"the statistic has shape {shape}, but {array.shape} without one block: some features "
            f"may vary only in {block_size} of the {n} samples; use a statistic that does not "
            "depend on the rank, such as a mean"
        )
    return array


def standard_error(estimates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the jackknife standard error, (...), from g replicates of equal blocks, (g, ...)."""
    blocks = len(estimates)
    spread = np.sum((estimates - estimates.mean(axis=0)) ** 2, axis=0)
    return np.asarray(np.sqrt((blocks - 1) / blocks * spread))
