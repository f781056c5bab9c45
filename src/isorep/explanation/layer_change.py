"""Layer change: which directions, classes and samples of a layer changed more than the others."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isorep.core.folds import rows_of
from isorep.core.overlap import Overlap
from isorep.explanation.class_means import class_means
from isorep.explanation.directions import shared_directions
from isorep.explanation.even_change import even_change_bound
from isorep.explanation.explained_pair import ExplainedPair
from isorep.explanation.held_out_pairs import Floats, held_out_pairs
from isorep.explanation.sample_changes import sample_changes
from isorep.inference.jackknife import BLOCKS

if TYPE_CHECKING:
    import xarray

FOLDS = 5
"""Number of folds."""

N_DRAWS = 19
"""Permutations, and draws of an even change; of 19 none may reach what is significant at 0.05."""

ALPHA = 0.05
"""Level of all tests; intervals cover with 1 - alpha."""

BUDGET = 1e13
"""Floating-point operations that an explanation may take, about five minutes of one core."""

MAIN_SHARE = 0.9
"""Share of the lost variance that the directions that changed most hold."""

DECOMPOSITION = 50
"""Operations of a singular value decomposition of an (r, r) matrix, over r^3."""


@dataclass(frozen=True)
class ChangedDirections:
    """Pairs of directions that changed more than most of the others.

    Attributes
    ----------
    n_samples : int
        Number of samples that do not stand out, in which directions are compared.
    n_pairs : int
        Number of canonical pairs.
    n_below : int
        Number of pairs below `bound`.
    n_changed : int
        Number of pairs that changed most: the fewest pairs below `bound` that hold 90 % of the
        variance that the pairs below `bound` lost.
    n_unrelated : int
        Number of pairs that are not related above noise.
    base_variance, changed_variance : float
        Share of the variance of each side that the pairs that changed most carry.
    largest_correlation : float
        Largest held-out correlation of the pairs that changed most; NaN without one.
    median_correlation : float
        Median held-out correlation of all pairs.
    bound : float
        Held-out correlation below which a pair changed more than an even change of all pairs
        explains. NaN if most pairs are unrelated.
    noise_edge : float
        Held-out correlation up to which a pair may be unrelated.
    """

    n_samples: int
    n_pairs: int
    n_below: int
    n_changed: int
    n_unrelated: int
    base_variance: float
    changed_variance: float
    largest_correlation: float
    median_correlation: float
    bound: float
    noise_edge: float

    @property
    def are_mostly_unrelated(self) -> bool:
        """Whether most pairs are not related above noise."""
        return not isfinite(self.bound)

    @property
    def are_testable(self) -> bool:
        """Whether there are samples enough to tell a pair that changed more from the others."""
        return self.bound > self.noise_edge


@dataclass(frozen=True)
class ClassChange:
    """How much the samples of a class changed.

    Attributes
    ----------
    label : str
        Name of the class.
    n_samples : int
        Its samples.
    change, low, high : float
        Share of its own variance (about the mean of all samples) that the other side does not
        predict, with a 95 % confidence interval; NaN for fewer than 3 samples.
    others : float
        The same share of all other samples.
    p_value : float
        P-value of the null hypothesis that the class has no larger residuals than all other
        samples, adjusted for the number of classes.
    changed_more : bool
        Whether the p-value is at most 0.05 and the interval above the share of the others. So a
        class that is only larger than the others did not change more, nor one that is only smaller.
    """

    label: str
    n_samples: int
    change: float
    low: float
    high: float
    others: float
    p_value: float
    changed_more: bool


@dataclass(frozen=True)
class SampleChange:
    """A sample that changed more than the others.

    Attributes
    ----------
    sample : str
        Its id, or the number of its row.
    row : int
        Number of the sample, from 0.
    label : str or None
        Its class, if known.
    position : int or None
        Its position within its sample, if rows are positions.
    change : float
        Share of it that the other side does not predict, over the mean size of a sample.
    p_value : float
        P-value of the hypothesis that the sample changed no more than most samples, adjusted for
        the number of samples.
    """

    sample: str
    row: int
    label: str | None
    position: int | None
    change: float
    p_value: float


@dataclass(frozen=True)
class LayerChange:
    """Which directions, classes and samples of a layer changed more than the others.

    Attributes
    ----------
    n_samples : int
        Number of samples (rows).
    change, low, high : float
        Share of the variance that the other side does not predict, mean of both sides, with a 95 %
        confidence interval. Samples are held out; few samples make it larger.
    directions : ChangedDirections
        Pairs of directions that changed more.
    classes : tuple of ClassChange
        All classes, most changed first; empty without labels.
    samples : tuple of SampleChange
        The samples that changed more, most changed first.
    """

    n_samples: int
    change: float
    low: float
    high: float
    directions: ChangedDirections
    classes: tuple[ClassChange, ...]
    samples: tuple[SampleChange, ...]

    @classmethod
    def from_pair(cls, pair: ExplainedPair, seed: int = 0) -> LayerChange:
        """Return what changed between the two layers of a pair, x before and y after.

        Raises
        ------
        ValueError
            If there are too few samples or groups, or too many operations are needed.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> x = rng.standard_normal((300, 6))
        >>> y = x + 0.2 * rng.standard_normal((300, 6))
        >>> y[:, :2] = rng.standard_normal((300, 2))
        >>> change = LayerChange.from_pair(ExplainedPair.from_sides(x, y))
        >>> change.directions.n_changed, round(change.directions.base_variance, 1)
        (2, 0.3)
        """
        overlap = pair.overlap
        _check_cost(overlap)
        options: dict[str, Any] = {"folds": FOLDS, "alpha": ALPHA, "seed": seed}
        changes, sizes, scores, p_values = sample_changes(
            overlap, folds=FOLDS, alpha=ALPHA, seed=seed
        )
        # Samples that changed more would change, by chance, some directions more than others.
        bulk = p_values > ALPHA
        if not bulk.all():
            pair = replace(pair, overlap=rows_of(overlap, bulk))
        held_out = held_out_pairs(pair.overlap, whiten=True, n_permutations=N_DRAWS, **options)
        bound = even_change_bound(pair.overlap, held_out, n_draws=N_DRAWS, **options)
        directions = shared_directions(pair, held_out, whiten=True, alpha=ALPHA)
        n = overlap.n_samples
        units = np.arange(n) if overlap.structure is None else overlap.structure.units(BLOCKS)
        values = {"change": (changes, sizes)}
        of_layer = class_means("layer", np.zeros(n), values, scores, units, ALPHA)
        classes: tuple[ClassChange, ...] = ()
        if pair.labels is not None:
            table = class_means("class", pair.labels, values, scores, units, ALPHA)
            classes = _classes(table, pair.labels, changes, sizes)
        outlying = np.flatnonzero(~bulk)
        outlying = outlying[np.argsort(-changes[outlying], kind="stable")]
        return cls(
            n_samples=n,
            change=of_layer["change"].item(),
            low=of_layer["change_low"].item(),
            high=of_layer["change_high"].item(),
            directions=_changed_directions(directions, bound, int(bulk.sum())),
            classes=classes,
            samples=tuple(
                SampleChange(
                    sample=str(pair.sample_names[row]),
                    row=int(row if pair.positions is None else pair.positions.samples[row]),
                    label=None if pair.labels is None else str(pair.labels[row]),
                    position=None if pair.positions is None else int(pair.positions.positions[row]),
                    change=float(changes[row]),
                    p_value=float(p_values[row]),
                )
                for row in outlying
            ),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as plain values; NaN is None."""
        plain: dict[str, Any] = _without_nan(asdict(self))
        return plain


