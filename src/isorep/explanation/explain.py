"""Explain: from a similarity to what differs."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.arrays import ArrayLike
from isorep._utils.validation import as_integer
from isorep.core.basis import Solver
from isorep.core.orders import check_permutations
from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText, issue
from isorep.explanation.class_means import class_means
from isorep.explanation.directions import shared_directions, shared_scores
from isorep.explanation.explained_pair import ExplainedPair
from isorep.explanation.explanation import Explanation
from isorep.explanation.held_out_pairs import held_out_pairs
from isorep.explanation.neighbour_changes import neighbour_changes
from isorep.explanation.neuron_predictions import predicted_neurons
from isorep.explanation.outlying_samples import FEWEST_DEGREES, Misfit, misfit_of_samples
from isorep.explanation.sample_changes import sample_changes
from isorep.explanation.sample_contributions import sample_contributions
from isorep.inference.jackknife import BLOCKS
from isorep.measures.measure_spec import Spec
from isorep.measures.registry import one_measure
from isorep.random_matrix.undeclared_dependence import dependence_warnings
from isorep.representations.missing_values import NanPolicy
from isorep.representations.row_positions import RowPositions

FOLDS = 5
"""Default number of folds."""

N_PERMUTATIONS = 199
"""Default number of permutations; the smallest p-value of a direction is then 0.005."""

BLURRED = 0.5
"""Held-out correlation up to which a pair may be noise, above which the explanation warns."""


def explain(
    x: Any,
    y: Any,
    measure: Spec = "pwcca",
    *,
    x_layer: str | None = None,
    y_layer: str | None = None,
    labels: ArrayLike | str | None = None,
    token_text: Callable[[int], str] | None = None,
    groups: ArrayLike | str | None = None,
    order: ArrayLike | str | None = None,
    folds: int = FOLDS,
    n_permutations: int = N_PERMUTATIONS,
    neighbours: int = 10,
    alpha: float = 0.05,
    seed: int = 0,
    solver: Solver = "auto",
    nan_policy: NanPolicy = "raise",
    **options: Any,
) -> Explanation:
    """Explain a similarity: which directions, samples and neurons differ.

    Directions are canonical pairs for measures that are invariant to linear maps, and otherwise
    the singular pairs of the cross-covariance, which CKA and Procrustes add up. A pair is shared if
    its correlation on held-out samples is above that of permuted samples. Samples are compared in
    the shared pairs: a sample stands out if its two sides fit each other worse than those of most
    samples. All p-values are adjusted for the number of directions, samples, classes or neurons:
    the probability of a false finding is `alpha`; of classes and neurons, `alpha` is the expected
    share of false ones among those found.

    Samples stand out against noise of equal size (``python studies/explain.py``). Where the noise
    has long tails, some samples stand out without any other change.

    Parameters
    ----------
    x, y : (n, p) and (n, q) arrays, tables, Basis; or mappings of layers, or their paths
        Two representations of the same n samples; see `isorep.overlap`. Of a mapping or a file,
        `x_layer` and `y_layer` pick a layer, so that a cell of a table of `isorep.compare` is
        ``explain(a, b, x_layer="conv1", y_layer="conv2")``.
    measure : str or mapping
        Measure to explain, with options if it has any; see `isorep.similarity`.
    x_layer, y_layer : str, optional
        Layer of each side. By default the only layer; for y also the layer named as that of x.
    labels : (n,) array-like or str, optional
        Class of each sample, or the name of a coordinate of the tables. By default the labels that
        the representations know.
    token_text : callable, optional
        Text of a token id, such as ``tokenizer.decode``, for rows that know their tokens.
    groups, order : (n,) array-like or str, optional
        Group and time of each sample, if samples depend on each other; see `isorep.overlap`. Folds,
        permutations and intervals follow them.
    folds : int
        Number of folds.
    n_permutations : int
        Number of permutations; the p-value of a direction is at least ``1 / (n_permutations + 1)``.
    neighbours : int
        Number of nearest neighbours of each sample.
    alpha : float
        Level of all tests, in (0, 1); intervals cover with 1 - alpha.
    seed : int
        Random seed.
    solver : {"auto", "gram", "svd"}
        Whitening of arrays; see `isorep.Basis.from_array`.
    nan_policy : {"raise", "omit"}
        Whether rows with NaN raise an error or are left out; see `isorep.overlap`.
    **options
        Options of the measure.

    Returns
    -------
    Explanation
        Tables of directions, samples, classes, groups, pairs and neurons; ``print`` shows a
        summary.

    Raises
    ------
    TypeError, ValueError
        See `isorep.overlap`; also if the measure compares maps, a layer is unknown or must be
        named, there are too few samples or groups for the folds, `alpha` is not in (0, 1), or
        `n_permutations` is less than ``1 / alpha - 1``.

    References
    ----------
    Westfall and Young 1993, Resampling-based multiple testing. Efron 2004, Large-scale simultaneous
    hypothesis testing: the choice of a null hypothesis. Holm 1979, A simple sequentially rejective
    multiple test procedure. Benjamini and Hochberg 1995, Controlling the false discovery rate.

    Examples
    --------
    Two of six directions and three samples differ:

    >>> import numpy as np, isorep
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 6))
    >>> y = x + 0.2 * rng.standard_normal((300, 6))
    >>> y[:, :2] = rng.standard_normal((300, 2))
    >>> y[[5, 60, 111]] = -y[[5, 60, 111]]
    >>> explanation = isorep.explain(x, y, "cka", n_permutations=39)
    >>> explanation.directions["shared"].to_numpy()
    array([ True,  True,  True,  True, False, False])
    >>> sorted(explanation.top(3).index.tolist())
    [5, 60, 111]
    >>> explanation.y_neurons["predicted"].to_numpy()
    array([False, False,  True,  True,  True,  True])
    """
    import xarray

    row = one_measure(measure).with_options(**options)
    check_permutations(n_permutations)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    fewest = ceil(1 / alpha - 1 - 1e-9)  # 19 of 0.05, whatever the rounding
    if n_permutations < fewest:
        raise ValueError(
            f"n_permutations must be {fewest} or more for alpha={alpha:g}, got {n_permutations}: "
            "the p-value of a direction is at least 1 / (n_permutations + 1), so none could be "
            "shared"
        )
    pair = ExplainedPair.from_sides(
        x,
        y,
        x_layer=x_layer,
        y_layer=y_layer,
        labels=labels,
        groups=groups,
        order=order,
        solver=solver,
        nan_policy=nan_policy,
    )
    overlap = pair.overlap
    k = as_integer(neighbours, "neighbours")
    if not 1 <= k < overlap.n_samples:
        raise ValueError(
            f"neighbours must be from 1 to {overlap.n_samples - 1}, the number of other samples, "
            f"got {neighbours}"
        )
    seeded = row.with_options(**row.seeded({}, seed))
    score = row(overlap, **row.seeded({}, seed))
    whiten = row.invariance == "linear"
    held_out = held_out_pairs(
        overlap,
        whiten=whiten,
        folds=folds,
        n_permutations=n_permutations,
        alpha=alpha,
        seed=seed,
    )
    directions = shared_directions(pair, held_out, whiten=whiten, alpha=alpha)
    scores = shared_scores(overlap, whiten, directions["shared"].to_numpy())
    shared = scores.x, scores.y
    misfit = misfit_of_samples(*shared, alpha, scores.rounding)
    contributions = sample_contributions(overlap, seeded, labels=pair.labels, seed=seed)
    changes = neighbour_changes(overlap, shared, misfit.bulk(alpha), k=k, alpha=alpha, seed=seed)
    moved = sample_changes(overlap, folds=folds, alpha=alpha, seed=seed)
    coords = _coordinates_of_samples(pair, token_text)
    samples = xarray.Dataset(
        {
            "contribution": ("sample", contributions.values),
            "change": ("sample", moved.values),
            "misfit": ("sample", misfit.z_scores),
            "p_value": ("sample", misfit.p_values),
            "stands_out": ("sample", misfit.p_values <= alpha),
            "neighbours_kept": ("sample", changes.kept),
            "group": ("sample", changes.group),
        },
        coords={"sample": np.arange(overlap.n_samples), **coords},
        attrs={"alpha": alpha, "method": contributions.method},
    )
    n = overlap.n_samples
    units = np.arange(n) if overlap.structure is None else overlap.structure.units(BLOCKS)
    values = {
        "contribution": (contributions.values, np.ones(n)),
        "change": (moved.values, moved.sizes),
    }
    means = {
        name: class_means(name, coords[key][1], values, misfit.z_scores, units, alpha)
        for name, key in (("class", "label"), ("token", "token"), ("position", "position"))
        if key in coords
    }
    x_neurons, y_neurons = predicted_neurons(
        pair, folds=folds, n_permutations=n_permutations, alpha=alpha, seed=seed
    )
    warnings = (
        *score.warnings,
        *dependence_warnings(overlap),
        *_few(overlap, held_out.noise_edge, shared[0].shape[1], misfit),
    )
    return Explanation(
        score=score,
        directions=directions,
        samples=samples,
        classes=means.get("class"),
        tokens=means.get("token"),
        positions=means.get("position"),
        groups=changes.groups,
        pairs=changes.pairs,
        x_neurons=x_neurons,
        y_neurons=y_neurons,
        alpha=alpha,
        names=(pair.x_name, pair.y_name),
        warnings=issue(warnings, stacklevel=2),
    )


def _coordinates_of_samples(
    pair: ExplainedPair, token_text: Callable[[int], str] | None
) -> dict[str, tuple[str, NDArray[Any]]]:
    """Return what is known of the rows, as coordinates of a Dataset."""
    coords: dict[str, tuple[str, NDArray[Any]]] = {"sample_name": ("sample", pair.sample_names)}
    if pair.labels is not None:
        coords["label"] = ("sample", pair.labels)
    rows = pair.positions
    if rows is None:
        if token_text is not None:
            raise ValueError(
                "token_text= names the tokens of rows, and the rows of these layers know no "
                "tokens: capture them with reduce='positions', or leave it out"
            )
        return coords
    coords["position"] = ("sample", rows.positions)
    if rows.tokens is not None:
        coords["token"] = ("sample", _token_names(rows, token_text))
    return coords


def _token_names(rows: RowPositions, token_text: Callable[[int], str] | None) -> NDArray[Any]:
    assert rows.tokens is not None
    if token_text is None:
        return rows.tokens
    ids, codes = np.unique(rows.tokens, return_inverse=True)
    return np.array([str(token_text(int(token))) for token in ids])[codes]


def _few(
    overlap: Overlap, noise_edge: float, n_shared: int, misfit: Misfit
) -> tuple[WarningText, ...]:
    """Warn if there are too few samples to say which directions or samples differ."""
    n = overlap.n_samples
    warnings = []
    if noise_edge > BLURRED:
        warnings.append(
            WarningText(
                "few-samples",
                f"with {n} samples, held-out correlations up to {noise_edge:.2f} are noise: "
                "directions that are shared less are called unshared",
                "take more samples, or fewer neurons or principal components",
            )
        )
    if n_shared and not np.isfinite(misfit.z_scores).any():
        warnings.append(
            WarningText(
                "few-samples",
                f"{n} samples are too few to say which stand out in {n_shared} shared directions",
                f"take {2 * n_shared + 1 + FEWEST_DEGREES} samples or more",
            )
        )
    return tuple(warnings)
