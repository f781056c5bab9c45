import csv
import io
import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from rich.console import Console

import isorep
from isorep.paper import demo
from isorep.paper.data.digits import load
from isorep.paper.figures import fig3
from isorep.paper.run import Run
from isorep.paper.training import networks
from isorep.paper.training import train as training
from isorep.paper.training.recipe import ConvNetPlan, Recipe

QUIET = Run(console=Console(quiet=True))
LAYERS = ("conv1", "conv2", "conv3", "softmax")
FILES = {"figure3.png", "distances.csv", "results.json"}


@dataclass(frozen=True)
class Few:
    """So few digits that a training takes no time."""

    def load(self, folder, seed):
        digits = load(seed)
        return replace(
            digits,
            train_images=digits.train_images[:101],
            train_labels=digits.train_labels[:101],
            random_labels=digits.random_labels[:101],
        )


@pytest.fixture(scope="module")
def data():
    return Few().load(None, 5)


@pytest.fixture(scope="module")
def setup():
    recipe = Recipe(max_epochs=2)
    plan = ConvNetPlan(widths=(4, 5, 7), strides=(1, 2, 1))
    return fig3.SetUp(networks=2, seed=5, images=Few(), plan=plan, recipe=recipe)


@pytest.fixture(scope="module")
def finished(setup, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fig3") / "a" / "b"
    return demo.reproduce(setup, folder, QUIET)


@pytest.fixture(scope="module")
def written(finished):
    folder = finished.files[0].parent
    assert {file.name for file in folder.iterdir()} == FILES
    return json.loads((folder / "results.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["pwcca", "cca", "svcca"])
def test_means_are_those_of_a_plain_loop(data, finished, written, measure):
    images = torch.as_tensor(data.train_images)
    activations = []
    for trained_network in finished.result.trained.values():
        network, x, selected = trained_network.network.eval(), images, []
        with torch.no_grad():
            for layer in LAYERS[:-1]:
                x = network.get_submodule(layer)(x)
                selected.append(x.mean(dim=(2, 3)).double().numpy().astype(np.float32))
            selected.append(network(images).numpy())
        activations.append(selected)
    for at, layer in enumerate(LAYERS):
        values = {"generalizing": [], "memorizing": [], "inter": []}
        for i in range(4):
            for j in range(4):
                if i != j:
                    group = "inter" if i // 2 != j // 2 else ("generalizing", "memorizing")[i // 2]
                    score = isorep.similarity(activations[i][at], activations[j][at], measure)
                    values[group].append(score.distance)
        for group, each in values.items():
            cell = written["distances"][measure][group][layer]
            assert cell["ordered_pairs"] == len(each)
            assert cell["mean"] == pytest.approx(np.mean(each), abs=1e-6)
            assert cell["std"] == pytest.approx(np.std(each), abs=1e-6)


def test_csv_has_a_row_for_each_ordered_pair_layer_and_measure(finished, written):
    with finished.files[1].open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4 * 3 * len(LAYERS) * 3
    for name, groups in written["distances"].items():
        for group, layers in groups.items():
            for layer, cell in layers.items():
                selected = [
                    float(row["distance"])
                    for row in rows
                    if (row["measure"], row["group"], row["layer"]) == (name, group, layer)
                ]
                assert len(selected) == cell["ordered_pairs"]
                assert np.mean(selected) == pytest.approx(cell["mean"], abs=1e-12)
    first = rows[0]
    assert (first["x"], first["y"]) == ("generalizing-1", "generalizing-2")
    assert float(first["distance"]) == finished.result.distances.at("pwcca", "conv1")[0, 1]


def test_results_say_what_was_done(written):
    assert written["setup"]["train_images"] == 101
    assert written["setup"]["recipe"]["max_epochs"] == 2
    assert written["versions"]["torch"]
    assert [trained_network["name"] for trained_network in written["networks"]] == [
        "generalizing-1",
        "generalizing-2",
        "memorizing-1",
        "memorizing-2",
    ]
    assert all(
        trained_network["epochs"] == 2 and not trained_network["converged"]
        for trained_network in written["networks"]
    )
    assert len({trained_network["seed"] for trained_network in written["networks"]}) == 4


def test_two_networks_decide_nothing(written):
    assert len(written["claims"]) == 9
    assert {claim["verdict"] for claim in written["claims"]} == {"not decidable at this scale"}


@pytest.mark.slow
def test_same_seed_same_files(setup, finished, tmp_path):
    again = demo.reproduce(setup, tmp_path, QUIET)
    for trained_network, other in zip(finished.files, again.files, strict=True):
        assert trained_network.read_bytes() == other.read_bytes()


def test_each_group_has_its_labels_and_each_network_its_own_weights(data, setup, monkeypatch):
    seen = []
    real = training.train

    def spy(tasks, *others, **named):
        seen.extend((task.labels, task.network.linear.weight.detach().clone()) for task in tasks)
        return real(tasks, *others, **named)

    monkeypatch.setattr(networks, "train", spy)
    trained = QUIET.networks(fig3.wanted(setup), data)
    assert list(trained) == ["generalizing-1", "generalizing-2", "memorizing-1", "memorizing-2"]
    labels, weights = zip(*seen, strict=True)
    # The memorizing ones, which take longest, are trained first.
    for selected, expected in zip(
        labels, [data.random_labels] * 2 + [data.train_labels] * 2, strict=True
    ):
        assert np.array_equal(selected, expected)
    for i in range(4):
        assert not any(torch.equal(weights[i], weights[j]) for j in range(i))


@pytest.mark.slow
def test_training_leaves_the_global_generator_alone(data, setup):
    state = torch.get_rng_state()
    QUIET.networks(fig3.wanted(setup), data)
    assert torch.equal(torch.get_rng_state(), state)


def test_figure_shows_the_means(finished):
    figure = fig3.draw(finished.result)
    assert [ax.get_title() for ax in figure.axes] == ["PWCCA", "mean CCA", "SVCCA"]
    for ax, measure in zip(figure.axes, ("pwcca", "cca", "svcca"), strict=True):
        assert ax.get_ylim()[0] == 0
        for line, values in zip(
            ax.lines[:3], finished.result.distances.pairs(measure).values(), strict=True
        ):
            np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
    assert figure.get_suptitle() == (
        "2 networks trained on the true labels and 2 on one random labelling of 101 samples"
    )
    pwcca, *others = figure.axes
    assert [len(ax.lines) for ax in others] == [3, 3]
    for line, means in zip(pwcca.lines[3:6], fig3.PUBLISHED.values(), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), means)
        assert line.get_xdata()[[0, -1]].tolist() == [0, len(finished.result.distances.layers) - 1]


def test_tables_print_in_80_columns(finished):
    console = Console(width=80, record=True, file=io.StringIO())
    for part in finished.tables():
        console.print(part)
    text = console.export_text()
    assert "not decidable" in text
    assert "generalizing-1 did not reach near-zero loss" in text
    mean = finished.result.distances.pairs("pwcca")["inter"][:, 3].mean()
    assert f"{mean:.3f}" in text


@pytest.mark.parametrize("networks", [-1, 0, 1, 11])
def test_refuses_too_few_or_too_many_networks(networks, tmp_path):
    with pytest.raises(ValueError, match=f"networks must be from 2 to 10, got {networks}"):
        demo.run(networks=networks, out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_refuses_a_negative_seed(tmp_path):
    with pytest.raises(ValueError, match="seed must not be negative, got -1"):
        demo.run(seed=-1, out=tmp_path)


def test_refuses_two_convolutions():
    with pytest.raises(ValueError, match="plan must have at least 3 convolutions"):
        fig3.SetUp(plan=ConvNetPlan((4, 4), (1, 1)))


@pytest.mark.parametrize("inside", ["", "folder"])
def test_refuses_a_file_as_folder(tmp_path, inside):
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(ValueError, match=r"out must be a folder, but .*file' is a file"):
        demo.run(out=file / inside)
    assert file.read_text() == "mine"


@pytest.mark.slow
def test_a_failure_leaves_the_old_files_whole(setup, tmp_path, monkeypatch):
    for name in FILES:
        (tmp_path / name).write_text("old")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="disk full"):
        demo.reproduce(setup, tmp_path, QUIET)
    assert {file.name for file in tmp_path.iterdir()} == FILES
    assert {file.read_text() for file in tmp_path.iterdir()} == {"old"}
