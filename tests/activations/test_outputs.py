from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from isorep.activations.capture import capture

N, T, H = 5, 7, 3


class Returns(nn.Module):
    """Returns its input in some wrapping."""

    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(x)


class Model(nn.Module):
    def __init__(self, **layers):
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        for layer in self.children():
            layer(x)


class ModelOutput(OrderedDict):
    """As in Hugging Face transformers: a dict in order, with attributes."""


@dataclass
class Output:
    loss: object
    hidden_states: tuple
    logits: torch.Tensor


class Pair(NamedTuple):
    aux: object
    out: torch.Tensor


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x,
        lambda x: (x, -x),
        lambda x: [None, "text", x],
        lambda x: ((), (None, (x, -x)), -x),
        lambda x: Pair(None, x),
        lambda x: {"other": -x, "last_hidden_state": x},
        lambda x: {"other": -x, "logits": x},
        lambda x: {"first": x, "second": -x},
        lambda x: ModelOutput(hidden_states=(-x,), logits=-x, last_hidden_state=x),
        lambda x: Output(loss=None, hidden_states=(-x,), logits=x),
    ],
)
def test_the_tensor_in_an_output(wrap):
    x = torch.randn(N, H)
    np.testing.assert_array_equal(capture(Model(out=Returns(wrap)), x)["out"], x.numpy())


class Embeds(nn.Module):
    def forward(self, features):
        return {**features, "tokens": 2 * features["x"] + 1}


class Pools(nn.Module):
    def forward(self, features):
        features["pooled"] = features["tokens"].square().mean(1)
        return features


class Scales(nn.Module):
    def forward(self, features):
        features["pooled"] = 3 * features["pooled"]
        return features


class AddsInPlace(nn.Module):
    """As a block that returns its residual stream, and something else that it computed."""

    def forward(self, features):
        features["pooled"].add_(1)
        return features["pooled"], features["pooled"].sin()


class PassesOn(nn.Sequential):
    def forward(self, x):
        features = {"x": x, "mask": torch.ones(x.shape[:2])}
        for layer in self:
            features = layer(features)
        return features


def test_what_a_layer_passes_on_is_not_its_output():
    x = torch.randn(N, T, H, generator=torch.Generator().manual_seed(2))
    layers = PassesOn(Embeds(), Pools(), Scales(), AddsInPlace())
    reps = capture(layers, x, channels="last")
    tokens = 2 * x + 1
    pooled = tokens.square().mean(1)
    expected = (tokens.mean(1), pooled, 3 * pooled, 3 * pooled + 1)
    for array, right in zip(reps.values(), expected, strict=True):
        np.testing.assert_allclose(array, right, rtol=1e-5, atol=1e-6)


def test_one_number_for_each_sample_is_one_feature():
    x = torch.randn(N, H)
    reps = capture(Model(out=Returns(lambda x: x[:, 0])), x)
    np.testing.assert_array_equal(reps["out"], x[:, :1].numpy())


