"""Sample-size curve: a raw, corrected and held-out similarity for growing numbers of samples."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike
from isorep._utils.progress import track
from isorep._utils.validation import as_integer, check_seed
from isorep._utils.version import __version__
from isorep.core.basis import Basis, Solver
from isorep.core.coded_warning import FewSamplesWarning
from isorep.core.folds import rows_of
from isorep.core.orders import shifts_time
from isorep.core.overlap import Overlap, overlap
from isorep.core.principal_axes import NoVarianceError
from isorep.core.warning_text import in_results_alone
from isorep.inference.held_out import held_out
from isorep.measures.base import Measure
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import measure_named
from isorep.representations.sample_structure import SampleStructure

if TYPE_CHECKING:
    import xarray

MOST_SIZES = 8
"""Default number of sizes; fewer if their ratio would be less than 1.2."""

FEWEST_GROUPS = 5
"""Groups, of the largest size, that the smallest default size has."""


def sample_size_curve(
    x: ArrayLike | Basis,
    y: ArrayLike | Basis,
    measure: Spec = "pwcca",
    *,
    sizes: Sequence[int] | None = None,
    repeats: int = 5,
    folds: int = 5,
    groups: ArrayLike | None = None,
    order: ArrayLike | None = None,
    seed: int = 0,
    solver: Solver = "auto",
    progress: bool = True,
    **options: Any,
) -> xarray.Dataset:
    """Compare two representations on random subsets of their samples, to see if n is large enough.

    If a similarity still changes with the number of samples, it has a finite-sample bias. The
    corrected similarity should be constant, the raw similarity should fall towards it, and the
    held-out similarity should rise towards it.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, or Basis
        Representations of the same n samples in rows.
    measure : str or mapping
        Name of a measure in `isorep.MEASURES`, alone or with options; see `isorep.infer`.
    sizes : sequence of int, optional
        Numbers of samples, each from 2 to n. By default up to 8 sizes in equal ratios, from
        ``rank x + rank y + 2``, for which no correlation is forced to be 1, to n; from 10 for
        measures that need the samples, or if n is smaller.
    groups, order : (n,) array-like, optional
        Group and time of each sample, if samples depend on each other; see `isorep.overlap`. A
        subset then has whole groups, as many as fit into its size, or of less than 7 groups with an
        order a stretch of time.
    repeats : int
        Number of random subsets of each size, without replacement. Subsets can share samples; those
        of size n are equal, and only their seeds of simulations and folds differ.
    folds : int
        Number of folds of the held-out similarity.
    seed : int
        Random seed of subsets, simulations and folds.
    solver : {"auto", "gram", "svd"}
        Whitening of arrays; see `isorep.Basis.from_array`.
    progress : bool
        Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.
    **options
        Options of the measure, such as ``weighting`` of `isorep.pwcca`.

    Returns
    -------
    xarray.Dataset
        Similarities with dimensions (n_samples, repeat):

        - ``raw``: similarity of the subset;
        - ``corrected``: similarity with ``correct=True``, as in `isorep.similarity`; NaN if it
          cannot be corrected;
        - ``held_out``: similarity on samples not used for fitting, by `isorep.inference.held_out`
          for cca and for pwcca with default options, and by `folds` for linear_regression; NaN for
          other measures and if a fold would be empty.

        Attributes: measure, range of its similarity, ``x_rank``, ``y_rank`` and ``n_total``.

    Raises
    ------
    TypeError, ValueError
        See `isorep.similarity`; also if a size is not from 2 to n, `repeats` is less than 1, or
        `folds` is less than 2.

    References
    ----------
    Stone 1974, Cross-validatory choice and assessment of statistical predictions, for the held-out
    similarity.

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
    row = measure_named(measure).with_options(**options)
    check_seed(seed)
    if as_integer(repeats, "repeats") < 1:
        raise ValueError(f"repeats, the number of subsets, must be 1 or more, got {repeats}")
    if as_integer(folds, "folds") < 2:
        raise ValueError(f"folds must be 2 or more, got {folds}")
    if row.requires == "maps":
        raise ValueError(f"{row.name} compares maps, not rows of samples: pass another measure")
    full = overlap(x, y, groups=groups, order=order, solver=solver)
    n = full.n_samples
    subset_sizes = _default_sizes(full, row) if sizes is None else _checked_sizes(sizes, n)
    values = np.full((3, len(subset_sizes), repeats), np.nan)

    cells = [(i, j) for i in range(len(subset_sizes)) for j in range(repeats)]
    for i, j in track(cells, "sample sizes", len(cells), progress, unit="samples drawn"):
        stream = np.random.SeedSequence([seed, subset_sizes[i], j])
        rng = np.random.default_rng(stream)
        taken = _subset(full.structure, n, subset_sizes[i], rng)
        subset_seed = int(stream.generate_state(1)[0])
        with suppress(NoVarianceError):  # the values of a constant subset stay NaN
            subset = full if taken.all() else rows_of(full, taken)
            values[:, i, j] = _similarities(row, subset, folds, subset_seed)

    import xarray

    dims = ("n_samples", "repeat")
    return xarray.Dataset(
        {
            name: (dims, similarities)
            for name, similarities in zip(("raw", "corrected", "held_out"), values, strict=True)
        },
        coords={"n_samples": subset_sizes, "repeat": np.arange(repeats)},
        attrs={
            "kind": "sample_size_curve",
            "measure": row.label,
            "direction": row.direction,
            "range": list(row.similarity_range),
            "x_rank": full.x.rank,
            "y_rank": full.y.rank,
            "n_total": n,
            "isorep": __version__,
        },
    )


