"""Capture of random models: every row is right, or a warning names the layer."""

import warnings

import pytest
import torch
from helpers.random_modules import RandomModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isorep.activations.capture import capture

STEADY = settings(
    derandomize=True,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def check(data, n_steps):
    torch.manual_seed(data.draw(st.integers(0, 9)))
    random = RandomModel(data.draw)
    model, x = random.model(n_steps)
    model.eval()
    names = {module: name for name, module in model.named_modules()}
    outputs = {}

    def keep(module, inputs, output):
        outputs[module] = output[0] if isinstance(output, tuple) else output

    handles = [module.register_forward_hook(keep) for module in random.layouts]
    with torch.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reps = capture(model, x, progress=False)
    text = " ".join(str(warning.message) for warning in caught)
    for module, layout in random.layouts.items():
        name = names[module]
        x = outputs[module]
        assert tuple(x.shape) == layout.shape
        if name not in reps:
            assert f"{name!r} has shape {tuple(x.shape)}, and the same values" in text
            continue
        guessed = f"{name!r} axis" in text
        if guessed:
            assert not layout.known, f"{name} {type(module).__name__} {layout}"
            continue
        if not layout.known and len(layout.axes) > 2:
            continue
        expected = layout.rows(x)
        got = torch.tensor(reps[name])
        assert got.shape == expected.shape, f"{name} {layout} gives {tuple(got.shape)}"
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5, msg=f"{name} {layout}")


@pytest.mark.slow
@given(st.data())
@settings(STEADY, max_examples=40)
def test_no_axis_is_wrong(data):
    check(data, data.draw(st.integers(1, 6)))


@pytest.mark.slow
@given(st.data())
@settings(STEADY, max_examples=200)
def test_no_axis_is_wrong_in_deep_models(data):
    check(data, data.draw(st.integers(4, 14)))
