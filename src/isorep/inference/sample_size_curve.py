"""Sample-size curve: a measure on ever more of the samples, as it is, corrected and held out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from isorep._utils.progress import track
from isorep._utils.validation import as_integer, check_seed
from isorep._utils.version import __version__
from isorep.core.basis import NoVarianceError, Solver
from isorep.core.folds import rows_of
from isorep.core.overlap import Overlap, overlap
from isorep.core.score import FewSamplesWarning
from isorep.inference.held_out import held_out
from isorep.measures.base import Measure
from isorep.measures.registry import measure_named

if TYPE_CHECKING:
    import xarray

MOST_SIZES = 8
"""Sizes that are chosen by default; fewer where they would come closer than a factor of 1.2."""


def sample_size_curve(
    x: Any,
    y: Any,
    measure: str = "pwcca",
    *,
    sizes: Sequence[int] | None = None,
    repeats: int = 5,
    folds: int = 5,
    seed: int = 0,
    solver: Solver = "auto",
    progress: bool = True,
    **options: Any,
) -> xarray.Dataset:
    """Compare two representations on random parts of their samples, to see if these are enough.

    A similarity that still moves with the number of samples says something about that number. The
    corrected one should be flat, and the raw one fall towards it; held out, it should rise.

    Parameters
    ----------
    x, y : (n, a) and (n, b) arrays, or Basis
        The same n samples in rows.
    measure : str
        A name in `isorep.MEASURES`.
    sizes : sequence of int, optional
        How many samples to take, each from 2 to n. By default up to 8 in even ratios up to n, from
        ``rank x + rank y + 2``, of which no correlation is forced to 1; from 10 for measures that
        read samples, or where n is smaller than that.
    repeats : int
        Random parts of each size, without replacement; they share samples with each other, all of
        them at n, where only the seeds of simulation and folds differ.
    folds : int
        Of the held-out counterpart.
    seed : int
        Of the parts, the simulations and the folds.
    solver : {"auto", "gram", "svd"}
        See `isorep.Basis.from_array`.
    progress : bool
        Show a progress bar, if standard error is a terminal.
    **options
        The measure's own, such as ``weighting`` of `isorep.pwcca`.

    Returns
    -------
    xarray.Dataset
        Over (n_samples, repeat), similarities:

        - ``raw``, of the part as it is;
        - ``corrected``, with ``correct=True`` of `isorep.similarity`; NaN where that is
          not to be had;
        - ``held_out``, by samples that had no part in fitting: `isorep.inference.held_out` for
          cca and for pwcca with default options, as `folds` of linear_regression; NaN for others
          and where a fold would be empty.

        Its attributes are the measure, the range of its similarity, ``x_rank``, ``y_rank`` and
        ``n_total``.

    Raises
    ------
    TypeError, ValueError
        See `isorep.similarity`; when a size is not from 2 to n; and when `repeats` is under 1 or
        `folds` under 2.

    References
    ----------
    Stone 1974, Cross-validatory choice and assessment of statistical predictions, for the samples
    held out.

    Examples
    --------
    Two of twenty dimensions are shared:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.standard_normal((800, 2))
    >>> x, y = (np.hstack([shared, rng.standard_normal((800, 18))]) for _ in range(2))
    >>> curve = isorep.sample_size_curve(x, y, "cca", sizes=[200, 800])
    >>> mean = curve.mean("repeat")
    >>> mean["raw"].round(1).values, mean["corrected"].round(1).values
    (array([0.3, 0.2]), array([0.1, 0.1]))
    """
    row = measure_named(measure)
    row.check_options(options)
    check_seed(seed)
    if as_integer(repeats, "repeats") < 1:
        raise ValueError(
            f"repeats is how many parts to take of each size, 1 or more, not {repeats}"
        )
    if as_integer(folds, "folds") < 2:
        raise ValueError(f"expected 2 folds or more, not {folds}")
    if row.requires == "maps":
        raise ValueError(f"{row.name} compares maps, of which no part can be taken by rows")
    whole = overlap(x, y, solver=solver)
    n = whole.n_samples
    chosen = _sizes(whole, row) if sizes is None else _checked(sizes, n)
    found = np.full((3, len(chosen), repeats), np.nan)

    cells = [(i, j) for i in range(len(chosen)) for j in range(repeats)]
    for i, j in track(cells, "sample sizes", len(cells), progress):
        stream = np.random.SeedSequence([seed, chosen[i], j])
        taken = np.random.default_rng(stream).permutation(n).argsort() < chosen[i]
        own_seed = int(stream.generate_state(1)[0])
        with suppress(NoVarianceError):  # a part in which nothing varies stays NaN
            part = whole if chosen[i] == n else rows_of(whole, taken)
            found[:, i, j] = _read(row, part, folds, own_seed, options)

    import xarray

    dims = ("n_samples", "repeat")
    return xarray.Dataset(
        {
            name: (dims, values)
            for name, values in zip(("raw", "corrected", "held_out"), found, strict=True)
        },
        coords={"n_samples": chosen, "repeat": np.arange(repeats)},
        attrs={
            "kind": "sample_size_curve",
            "measure": row.label,
            "direction": row.direction,
            "range": list(row.similarity_range),
            "x_rank": whole.x.rank,
            "y_rank": whole.y.rank,
            "n_total": n,
            "isorep": __version__,
        },
    )


def _sizes(whole: Overlap, row: Measure) -> list[int]:
    n = whole.n_samples
    least = whole.x.rank + whole.y.rank + 2 if row.requires == "moments" else 10
    least = least if least < n else min(10, n)
    count = min(MOST_SIZES, 1 + int(np.log(n / least) / np.log(1.2)))
    if count < 2:
        return [n]
    return sorted({round(float(size)) for size in np.geomspace(least, n, count)})


def _checked(sizes: Sequence[int], n: int) -> list[int]:
    if isinstance(sizes, Real | str):
        raise TypeError(f"sizes must be a sequence of integers, such as [{sizes}], not {sizes!r}")
    for size in sizes:
        if not isinstance(size, Real):
            raise TypeError(f"sizes must be a sequence of integers, such as [100], not {size!r}")
    wrong = [size for size in sizes if not 2 <= size <= n or int(size) != size]
    if wrong or not len(sizes):
        raise ValueError(
            f"sizes are whole numbers of samples from 2 to {n}, not {wrong[0] if wrong else 'none'}"
        )
    return sorted({int(size) for size in sizes})


def _read(
    row: Measure, part: Overlap, folds: int, seed: int, options: dict[str, Any]
) -> tuple[float, float, float]:
    """Return a part's similarity, corrected and held out."""
    raw = row(part, **row.seeded(options, seed)).similarity
    corrected = np.nan
    from_moments = row.from_moments(options)
    if from_moments and not part.n_forced:
        corrected = row.corrected(part, seed=seed, **options).similarity
    unseen = np.nan
    if part.n_samples >= 2 * folds:
        if row.name == "linear_regression":
            unseen = row(part, folds=folds, seed=seed).similarity
        elif row.name in ("cca", "pwcca") and not options:
            with warnings.catch_warnings():  # that they are few is what the curve shows
                warnings.simplefilter("ignore", FewSamplesWarning)
                unseen = getattr(held_out(part, folds, seed=seed), row.name)
    return raw, corrected, unseen
