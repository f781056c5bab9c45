"""AWD-LSTM: in evaluation mode plain LSTMs; in training, each dropout's own law."""

import pytest
import torch
from torch import nn

import isorep
from isorep.paper.models.awd_lstm import AWDLSTM, WeightDropLSTM
from isorep.paper.training.language_recipe import Dropouts

ALL = Dropouts(embedding=0.3, inputs=0.3, hidden=0.3, output=0.3, weights=0.5)
SHAPE = {"words": 23, "embedding": 5, "hidden": 7, "layers": 3}


def _model(dropouts, seed=0):
    torch.manual_seed(seed)
    words, *_ = SHAPE.values()
    return AWDLSTM(words, dropouts=dropouts, **{k: v for k, v in SHAPE.items() if k != "words"})


def _tokens(n=3, steps=11):
    return torch.randint(SHAPE["words"], (n, steps), generator=torch.Generator().manual_seed(1))


def test_in_evaluation_mode_it_is_plain_lstms_with_the_same_weights():
    model = _model(ALL).eval()
    tokens = _tokens()
    x = nn.functional.embedding(tokens, model.embedding.weight)
    for name in model.layers:
        lstm = model.get_submodule(name)
        plain = nn.LSTM(lstm.input_size, lstm.hidden_size, batch_first=True)
        plain.load_state_dict(lstm.state_dict())
        x, _ = plain(x)
    hidden, state = model(tokens)
    assert torch.equal(hidden, x)
    logits = x @ model.embedding.weight.T + model.bias
    torch.testing.assert_close(model.decode(hidden), logits)
    assert [h.shape[-1] for h, _ in state] == [7, 7, 5]


def test_training_without_dropout_is_evaluation():
    model, tokens = _model(Dropouts()), _tokens()
    step = model.train().training_step(tokens)
    torch.testing.assert_close(step.raw, model.eval()(tokens)[0])
    assert torch.equal(step.raw, step.dropped)


def test_going_on_from_the_state_is_reading_on():
    model, tokens = _model(ALL).eval(), _tokens()
    whole, end = model(tokens)
    first, state = model(tokens[:, :4])
    second, state = model(tokens[:, 4:], state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(state, end)


def test_dropconnect_masks_the_hidden_weights_once_for_all_steps():
    torch.manual_seed(0)
    layer = WeightDropLSTM(4, 6, 0.5).train()
    layer.generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 9, 4)
    output, (h, c) = layer(x)

    mask = torch.empty(24, 6).bernoulli_(0.5, generator=torch.Generator().manual_seed(3)) / 0.5
    assert set(mask.unique().tolist()) == {0.0, 2.0}
    plain = nn.LSTM(4, 6, batch_first=True)
    plain.load_state_dict(layer.state_dict())
    with torch.no_grad():
        plain.weight_hh_l0 *= mask
    expected, (h_expected, c_expected) = plain(x)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close((h, c), (h_expected, c_expected))
    assert not torch.equal(layer(x)[0], output)  # another mask in another forward pass


def test_gradients_reach_the_weights_that_were_kept_and_no_others():
    layer = WeightDropLSTM(4, 6, 0.5).train()
    layer.generator = torch.Generator().manual_seed(3)
    layer(torch.randn(2, 9, 4))[0].square().sum().backward()
    mask = torch.empty(24, 6).bernoulli_(0.5, generator=torch.Generator().manual_seed(3))
    assert torch.equal(layer.weight_hh_l0.grad != 0, mask == 1)


def test_locked_dropout_has_one_mask_for_all_time_steps_and_another_for_each_sequence():
    model = _model(Dropouts(output=0.4)).train()
    step = model.training_step(_tokens(n=4, steps=13))
    kept = step.dropped != 0
    assert (kept == kept[:, :1]).all()
    assert len({tuple(row.tolist()) for row in kept[:, 0]}) > 1
    torch.testing.assert_close(step.dropped[kept], step.raw[kept] / 0.6)


