import copy
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from isorep.paper.convnet import ConvNet
from isorep.paper.recipe import Recipe
from isorep.paper.training import Task, evaluate, train

IMAGES = np.random.default_rng(0).random((53, 1, 5, 5), dtype=np.float32)


def task(seed):
    torch.manual_seed(seed)
    labels = np.random.default_rng(seed).integers(0, 3, 53)
    return Task(ConvNet([3, 4], [1, 2], channels=1, classes=3), labels, seed)


def weights(network):
    return torch.cat([parameter.detach().ravel() for parameter in network.parameters()])


def test_does_what_a_plain_loop_of_adam_does():
    ours = task(7)
    plain = copy.deepcopy(ours.network)
    (found,) = train([ours], IMAGES, Recipe(batch_size=20, max_epochs=3, target_loss=0.0))

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
        assert found.loss == pytest.approx(cross_entropy(plain.logits(images), labels).item(), 1e-4)


def test_a_network_does_not_depend_on_those_beside_it():
    recipe = Recipe(max_epochs=3, target_loss=0.0)
    alone = task(2)
    together = [task(seed) for seed in (1, 2, 3)]
    (expected,) = train([alone], IMAGES, recipe)
    state = torch.get_rng_state()
    found = train(together, IMAGES, recipe)
    assert torch.equal(torch.get_rng_state(), state)
    assert found[1] == expected
    assert torch.equal(weights(together[1].network), weights(alone.network))


def test_stops_at_the_first_epoch_under_the_target():
    losses = []
    recipe = Recipe(learning_rate=0.01, target_loss=0.9, max_epochs=200)
    (found,) = train([task(0)], IMAGES, recipe, lambda *state: losses.append(state))
    assert found.converged
    assert found.loss == losses[-1][2] < 0.9
    assert all(loss >= 0.9 for _, _, loss in losses[:-1])
    assert [epoch for _, epoch, _ in losses] == list(range(1, found.epochs + 1))


def test_says_when_the_target_was_not_reached():
    (found,) = train([task(0)], IMAGES, Recipe(max_epochs=2))
    assert (found.epochs, found.converged) == (2, False)
    assert found.loss > 0.005


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
        if index == 1:
            raise RuntimeError("no more")

    threads = torch.get_num_threads()
    with pytest.raises(RuntimeError, match="no more"):
        train([task(0), task(1), task(2)], IMAGES, Recipe(target_loss=0.0, max_epochs=10**6), fail)
    assert torch.get_num_threads() == threads
    assert len(epochs) < 10**5


def test_ctrl_c_ends_the_process():
    endless = """
import signal
import numpy as np
from isorep.paper.convnet import ConvNet
from isorep.paper.recipe import Recipe
from isorep.paper.training import Task, train

signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job's children ignore it
images = np.random.default_rng(0).random((53, 1, 5, 5), dtype=np.float32)
labels = np.zeros(53, dtype=np.int64)
tasks = [Task(ConvNet([3], [1], channels=1, classes=3), labels, seed) for seed in range(5)]
recipe = Recipe(target_loss=0.0, max_epochs=10**9)
train(tasks, images, recipe, lambda *state: print("epoch", flush=True))
"""
    with subprocess.Popen(
        [sys.executable, "-c", endless], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "epoch" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt")
