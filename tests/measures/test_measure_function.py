"""The public functions that the decorator makes: signature, docstring, call."""

import doctest
import inspect
import pickle
import warnings
from typing import Literal, get_type_hints

import numpy as np
import pytest

import isorep
from isorep.core.coded_warning import FewSamplesWarning
from isorep.core.score import Score
from isorep.measures import MEASURES
from isorep.measures.base import MeasureValue
from isorep.measures.measure_function import measure

FUNCTIONS = {name: getattr(isorep.measures, name) for name in MEASURES}
every_function = pytest.mark.parametrize("name", FUNCTIONS)


@every_function
def test_every_public_measure_is_documented_in_full(name):
    text = FUNCTIONS[name].__doc__
    sections = ["Parameters", "Returns", "Raises", "References", "Examples"]
    positions = [text.find(f"\n{section}\n{'-' * len(section)}\n") for section in sections]
    assert positions == sorted(positions)
    assert min(positions) > 0, sections[positions.index(-1)]
    parameters, returns, _, references, examples = (
        text[start:stop] for start, stop in zip(positions, [*positions[1:], None], strict=True)
    )
    # Shapes of x and y, what the score is invariant to, a source with its year, code that runs.
    assert "\nx, y : (n, " in parameters
    assert "nvariant" in returns
    assert "symmetric" in returns.lower()
    assert any(character.isdigit() for character in references)
    assert ">>> " in examples
    lines = parameters.splitlines()
    entries = [line.partition(" : ")[0].split(", ") for line in lines if line[:1].isalpha()]
    documented = [parameter for names in entries for parameter in names]
    assert documented[1:] == list(inspect.signature(FUNCTIONS[name]).parameters)


@every_function
def test_the_signature_is_that_of_the_formula_and_the_shared_keywords(name):
    row, function = MEASURES[name], FUNCTIONS[name]
    assert function.measure is row
    assert (function.__name__, function.__qualname__) == (name, name)
    assert function.__module__ == row.function.__module__
    signature = inspect.signature(function)
    assert signature.return_annotation is Score
    assert get_type_hints(function) == function.__annotations__
    first, second, *rest = signature.parameters.values()
    assert (first.name, second.name) == ("x", "y")
    assert all(parameter.kind is inspect.Parameter.KEYWORD_ONLY for parameter in rest)
    shared = {"solver": "auto", "nan_policy": "raise"}
    if row.follows_structure:
        shared |= {"groups": None, "order": None}
    if row.requires == "moments":
        shared |= {"correct": False, "seed": 0}
    if row.single_rule is not None:
        shared |= {"precision": "auto"}
    assert {parameter.name: parameter.default for parameter in rest} == {**row.options, **shared}


@every_function
def test_doctests_and_pickle_find_the_function(name):
    function = FUNCTIONS[name]
    module = inspect.getmodule(function)
    tests = {test.name: test for test in doctest.DocTestFinder().find(module)}
    assert tests[f"{module.__name__}.{name}"].examples
    assert pickle.loads(pickle.dumps(function)) is function


def test_a_formula_with_a_row_is_a_measure():
    @measure(
        formula="offset",
        description="a constant",
        reference="1900",
        invariance="linear",
        similarity_range=(-1.0, 1.0),
    )
    def constant(overlap, *, offset: float = 0.5, side: Literal["x", "y"] = "x") -> MeasureValue:
        """Return a constant.

        Parameters
        ----------
        side : {"x", "y"}
            A side.

        Returns
        -------
        Score
        """
        return MeasureValue(offset, overlap)

    x, y = np.random.default_rng(0).standard_normal((2, 90, 3))
    score = constant(x, y)
    assert (score.similarity, score.distance, score.measure) == (0.5, 0.5, "constant")
    assert constant(x, y, offset=3).similarity == 1
    assert constant.measure.with_options(offset=0.25).label == "constant(offset=0.25)"
    with pytest.raises(ValueError, match=r"unknown side 'z'\. Known: x, y"):
        constant(x, y, side="z")


def test_unknown_and_positional_arguments_are_refused():
    x, y = np.random.default_rng(0).standard_normal((2, 90, 3))
    with pytest.raises(TypeError, match="pwcca: got an unexpected keyword argument 'weighing'"):
        isorep.pwcca(x, y, weighing="paper")
    with pytest.raises(TypeError, match="pwcca: too many positional arguments"):
        isorep.pwcca(x, y, "both")
    with pytest.raises(TypeError, match="rsa: got an unexpected keyword argument 'correct'"):
        isorep.measures.rsa(x, y, correct=True)
    with pytest.raises(TypeError, match="cka: missing a required argument: 'y'"):
        isorep.cka(x)


def test_warnings_point_at_the_caller():
    x, y = np.random.default_rng(0).standard_normal((2, 20, 9))
    for call in (isorep.cca, lambda x, y: isorep.similarity(x, y, "cca")):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call(x, y)
        assert [(w.category, w.filename) for w in caught] == [(FewSamplesWarning, __file__)]


@pytest.mark.slow
def test_measures_of_moments_can_all_be_corrected():
    x, y = np.random.default_rng(3).standard_normal((2, 90, 3))
    for name, function in FUNCTIONS.items():
        if MEASURES[name].requires == "moments":
            score = function(x, y + x, correct=True, seed=1)
            assert score == isorep.similarity(x, y + x, name, correct=True, seed=1)
            assert score.uncorrected is not None
