"""Language model: windows, perplexity, NT-ASGD, and trainings that stop and go on."""

import math
from dataclasses import replace
from itertools import pairwise
from threading import Event

import numpy as np
import pytest
import torch
from helpers.quick import slow_unless

from isorep.paper.data.text import Corpus, Excerpt
from isorep.paper.data.text_windows import windows
from isorep.paper.models.awd_lstm import AWDLSTM
from isorep.paper.models.dropouts import Dropouts
from isorep.paper.training import language_training as lm
from isorep.paper.training.language_recipe import MODELS, LanguageModel
from isorep.paper.training.nt_asgd import Average, no_longer_improving
from isorep.paper.training.perplexity import perplexity
from isorep.paper.training.trained_language_model import load

WORDS = 13
RECIPE = LanguageModel(
    corpus="pydoc",
    layers=2,
    hidden=6,
    embedding=4,
    epochs=4,
    checkpoints=(0, 2, 4),
    dropouts=Dropouts(0.1, 0.1, 0.1, 0.1, 0.3),
    batch_size=3,
    bptt=9,
    alpha=1.0,
    beta=1.0,
)
ASGD = replace(RECIPE, optimizer="nt-asgd", learning_rate=1.0, weight_decay=1e-6, nonmono=1)


@pytest.fixture
def corpus():
    random = np.random.default_rng(0)
    # A rule to learn: the next word is three further, with some noise.
    text = (3 * np.arange(400) + random.integers(0, 2, 400)) % WORDS
    return Corpus("toy", tuple("abcdefghijklm"), text[:300], text[300:])


def _same(a, b):
    assert list(a.checkpoints) == list(b.checkpoints)
    for epoch, weights in a.checkpoints.items():
        assert list(weights) == list(b.checkpoints[epoch])
        for name, value in weights.items():
            np.testing.assert_array_equal(value, b.checkpoints[epoch][name])
    np.testing.assert_array_equal(a.train_perplexity, b.train_perplexity)
    np.testing.assert_array_equal(a.valid_perplexity, b.valid_perplexity)
    for field in ("recipe", "seed", "words", "corpus", "corpus_digest", "note", "averaged_from"):
        assert getattr(a, field) == getattr(b, field)


def test_windows_cover_the_text_once_and_vary():
    pieces = list(windows(5003, 70, np.random.default_rng(0)))
    assert pieces[0][0] == 0
    assert sum(length for _, length in pieces) == 5003
    assert all(a + b == c for (a, b), (c, _) in pairwise(pieces))
    lengths = np.array([length for _, length in pieces[:-1]])
    assert lengths.min() >= 5
    assert np.mean(lengths > 50) > 0.85
    assert np.mean(lengths < 50) > 0


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary():
    model = AWDLSTM(WORDS, embedding=4, hidden=6, layers=2)
    torch.nn.init.zeros_(model.embedding.weight)
    tokens = np.random.default_rng(0).integers(0, WORDS, 997)
    assert perplexity(model, tokens) == pytest.approx(WORDS, rel=1e-6)


def test_perplexity_is_that_of_a_direct_computation():
    torch.manual_seed(0)
    model = AWDLSTM(WORDS, embedding=4, hidden=6, layers=2).eval()
    tokens = np.random.default_rng(0).integers(0, WORDS, 2230)  # 10 rows, more than a window each
    losses = []
    for row in tokens.reshape(10, 223):
        with torch.no_grad():
            logits = model.decode(model(torch.as_tensor(row[None, :-1]))[0])[0].double()
        logp = logits - logits.logsumexp(-1, keepdim=True)
        losses += [-logp[i, word].item() for i, word in enumerate(row[1:])]
    assert perplexity(model, tokens) == pytest.approx(math.exp(np.mean(losses)), rel=1e-6)


def test_regularisation_is_that_of_the_paper():
    raw, dropped = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    expected = 2 * (dropped**2).mean() + 0.5 * ((raw[:, 1:] - raw[:, :-1]) ** 2).mean()
    torch.testing.assert_close(lm.regularisation(raw, dropped, 2.0, 0.5), expected)
    assert lm.regularisation(raw[:, :1], dropped, 0.0, 0.5) == 0


