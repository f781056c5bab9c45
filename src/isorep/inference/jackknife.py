"""Jackknife: how much a number would vary with other samples, from leaving parts of these out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from isorep.inference.held_out import deal, rows_like
from isorep.overlap import Overlap, couple

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

    ``sqrt((g - 1) / g sum_b (t_b - mean(t))^2)`` over the g blocks, t_b without block b. It assumes
    no distribution. The bias of few samples is common to all t_b and not part of it.

    Parameters
    ----------
    overlap : Overlap
        From `isorep.overlap`.
    read : callable
        ``Overlap -> number or array``, such as ``lambda o: MEASURES["cka"](o).similarity``.
    blocks : int
        How many, from 2 to the number of samples, or of groups.
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
        sample, or the samples without a block do not vary.

    References
    ----------
    Tukey 1958, Bias and confidence in not quite large samples. Efron and Stein 1981, The jackknife
    estimate of variance.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> x, y = np.random.default_rng(0).standard_normal((2, 500, 1))
    >>> o = isorep.overlap(x, y + x)
    >>> error = jackknife(o, lambda o: isorep.MEASURES["cca"](o).similarity)
    >>> error.shape, bool(0.01 < error < 0.04)  # of a correlation of 0.7: (1 - 0.5) / sqrt(500)
    ((), True)
    """
    n_parts = overlap.n_samples if groups is None else len(np.unique(np.asarray(groups)))
    if n_parts < blocks and (groups is None or np.shape(groups) == (overlap.n_samples,)):
        kind = "samples" if groups is None else "groups"
        raise ValueError(
            f"{n_parts} {kind} are too few to tell how far a number varies with them: the "
            f"jackknife leaves out {blocks} parts in turn"
        )
    block_of = deal(overlap.n_samples, blocks, groups, seed)
    found = []
    for block in range(blocks):
        rows = rows_like(overlap.matrix, np.flatnonzero(block_of != block))
        found.append(read(couple(overlap.x.take(rows), overlap.y.take(rows))))
    return standard_error(np.array(found, dtype=np.float64))


def standard_error(estimates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the jackknife's standard error, (...), of estimates without each block, (g, ...)."""
    blocks = len(estimates)
    spread = np.sum((estimates - estimates.mean(axis=0)) ** 2, axis=0)
    return np.asarray(np.sqrt((blocks - 1) / blocks * spread))