def _check_cost(overlap: Overlap) -> None:
    """Raise ValueError if an explanation takes longer than `BUDGET`."""
    n, ranks = overlap.n_samples, (overlap.x.rank, overlap.y.rank)
    of_fit = DECOMPOSITION * min(ranks) ** 2 * max(ranks) + 4 * n * sum(ranks) * max(ranks)
    cost = 2 * N_DRAWS * FOLDS * of_fit
    if cost > BUDGET:
        raise ValueError(
            f"{n} samples of {max(ranks)} directions would take about {cost / 1e13 * 5:.0f} "
            "minutes: take fewer samples, or narrower layers"
        )


def _changed_directions(table: xarray.Dataset, bound: float, n_samples: int) -> ChangedDirections:
    correlations = table["held_out_correlation"].to_numpy()
    variances = [table[f"{side}_variance"].to_numpy() for side in ("x", "y")]
    below = correlations < bound
    lost = np.where(below, sum(variances) * (1 - np.maximum(correlations, 0) ** 2), 0)
    order = np.argsort(-lost, kind="stable")
    most = order[: int(np.searchsorted(np.cumsum(lost[order]), MAIN_SHARE * lost.sum())) + 1]
    changed = np.zeros(len(correlations), dtype=bool)
    changed[most[below[most]]] = True
    return ChangedDirections(
        n_samples=n_samples,
        n_pairs=len(correlations),
        n_below=int(below.sum()),
        n_changed=int(changed.sum()),
        n_unrelated=int((~table["shared"].to_numpy()).sum()),
        base_variance=float(variances[0][changed].sum()),
        changed_variance=float(variances[1][changed].sum()),
        largest_correlation=float(correlations[changed].max()) if changed.any() else float("nan"),
        median_correlation=float(np.median(correlations)),
        bound=bound,
        noise_edge=float(table.attrs["noise_edge"]),
    )


def _classes(
    table: xarray.Dataset, labels: NDArray[Any], changes: Floats, sizes: Floats
) -> tuple[ClassChange, ...]:
    """Return the classes, most changed first."""
    classes = []
    for name in table["class"].to_numpy():
        row = table.sel({"class": name})
        outside = labels != name
        others = float(changes[outside].sum() / sizes[outside].sum()) if outside.any() else np.nan
        low = float(row["change_low"])
        classes.append(
            ClassChange(
                label=str(name),
                n_samples=int(row["n_samples"]),
                change=float(row["change"]),
                low=low,
                high=float(row["change_high"]),
                others=others,
                p_value=float(row["p_value"]),
                changed_more=bool(row["stands_out"]) and low > others,
            )
        )
    return tuple(sorted(classes, key=lambda item: -item.change))


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
