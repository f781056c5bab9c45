"""Trained networks are trained once, and lie on disk whole or not at all."""

import json

import numpy as np
import pytest
import torch
from rich.console import Console

from isorep.paper.data.image_data import ImageData
from isorep.paper.training import networks
from isorep.paper.training.networks import capture_all, obtain
from isorep.paper.training.recipe import ConvNetPlan, Recipe, ResNetPlan, Wanted

QUIET = Console(quiet=True)
RANDOM = np.random.default_rng(0)
DATA = ImageData(
    "noise",
    3,
    RANDOM.random((53, 1, 5, 5), dtype=np.float32),
    RANDOM.integers(0, 3, 53),
    RANDOM.integers(0, 3, 53),
    RANDOM.random((17, 1, 5, 5), dtype=np.float32),
    RANDOM.integers(0, 3, 17),
)


def wanted(seed=0, **changes):
    given = {"plan": ConvNetPlan((3, 4), (1, 2)), "recipe": Recipe(max_epochs=2), "seed": seed}
    return Wanted(**(given | changes))


@pytest.fixture
def trained(monkeypatch):
    """Seeds of the networks that are trained, in order."""
    seeds = []
    real = networks.train

    def spy(tasks, *others, **named):
        seeds.extend(task.seed for task in tasks)
        return real(tasks, *others, **named)

    monkeypatch.setattr(networks, "train", spy)
    return seeds


def get(folder, *seeds, **changes):
    asked = {f"n{seed}": wanted(seed, **changes) for seed in seeds}
    return obtain(asked, DATA, folder=folder, console=QUIET)


def same(one, other):
    left, right = one.network.state_dict(), other.network.state_dict()
    return all(torch.equal(left[name], right[name]) for name in left)


def test_nothing_is_trained_twice(tmp_path, trained):
    first = get(tmp_path / "a" / "b", 1, 2, keep=(0, 1))
    again = get(tmp_path / "a" / "b", 2, 3, 1, keep=(0, 1))
    assert sorted(trained) == [1, 2, 3]
    assert list(again) == ["n2", "n3", "n1"]
    for name in first:
        assert same(first[name], again[name])
        assert first[name].history == again[name].history
        assert first[name].converged == again[name].converged
        assert list(again[name].states) == ["0", "1", "end"]
        assert first[name].facts() == again[name].facts()
    assert not same(again["n1"], again["n2"])


@pytest.mark.parametrize(
    "changes",
    [
        {"plan": ConvNetPlan((3, 5), (1, 2))},
        {"plan": ResNetPlan(1, (3, 4, 5))},
        {"recipe": Recipe(max_epochs=2, learning_rate=2e-3)},
        {"labels": "random"},
        {"keep": (1,)},
    ],
    ids=str,
)
def test_whatever_determines_a_network_is_in_its_key(tmp_path, trained, changes):
    get(tmp_path, 1)
    get(tmp_path, 1, **changes)
    assert trained == [1, 1]
    assert len(list(tmp_path.iterdir())) == 2


def test_other_images_make_another_network(tmp_path, trained):
    get(tmp_path, 1)
    images = DATA.train_images.copy()
    images[-1, 0, 0, 0] += 1
    other = ImageData("noise", 3, images, *[getattr(DATA, n) for n in list(vars(DATA))[3:7]])
    obtain({"n": wanted(1)}, other, folder=tmp_path, console=QUIET)
    assert trained == [1, 1]


