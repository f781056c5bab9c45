"""The decorator that makes a measure of a formula: its row in the table and its public function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, Protocol, cast, get_type_hints, overload

from isorep._utils.arrays import ArrayLike
from isorep.core.basis import Solver
from isorep.core.score import Score
from isorep.core.single_basis import Precision
from isorep.measures.base import Measure, MeasureValue
from isorep.representations.missing_values import NanPolicy

Options = ParamSpec("Options")
Facts = ParamSpec("Facts")

_SIDES = """\
x, y : (n, p) and (n, q) arrays, or Basis
    The same n samples in rows."""

_PAIRED_SIDES = """\
x, y : (n, p) arrays, or Basis
    The same n samples in rows, the same p neurons in columns."""

_PARAMETERS = {
    "max_samples": """\
max_samples : int, optional
    Compare at most this many samples, drawn at random, the same of x and y.""",
    "correct": """\
correct : bool
    Correct for finite-sample bias; see `isorep.similarity`.""",
    "groups": """\
groups, order : (n,) array-like, optional
    Group and time of each sample, if samples depend on each other; see `isorep.overlap`.""",
    "order": "",
    "seed": """\
seed : int
    Random seed of the correction.""",
    "solver": """\
solver : {"auto", "gram", "svd"}
    See `isorep.Basis.from_array`.""",
    "precision": """\
precision : {"auto", "double", "single"}
    Precision of the products of large float32 layers; see `isorep.compare`.""",
    "nan_policy": """\
nan_policy : {"raise", "omit"}
    Whether rows with NaN raise an error or are left out; see `isorep.overlap`.""",
}

_SEED_OF_DRAW = """\
seed : int
    Random seed of the draw."""

_RAISES = """\
Raises
------
TypeError, ValueError
    See `isorep.overlap`.
"""
_REFERENCES = "References\n----------\n"


class MeasureFunction(Protocol[Options]):
    """The public function of a measure, as type checkers see it.

    Its parameters are x, y, the formula's own options, and the keywords that all measures share.
    Python cannot yet express a formula's options and further keywords in one signature. So a type
    checker checks the options in calls without shared keywords, and the shared keywords in calls
    with any; the options are then checked when the function is called.

    Attributes
    ----------
    measure : Measure
        The measure's row in `isorep.MEASURES`.
    """

    measure: Measure

    @overload
    def __call__(self, x: Any, y: Any, *args: Options.args, **kwargs: Options.kwargs) -> Score: ...
    @overload
    def __call__(
        self,
        x: Any,
        y: Any,
        *,
        correct: bool,
        seed: int = 0,
        solver: Solver = "auto",
        **options: Any,
    ) -> Score: ...
    @overload
    def __call__(
        self,
        x: Any,
        y: Any,
        *,
        groups: ArrayLike | None,
        order: ArrayLike | None = None,
        correct: bool = False,
        seed: int = 0,
        solver: Solver = "auto",
        **options: Any,
    ) -> Score: ...
    @overload
    def __call__(
        self,
        x: Any,
        y: Any,
        *,
        order: ArrayLike,
        correct: bool = False,
        seed: int = 0,
        solver: Solver = "auto",
        **options: Any,
    ) -> Score: ...
    @overload
    def __call__(
        self, x: Any, y: Any, *, seed: int, solver: Solver = "auto", **options: Any
    ) -> Score: ...
    @overload
    def __call__(self, x: Any, y: Any, *, solver: Solver, **options: Any) -> Score: ...
    @overload
    def __call__(self, x: Any, y: Any, *, nan_policy: NanPolicy, **options: Any) -> Score: ...
    @overload
    def __call__(self, x: Any, y: Any, *, precision: Precision, **options: Any) -> Score: ...


class _Decorator(Protocol):
    def __call__(
        self, formula: Callable[Concatenate[Any, Options], MeasureValue], /
    ) -> MeasureFunction[Options]: ...


def _decorator_with_facts(
    row: Callable[Concatenate[str, Callable[..., MeasureValue], Facts], Measure],
) -> Callable[Facts, _Decorator]:
    """Return a decorator factory that takes the fields of `row` beside name and function."""

    def measure(*args: Facts.args, **facts: Facts.kwargs) -> _Decorator:
        def decorate(formula: Callable[..., MeasureValue]) -> Any:
            return public_function(row(formula.__name__, formula, *args, **facts))

        return cast("_Decorator", decorate)

    return measure


measure = _decorator_with_facts(Measure)
"""Make the public function of a measure from its formula.