def test_embedding_dropout_drops_a_word_wherever_it_occurs():
    model = _model(Dropouts(embedding=0.5)).train()
    seen = []
    model.lstm1.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    tokens = torch.arange(SHAPE["words"]).repeat(2, 2)
    model.training_step(tokens)
    vectors = model.embedding.weight[tokens]
    dropped = (seen[0] == 0).all(-1)
    assert 0 < dropped.float().mean() < 1
    halves = dropped.reshape(2, 2, SHAPE["words"])
    assert (halves == halves[0, 0]).all()
    torch.testing.assert_close(seen[0][~dropped], 2 * vectors[~dropped])


@pytest.mark.slow
def test_dropout_keeps_the_mean():
    model = _model(Dropouts(output=0.3)).train()
    tokens = _tokens(n=2)
    with torch.no_grad():
        raw = model.training_step(tokens).raw
        # Each sequence has a mask of its own.
        dropped = model.training_step(tokens.repeat(3000, 1)).dropped
    mean = dropped.reshape(3000, *raw.shape).mean(0)
    # Of 3000 masks the mean is off by sqrt(0.3 / 0.7 / 3000) = 1.2 % in standard deviation.
    torch.testing.assert_close(mean, raw, rtol=0.06, atol=0)


def test_a_generator_of_its_own_makes_the_masks_repeatable():
    outcomes = []
    for noise in (0, 1):
        model = _model(ALL).train()
        model.use_generator(torch.Generator().manual_seed(5))
        torch.manual_seed(noise)
        outcomes.append(model.training_step(_tokens()).logits)
    assert torch.equal(*outcomes)


def test_capture_finds_each_layer_by_its_name_with_its_features_last():
    model, tokens = _model(ALL), _tokens()
    reps = isorep.capture(model, tokens, layers="lstm*", reduce="positions", progress=False)
    assert {name: array.shape for name, array in reps.items()} == {
        "lstm1": (33, 7),
        "lstm2": (33, 7),
        "lstm3": (33, 5),
    }
    hidden, _ = model.eval()(tokens)
    output = torch.from_numpy(reps["lstm3"].copy())
    torch.testing.assert_close(output, hidden.detach().flatten(0, 1))


def test_untied_it_has_an_output_matrix():
    torch.manual_seed(0)
    model = AWDLSTM(23, embedding=5, hidden=7, layers=2, tied=False).eval()
    hidden, _ = model(_tokens())
    expected = hidden @ model.output.weight.T + model.bias
    torch.testing.assert_close(model.decode(hidden), expected)
    assert not torch.equal(model.output.weight, model.embedding.weight)
    assert torch.equal(model.training_step(_tokens()).logits, model.decode(hidden))


def test_orthogonal_weights_of_each_gate():
    torch.manual_seed(0)
    model = AWDLSTM(23, embedding=5, hidden=7, layers=2, initial_weights="orthogonal")
    for name in model.layers:
        layer = model.get_submodule(name)
        for gate in layer.weight_hh_l0.chunk(4):
            torch.testing.assert_close(gate.T @ gate, torch.eye(layer.hidden_size))
        bound = (6 / (layer.input_size + layer.hidden_size)) ** 0.5
        assert 0.9 * bound < layer.weight_ih_l0.abs().max() <= bound
        # PyTorch's biases are at most 1 / sqrt(width).
        least = 1 - layer.hidden_size**-0.5
        _, forget, _, _ = layer.bias_ih_l0.chunk(4)
        assert (forget >= least).all()
        assert ((layer.bias_ih_l0 >= least).sum(), layer.bias_hh_l0.abs().max() < least) == (
            layer.hidden_size,
            True,
        )


@pytest.mark.parametrize("layers", [1, 5])
def test_any_number_of_layers(layers):
    model = AWDLSTM(11, embedding=3, hidden=4, layers=layers)
    assert model.layers == tuple(f"lstm{i}" for i in range(1, layers + 1))
    assert model(torch.zeros(2, 3, dtype=torch.int64))[0].shape == (2, 3, 3)
    # The output matrix is the embedding: there is no other.
    shapes = [tuple(p.shape) for p in model.parameters()]
    assert shapes.count((11, 3)) == 1
