import numpy as np
import pytest
import torch
from torch import nn

from isorep.activations.capture import capture

N = 5


@pytest.fixture
def model():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(2, 3, 1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU()),
        nn.Flatten(),
        nn.Linear(4 * 6, 7),
    )


@pytest.fixture
def images():
    return torch.randn(N, 2, 3, 2)


def test_globs(model, images):
    assert list(capture(model, images, layers="*.0")) == ["0.0", "1.0"]
    assert list(capture(model, images, layers=["3", "0*"])) == ["0.0", "0.1", "0", "3"]
    assert list(capture(model, images, layers=("[13]", "0.0"))) == ["0.0", "1", "3"]
    everything = capture(model, images)
    assert list(everything) == ["0.0", "0.1", "0", "1.0", "1.1", "1", "2", "3"]
    np.testing.assert_array_equal(everything["0.1"], everything["0"])


def test_names_are_case_sensitive_and_the_nearest_are_told():
    model = nn.ModuleDict({"Conv1": nn.Linear(2, 2)})
    with pytest.raises(ValueError, match="unknown layer 'conv1'; did you mean 'Conv1'"):
        capture(model, torch.ones(N, 2), layers="conv1")


@pytest.mark.parametrize(
    ("layers", "error", "text"),
    [
        ("conv*", ValueError, r"unknown layer 'conv\*'"),
        (["0*", "4.0"], ValueError, "unknown layer '4.0'; did you mean"),
        ("", ValueError, "unknown layer ''"),
        ([], ValueError, "no layer is selected: pass at least one"),
        ([3], TypeError, "named by strings, got 3"),
    ],
)
def test_patterns_that_name_nothing(model, images, layers, error, text):
    with pytest.raises(error, match=text):
        capture(model, images, layers=layers)


def test_a_model_without_submodules():
    with pytest.raises(ValueError, match=r"Linear has no submodules .* torch.nn.Sequential\(model"):
        capture(nn.Linear(2, 2), torch.ones(N, 2))


class Lists(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(2, 3)])
        self.idle = nn.Linear(2, 2)

    def forward(self, x):
        return self.blocks[0](x)


def test_layers_that_never_run():
    x = torch.randn(N, 2)
    assert list(capture(Lists(), x)) == ["blocks.0"]
    with pytest.raises(
        ValueError, match="the model did not run 'blocks', 'idle'; select other layers: containers"
    ):
        capture(Lists(), x, layers=["idle", "blocks", "*0"])
    with pytest.raises(ValueError, match=r"none of the 1 selected layers is usable: .* ran none"):
        capture(Lists(), x, layers="idl*")


def test_a_module_under_two_names_goes_by_the_one_asked_for():
    linear = nn.Linear(2, 2)
    model = nn.Sequential()
    model.add_module("a", linear)
    model.add_module("b", linear)
    x = torch.randn(N, 2)
    assert list(capture(model, x)) == ["a", "a#2"]
    assert list(capture(model, x, layers="b")) == ["b", "b#2"]
    assert list(capture(model, x, layers=["a", "b"])) == ["a", "a#2"]
    np.testing.assert_allclose(
        capture(model, x)["a#2"], linear(linear(x)).detach().numpy(), rtol=1e-6
    )


def test_reductions_by_layer(model, images):
    reps = capture(
        model, images, reduce={"1.0": "flatten", "1*": "max", "0.0": lambda x: x.sum((2, 3))}
    )
    assert reps.reductions == {
        "0.0": "callable <lambda>",
        "0.1": "mean",
        "0": "mean",
        "1.0": "flatten",
        "1.1": "max",
        "1": "max",
        "2": "mean",
        "3": "mean",
    }
    assert reps["1.0"].shape == (N, 4 * 6)
    assert reps["1"].shape == (N, 4)
    with torch.no_grad():
        first = model[0][0](images)
    np.testing.assert_allclose(reps["0.0"], first.sum((2, 3)).numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="unknown layer 'cnov1'"):
        capture(model, images, reduce={"cnov1": "max"})
    with pytest.raises(ValueError, match="unknown reduction 'maen'; did you mean 'mean'"):
        capture(model, images, reduce={"0.0": "maen"})
    with pytest.raises(TypeError, match=r"one of mean, positions, .* or a callable, got int"):
        capture(model, images, reduce=3)


def features(model, x, layer, channels="auto"):
    return capture(model, x, layers=layer, channels=channels)[layer].shape[1]