Put it on a formula ``name(overlap, *, options...) -> MeasureValue``, with the fields of `Measure`
but its name and function. The name then stands for the public function ``name(x, y, *, options...,
correct=False, seed=0, solver="auto", nan_policy="raise") -> Score``, whose ``.measure`` is the row
for `isorep.MEASURES`. ``correct`` is a parameter of measures of second moments only, ``seed`` of
those and of measures with an option of this name, ``precision`` of measures with a `single_rule`.

The formula's docstring is written for the public function, in numpydoc format. It need not describe
parameters that many measures share, nor the errors of `isorep.overlap`: the decorator adds them.
"""


def public_function(row: Measure) -> Callable[..., Score]:
    """Return the function ``(x, y, *, options...) -> Score`` of a measure."""
    signature = _public_signature(row)

    def function(*args: Any, **kwargs: Any) -> Score:
        try:
            arguments = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{row.name}: {error}") from None
        return row.between(**arguments)

    update_wrapper(function, row.function)
    function.__doc__ = _public_docstring(row, signature)
    function.__annotations__ = {
        **{name: parameter.annotation for name, parameter in signature.parameters.items()},
        "return": Score,
    }
    vars(function).update(__signature__=signature, measure=row)
    return function


def _public_signature(row: Measure) -> inspect.Signature:
    types = get_type_hints(row.function)
    shared: dict[str, tuple[Any, Any]] = {
        "solver": (Solver, "auto"),
        "nan_policy": (NanPolicy, "raise"),
    }
    if row.single_rule is not None:
        shared["precision"] = (Precision, "auto")
    if row.follows_structure:
        optional = (ArrayLike | None, None)
        shared = {"groups": optional, "order": optional, **shared}
    if row.requires == "moments":
        shared = {"correct": (bool, False), "seed": (int, 0), **shared}
    keywords = {name: (types[name], value) for name, value in row.options.items()}
    keywords.update({name: value for name, value in shared.items() if name not in keywords})
    return inspect.Signature(
        [
            *(
                inspect.Parameter(side, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Any)
                for side in ("x", "y")
            ),
            *(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
                )
                for name, (kind, default) in keywords.items()
            ),
        ],
        return_annotation=Score,
    )


def _public_docstring(row: Measure, signature: inspect.Signature) -> str:
    """Return the formula's docstring with the parameters and errors that measures share."""
    text = inspect.cleandoc(row.function.__doc__ or "")
    head, returns, rest = text.partition("Returns\n-------\n")
    head, _, described = head.partition("Parameters\n----------\n")
    entries = _entries(described)
    shared = {"x": _PAIRED_SIDES if row.paired else _SIDES, "y": "", **_PARAMETERS}
    if "max_samples" in row.options:
        shared["seed"] = _SEED_OF_DRAW
    parameters = [entries.get(name, shared.get(name, "")) for name in signature.parameters]
    if row.requires != "maps" and "Raises\n------\n" in rest:
        rest = rest.replace("Raises\n------\n", _RAISES)
    elif row.requires != "maps":
        rest = rest.replace(_REFERENCES, f"{_RAISES}\n{_REFERENCES}")
    listed = "\n".join(dict.fromkeys(filter(None, parameters)))
    return f"{head}Parameters\n----------\n{listed}\n\n{returns}{rest}\n"


def _entries(section: str) -> dict[str, str]:
    """Return the entries of a Parameters section by name; names of one entry share its text."""
    entries: dict[str, str] = {}
    for line in section.rstrip().splitlines():
        if line and not line[0].isspace():
            names = line.partition(" : ")[0].split(", ")
            entry = line
        else:
            entry = f"{entry}\n{line}"
        entries.update(dict.fromkeys(names, entry))
    return entries