def test_a_step_is_clipped_and_in_proportion_to_its_window(corpus):
    recipe = replace(ASGD, dropouts=Dropouts(), clip=0.02, weight_decay=0.1, learning_rate=3.0)
    run = lm._Run(recipe, corpus, 5, torch.device("cpu"), None, None)
    run._train_window(4, 6, None)

    model = recipe.build(WORDS, 5)
    text = torch.as_tensor(corpus.train.reshape(3, 100))
    hidden, _ = model(text[:, 4:10])
    logp = model.decode(hidden).log_softmax(-1)
    loss = -logp.gather(-1, text[:, 5:11, None]).mean() + hidden.square().mean()
    loss = loss + (hidden[:, 1:] - hidden[:, :-1]).square().mean()
    weights = list(model.parameters())
    gradients = torch.autograd.grad(loss, weights)
    norm = math.sqrt(sum(gradient.square().sum().item() for gradient in gradients))
    assert norm > 0.02
    for weight, gradient, after in zip(weights, gradients, run.parameters, strict=True):
        step = 3.0 * 6 / 9 * (0.02 / norm * gradient + 0.1 * weight)
        torch.testing.assert_close(after, weight - step, rtol=1e-4, atol=1e-6)


def test_the_average_is_the_arithmetic_mean():
    random = torch.Generator().manual_seed(0)
    steps = [
        [torch.randn(3, 2, generator=random), torch.randn(5, generator=random)] for _ in "abcd"
    ]
    average = Average(steps[0])
    for step in steps:
        average.add(step)
    for i, mean in enumerate(average.mean):
        torch.testing.assert_close(mean, torch.stack([step[i] for step in steps]).mean(0))


def test_nt_asgd_averages_the_iterates_since_the_trigger(corpus, monkeypatch):
    # Averaging begins after epoch 2, whatever the losses.
    monkeypatch.setattr(lm, "no_longer_improving", lambda losses, nonmono: len(losses) == 2)
    seen = []
    step = lm._Run._train_window

    def spy(self, *arguments):
        state = step(self, *arguments)
        seen.append((self.progress.epoch, [p.detach().clone() for p in self.parameters]))
        return state

    monkeypatch.setattr(lm._Run, "_train_window", spy)
    trained = lm.train_language_model(replace(ASGD, epochs=4), corpus)
    assert trained.averaged_from == 3
    names = [name for name, _ in AWDLSTM(WORDS, embedding=4, hidden=6, layers=2).named_parameters()]
    iterates = [parameters for epoch, parameters in seen if epoch >= 2]  # of epochs 3 and 4
    assert len(iterates) > 10
    for i, name in enumerate(names):
        mean = torch.stack([parameters[i].double() for parameters in iterates]).mean(0).numpy()
        np.testing.assert_allclose(trained.checkpoints[4][name], mean, rtol=1e-5, atol=1e-6)
        last_before = [parameters for epoch, parameters in seen if epoch == 1][-1][i]
        np.testing.assert_array_equal(trained.checkpoints[2][name], last_before.numpy())


def test_the_trigger_is_non_monotonic():
    falling = [9.0, 8, 7, 6, 5, 4, 3]
    assert not any(no_longer_improving(falling[:k], 2) for k in range(1, 8))
    # Above the last one, but not above the best of those that are over two epochs older.
    assert not no_longer_improving([9.0, 8, 7, 7.5], 2)
    assert no_longer_improving([9.0, 5, 6, 6, 5.5], 2)


@pytest.mark.slow
def test_training_learns_and_depends_on_the_seed_alone(corpus):
    recipe = replace(RECIPE, epochs=30, checkpoints=(0, 30), initial_embedding=1.0)
    calm = replace(recipe, learning_rate=2e-2, dropouts=Dropouts(), alpha=0.0, beta=0.0)
    trained = lm.train_language_model(calm, corpus)
    assert trained.valid_perplexity[-1] < 5 < WORDS * 0.7 < trained.valid_perplexity[0]
    torch.manual_seed(99)
    _same(trained, lm.train_language_model(calm, corpus))
    short = replace(calm, epochs=1, checkpoints=(0, 1))
    other = lm.train_language_model(short, corpus, seed=1)
    assert other.valid_perplexity[0] != trained.valid_perplexity[0]


