"""RNN states against the LSTM's equations, one token after another."""

import numpy as np
import pytest
from helpers import language_models as toy

from isorep.paper.analysis import rnn_states

TOKENS = toy.corpus().train[:240]


@pytest.fixture(scope="module")
def model():
    return toy.trained()[toy.DEEP.name][0].at(4)


def test_over_a_text(model):
    states = rnn_states.over_text(model, np.append(TOKENS, [0, 0, 0]))
    expected = toy.read_rows(model, TOKENS)
    assert list(states) == ["lstm1", "lstm2", "lstm3"]
    for layer, array in states.items():
        np.testing.assert_allclose(array, expected[layer], atol=1e-6)


def test_over_epochs():
    trained = toy.trained()[toy.SHALLOW.name][1]
    by_epoch = rnn_states.over_epochs(trained, TOKENS)
    assert list(by_epoch) == [0, 1, 2, 3, 4]
    for epoch in (0, 3):
        expected = toy.read_rows(trained.at(epoch), TOKENS)
        for layer, array in by_epoch[epoch].items():
            np.testing.assert_allclose(array, expected[layer], atol=1e-6)
    top_layer = rnn_states.over_epochs(trained, TOKENS, layers=["lstm2"])
    assert list(top_layer[3]) == ["lstm2"]
    np.testing.assert_array_equal(top_layer[3]["lstm2"], by_epoch[3]["lstm2"])


def test_by_index_modulo_the_steps(model):
    by_step = rnn_states.by_index(model, np.append(TOKENS, [1] * 7), 6, rows=4)
    expected = toy.read_rows(model, TOKENS, rows=4)
    assert list(by_step) == list(range(6))
    for layer in model.layers:
        for i in range(240):
            np.testing.assert_allclose(by_step[i % 6][layer][i // 6], expected[layer][i], atol=1e-6)


@pytest.mark.parametrize("start", [1, 13])
def test_under_repeated_input(model, start):
    by_step = rnn_states.under_repeated_input(model, TOKENS, 5, start=start, stride=7)
    begins = range(0, 240 - start, 7)
    for row, begin in enumerate(begins):
        sequence = [*TOKENS[begin : begin + start], *[TOKENS[begin + start]] * 5]
        expected = toy.read(model, np.array(sequence))
        for layer in model.layers:
            for step in range(5):
                np.testing.assert_allclose(
                    by_step[step][layer][row], expected[layer][start + step], atol=1e-6
                )
    assert all(len(layers["lstm1"]) == len(begins) for layers in by_step.values())


def test_without_repetition_it_reads_on(model):
    by_step = rnn_states.under_repeated_input(model, TOKENS, 5, start=3, stride=29, repeated=False)
    begins = range(0, 240 - 7, 29)
    for row, begin in enumerate(begins):
        expected = toy.read(model, TOKENS[begin : begin + 8])
        for step in range(5):
            np.testing.assert_allclose(
                by_step[step]["lstm2"][row], expected["lstm2"][3 + step], atol=1e-6
            )
    assert len(by_step[0]["lstm2"]) == len(begins)
