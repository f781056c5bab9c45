import copy
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from isorep.paper.models.convnet import ConvNet
from isorep.paper.training.recipe import Recipe
from isorep.paper.training.train import Task, evaluate, train

IMAGES = np.random.default_rng(0).random((53, 1, 5, 5), dtype=np.float32)
DEFAULT = Recipe()


def task(seed, recipe=DEFAULT, keep=()):
    torch.manual_seed(seed)
    labels = np.random.default_rng(seed).integers(0, 3, 53)
    return Task(ConvNet([3, 4], [1, 2], channels=1, classes=3), labels, seed, recipe, keep)


def weights(network):
    return torch.cat([parameter.detach().ravel() for parameter in network.parameters()])


def test_does_what_a_plain_loop_of_adam_does():
    ours = task(7, Recipe(batch_size=20, max_epochs=3, target_loss=0.0))
    plain = copy.deepcopy(ours.network)
    (training,) = train([ours], IMAGES)

    torch.set_num_threads(threads := torch.get_num_threads())
    images, labels = torch.as_tensor(IMAGES), torch.as_tensor(ours.labels)
    adam = torch.optim.Adam(plain.parameters(), lr=1e-3)
    generator = torch.Generator().manual_seed(7)
    plain.train()
    for _ in range(3):
        for batch in torch.randperm(53, generator=generator).split(20):
            adam.zero_grad()
            torch.nn.NLLLoss()(torch.log(plain(images[batch])), labels[batch]).backward()
            adam.step()
    torch.testing.assert_close(weights(ours.network), weights(plain), rtol=0, atol=1e-5)
    plain.eval()
    with torch.no_grad():
        assert training.history[-1].train_loss == pytest.approx(
            cross_entropy(plain.logits(images), labels).item(), 1e-4
        )
    assert torch.get_num_threads() == threads


def test_a_network_does_not_depend_on_those_beside_it():
    recipe = Recipe(max_epochs=3, target_loss=0.0)
    test = IMAGES[:11], np.zeros(11, dtype=np.int64)
    alone = task(2, recipe)
    together = [task(seed, recipe) for seed in (1, 2, 3)]
    (expected,) = train([alone], IMAGES, test=test)
    state = torch.get_rng_state()
    training = train(together, IMAGES, test=test)
    assert torch.equal(torch.get_rng_state(), state)
    assert training[1] == expected
    assert torch.equal(weights(together[1].network), weights(alone.network))


def test_stops_at_the_first_epoch_under_the_target():
    losses = []
    recipe = Recipe(learning_rate=0.01, target_loss=0.9, max_epochs=200)
    (training,) = train([task(0, recipe)], IMAGES, lambda *state: losses.append(state))
    assert training.converged
    assert training.history[-1].train_loss == losses[-1][2] < 0.9
    assert all(loss >= 0.9 for _, _, loss in losses[:-1])
    assert [epoch for _, epoch, _ in losses] == list(range(1, training.epochs + 1))


def test_says_when_the_target_was_not_reached():
    (training,) = train([task(0, Recipe(max_epochs=2))], IMAGES)
    assert (training.epochs, training.converged) == (2, False)
    assert training.history[-1].train_loss > 0.005


def test_keeps_the_weights_of_the_epochs_asked_for():
    ours = task(0, Recipe(max_epochs=3, target_loss=0.0), keep=(0, 2))
    start = weights(ours.network)
    (training,) = train([ours], IMAGES)
    assert list(training.states) == [0, 2]
    kept = copy.deepcopy(ours.network)
    kept.load_state_dict(training.states[0])
    assert torch.equal(weights(kept), start)
    shorter = task(0, Recipe(max_epochs=2, target_loss=0.0))
    train([shorter], IMAGES)
    kept.load_state_dict(training.states[2])
    assert torch.equal(weights(kept), weights(shorter.network))
    assert not torch.equal(weights(kept), weights(ours.network))


def test_history_has_every_epoch_and_the_test_images():
    ours = task(0, Recipe(max_epochs=2, target_loss=0.0))
    images, labels = IMAGES[:11] + 1, np.arange(11) % 3
    with torch.no_grad():
        logits = ours.network.eval().logits(torch.as_tensor(images))
    (training,) = train([ours], IMAGES, test=(images, labels))
    assert len(training.history) == 3
    assert training.history[0].test_loss == pytest.approx(
        cross_entropy(logits, torch.as_tensor(labels)).item(), 1e-5
    )
    assert training.history[2][2:] == pytest.approx(
        evaluate(ours.network, torch.as_tensor(images), torch.as_tensor(labels))
    )
    (without,) = train([task(0, Recipe(max_epochs=1))], IMAGES)
    assert np.isnan(without.history[1].test_loss)
    assert without.history[1][:2] == training.history[1][:2]


def test_tells_when_each_network_is_done():
    done = []
    recipe = Recipe(max_epochs=1)
    train(
        [task(0, recipe), task(1, recipe)],
        IMAGES,
        on_end=lambda index, training: done.append((index, training.epochs)),
    )
    assert sorted(done) == [(0, 1), (1, 1)]


def test_evaluates_without_batch_statistics():
    network = task(0).network.train()
    images = torch.as_tensor(IMAGES)
    with torch.no_grad():
        network(images)  # moves the running statistics off their initial values
    labels = torch.as_tensor(task(0).labels)
    whole = evaluate(network, images, labels)
    parts = [evaluate(network, images[i : i + 1], labels[i : i + 1]) for i in range(53)]
    assert whole == pytest.approx(tuple(np.mean(parts, axis=0)), abs=1e-6)


def test_one_failure_ends_them_all():
    epochs = []

    def fail(index, epoch, loss):
        epochs.append(epoch)
        if index == 0:  # which runs also where there is but one thread
            raise RuntimeError("no more")

    threads = torch.get_num_threads()
    endless = Recipe(target_loss=0.0, max_epochs=10**6)
    with pytest.raises(RuntimeError, match="no more"):
        train([task(0, endless), task(1, endless), task(2, endless)], IMAGES, fail)
    assert torch.get_num_threads() == threads
    assert len(epochs) < 10**5


@pytest.mark.slow
def test_ctrl_c_ends_the_process():
    endless = """
import os
import signal

# A job in the background, as of some continuous integration, is started with Ctrl-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np
from isorep.paper.models.convnet import ConvNet
from isorep.paper.training.recipe import Recipe
from isorep.paper.training.train import Task, train

images = np.random.default_rng(0).random((53, 1, 5, 5), dtype=np.float32)
labels = np.zeros(53, dtype=np.int64)
recipe = Recipe(target_loss=0.0, max_epochs=10**9)
tasks = [Task(ConvNet([3], [1], channels=1, classes=3), labels, seed, recipe) for seed in range(5)]
train(tasks, images, lambda *state: os.write(1, b"epoch ran\\n"))  # a line at once: no mixing
"""
    with subprocess.Popen(
        [sys.executable, "-c", endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "epoch ran\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