def _subset(
    structure: SampleStructure | None, n: int, size: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return whether each of n samples is in a random subset of up to this size.

    Raises
    ------
    ValueError
        If the groups drawn first are larger than the size.
    """
    if structure is None:
        taken: NDArray[np.bool_] = rng.permutation(n).argsort() < size
        return taken
    taken = np.zeros(n, dtype=np.bool_)
    if shifts_time(structure):
        start = rng.integers(n - size + 1)
        taken[np.concatenate(structure.members)[start : start + size]] = True
        return taken
    groups = rng.permutation(structure.n_groups)
    fit = groups[np.cumsum(np.bincount(structure.groups)[groups]) <= size]
    taken[np.isin(structure.groups, fit)] = True
    if len(fit) < 2:
        raise ValueError(
            f"sizes: {size} samples have no two whole groups of {structure}: take larger sizes"
        )
    return taken


def _default_sizes(full: Overlap, row: Measure) -> list[int]:
    n = full.n_samples
    smallest = full.x.rank + full.y.rank + 2 if row.requires == "moments" else 10
    if full.structure is not None and not shifts_time(full.structure):
        smallest = max(smallest, FEWEST_GROUPS * int(np.bincount(full.structure.groups).max()))
    smallest = smallest if smallest < n else min(10, n)
    count = min(MOST_SIZES, 1 + int(np.log(n / smallest) / np.log(1.2)))
    if count < 2:
        return [n]
    return sorted({round(float(size)) for size in np.geomspace(smallest, n, count)})


def _checked_sizes(sizes: Sequence[int], n: int) -> list[int]:
    if isinstance(sizes, Real | str):
        raise TypeError(f"sizes must be a sequence of integers, such as [{sizes}], got {sizes!r}")
    for size in sizes:
        if not isinstance(size, Real):
            raise TypeError(f"sizes must be a sequence of integers, such as [100], got {size!r}")
    wrong = [size for size in sizes if not 2 <= size <= n or int(size) != size]
    if wrong or not len(sizes):
        raise ValueError(
            f"sizes must be integers from 2 to {n}, got {wrong[0] if wrong else 'no size'}"
        )
    return sorted({int(size) for size in sizes})


def _similarities(
    row: Measure, subset: Overlap, folds: int, seed: int
) -> tuple[float, float, float]:
    """Return the raw, corrected and held-out similarity of a subset."""
    raw = row(subset, **row.seeded({}, seed)).similarity
    corrected, unseen = np.nan, np.nan
    if row.from_moments({}) and not subset.n_forced:
        corrected = row.corrected(subset, seed=seed).similarity
    if subset.n_samples >= 2 * folds:
        if row.name == "linear_regression":
            unseen = row(subset, folds=folds, seed=seed).similarity
        elif row.label in ("cca", "pwcca"):
            with in_results_alone(FewSamplesWarning):  # the curve shows the effect
                unseen = getattr(held_out(subset, folds, seed=seed), row.label)
    return raw, corrected, unseen
