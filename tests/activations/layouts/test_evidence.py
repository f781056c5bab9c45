"""What the small runs show: samples, randomness, states, and layers that do not always run."""

import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

from isorep.activations.capture import capture
from isorep.activations.layouts import axis_rules
from isorep.activations.random_model import RandomModelWarning

N = 12


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(2)


class Layers(nn.Module):
    """Runs `function` on itself and the input."""

    def __init__(self, function, **layers):
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *args, **kwargs):
        return self.function(self, *args, **kwargs)


def captured(model, data, **options):
    """Return what is captured, and the texts of warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reps = capture(model, data, **options)
    return reps, [f"{type(w.message).__name__}: {w.message}" for w in caught]


def output_of(model, name, *args):
    outputs = []
    handle = model.get_submodule(name).register_forward_hook(
        lambda module, inputs, output: outputs.append(output)
    )
    with torch.no_grad():
        model.eval()(*args)
    handle.remove()
    return outputs[0]


def noisy(draw):
    return Layers(
        lambda m, x: m.head(m.noise(m.first(x))),
        first=nn.Linear(3, 4),
        noise=Layers(lambda m, x: draw(x)),
        head=nn.Linear(4, 2),
    )


DRAWS = {
    "dropout": lambda x: F.dropout(x, 0.5),
    "sampling": lambda x: x + torch.randn_like(x),
    "numpy": lambda x: x + torch.tensor(np.random.randn(*x.shape), dtype=x.dtype),  # noqa: NPY002
    "few values": lambda x: torch.where(torch.rand(len(x), 1) < 0.5, x, 0),
}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_in_eval_mode(name):
    reps, texts = captured(noisy(DRAWS[name]), torch.rand(N, 3))
    assert list(reps) == ["first", "noise", "head"]
    (text,) = texts
    assert text.startswith("RandomModelWarning: ")
    assert "first in layer 'noise': it draws random numbers in eval mode" in text


def test_random_numbers_that_change_nothing():
    reps, texts = captured(noisy(lambda x: x + 0 * torch.rand(1)), torch.rand(N, 3))
    assert texts == []
    assert len(reps) == 3


def test_a_state_that_goes_from_batch_to_batch():
    class Memory(nn.Module):
        def __init__(self):
            super().__init__()
            self.last = torch.zeros(4)

        def forward(self, x):
            x = x + self.last
            self.last = x.mean(0)
            return x

    model = nn.Sequential(nn.Linear(3, 4), Memory(), nn.Linear(4, 2))
    _, texts = captured(model, torch.rand(N, 3))
    (text,) = texts
    assert "first in layer '1': it keeps a state from one batch to the next" in text


def test_a_cache_that_changes_no_value():
    def cached(m, x):
        m.tables.setdefault(len(x), torch.ones(4))
        return m.first(x) * m.tables[len(x)]

    model = Layers(cached, first=nn.Linear(3, 4))
    model.tables = {}
    assert captured(model, torch.rand(N, 3))[1] == []


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm1d(4, track_running_stats=False),
        Layers(lambda m, x: x - x.mean(0)),
        Layers(lambda m, x: x / x.norm()),
    ],
)
def test_values_that_depend_on_the_other_samples(norm):
    model = nn.Sequential(nn.Linear(3, 4), norm, nn.Linear(4, 2))
    with pytest.warns(
        RandomModelWarning, match=r"first in layer '1': its values for a sample depend on the other"
    ):
        capture(model, torch.rand(N, 3))


def test_without_a_probe_nothing_runs_again():
    runs = []
    model = Layers(lambda m, x: (runs.append(len(x)), m.first(x))[1], first=nn.Linear(3, 4))
    capture(model, torch.rand(N, 3))
    assert runs == [7, 8, 8, N]
    runs.clear()
    capture(model, torch.rand(N, 3), probe=False)
    assert runs == [8, N]


# Samples.


@pytest.mark.parametrize("n", [2, 4, 9])
def test_an_axis_as_long_as_the_batch_is_not_the_samples(n):
    """Time first, with as many steps as samples, and a table of as many rows."""

    def forward(m, x):
        m.table(m.weight)
        return m.head(m.rnn(x.transpose(0, 1))[0])

    model = Layers(forward, table=nn.Identity(), rnn=nn.GRU(3, 5), head=nn.Linear(5, 2))
    model.weight = nn.Parameter(torch.rand(n, 5))
    x = torch.rand(n, n, 3)
    reps, texts = captured(model, x)
    assert list(reps) == ["rnn", "head"]
    assert f"'table' has shape ({n}, 5)" in " ".join(texts)
    expected = output_of(model, "rnn", x)[0].mean(0)
    np.testing.assert_allclose(reps["rnn"], expected, rtol=1e-5, atol=1e-6)


def test_windows_are_brought_back_to_their_samples():
    def forward(m, x):
        x = m.map(x).unflatten(2, (2, 3)).unflatten(4, (3, 2))  # n, p, 2, 3, 3, 2
        first = x.permute(0, 2, 4, 3, 5, 1).flatten(0, 2).flatten(1, 2)
        last = x.permute(2, 4, 0, 3, 5, 1).flatten(0, 2).flatten(1, 2)
        m.last(last)
        return m.first(first)

    model = Layers(forward, map=nn.Conv2d(2, 5, 1), first=nn.Linear(5, 4), last=nn.LayerNorm(5))
    x = torch.rand(N, 2, 6, 6)
    reps, texts = captured(model, x)
    assert texts == []
    first = output_of(model, "first", x).unflatten(0, (N, 6)).mean((1, 2))
    np.testing.assert_allclose(reps["first"], first, rtol=1e-5, atol=1e-6)
    last = output_of(model, "last", x).unflatten(0, (6, N)).mean((0, 2))
    np.testing.assert_allclose(reps["last"], last, rtol=1e-5, atol=1e-6)


def test_heads_within_windows():
    def forward(m, x):
        x = m.proj(x).unflatten(1, (2, 3)).unflatten(3, (2, 3))  # n, w, l, h, d
        return m.norm(x.transpose(2, 3).flatten(0, 2))

    model = Layers(forward, proj=nn.Linear(4, 6), norm=nn.LayerNorm(3))
    x = torch.rand(N, 6, 4)
    reps, texts = captured(model, x)
    assert texts == []
    output = output_of(model, "norm", x).reshape(N, 2, 2, 3, 3)  # n, w, h, l, d
    np.testing.assert_allclose(reps["norm"], output.mean((1, 3)).flatten(1), rtol=1e-5, atol=1e-6)


def test_heads_as_layers():
    def forward(m, x):
        return m.norm(m.q(x).unflatten(2, (2, 3)))

    model = Layers(forward, q=nn.Linear(4, 6), norm=nn.LayerNorm(3))
    x = torch.rand(N, 6, 4)
    output = output_of(model, "norm", x)
    both = capture(model, x, layers="norm")
    np.testing.assert_allclose(both["norm"], output.mean(1).flatten(1), rtol=1e-5, atol=1e-6)
    each = capture(model, x, layers="norm", heads="*norm")
    assert list(each) == ["norm.head0", "norm.head1"]
    for i in range(2):
        expected = output[:, :, i].mean(1)
        np.testing.assert_allclose(each[f"norm.head{i}"], expected, rtol=1e-5, atol=1e-6)
    reps, texts = captured(model, x, heads="q")
    assert list(reps) == ["norm"]
    assert "'q' has shape (8, 6, 6)" in texts[0] or "no axis for its heads" in texts[0]


def test_patterns_that_leave_out_layers():
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Sequential(nn.Linear(4, 4), nn.GELU()))
    x = torch.rand(N, 3)
    everything = capture(model, x)
    some = capture(model, x, layers=["*", "!1", "!2.*"])
    assert list(some) == ["0", "2"]
    assert list(capture(model, x, layers="!2*")) == ["0", "1"]
    for name in some:
        np.testing.assert_array_equal(some[name], everything[name])
    with pytest.raises(ValueError, match="leave out every layer"):
        capture(model, x, layers=["0", "!0"])


def test_experts_that_do_not_run_in_each_batch():
    def forward(m, x):
        x = m.first(x)
        y = x * 1
        for k, expert in ((0, m.low), (1, m.high)):
            index = torch.where((x[:, 0] > 0) == k)[0]
            if len(index):
                y = y.index_add(0, index, expert(x[index]))
        return m.last(y)

    model = Layers(
        forward,
        first=nn.Linear(3, 4),
        low=nn.Linear(4, 4),
        high=nn.Linear(4, 4),
        last=nn.Linear(4, 2),
    )
    nn.init.zeros_(model.first.bias)
    x = torch.rand(2 * N, 3) - 0.5
    with torch.no_grad():
        order = model.first(x)[:, 0].argsort()
    x = x[order]
    reps, texts = captured(model, [x[:8], x[8:16], x[16:]])
    assert list(reps) == ["first", "last"]
    assert len(texts) == 1
    assert "'low'" in texts[0]
    assert "'high'" in texts[0]
    with torch.no_grad():
        np.testing.assert_allclose(reps["last"], model(x), rtol=1e-5, atol=1e-6)


# Models of many kinds.


class Pair(nn.Module):
    """Two convolutions and a sum of time series, (n, C, T)."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(3, 6, 3, padding=1)
        self.second = nn.Conv1d(6, 6, 3, padding=1)
        self.act = nn.GELU()

    def forward(self, x):
        x = self.first(x)
        return self.act(x + self.second(x))