@pytest.mark.slow
def test_side_by_side_gives_what_one_after_the_other_gives(corpus):
    threads = torch.get_num_threads()
    tasks = [lm.Task(RECIPE, corpus, 3), lm.Task(ASGD, corpus, 4), lm.Task(RECIPE, corpus, 5)]
    epochs = []
    together = lm.train_language_models(tasks, on_epoch=lambda *state: epochs.append(state[:2]))
    assert torch.get_num_threads() == threads
    assert sorted(epochs) == [(index, epoch) for index in range(3) for epoch in range(5)]
    for task, trained in zip(tasks, together, strict=True):
        _same(trained, lm.train_language_model(task.recipe, corpus, task.seed))


def test_the_error_of_one_training_ends_the_others(corpus):
    long = replace(RECIPE, epochs=100_000, checkpoints=(0, 100_000))

    def fail(index, epoch, perplexity):
        if (index, epoch) == (1, 2):
            raise RuntimeError("no space left")

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="no space left"):
            lm.train_language_models(
                [lm.Task(long, corpus, seed) for seed in (0, 1)], on_epoch=fail
            )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_a_checkpoint_is_the_model_that_was_evaluated(corpus):
    trained = lm.train_language_model(replace(ASGD, nonmono=0, learning_rate=30.0), corpus)
    assert trained.averaged_from is not None
    for epoch in (0, 2, 4):
        value = perplexity(trained.at(epoch), corpus.valid)
        assert value == pytest.approx(trained.valid_perplexity[epoch], rel=1e-6)
    with pytest.raises(ValueError, match=r"no checkpoint of epoch 3; expected one of \[0, 2, 4\]"):
        trained.at(3)


def test_checkpoints_within_an_epoch_are_of_the_training_as_it_is_without_them(corpus):
    recipe = replace(ASGD, epochs=2, checkpoints=(0, 0.5, 1, 1.3, 2), nonmono=0)
    trained = lm.train_language_model(recipe, corpus)
    assert recipe.evaluated == (0, 0.5, 1, 1.3, 2)
    assert len(trained.train_perplexity) == len(trained.valid_perplexity) == 5
    for epoch, expected in zip(recipe.evaluated, trained.valid_perplexity, strict=True):
        assert perplexity(trained.at(epoch), corpus.valid) == pytest.approx(expected, rel=1e-6)
    ends = replace(recipe, checkpoints=(0, 2))
    plain = lm.train_language_model(ends, corpus)
    assert ends.evaluated == (0, 1, 2)
    np.testing.assert_array_equal(plain.valid_perplexity, trained.valid_perplexity[[0, 2, 4]])
    for name, value in plain.checkpoints[2].items():
        np.testing.assert_array_equal(trained.checkpoints[2][name], value)


def test_a_checkpoint_within_an_epoch_is_after_its_share_of_the_text(corpus, monkeypatch):
    steps = []
    step, evaluate = lm._Run._train_window, lm._Run._evaluate
    monkeypatch.setattr(
        lm._Run,
        "_train_window",
        lambda self, start, length, state: (
            steps.append(start + length) or step(self, start, length, state)
        ),
    )
    monkeypatch.setattr(
        lm._Run,
        "_evaluate",
        lambda self, epoch: steps.append(f"epoch {epoch}") or evaluate(self, epoch),
    )
    lm.train_language_model(replace(RECIPE, epochs=1, checkpoints=(0, 0.25, 1)), corpus)
    middle = steps.index("epoch 0.25")
    # Three rows of 100 tokens have 99 to predict.
    assert steps[middle - 1] >= 0.25 * 99 > steps[middle - 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe",
    [
        replace(RECIPE, checkpoints=(0, 0.5, 2, 2.5, 4), tied=False),
        replace(ASGD, nonmono=0, learning_rate=30.0),
    ],
)
@pytest.mark.parametrize("interrupted_after", slow_unless([2], [0, 2, 3]))
def test_an_interrupted_training_goes_on_to_the_same_end(
    corpus, tmp_path, recipe, interrupted_after
):
    class InterruptionError(Exception):
        pass

    def interrupt(epoch, _):
        if epoch == interrupted_after:
            raise InterruptionError

    with pytest.raises(InterruptionError):
        lm.train_language_model(recipe, corpus, folder=tmp_path / "lm", on_epoch=interrupt)
    with pytest.raises(ValueError, match=rf"after {interrupted_after} of 4 epochs"):
        load(tmp_path / "lm")
    epochs = []
    resumed = lm.train_language_model(
        recipe, corpus, folder=tmp_path / "lm", on_epoch=lambda epoch, _: epochs.append(epoch)
    )
    assert epochs == list(range(interrupted_after + 1, 5))
    _same(resumed, lm.train_language_model(recipe, corpus))
    _same(resumed, load(tmp_path / "lm"))
    # What is finished is read, not trained.
    again = lm.train_language_model(recipe, corpus, folder=tmp_path / "lm", on_epoch=interrupt)
    _same(again, resumed)


