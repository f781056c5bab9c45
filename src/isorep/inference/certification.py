"""Certification: whether a measure has the properties that its row declares."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isorep.core.measure_failed import MeasureFailedError
from isorep.core.overlap import overlap
from isorep.inference.null_distribution import null_distribution
from isorep.measures.base import Measure
from isorep.measures.registration import ROUNDING

_N, _P, _Q = 131, 7, 5
_EXACT = 1e-6
_DTYPES = {"float32": 1e-4, "float16": 5e-2}
_LIBRARIES = {"array_api_strict": "array_api_strict", "PyTorch": "torch"}
_PERMUTATIONS = 99

_TURNS = ("linear", "orthogonal")
_SHIFTED = (*_TURNS, "permutation", "neurons", "signed")

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """One property of a measure, as declared and as seen.

    Attributes
    ----------
    name : str
        Name of the property.
    seen : str
        What was seen on the test data.
    verdict : {"holds", "does not hold", "not declared"}
        Whether what was declared was seen.
    """

    name: str
    seen: str
    verdict: Literal["holds", "does not hold", "not declared"]


def certify(measure: Measure) -> list[Check]:
    """Check the properties that a measure declares, on random data.

    Parameters
    ----------
    measure : Measure
        Row of the measure, of samples or of second moments.

    Returns
    -------
    list of Check
        Self-similarity, range, symmetry, invariance to each kind of map, order of the samples,
        triangle inequality, dtypes, array libraries, and chance by permutation.

    Raises
    ------
    ValueError
        If the measure compares maps.

    Examples
    --------
    >>> from isorep.measures import MEASURES
    >>> checks = certify(MEASURES["cka"])
    >>> {check.verdict for check in checks if check.name.startswith("invariant to rotation")}
    {'holds'}
    """
    if measure.requires == "maps":
        raise ValueError(f"{measure.name} compares maps, which certify does not draw")
    steps = (
        _self_similarity,
        _range,
        _symmetry,
        _invariance,
        _sample_order,
        _triangles,
        _dtypes,
        _libraries,
        _chance,
    )
    checks: list[Check] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in steps:
            try:
                checks += step(measure)
            except Exception as error:  # a measure of others can raise anything
                name = step.__name__.strip("_").replace("_", "-")
                cause = error.__cause__ if isinstance(error, MeasureFailedError) else error
                checks.append(Check(name, f"{type(cause).__name__}: {cause}", "does not hold"))
    return checks


def _pair(measure: Measure, seed: int = 0, n: int = _N) -> tuple[Array, Array]:
    """Draw two sides that share a part, of unequal widths unless the measure pairs neurons."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, _P)) * np.geomspace(3, 0.5, _P) + 1
    q = _P if measure.paired else _Q
    y = shared[:, :q] + 0.7 * rng.standard_normal((n, q)) - 2
    return shared, y


def _similarity(measure: Measure, x: Any, y: Any) -> float:
    return measure.between(x, y).similarity


def _check(name: str, seen: str, holds: bool) -> Check:
    return Check(name, seen, "holds" if holds else "does not hold")


def _self_similarity(measure: Measure) -> Iterator[Check]:
    x, _ = _pair(measure)
    value = _similarity(measure, x, x.copy())
    yield _check("similarity to itself is 1", f"{value:.9g}", abs(value - 1) < _EXACT)
    again = _similarity(measure, *_pair(measure))
    value = _similarity(measure, *_pair(measure))
    yield _check("the same twice", f"{again:.9g}, {value:.9g}", again == value)


def _range(measure: Measure) -> Iterator[Check]:
    low, high = measure.similarity_range
    values = []
    for seed in range(3):
        x, y = _pair(measure, seed)
        noise = np.random.default_rng(seed + 100).standard_normal(y.shape)
        values += [_similarity(measure, x, side) for side in (y, -y, noise, y**3, 100 * noise + 7)]
    seen = f"{min(values):.4g} to {max(values):.4g}"
    inside = low - ROUNDING <= min(values) and max(values) <= high + ROUNDING
    yield _check(f"range {low:g} to {high:g}", seen, inside)


def _symmetry(measure: Measure) -> Iterator[Check]:
    differences = []
    for seed in range(3):
        x, y = _pair(measure, seed)
        differences.append(abs(_similarity(measure, x, y) - _similarity(measure, y, x)))
    seen = f"differs by {max(differences):.1e}"
    if measure.symmetric:
        yield _check("symmetric", seen, max(differences) < _EXACT)
    else:
        yield _check(f"direction: {measure.direction}", seen, max(differences) >= _EXACT)


