"""Tiny language models, trained once for all tests, and their states by the LSTM equations."""

from dataclasses import replace
from functools import cache

import numpy as np

from isorep.paper.data.text import Corpus
from isorep.paper.models.dropouts import Dropouts
from isorep.paper.training.language_recipe import LanguageModel
from isorep.paper.training.language_training import Task, train_language_models

WORDS = 17
SHALLOW = LanguageModel(
    corpus="pydoc",
    layers=2,
    hidden=7,
    embedding=6,
    epochs=4,
    checkpoints=(0, 1, 2, 3, 4),
    initial_embedding=1.0,
    dropouts=Dropouts(output=0.1),
    learning_rate=1e-2,
    batch_size=4,
    bptt=11,
)
DEEP = replace(SHALLOW, layers=3)
MODELS = (SHALLOW, DEEP)


@cache
def corpus():
    random = np.random.default_rng(0)
    text = (3 * np.arange(1600) + random.integers(0, 3, 1600)) % WORDS
    words = tuple(f"word{i}" for i in range(WORDS))
    return Corpus("a toy", words, text[:1200], text[1200:], note="not a real text")


@cache
def trained():
    return {
        model.name: train_language_models([Task(model, corpus(), seed) for seed in (0, 1)])
        for model in MODELS
    }


def corpora():
    return {"pydoc": corpus()}


def read(model, tokens):
    """Return the states of each layer, layer -> (tokens, p), float64, computed token by token."""
    weights = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    inputs = weights["embedding.weight"][tokens]
    states = {}
    for layer in model.layers:
        w_in, w_h, b_in, b_h = (
            weights[f"{layer}.{name}"]
            for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        )
        h = c = np.zeros(w_h.shape[1])
        outputs = []
        for x in inputs:
            i, f, g, o = np.split(w_in @ x + b_in + w_h @ h + b_h, 4)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            h = _sigmoid(o) * np.tanh(c)
            outputs.append(h)
        inputs = states[layer] = np.array(outputs)
    return states


def read_rows(model, tokens, rows=10):
    """Return `read` of equal stretches of a text, stacked."""
    stretches = [read(model, part) for part in np.split(tokens, rows)]
    return {
        layer: np.concatenate([states[layer] for states in stretches]) for layer in model.layers
    }


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))
