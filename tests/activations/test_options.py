"""The options of a capture: the same names and defaults in all functions that take them."""

import inspect

import pytest
import torch
from torch import nn

import isorep.activations
from isorep.activations import capture, capture_moments, stream
from isorep.activations.options import CaptureOptions, with_defaults


def test_capture_states_the_same_options_and_defaults():
    parameters = inspect.signature(capture).parameters.values()
    defaults = {x.name: x.default for x in parameters if x.kind == x.KEYWORD_ONLY}
    assert defaults.pop("out") is None
    assert with_defaults({}) == defaults
    assert CaptureOptions.__annotations__.keys() == defaults.keys()


def test_an_unknown_option_names_the_nearest():
    model = nn.Sequential(nn.ReLU())
    for function, models in ((stream, [model]), (capture_moments, model)):
        with pytest.raises(TypeError, match="unknown option 'layer'; did you mean 'layers'"):
            function(models, torch.ones(3, 2), layer="0")


def test_what_is_public_is_documented_and_stays_a_function():
    public = isorep.activations.__all__
    functions = ["capture", "capture_moments", "merge_over_ranks", "stream"]
    assert public == ["PairedData", "RandomModelWarning", *functions]
    for name in functions:
        function = getattr(isorep.activations, name)
        assert inspect.isfunction(function), name
        assert "Examples\n" in function.__doc__, name
        for parameter in inspect.signature(function).parameters:
            assert parameter in function.__doc__, (name, parameter)
    with pytest.raises(AttributeError, match="no attribute 'nope'"):
        isorep.activations.nope  # noqa: B018