@dataclass
class Output:
    loss: object
    states: torch.Tensor


WRAPPERS = {
    "traced": torch.fx.symbolic_trace,
    "checkpointed": lambda m: Layers(
        lambda self, x: checkpoint(self.inner, x, use_reentrant=False), inner=m
    ),
    "parallel": lambda m: Layers(lambda self, x: self.inner(x), inner=nn.DataParallel(m)),
    "compiled": lambda m: torch.compile(Layers(lambda s, x: s.inner(x), inner=m), backend="eager"),
    "in a dataclass": lambda m: Layers(lambda self, x: Output(None, self.inner(x)), inner=m),
    "mapped": lambda m: Layers(
        lambda self, x: torch.vmap(lambda row: row + 0)(self.inner(x)), inner=m
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRAPPERS)
def test_wrapped_models(name):
    pair = Pair().eval()
    x = torch.rand(6, 3, 6)  # as many steps as samples and features
    expected = {layer: output_of(pair, layer, x).mean(2) for layer in ("first", "second", "act")}
    reps, texts = captured(WRAPPERS[name](pair), x)
    assert texts == []
    for layer, rows in expected.items():
        (got,) = (reps[key] for key in reps if key.split(".")[-1] == layer)
        np.testing.assert_allclose(got, rows, rtol=1e-5, atol=1e-6)


def test_a_layer_that_runs_in_two_layouts():
    model = Layers(
        lambda m, x: (m.act(m.conv(x)), m.act(m.linear(x.mT))),
        conv=nn.Conv1d(3, 6, 1),
        linear=nn.Linear(3, 6),
        act=nn.Tanh(),
    )
    x = torch.rand(N, 3, 6)
    reps = capture(model, x)
    with torch.no_grad():
        np.testing.assert_allclose(reps["act"], model.conv(x).tanh().mean(2), rtol=1e-5, atol=1e-6)
        second = model.linear(x.mT).tanh().mean(1)
    np.testing.assert_allclose(reps["act#2"], second, rtol=1e-5, atol=1e-6)


def test_learned_queries():
    decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8, batch_first=True), 2)
    model = Layers(
        lambda m, x: m.decoder(m.queries.expand(len(x), -1, -1), m.memory(x)),
        memory=nn.Linear(3, 4),
        decoder=decoder,
    )
    model.queries = nn.Parameter(torch.randn(5, 4))
    x = torch.rand(5, 5, 3)
    reps, texts = captured(model, x, layers=["!*.layers.0.self_attn*", "!*.dropout1", "!*.norm1"])
    assert texts == []
    for name in ("decoder", "decoder.layers.0.linear1", "decoder.layers.1.norm2"):
        expected = output_of(model, name, x).mean(1)
        np.testing.assert_allclose(reps[name], expected, rtol=1e-4, atol=1e-5)
    reps, texts = captured(model, x)
    assert "decoder.layers.0.self_attn" not in reps
    assert "'decoder.layers.0.self_attn' has shape (5, 5, 4), and the same values" in texts[0]