@pytest.mark.parametrize(
    ("module", "x", "p"),
    [
        (nn.Conv1d(2, 3, 1), (N, 2, 7), 3),
        (nn.ConvTranspose1d(2, 3, 1), (N, 2, 7), 3),
        (nn.Conv3d(2, 3, 1), (N, 2, 7, 4, 6), 3),
        (nn.BatchNorm1d(2), (N, 2, 7), 2),
        (nn.InstanceNorm1d(2), (N, 2, 7), 2),
        (nn.GroupNorm(1, 2), (N, 2, 7), 2),
        (nn.AvgPool1d(3), (N, 2, 7), 2),
        (nn.AdaptiveMaxPool1d(3), (N, 2, 7), 2),
        (nn.MaxPool3d(2), (N, 2, 7, 4, 6), 2),
        (nn.Upsample(scale_factor=2), (N, 2, 7), 2),
        (nn.Linear(7, 3), (N, 2, 7), 3),
        (nn.Linear(7, 3), (N, 2, 4, 7), 3),
        (nn.LayerNorm(7), (N, 2, 4, 7), 7),
        (nn.GRU(7, 3, batch_first=True), (N, 2, 7), 3),
    ],
)
def test_the_feature_axis_by_type(module, x, p):
    x = torch.randn(x)
    assert features(nn.Sequential(module), x, "0") == p
    assert features(nn.Sequential(module), x, "0", "first") == module_output(module, x).shape[1]
    assert features(nn.Sequential(module), x, "0", "last") == module_output(module, x).shape[-1]


@pytest.mark.parametrize(("shape", "p", "axis"), [((N, 2, 7), 7, 2), ((N, 2, 4, 7), 2, 1)])
def test_an_unknown_axis_is_named(shape, p, axis):
    text = (
        rf"features of some layers are on an unknown axis, .*'0' axis {axis} of \({N}, 2.*channels="
    )
    with pytest.warns(UserWarning, match=text) as caught:
        assert features(nn.Sequential(nn.Softplus()), torch.randn(shape), "0") == p
    assert [warning.filename for warning in caught] == [__file__]
    for channels, k in (("first", 1), ("last", -1)):
        reps = capture(nn.Sequential(nn.Softplus()), torch.randn(shape), channels=channels)
        assert reps["0"].shape[1] == shape[k]


def test_what_weights_read_are_features_before_them_too():
    tokens = nn.Sequential(nn.Dropout(), nn.Linear(7, 3))
    assert features(tokens, torch.randn(N, 2, 7), "0") == 7
    images = nn.Sequential(nn.Identity(), nn.Conv2d(2, 3, 1))
    assert features(images, torch.randn(N, 2, 4, 7), "0") == 2


def module_output(module, x):
    out = module(x)
    return out[0] if isinstance(out, tuple) else out


def test_integer_tokens():
    tokens = torch.arange(N * 7).reshape(N, 7)
    assert features(nn.Sequential(nn.Embedding(N * 7, 4)), tokens, "0") == 4


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("layers", ["*", "1", "0"])
def test_activations_and_containers_keep_the_layout_they_get(inplace, layers):
    # Whatever else is selected: the answer for a layer is the same.
    time_series = nn.Sequential(
        nn.Sequential(nn.Conv1d(2, 3, 1), nn.ReLU(inplace), nn.Dropout()), nn.ReLU(inplace)
    )
    for name, array in capture(time_series, torch.randn(N, 2, 7), layers=layers).items():
        assert array.shape == (N, 3), name
    channels_last = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace)), nn.GELU())
    for name, array in capture(channels_last, torch.randn(N, 4, 7, 2), layers=layers).items():
        assert array.shape == (N, 3), name