def _invariance(measure: Measure) -> Iterator[Check]:
    rng = np.random.default_rng(2)
    x, _ = _pair(measure, n=2 * _N)
    rotation = np.linalg.qr(rng.standard_normal((_P, _P)))[0]
    factors = np.geomspace(1, 10, _P)
    signs = np.where(np.arange(_P) % 2, -1, 1)
    maps: dict[str, tuple[Array, tuple[str, ...]]] = {
        "scaling": (3 * x, (*_SHIFTED, "rotation", "common", "scaling")),
        "scaling and one offset": (3 * x + 7, (*_SHIFTED, "common")),
        "translation": (x + np.arange(_P) ** 2, _SHIFTED),
        "reordered neurons": (x[:, ::-1], (*_SHIFTED, "rotation", "common")),
        "rotation": (x @ rotation, (*_TURNS, "rotation")),
        "signs of neurons": (x * signs, (*_TURNS, "rotation", "signed")),
        "factors of neurons": (x * factors, ("linear", "neurons", "signed")),
        "linear maps": (x @ rotation * factors @ rotation, ("linear",)),
    }
    for name, (y, groups) in maps.items():
        if measure.invariance in groups:
            value = _similarity(measure, x, y)
            is_same = abs(value - 1) < _EXACT
            yield _check(f"invariant to {name}", f"similarity {value:.6f}", is_same)
        else:
            yield Check(f"invariant to {name}", "not tried", "not declared")


def _sample_order(measure: Measure) -> Iterator[Check]:
    x, y = _pair(measure)
    order = np.random.default_rng(3).permutation(len(x))
    value = _similarity(measure, x, y)
    if "seed" in measure.options and _similarity(measure.with_options(seed=1), x, y) != value:
        yield Check("any order of samples", "draws samples at random", "not declared")
        return
    difference = abs(value - _similarity(measure, x[order], y[order]))
    yield _check("any order of samples", f"differs by {difference:.1e}", difference < _EXACT)


def _triangles(measure: Measure) -> Iterator[Check]:
    if not measure.metric:
        yield Check("triangle inequality", "not tried", "not declared")
        return
    excess = -np.inf
    for seed in range(2):
        x, y = _pair(measure, seed)
        noise = np.random.default_rng(seed + 9).standard_normal(x.shape)
        # The middle one of the first three is half way, in angle, between the others.
        sides = [x, x + 0.4 * x.std() * noise, x + x.std() * noise, np.tanh(x)]
        sides.append(y if measure.paired else x[:, ::-1] ** 2)
        distance = {
            (i, j): measure.between(sides[i], sides[j]).distance
            for i, j in itertools.permutations(range(len(sides)), 2)
        }
        excess = max(
            excess,
            *(
                distance[i, k] - distance[i, j] - distance[j, k]
                for i, j, k in itertools.permutations(range(len(sides)), 3)
            ),
        )
    seen = "no triangle broken" if excess < _EXACT else f"broken by {excess:.3f}"
    yield _check("triangle inequality", seen, excess < _EXACT)


def _dtypes(measure: Measure) -> Iterator[Check]:
    x, y = _pair(measure)
    exact = _similarity(measure, x, y)
    for dtype, tolerance in _DTYPES.items():
        difference = abs(_similarity(measure, x.astype(dtype), y.astype(dtype)) - exact)
        yield _check(dtype, f"differs by {difference:.1e}", difference < tolerance)


def _libraries(measure: Measure) -> Iterator[Check]:
    x, y = _pair(measure)
    exact = _similarity(measure, x, y)
    for library, module in _LIBRARIES.items():
        try:
            convert: Callable[[Array], Any] = import_module(module).asarray
        except ImportError:
            continue
        sides = convert(x), convert(y)
        difference = abs(_similarity(measure, *sides) - exact)
        yield _check(f"arrays of {library}", f"differs by {difference:.1e}", difference < _EXACT)


def _chance(measure: Measure) -> Iterator[Check]:
    x, y = _pair(measure)
    rng = np.random.default_rng(5)
    label = measure.label
    related = null_distribution(overlap(x, y), label, n_permutations=_PERMUTATIONS, seed=0)
    seen = f"{related.similarity:.4f}, chance {related.chance:.4f}, p = {related.p_value:.2f}"
    least = 1 / (1 + _PERMUTATIONS)
    yield _check("related data exceed chance", seen, related.p_value <= least + 1e-12)
    draws = [
        null_distribution(
            overlap(x, rng.standard_normal(y.shape)), label, n_permutations=_PERMUTATIONS, seed=0
        )
        for _ in range(3)
    ]
    p_values = ", ".join(f"{draw.p_value:.2f}" for draw in draws)
    seen = f"chance {draws[0].chance:.4f}, p = {p_values} in three draws"
    yield _check("unrelated data do not", seen, max(x.p_value for x in draws) > least + 1e-12)