def test_spikes_in_time_steps():
    def forward(m, x):
        x = x.expand(4, *x.shape)  # as many time steps as samples
        y = m.norm(m.conv(x.flatten(0, 1))).unflatten(0, (4, -1))
        return m.neuron(y).mean(0)

    model = Layers(
        forward,
        conv=nn.Conv2d(2, 6, 1),
        norm=nn.BatchNorm2d(6),
        neuron=Layers(lambda m, x: (x.cumsum(0) > 0.5).float()),
    )
    x = torch.randn(4, 2, 5, 5)
    reps, texts = captured(model, x)
    assert texts == []
    conv = output_of(model, "conv", x).unflatten(0, (4, 4)).mean((0, 3, 4))
    np.testing.assert_allclose(reps["conv"], conv, rtol=1e-5, atol=1e-6)
    neuron = output_of(model, "neuron", x).mean((0, 3, 4))
    np.testing.assert_allclose(reps["neuron"], neuron, rtol=1e-5, atol=1e-6)


def test_a_rule_that_fails_leaves_axes_unknown(monkeypatch):
    def fails(operation, shape):
        raise IndexError("an argument that this rule does not know")

    def forward(m, x):
        return m.last(m.act(m.first(x).transpose(1, 2)).transpose(1, 2))

    monkeypatch.setitem(axis_rules._RULES, "transpose", fails)
    model = Layers(forward, first=nn.Linear(3, 4), act=nn.Tanh(), last=nn.Linear(4, 2))
    x = torch.rand(N, 5, 3)
    reps, texts = captured(model, x)
    (text,) = texts
    assert "features of some layers are on an unknown axis" in text
    assert "a default is taken: 'act' axis 2 of (12, 4, 5); pass channels=" in text
    for name in ("first", "last"):
        expected = output_of(model, name, x).mean(1)
        np.testing.assert_allclose(reps[name], expected, rtol=1e-5, atol=1e-6)
    reps, texts = captured(model, x, layers="act", channels="first")
    assert texts == []
    expected = output_of(model, "act", x).mean(2)
    np.testing.assert_allclose(reps["act"], expected, rtol=1e-5, atol=1e-6)