def test_saved_and_loaded_is_the_same(corpus, tmp_path):
    trained = lm.train_language_model(RECIPE, corpus, 7)
    trained.save(tmp_path / "lm")
    _same(load(tmp_path / "lm"), trained)
    trained.save(tmp_path / "lm")  # over itself
    part = lm.train_language_model(replace(RECIPE, excerpt=Excerpt(300, 100, 13)), corpus)
    part.save(tmp_path / "part")
    _same(load(tmp_path / "part"), part)


def test_folders_of_other_trainings_and_damaged_ones_are_refused(corpus, tmp_path):
    trained = lm.train_language_model(RECIPE, corpus)
    trained.save(tmp_path / "lm")
    with pytest.raises(ValueError, match="holds another training, with a different seed"):
        lm.train_language_model(RECIPE, corpus, 1, folder=tmp_path / "lm")
    with pytest.raises(ValueError, match="different recipe"):
        lm.train_language_model(replace(RECIPE, alpha=0.5), corpus, folder=tmp_path / "lm")
    (tmp_path / "lm" / "epoch-2.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="is damaged"):
        load(tmp_path / "lm")
    with pytest.raises(FileNotFoundError, match="no language model in"):
        load(tmp_path / "nowhere")


def test_a_training_can_be_stopped(corpus):
    stop = Event()
    with pytest.raises(lm.CancelledError):
        lm.train_language_model(RECIPE, corpus, stop=stop, on_epoch=lambda *_: stop.set())


def test_a_text_that_is_too_short_is_refused(corpus):
    short = Corpus("short", corpus.vocabulary, corpus.train[:5], corpus.valid)
    with pytest.raises(ValueError, match="5 tokens is too short for 3 rows"):
        lm.train_language_model(RECIPE, short)


def test_recipes_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="checkpoints must ascend from 0 to the last epoch, 4"):
        replace(RECIPE, checkpoints=(0, 2))
    with pytest.raises(ValueError, match="bptt must be at least 5"):
        replace(RECIPE, bptt=2)


def test_the_papers_set_ups_are_awd_lstm_lms_published_ones():
    ptb, wikitext, deep = MODELS["paper"]
    for model in (ptb, wikitext, deep):
        shape = model.embedding, model.hidden, model.bptt, model.clip, model.learning_rate
        assert shape == (400, 1150, 70, 0.25, 30.0)
        assert (model.alpha, model.beta, model.weight_decay, model.nonmono) == (2, 1, 1.2e-6, 5)
    assert (ptb.batch_size, ptb.epochs, ptb.layers) == (20, 500, 3)
    assert (wikitext.batch_size, wikitext.epochs, wikitext.layers) == (80, 750, 3)
    assert deep == replace(wikitext, layers=5)
    assert ptb.dropouts == Dropouts(0.1, 0.4, 0.25, 0.4, 0.5)
    assert wikitext.dropouts == Dropouts(0.1, 0.65, 0.2, 0.4, 0.5)
    assert {250, 500} <= set(ptb.checkpoints)
    assert {375, 750} <= set(deep.checkpoints)
