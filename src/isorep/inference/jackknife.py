"""Jackknife: how much a number would vary with other samples, from leaving parts of these out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep._utils.parallel import one_thread
from isorep._utils.validation import as_integer
from isorep.core.basis import NoVarianceError
from isorep.core.folds import assign_folds, group_labels, rows_of
from isorep.core.overlap import Overlap

BLOCKS = 20
"""Parts that the samples are cut into."""


def jackknife(
    overlap: Overlap,
    read: Callable[[Overlap], ArrayLike],
    blocks: int = BLOCKS,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the standard error of what is read off an overlap, by the delete-a-block jackknife.

    ``sqrt(mean_b (t_b* - t*)^2 / (h_b - 1))`` over the g blocks, with ``h_b = n / m_b``, block b
    being m_b of the n samples, ``t_b* = h_b t - (h_b - 1) t_b``, t_b being t without block b, and
    ``t* = g t - sum_b (1 - 1 / h_b) t_b``. Of blocks of one size it is
    ``sqrt((g - 1) / g sum_b (t_b - mean(t_b))^2)``. It assumes no distribution. The bias of few
    samples is common to all t_b and not part of it.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    read : callable
        ``Overlap -> number or array``, such as ``lambda o: MEASURES["cka"](o).similarity``.
    blocks : int
        How many, from 2 to the number of samples, or of groups. An overlap of a stream has its own.
    groups : (n,) array-like, optional
        Label of the group of each sample, such as the text that a token comes from. Samples of a
        group are left out together, which they must be where they depend on each other.
    seed : int
        Of NumPy's generator, which deals samples or groups out to the blocks.

    Returns
    -------
    float64 array
        Of the shape of what `read` returns.

    Raises
    ------
    ValueError
        When there are not as many samples or groups as blocks, `groups` has not one label a
        sample, nothing varies but in one block, or what is read has another shape without one.

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
    deviations = leave_out(overlap, read, blocks, groups=groups, seed=seed)
    return np.asarray(np.sqrt(np.mean(deviations**2, axis=0)))


def leave_out(
    overlap: Overlap,
    read: Callable[[Overlap], ArrayLike],
    blocks: int = BLOCKS,
    *,
    groups: ArrayLike | None = None,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return the blocks' deviations, (g, ...), whose mean square is the squared standard error.

    ``(t_b* - t*) / sqrt(h_b - 1)``; see `jackknife`.
    """
    n = overlap.n_samples
    n_parts = n if groups is None else len(np.unique(group_labels(groups, n)))
    if n_parts < as_integer(blocks, "blocks"):
        kind = "samples" if groups is None else "groups"
        raise ValueError(
            f"{n_parts} {kind} are too few to tell how far a number varies with them: the "
            f"jackknife leaves out {blocks} parts in turn"
        )
    if overlap.jackknife_replicates is None:
        parts = _without_each(overlap, assign_folds(n, blocks, groups, seed), blocks)
    elif groups is None:
        parts = overlap.jackknife_replicates()
    else:
        raise ValueError("a stream deals out its rows one by one: groups are for arrays")
    whole = np.asarray(read(overlap), dtype=np.float64)
    left_out, n_left = [], []
    with one_thread():
        for part in parts:
            left_out.append(_of_shape(whole.shape, read(part), n, n - part.n_samples))
            n_left.append(n - part.n_samples)
    sizes = np.reshape(n_left, (-1, *[1] * whole.ndim))
    shares = n / sizes
    pseudo = shares * whole - (shares - 1) * left_out
    centre = len(sizes) * whole - np.sum((1 - sizes / n) * left_out, axis=0)
    return np.asarray((pseudo - centre) / np.sqrt(shares - 1))


def _without_each(overlap: Overlap, block_of: NDArray[np.int64], blocks: int) -> Iterator[Overlap]:
    """Yield the overlap of the samples that are not in a block, for each in turn."""
    for block in range(blocks):
        try:
            yield rows_of(overlap, block_of != block)
        except NoVarianceError as error:
            raise ValueError(
                "how far the number varies with the samples cannot be told: all of a side's "
                + _alone(overlap.n_samples, int(np.count_nonzero(block_of == block)))
            ) from error


def _of_shape(shape: tuple[int, ...], found: ArrayLike, n: int, n_left: int) -> NDArray[np.float64]:
    array = np.asarray(found, dtype=np.float64)
    if array.shape != shape:
        raise ValueError(
            f"what is read has shape {shape}, and {array.shape} without one block, as when some "
            f"{_alone(n, n_left)}: read numbers that do not depend on the rank, such as a mean"
        )
    return array


def _alone(n: int, n_left: int) -> str:
    return f"features vary in {n_left} of the {n} samples alone"


def standard_error(estimates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the jackknife's standard error, (...), of estimates without each of g equal blocks."""
    blocks = len(estimates)
    spread = np.sum((estimates - estimates.mean(axis=0)) ** 2, axis=0)
    return np.asarray(np.sqrt((blocks - 1) / blocks * spread))
