import dataclasses

import numpy as np
import pytest
import torch
import xarray
from helpers import naive
from rich.console import Console
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score

import isorep
from isorep.paper.analysis.ablation import ablation_curve, robustness
from isorep.paper.data.images import ImageSource
from isorep.paper.figures import fig5
from isorep.paper.models.convnet import ConvNet
from isorep.paper.run import Run
from isorep.paper.training.recipe import ConvNetPlan, Recipe

SETUP = fig5.SetUp(
    learning_rates=(1e-3, 1e-2),
    networks=3,
    layer="conv2",
    images=ImageSource(n_train=1600),
    plan=ConvNetPlan((4, 5), (2, 2)),
    recipe=Recipe(max_epochs=1),
    compared=211,
    ablated=53,
    fractions=3,
    orders=2,
    seed=3,
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return fig5.compute(SETUP, Run(tmp_path_factory.mktemp("fig5"), console=Console(quiet=True)))


@pytest.mark.slow
def test_distances_and_clusters_are_those_of_direct_formulas(result):
    images = result.data.train_images[:211]
    arrays = [
        isorep.capture(network.network, [images], layers=["conv2"], reduce="mean")["conv2"]
        for network in result.trained.values()
    ]
    for i, x in enumerate(arrays):
        for j, y in enumerate(arrays):
            expected = naive.pwcca(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
            assert result.distances[i, j] == pytest.approx(expected, abs=1e-6)
    mean = (result.distances + result.distances.T) / 2
    pairs = squareform(mean - np.diag(np.diag(mean)))
    expected = fcluster(linkage(pairs, "average"), 2, "maxclust")
    np.testing.assert_array_equal(
        result.clusters[:, None] == result.clusters, expected[:, None] == expected
    )
    rates = [network.wanted.recipe.learning_rate for network in result.trained.values()]
    assert rates == [1e-3] * 3 + [1e-2] * 3
    assert list(result.groups) == [0, 0, 0, 1, 1, 1]


def test_error_and_robustness(result):
    for i, network in enumerate(result.trained.values()):
        assert result.error[i] == network.last.train_accuracy - network.last.test_accuracy
        curve = ablation_curve(
            network.network,
            result.data.train_images[:53],
            result.data.train_labels[:53],
            fractions=3,
            orders=2,
            seed=3,
        ).mean(axis=0)
        expected = (curve[0] / 2 + curve[1] + curve[2] + curve[3] / 2) / 3
        assert result.robustness[i] == pytest.approx(expected)


def test_ablation_zeroes_ever_more_filters_of_all_convolutions():
    torch.manual_seed(0)
    network = ConvNet([3, 4], [1, 2], channels=1, classes=3).eval()
    random = np.random.default_rng(0)
    images = random.random((53, 1, 5, 5), dtype=np.float32)
    labels = random.integers(0, 3, 53)
    accuracies = ablation_curve(network, images, labels, fractions=7, orders=3, seed=5)

    orders = np.random.default_rng(5)
    expected = []
    for _ in range(3):
        rank = orders.permutation(7)
        for gone in range(8):
            with torch.no_grad():
                x = network.get_submodule("conv1")(torch.as_tensor(images))
                x[:, torch.as_tensor(np.flatnonzero(rank[:3] < gone))] = 0
                x = network.get_submodule("conv2")(x)
                x[:, torch.as_tensor(np.flatnonzero(rank[3:] < gone))] = 0
                right = network.linear(x.mean((2, 3))).argmax(1).numpy() == labels
            expected.append(right.mean())
    np.testing.assert_allclose(accuracies.ravel(), expected)
    # Nothing is left behind.
    with torch.no_grad():
        whole = (network.logits(torch.as_tensor(images)).argmax(1).numpy() == labels).mean()
    assert accuracies[0, 0] == whole
    # A network that says the same whatever is shown loses nothing.
    network.linear.weight.data.zero_()
    share = np.mean(labels == int(network.linear.bias.argmax()))
    assert robustness(network, images, labels, fractions=4, orders=1, seed=0) == pytest.approx(
        share
    )


@pytest.mark.parametrize("seed", range(5))
def test_adjusted_rand_is_scikit_learns(seed):
    a, b = np.random.default_rng(seed).integers(0, 4, (2, 23))
    assert fig5.adjusted_rand(a, b) == pytest.approx(adjusted_rand_score(a, b))
    assert fig5.adjusted_rand(a, a) == 1
    assert fig5.adjusted_rand(np.zeros(5), np.zeros(5)) == 1


def test_share_explained_is_that_of_a_plain_loop():
    random = np.random.default_rng(0)
    values, groups = random.standard_normal((23, 2)) * [1, 50], random.integers(0, 3, 23)
    shares = []
    for column in values.T:
        total = sum((v - column.mean()) ** 2 for v in column)
        within = sum(
            (v - column[groups == g].mean()) ** 2 for v, g in zip(column, groups, strict=True)
        )
        shares.append(1 - within / total)
    assert fig5.share_explained(values, groups) == pytest.approx(np.mean(shares))


class TestClaims:
    """On distances made so that what is true is known."""

    @staticmethod
    def judge(result, centres, seed=0):
        random = np.random.default_rng(seed)
        setup = dataclasses.replace(SETUP, learning_rates=(1e-4, 1e-3, 1e-2), networks=5)
        groups = np.repeat([0, 1, 2], 5)
        points = np.array(centres)[groups] + 0.02 * random.standard_normal(15)
        networks = {f"n{i}": {"fc": np.ones((2, 2))} for i in range(15)}
        table = abs(points[:, None] - points)
        dataset = xarray.Dataset(
            {"pwcca_distance": (("x", "y", "layer"), table[:, :, None])},
            coords={"x": list(networks), "y": list(networks), "layer": ["fc"]},
        )
        clusters = isorep.cluster(table).labels(3)
        made = dataclasses.replace(
            result,
            setup=setup,
            table=dataset,
            groups=groups,
            clusters=clusters,
            robustness=points,
            error=-points,
        )
        return made, fig5.claims(made)

    @pytest.mark.slow
    def test_clusters_that_are_there(self, result):
        made, claims = self.judge(result, [0.0, 0.3, 0.9])
        assert [claim.verdict for claim in claims] == ["reproduced"] * 4
        assert claims[0].contrasts[0].effect == 1
        assert [contrast.where for contrast in claims[1].contrasts] == [
            "learning rate 0.0001 (nearest: 0.001)",
            "learning rate 0.001 (nearest: 0.0001)",
            "learning rate 0.01 (nearest: 0.001)",
        ]
        own_distance = made.distances[:5, :5][~np.eye(5, dtype=bool)].mean()
        apart = (made.distances[:5, 5:10].mean() + made.distances[5:10, :5].mean()) / 2
        assert claims[1].contrasts[0].effect == pytest.approx(apart - own_distance)
        assert claims[2].contrasts[0].where == "learning rate 0.01"
        away = made.distances[10:, :10].mean()
        assert claims[2].contrasts[0].effect == pytest.approx(
            away - made.distances[:5, 5:10].mean(), abs=1e-9
        )

    @pytest.mark.slow
    def test_clusters_that_are_not(self, result):
        _, claims = self.judge(result, [0.0, 0.0, 0.0])
        assert {claim.verdict for claim in claims[:3]} == {"not reproduced"}


@pytest.mark.slow
def test_controls_train_to_equal_loss_and_without_batch_norm(tmp_path):
    setup = dataclasses.replace(
        SETUP, learning_rates=(1e-3, 3e-3, 1e-2), networks=2, equal_loss=2.0, other_norm=True
    )
    made = fig5.compute(setup, Run(tmp_path, console=Console(quiet=True)))
    equal, bare = made.controls.values()
    losses = [network.last.train_loss for network in equal.trained.values()]
    assert max(losses) < 2.0
    assert all(network.epochs > 1 for network in list(equal.trained.values())[:2])
    assert {network.wanted.plan.batch_norm for network in bare.trained.values()} == {False}
    tables = fig5.controls(made)
    assert "with every network trained to a loss below 2 (" in tables[0].title
    assert f"training losses {min(losses):.3f} to {max(losses):.3f}" in tables[0].title
    assert tables[1].title.startswith("The same claims without batch norm")
    assert [len(table.rows) for table in tables] == [4, 4]


def test_rows_and_figure(result):
    rows = list(fig5.rows(result))
    assert len(rows) == 30
    assert rows[0]["distance"] == result.distances[0, 1]
    assert {(pair["x_learning_rate"]) for pair in rows} == {1e-3, 1e-2}
    fig5.draw(result)