class LayerNorm2d(nn.LayerNorm):
    """As in ConvNeXt: over the features, which are first."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("conv", "norm", "x"),
    [
        (nn.Conv2d(3, 16, 3), LayerNorm2d(16), (N, 3, 10, 10)),
        (nn.Conv2d(3, 16, 3), nn.LayerNorm([16, 8, 8]), (N, 3, 10, 10)),
        (nn.Conv1d(3, 16, 3), nn.LayerNorm([16, 8]), (N, 3, 10)),
    ],
)
def test_layer_norms_keep_the_layout_they_get(conv, norm, x):
    model = nn.Sequential(conv, norm, nn.ReLU())
    assert {a.shape for a in capture(model, torch.randn(x)).values()} == {(N, 16)}


class Permute(nn.Module):
    def __init__(self, *axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.permute(self.axes)


def test_layer_norms_of_what_was_turned_are_features_last():
    # Swin and ConvNeXt: a guess about a module that turns axes is not handed on.
    model = nn.Sequential(nn.Conv2d(3, 16, 3), Permute(0, 2, 3, 1), nn.LayerNorm(16), nn.GELU())
    reps = capture(model, torch.randn(N, 3, 10, 10))
    assert (reps["2"].shape, reps["3"].shape) == ((N, 16), (N, 16))
    model = nn.Sequential(nn.Linear(16, 6), Permute(0, 3, 1, 2), nn.ReLU())
    assert capture(model, torch.randn(N, 4, 6, 16), layers="2")["2"].shape == (N, 6)


class Cut(nn.Module):
    def forward(self, x):
        return x[..., :-2]


class Block(nn.Module):
    def __init__(self, then):
        super().__init__()
        self.conv = nn.Conv1d(3, 16, 3)
        self.then = then

    def forward(self, x):
        return self.then(self.conv(x).relu())


def test_modules_that_change_the_length_keep_the_features():
    x = torch.randn(N, 3, 14)
    chomp = nn.Sequential(nn.Conv1d(3, 16, 3), Cut(), nn.ReLU(), nn.ConstantPad1d(1, 0.0))
    blocks = nn.Sequential(Block(torch.relu), nn.ReLU())
    halved = nn.Sequential(Block(lambda x: x[..., ::2]), nn.ReLU())
    for model in (chomp, blocks, halved):
        assert {a.shape for a in capture(model, x).values()} == {(N, 16)}
    assert features(nn.Sequential(nn.ConstantPad1d(2, 0.0)), x, "0") == 3
    tokens = nn.Sequential(nn.Linear(14, 16), Permute(0, 2, 1), nn.ReLU())
    assert capture(tokens, x, layers="2")["2"].shape == (N, 16)  # which are on axis 1 now


def test_nothing_is_left_on_tensors():
    class Table(nn.Linear):
        def __init__(self):
            super().__init__(2, N)
            self.register_buffer("mean", torch.ones(N, 2))

        def forward(self, x):
            return self.weight if x is None else self.mean

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.same = Table(), nn.Identity()

        def forward(self, x):
            return self.same(x) + self.table(x) + self.table(None)

    model, x = Model(), torch.randn(N, 2)
    before = [dict(vars(t)) for t in (x, model.table.weight, model.table.mean)]
    with pytest.warns(UserWarning, match="left out: 'table' .* same values for all samples"):
        assert list(capture(model, x)) == ["same"]
    assert [dict(vars(t)) for t in (x, model.table.weight, model.table.mean)] == before


def test_unknown_channels():
    with pytest.raises(ValueError, match="unknown channels 'frist'; did you mean 'first'"):
        capture(nn.Sequential(nn.ReLU()), torch.ones(N, 2), channels="frist")


class OwnConv1d(nn.Module):
    """A class of the user's that does what PyTorch's does."""

    def __init__(self, conv):
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias

    def forward(self, x):
        return nn.functional.conv1d(x, self.weight, self.bias)


class OwnLinear(nn.Module):
    def __init__(self, linear):
        super().__init__()
        self.weight = nn.Parameter(linear.weight.T.contiguous())  # inputs first
        self.bias = linear.bias

    def forward(self, x):
        return x @ self.weight + self.bias


@pytest.mark.parametrize(
    ("given", "own", "shape"),
    [(nn.Conv1d(3, 12, 3), OwnConv1d, (N, 3, 20)), (nn.Linear(7, 5), OwnLinear, (N, 4, 6, 7))],
)
def test_parameters_tell_the_feature_axis_of_a_class_of_the_users(given, own, shape):
    x = torch.randn(shape)
    expected = capture(nn.Sequential(given, nn.ReLU()), x)
    found = capture(nn.Sequential(own(given), nn.ReLU()), x)
    for layer in ("0", "1"):
        np.testing.assert_allclose(found[layer], expected[layer], rtol=1e-5, atol=1e-6)


def test_what_computes_a_weight_is_no_layer():
    net = nn.Sequential(nn.Linear(20, N), nn.Tanh(), nn.Linear(N, 5))
    nn.utils.parametrizations.weight_norm(net[0])
    nn.utils.parametrizations.spectral_norm(net[2])
    x = torch.randn(N, 20)  # as many samples as the weight has rows
    assert list(capture(net, x)) == ["0", "1", "2"]
    assert list(capture(net, x, layers="0*")) == ["0"]
    with pytest.raises(ValueError, match=r"unknown layer '0\.parametrizations"):
        capture(net, x, layers="0.parametrizations.weight")
