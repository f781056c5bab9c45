import copy
import random
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from isorep.activations.capture import capture
from isorep.activations.layouts.model_state import unchanged

N = 12


class Busy(nn.Module):
    """Changes everything that it holds whenever it runs."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("plain", torch.ones(2), persistent=False)
        self.count = 0
        self.text = "a"
        self.cache = None
        self.by_length = {"old": torch.zeros(2)}
        self.steps = [1, 2]
        self.nested = {"inner": [torch.zeros(1), {"deep": torch.zeros(2)}]}
        self.seen = {1}
        self.pair = (1, torch.zeros(2))

    def forward(self, x):
        self.mean += x[:, :3].mean(0)
        self.plain = self.plain * 2
        self.count += len(x)
        self.text += "b"
        self.cache = x
        self.by_length[len(x)] = x
        self.by_length["old"] += 1
        self.steps.append(3)
        self.nested["inner"][0] += 1
        self.nested["inner"][1]["deep"] -= 1
        self.nested["inner"].append(x)
        self.seen.add(len(x))
        self.pair[1].add_(1)
        self.new = x
        return self.linear(x)


def state(model):
    values = {k: v for k, v in vars(model).items() if not k.startswith("_") or k == "_buffers"}
    return copy.deepcopy(values)


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, torch.Tensor):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    else:
        assert a == b


def test_everything_that_a_model_holds_is_restored():
    model = Busy()
    before, held = state(model), (model.mean, model.by_length, model.steps, model.nested)
    x = torch.rand(4, 3)
    with unchanged(model) as (kept, randomness):
        assert not kept.has_changed()
        assert not randomness.has_changed()
        model(x)
        assert kept.has_changed()
        assert not randomness.has_changed()
    assert_same(state(model), before)
    for x, y in zip(held, (model.mean, model.by_length, model.steps, model.nested), strict=True):
        assert x is y  # others may hold them, too
    with pytest.raises(RuntimeError), unchanged(model):
        model(torch.rand(4, 5))  # fails in its last line
    assert_same(state(model), before)


def test_a_capture_leaves_what_its_own_batches_leave():
    alone, captured = Busy(), Busy()
    captured.load_state_dict(alone.state_dict())
    batches = [torch.rand(5, 3), torch.rand(4, 3)]
    with torch.no_grad():
        for batch in batches:
            alone(batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        capture(nn.Sequential(captured), batches, layers="0.linear")
    assert_same(state(captured), state(alone))


class Draws(nn.Module):
    def forward(self, x):
        torch.rand(1)
        np.random.rand()  # noqa: NPY002
        random.random()
        return x


def test_random_generators_are_restored():
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    expected = [float(torch.rand(1)), np.random.rand(), random.random()]  # noqa: NPY002
    for generator in ("torch", "numpy", "python"):
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002
        random.seed(3)
        with unchanged(nn.Identity()) as (_, randomness):
            if generator == "torch":
                torch.rand(1)
            elif generator == "numpy":
                np.random.rand()  # noqa: NPY002
            else:
                random.random()
            assert randomness.has_changed()
        got = [float(torch.rand(1)), np.random.rand(), random.random()]  # noqa: NPY002
        assert got == expected
    with unchanged(nn.Identity()) as (_, randomness):
        assert not randomness.has_changed()


def test_the_draws_of_a_capture_are_those_of_its_batches():
    x = torch.rand(N, 3)
    torch.manual_seed(5)
    Draws()(x)
    expected = float(torch.rand(1))
    torch.manual_seed(5)
    capture(nn.Sequential(Draws()), x)
    assert float(torch.rand(1)) == expected


def test_nan_and_non_contiguous_buffers_are_no_change():
    model = nn.Module()
    model.register_buffer("nan", torch.tensor([float("nan"), 1.0]))
    model.register_buffer("turned", torch.rand(3, 4).T)
    model.register_buffer("integers", torch.arange(3))
    model.register_buffer("truth", torch.tensor(True))
    with unchanged(model) as (kept, _):
        assert not kept.has_changed()
        model.turned[1, 2] = 9
        assert kept.has_changed()
    assert float(model.turned[1, 2]) != 9
