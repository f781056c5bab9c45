"""Language-model figures through the runner's parts: training once, rows, facts."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from isorep.paper.data import text
from isorep.paper.figures import fig6, figa2
from isorep.paper.figures import language_figure as language
from isorep.paper.run import Run
from isorep.paper.training import language_networks, language_training
from isorep.paper.training.language_recipe import LanguageModel

MODEL = LanguageModel(
    "pydoc", layers=2, hidden=5, embedding=4, epochs=2, checkpoints=(0, 1, 2), batch_size=3, bptt=7
)


@pytest.fixture(autouse=True)
def _small_text(monkeypatch):
    tokens = (3 * np.arange(400)) % 13
    corpus = text.Corpus("toy", tuple("abcdefghijklm"), tokens[:300], tokens[300:])
    monkeypatch.setattr(text, "load", lambda name, folder, excerpt: corpus)


@pytest.fixture
def figure():
    module = SimpleNamespace(
        SETUPS={"laptop": fig6.SetUp((MODEL,), 2)},
        compute=fig6.compute,
        claims=fig6.claims,
        draw=fig6.draw,
    )
    return language.language_figure(module)


@pytest.mark.slow
def test_trains_once_and_gives_what_the_module_computes(figure, tmp_path, monkeypatch):
    run = Run(tmp_path, console=Console(quiet=True))
    setup = replace(figure.SETUPS["laptop"], seed=3)
    result = figure.compute(setup, run)
    assert len(list((tmp_path / "networks").iterdir())) == 2

    epochs = []
    real = language_training.train_language_models

    def spy(tasks, *, on_epoch, **named):
        def record(*state):
            epochs.append(state)
            on_epoch(*state)

        return real(tasks, on_epoch=record, **named)

    monkeypatch.setattr(language_training, "train_language_models", spy)
    again = figure.compute(setup, run)
    assert epochs == []  # read, not trained
    trained, corpora = language_networks.train((MODEL,), 2, 3, run)
    assert [network.seed for network in trained[MODEL.name]] == [6, 7]
    expected = fig6.compute(trained, corpora, setup.figure)
    for computed in (result, again):
        for name, table in expected.items():
            assert computed.tables[name].identical(table)
    rows = list(figure.rows(result))
    table = expected[MODEL.name]
    assert len(rows) == sum(table[name].size for name in table.data_vars)
    row = rows[-1]
    at = {name: row[name] for name in table[row["quantity"]].dims}
    assert row["value"] == table[row["quantity"]].sel(at).item()
    networks = figure.facts(result)["networks"][MODEL.name]
    assert networks[0]["valid_perplexity"] == trained[MODEL.name][0].valid_perplexity[-1]
    assert figure.facts(result)["texts"]["pydoc"] == corpora["pydoc"].facts()
    assert figure.claims(result)
    assert figure.draw(result).axes


def test_says_how_the_text_differs_and_uses_one_excerpt_of_it(figure, monkeypatch):
    asked = []
    tokens = (3 * np.arange(400)) % 13
    corpus = text.Corpus("toy", tuple("abcdefghijklm"), tokens[:300], tokens[300:], "half a toy")
    monkeypatch.setattr(text, "load", lambda *given: asked.append(given) or corpus)
    part = text.Excerpt(300, 100, 13)
    short = replace(MODEL, epochs=1, checkpoints=(0, 1), excerpt=part)
    run = Run(console=Console(record=True, file=io.StringIO()))
    trained, _ = language_networks.train((short, replace(short, layers=1)), 1, 0, run)
    assert asked == [("pydoc", None, part)]
    assert trained[short.name][0].recipe.excerpt == part
    assert "half a toy" in run.console.export_text()
    with pytest.raises(ValueError, match="models on one corpus must use the same excerpt of it"):
        language_networks.train((short, replace(MODEL, layers=1)), 1, 0, run)


@pytest.mark.slow
def test_another_seed_makes_other_networks(figure, tmp_path):
    run = Run(tmp_path, console=Console(quiet=True))
    for seed in (0, 1):
        figure.compute(replace(figure.SETUPS["laptop"], seed=seed), run)
    assert len(list((tmp_path / "networks").iterdir())) == 4


def test_toys_take_the_seed():
    toy = figa2.SetUp(width=4, runs=53, steps=4, every=2, alphas=(0.0, 1.0), networks=2)
    made = language.language_figure(figa2)
    result = made.compute(language.SetUp(toy, seed=5), Run(console=Console(quiet=True)))
    expected = figa2.compute(replace(toy, seed=5))
    assert result.computed.identical(expected)
    assert len(list(made.rows(result))) == sum(expected[name].size for name in expected.data_vars)
    assert made.facts(result)["networks"] == {}
