"""Register: a function of the user's as a measure."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from math import isfinite
from typing import Any, Literal, get_type_hints

from isorep._utils.arrays import to_numpy
from isorep._utils.validation import check_name
from isorep.core.measure_failed import MeasureFailedError
from isorep.core.overlap import Overlap
from isorep.measures.base import INVARIANCES, Invariance, Measure, MeasureValue
from isorep.measures.code_digest import code_digest
from isorep.measures.measure_function import public_function
from isorep.measures.registry import add_measure
from isorep.measures.warning_rules.dominant_part import Emphasis

ROUNDING = 1e-9
"""Distance from the declared range that rounding can make."""


def register(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    invariance: Invariance = "none",
    similarity_range: tuple[float, float] = (0.0, 1.0),
    symmetric: bool = True,
    direction: str = "y given x",
    metric: bool = False,
    requires: Literal["samples", "moments"] = "samples",
    emphasis: Emphasis = "distances",
    formula: str = "",
    description: str = "",
    reference: str = "",
    version: str = "",
) -> Any:
    """Add a measure of your own, which then works wherever a measure is named.

    It can be used as a decorator, with or without arguments. If a function is defined and
    registered again, it replaces its measure. Packages can name the result in an
    entry point of the group ``isorep.measures`` instead of calling it at each start. `isorep
    certify` checks the declared properties.

    Parameters
    ----------
    function : callable
        Function of two float64 NumPy arrays, (n, p) and (n, q), or of an `isorep.Overlap`, that
        returns the similarity: a number that is 1 for equal representations. Options are keywords
        with defaults. A module-level function also works on a Dask cluster.
    name : str, optional
        Name of the measure. Default: the name of the function.
    invariance : str
        Maps of features that leave the similarity to x at 1; see `isorep.measures.Measure`.
    similarity_range : (float, float)
        Least and greatest similarity. A value outside raises an error.
    symmetric : bool
        Whether swapping x and y changes nothing.
    direction : str
        What differs between x and y, if the measure is not symmetric.
    metric : bool
        Whether the distance, ``1 - similarity``, obeys the triangle inequality.
    requires : {"samples", "moments"}
        "moments" if the function reads only second moments of the overlap: then it also works on
        streams, in corrections and in intervals.
    emphasis : str
        How directions count; see `isorep.measures.Measure`. It decides which warnings apply.
    formula, description, reference : str
        Texts for the table of measures. The default description is the first line of the docstring.
    version : str
        Version of the function. A sweep that was begun with another version is not resumed. The
        default follows the code of the function, and the functions and classes of its module;
        pass a version if what it computes depends on other modules.

    Returns
    -------
    callable
        The measure's public function ``(x, y, **options) -> Score``, with its row as ``.measure``.

    Raises
    ------
    TypeError
        If the function does not take two arrays or one overlap, or an option has no default.
    ValueError
        If another function's measure has the name, or a property is unknown.

    Examples
    --------
    >>> import numpy as np, isorep
    >>> @isorep.register(invariance="orthogonal", name="gram_correlation")
    ... def gram_correlation(x, y):
    ...     x, y = x - x.mean(0), y - y.mean(0)
    ...     return np.sum((x.T @ y) ** 2) / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)
    >>> x, y = np.random.default_rng(0).standard_normal((2, 300, 4))
    >>> score = isorep.similarity(x, y, "gram_correlation")
    >>> abs(score.similarity - isorep.cka(x, y).similarity) < 1e-9
    True
    """
    if function is None:
        keywords: dict[str, Any] = {k: value for k, value in locals().items() if k != "function"}
        return lambda decorated: register(decorated, **keywords)
    check_name("invariance", invariance, INVARIANCES)
    name = name or function.__name__
    low, high = similarity_range
    if not (low < high == 1.0):
        raise ValueError(
            f"similarity_range of {name} should end at 1, which is the same, got {similarity_range}"
        )
    row = Measure(
        name,
        _Formula(function, name, similarity_range),
        formula=formula or f"{function.__module__}.{function.__qualname__}",
        description=description or (inspect.getdoc(function) or name).splitlines()[0],
        reference=reference or "none given",
        invariance=invariance,
        metric=metric,
        requires=requires,
        similarity_range=similarity_range,
        direction_rule=None if symmetric else _Direction(direction),
        emphasis=emphasis,
        version=version or code_digest(function),
    )
    add_measure(row)
    return public_function(row)


class _Direction:
    """A rule that gives the same direction for all options."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, **_: Any) -> str:
        return self._text


class _Formula:
    """The formula of an overlap that a function of arrays or of an overlap computes."""

    def __init__(
        self, function: Callable[..., Any], name: str, similarity_range: tuple[float, float]
    ) -> None:
        self._function, self._name, self._range = function, name, similarity_range
        parameters = list(inspect.signature(function).parameters.values())
        options = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        sides = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        for p in sides[2:]:  # defaults make them options
            options.append(p.replace(kind=p.KEYWORD_ONLY))
        if len(sides) == 2 and sides[1].default is not inspect.Parameter.empty:
            options.append(sides.pop().replace(kind=inspect.Parameter.KEYWORD_ONLY))
        if not sides or any(p.default is p.empty for p in options):
            raise TypeError(
                f"{name} should be a function of two arrays (x, y) or of an overlap, whose options "
                f"have defaults, got {name}{inspect.signature(function)}"
            )
        self._takes_arrays = len(sides) > 1
        update_wrapper(self, function)
        first = inspect.Parameter("overlap", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.__signature__ = inspect.Signature([first, *options])
        try:
            types = get_type_hints(function)
        except Exception:  # hints can name what is imported for type checkers only
            types = {}
        self.__annotations__ = {p.name: types.get(p.name, Any) for p in options}

    def __reduce__(self) -> tuple[Any, ...]:
        return _Formula, (self._function, self._name, self._range)

    def __call__(self, overlap: Overlap, **options: Any) -> MeasureValue:
        sides = (
            (to_numpy(overlap.x.samples), to_numpy(overlap.y.samples))
            if self._takes_arrays
            else (overlap,)
        )
        try:
            value = self._function(*sides, **options)
        except (ValueError, ImportError, OSError, MemoryError):
            raise
        except Exception as error:  # the function may raise anything
            raise MeasureFailedError(
                f"measure {self._name} failed: {type(error).__name__}: {error}; correct its "
                "function"
            ) from error
        try:
            similarity = float(value)
        except (TypeError, ValueError):
            raise TypeError(
                f"{self._name} should return one number, got {type(value).__name__}"
            ) from None
        low, high = self._range
        if not isfinite(similarity) or not low - ROUNDING <= similarity <= high + ROUNDING:
            raise ValueError(
                f"{self._name} returned {similarity:g}, outside its similarity_range of {low:g} to "
                f"{high:g}: correct the function or the range that it is registered with"
            )
        return MeasureValue(similarity, overlap)