def test_goes_on_after_an_interruption(tmp_path, trained, monkeypatch):
    written = []
    real = networks.write

    def stop_after_two(place, *others):
        if len(written) == 2:
            raise KeyboardInterrupt
        real(place, *others)
        written.append(place)

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one after the other
    try:
        monkeypatch.setattr(networks, "write", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            get(tmp_path, 1, 2, 3, 4)
        monkeypatch.setattr(networks, "write", real)
        assert sorted(tmp_path.iterdir()) == sorted(written)
        del trained[:]
        get(tmp_path, 1, 2, 3, 4)
        assert trained == [3, 4]
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("plan", [ConvNetPlan((3, 4), (1, 2)), ResNetPlan(1, (3, 4, 5))], ids=str)
def test_a_killed_training_continues_to_the_same_network(tmp_path, monkeypatch, plan):
    changes = {"plan": plan, "recipe": Recipe(max_epochs=4, target_loss=0.0), "keep": (1, 3)}
    (expected,) = get(tmp_path / "whole", 1, **changes).values()
    monkeypatch.setattr(networks, "SAVED_EVERY", 0.0)
    write = networks._write_checkpoint
    for expected_epochs in ([1, 2], [2, 3]):  # the second run begins where the first one ended
        epochs = []

        def killed(folder, checkpoint, epochs=epochs):
            write(folder, checkpoint)
            epochs.append(len(checkpoint.history) - 1)
            if len(epochs) == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(networks, "_write_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            get(tmp_path, 1, **changes)
        assert epochs == expected_epochs
        assert [path.suffix for path in tmp_path.iterdir() if path.name != "whole"] == [".part"]
    (continued,) = get(tmp_path, 1, **changes).values()
    assert not list(tmp_path.glob("*.part"))
    assert continued.history == expected.history
    for name, state in expected.states.items():
        for weights, same_weights in zip(
            state.values(), continued.states[name].values(), strict=True
        ):
            assert torch.equal(weights, same_weights)


def test_a_damaged_network_in_training_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(networks, "SAVED_EVERY", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(networks, "write", full)
        with pytest.raises(OSError, match="disk full"):
            get(tmp_path, 1)
    (part,) = tmp_path.iterdir()
    part.write_bytes(part.read_bytes()[:200])
    with pytest.raises(
        ValueError, match=r"cannot read the network in training in .*\.part.*Remove"
    ):
        get(tmp_path, 1)


def test_a_failure_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="disk full"):
        get(tmp_path, 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["weights.pt", "network.json"])
def test_a_damaged_folder_is_named(tmp_path, file):
    get(tmp_path, 1)
    (folder,) = tmp_path.iterdir()
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"cannot read the trained network in .*Remove the folder"):
        get(tmp_path, 1)


def test_without_a_folder_nothing_is_kept(trained):
    first, again = get(None, 1), get(None, 1)
    assert trained == [1, 1]
    assert same(first["n1"], again["n1"])


def test_what_takes_longest_goes_first(trained):
    plans = {"narrow": ConvNetPlan((3, 4), (1, 2)), "wide": ConvNetPlan((8, 9), (1, 2))}
    asked = {
        "narrow": wanted(1, plan=plans["narrow"]),
        "wide": wanted(2, plan=plans["wide"]),
        "random": wanted(3, plan=plans["narrow"], labels="random"),
    }
    assert list(obtain(asked, DATA, console=QUIET)) == list(asked)
    assert trained == [3, 2, 1]


def test_json_says_what_determines_a_network(tmp_path):
    get(tmp_path, 5, labels="random")
    facts = json.loads(next(tmp_path.glob("*/network.json")).read_text())
    assert facts["determined_by"]["plan"] == {
        "kind": "ConvNetPlan",
        "widths": [3, 4],
        "strides": [1, 2],
        "axes": 2,
        "batch_norm": True,
    }
    assert facts["determined_by"]["labels"] == "random"
    assert len(facts["history"]) == 3


def test_kept_weights_are_those_of_a_shorter_training():
    long = get(None, 1, keep=(1,))["n1"]
    short = get(None, 1, recipe=Recipe(max_epochs=1))["n1"]
    images = torch.as_tensor(DATA.train_images)
    with torch.no_grad():
        torch.testing.assert_close(long.at(1)(images), short.network(images), rtol=0, atol=0)
        assert not torch.equal(long.at(1)(images), long.network(images))


def test_captures_means_over_positions():
    network = get(None, 1)["n1"].network
    captured = capture_all({"a": network}, DATA.test_images, layers=["conv1"], console=QUIET)
    with torch.no_grad():
        expected = network.get_submodule("conv1")(torch.as_tensor(DATA.test_images)).mean((2, 3))
    assert list(captured["a"]) == ["conv1"]
    np.testing.assert_allclose(captured["a"]["conv1"], expected.numpy(), atol=1e-6)