def test_a_graph_of_one_batch_gives_rows_of_nodes_and_no_rows_of_graphs():
    def forward(m, x, batch):
        h = m.node(x)
        graphs = torch.zeros(int(batch.max()) + 1, 4).index_add(0, batch, h)
        return m.graph(graphs)

    model = Layers(forward, node=nn.Linear(3, 4), graph=nn.Linear(4, 2))
    x, batch = torch.rand(10, 3), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 3, 3])
    reps, texts = captured(model, {"x": x, "batch": batch})
    assert list(reps) == ["node"]
    assert "'graph' has shape" in texts[0]
    with torch.no_grad():
        np.testing.assert_allclose(reps["node"], model.node(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("in_dict", [True, False])
def test_rows_of_nodes_are_reported_where_an_input_has_other_rows(in_dict):
    class Nodes(nn.Module):
        def __init__(self):
            super().__init__()
            self.node, self.out = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x, edges):
            h = self.node(x)
            return self.out(h.index_add(0, edges[1], h[edges[0]]))

    model, sizes = Nodes(), (7, 5, 6)
    graphs = [(torch.rand(n, 3), torch.randint(0, n, (2, 9))) for n in sizes]
    data = [{"x": x, "edges": edges} for x, edges in graphs] if in_dict else graphs
    reps, texts = captured(model, data)
    (text,) = texts
    name = "edges" if in_dict else "argument 2"
    assert f"the input '{name}' has no row for each of the 7 samples of the first batch" in text
    assert "groups=graphs" in text
    for layer in ("node", "out"):
        expected = np.concatenate([output_of(model, layer, *graph) for graph in graphs])
        np.testing.assert_allclose(reps[layer], expected, rtol=1e-5, atol=1e-6)


def test_quantised_layers():
    model = Layers(
        lambda m, x: m.second(m.act(m.first(x))),
        first=nn.Linear(4, 6),
        act=nn.ReLU(),
        second=nn.Linear(6, 6),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, torch.qint8)
    x = torch.rand(6, 6, 4)
    reps, texts = captured(model, x)
    assert [text for text in texts if "axis" in text or "left out" in text] == []
    for name in ("first", "act", "second"):
        expected = output_of(model, name, x).mean(1)
        np.testing.assert_allclose(reps[name], expected, rtol=0.02, atol=0.02)