UNUSABLE = {
    "rotary": (
        lambda x: torch.ones(T, 4),
        r"'rotary' has shape \(7, 4\) for 5 samples and for 4, and no row for each sample",
    ),
    "position": (lambda x: torch.ones(1, T, H), r"'position' has shape \(1, 7, 3\)"),
    "same": (
        lambda x: torch.arange(T).float().expand(len(x), T),
        r"'same' has shape \(5, 7\), and the same values for all samples",
    ),
    "pairs": (
        lambda x: x @ x.T,
        r"'pairs' has shape \(5, 5\) for 5 samples and \(4, 4\) for 4, so that more than one",
    ),
    "some": (
        lambda x: x[: len(x) // 2],
        r"'some' has shape \(2, 3\) for 5 samples and for 4, and no row for each sample",
    ),
    "sorted": (
        lambda x: torch.index_select(x, 0, torch.arange(len(x))).clone().sort(0).values[:, :1],
        r"'sorted' has shape \(5, 1\), whose rows do not follow the samples when these are in",
    ),
    "loss": (lambda x: x.sum(), r"'loss' has shape \(\)"),
    "ints": (lambda x: x.argmax(1), r"'ints' has shape \(5,\) and dtype int64; expected a float"),
    "nothing": (lambda x: None, "'nothing' returns NoneType; expected a tensor"),
    "sparse": (lambda x: x.to_sparse(), "'sparse' returns a nested or sparse tensor"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_outputs_without_a_row_for_each_sample(name):
    wrap, text = UNUSABLE[name]
    model = Model(good=nn.Linear(H, 2), **{name: Returns(wrap)})
    x = torch.randn(N, H)
    with pytest.raises(ValueError, match=f"layer {text}"):
        capture(model, x, layers=["good", name])
    with pytest.warns(UserWarning, match=f"layers left out: {text}"):
        reps = capture(model, x)
    assert list(reps) == ["good"]
    with pytest.raises(ValueError, match=f"none of the 1 selected layers is usable: {text}"):
        capture(model, x, layers=name[:-1] + "?")


@pytest.mark.parametrize("order", ["samples first", "positions first"])
def test_rows_of_positions_are_brought_back_to_their_samples(order):
    class Flat(nn.Module):
        """Rows of tokens (n * T, p), as in mixtures of experts and windowed attention."""

        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(H, 4)

        def forward(self, x):
            x = x if order == "samples first" else x.transpose(0, 1)
            return self.inner(x.reshape(-1, H)).sum()

    x = torch.randn(N, T, H)
    model = Flat()
    expected = model.inner(x).detach()
    reps = capture(model, [x, x[:, :4]])
    whole = torch.cat([expected.mean(1), expected[:, :4].mean(1)])
    np.testing.assert_allclose(reps["inner"], whole.numpy(), rtol=1e-5, atol=1e-6)
    reps = capture(model, x, reduce="positions")
    np.testing.assert_allclose(reps["inner"], expected.flatten(0, 1).numpy(), rtol=1e-5, atol=1e-6)


def test_one_warning_names_all_and_points_at_the_caller():
    model = Model(good=nn.Linear(H, 2), **{name: Returns(f) for name, (f, _) in UNUSABLE.items()})
    with pytest.warns(UserWarning, match="layers left out") as caught:
        capture(model, [torch.randn(N, H), torch.randn(2, H)])
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert all(repr(name) in str(caught[0].message) for name in UNUSABLE)


def test_a_table_that_fits_one_batch_by_accident_is_left_out():
    model = Model(good=nn.Linear(H, 2), table=Returns(lambda x: torch.ones(N, 4)))
    x = torch.randn(N + 2, H)
    for data in ([x[:N], x[N:]], [x[:2], x[2:]]):
        with pytest.warns(UserWarning, match="'table' has shape"):
            assert list(capture(model, data)) == ["good"]


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("reduce", ["mean", "positions", "last"])
def test_recurrent_layers_put_out_the_sequence(kind, reduce):
    torch.manual_seed(2)
    first = kind(H, 4, batch_first=True, bidirectional=True)
    second = kind(H, 4, bidirectional=True)
    second.load_state_dict(first.state_dict())
    x = torch.randn(N, T, H)

    class SamplesSecond(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = second

        def forward(self, x):
            return self.rnn(x.transpose(0, 1))

    a = capture(nn.Sequential(first), x, reduce=reduce)["0"]
    b = capture(SamplesSecond(), x, reduce=reduce)["rnn"]
    out = first(x)[0].detach()
    expected = {"mean": out.mean(1), "positions": out.reshape(-1, 8), "last": out[:, -1]}[reduce]
    np.testing.assert_allclose(a, expected.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(b, expected.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [N, T])  # also where samples and tokens are equally many
def test_transformer_layers_either_way_round(n):
    torch.manual_seed(2)
    options = {"d_model": 4, "nhead": 2, "dim_feedforward": 6}
    first = nn.TransformerEncoder(nn.TransformerEncoderLayer(batch_first=True, **options), 2)
    second = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(**options), 2, enable_nested_tensor=False
    )
    second.load_state_dict(first.state_dict())
    x = torch.randn(n, T, 4)

    class SamplesSecond(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = second

        def forward(self, x):
            return self.encoder(x.transpose(0, 1))

    a = capture(Model(encoder=first), x, layers="encoder*")
    b = capture(SamplesSecond(), x, layers="encoder*")
    assert list(a) == list(b)
    assert "encoder.layers.1.self_attn" in a  # which the fused path would not run
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-4, atol=1e-5)
    expected = first.eval()(x).detach().mean(1)
    np.testing.assert_allclose(a["encoder"], expected.numpy(), rtol=1e-4, atol=1e-5)


class TimeFirst(nn.Module):
    """PyTorch's classic word model: what is inside has time before samples."""

    def __init__(self, turn=True):
        super().__init__()
        self.turn = turn
        self.emb = nn.Embedding(50, H)
        self.rnn = nn.LSTM(H, 4)
        self.drop = nn.Dropout()
        self.dec = nn.Linear(4, 6)

    def forward(self, x):
        x = self.emb(x.T) if self.turn else self.emb(x).transpose(0, 1)
        return self.dec(self.drop(self.rnn(x)[0]))


@pytest.mark.parametrize("n", [N, T])
@pytest.mark.parametrize("channels", ["auto", "last"])
def test_what_follows_a_recurrent_layer_has_time_first_too(n, channels):
    torch.manual_seed(2)
    model = TimeFirst().eval()
    x = torch.randint(50, (n, T))
    with torch.no_grad():
        hidden = model.rnn(model.emb(x.T))[0]
        expected = {"rnn": hidden, "drop": hidden, "dec": model.dec(hidden)}
    reps = capture(model, x, channels=channels)
    assert list(reps) == ["emb", "rnn", "drop", "dec"]
    expected["emb"] = model.emb(x.T).detach()
    for name, out in expected.items():
        np.testing.assert_allclose(reps[name], out.mean(0).numpy(), rtol=1e-5, atol=1e-6)


def test_a_layer_given_the_input_itself_has_samples_first():
    torch.manual_seed(2)
    x = torch.randint(50, (T, T))
    model = TimeFirst(turn=False).eval()
    reps = capture(model, x)
    assert list(reps) == ["emb", "rnn", "drop", "dec"]
    expected = model.emb(x).detach()
    np.testing.assert_allclose(reps["emb"], expected.mean(1).numpy(), rtol=1e-5, atol=1e-6)


def test_a_module_that_turns_its_input_is_found_out():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(H, 4)
            self.turn = nn.Sequential(Returns(lambda x: x.transpose(0, 1)))
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.turn(self.rnn(x.transpose(0, 1))[0]))

    model = Model()
    for n in (T, N):
        x = torch.randn(n, T, H)
        reps = capture(model, x)
        assert list(reps) == ["rnn", "turn.0", "turn", "head"]
        turned = model.turn(model.rnn(x.transpose(0, 1))[0])
        for name, out in {"rnn": turned, "turn": turned, "head": model.head(turned)}.items():
            np.testing.assert_allclose(
                reps[name], out.mean(1).detach().numpy(), rtol=1e-5, atol=1e-6
            )


@pytest.mark.parametrize("batch_first", [True, False])
def test_packed_sequences_leave_padding_out(batch_first):
    torch.manual_seed(2)
    lengths = [3, 7, 1, 5, 2]
    x = torch.randn(N, T, H)

    class Packs(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(H, 4, batch_first=batch_first)

        def forward(self, x):
            x = x if batch_first else x.transpose(0, 1)
            return self.rnn(pack_padded_sequence(x, lengths, batch_first, enforce_sorted=False))

    model = Packs()
    alone = nn.LSTM(H, 4, batch_first=True)
    alone.load_state_dict(model.rnn.state_dict())
    each = [alone(x[i : i + 1, :length])[0][0].detach().numpy() for i, length in enumerate(lengths)]
    for reduce, expected in {
        "mean": np.stack([e.mean(0) for e in each]),
        "max": np.stack([e.max(0) for e in each]),
        "last": np.stack([e[-1] for e in each]),
        "first": np.stack([e[0] for e in each]),
        "positions": np.concatenate(each),
    }.items():
        reps = capture(model, x, reduce=reduce)
        np.testing.assert_allclose(reps["rnn"], expected, rtol=1e-5, atol=1e-6)
