"""Figure 3, its relatives A5, A9 and A10, and their claims."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import naive
from rich.console import Console

import isorep
from isorep.paper import FIGURES, runner
from isorep.paper.analysis.control import Control
from isorep.paper.analysis.distances import Distances, all_pairs
from isorep.paper.data.images import ImageSource
from isorep.paper.figures import fig3, figa5, figa9, figa10
from isorep.paper.run import Run
from isorep.paper.training.recipe import ConvNetPlan, Recipe

SETUP = fig3.SetUp(
    networks=2,
    seed=3,
    images=ImageSource(n_train=1600),
    plan=ConvNetPlan((4, 5, 7), (2, 2, 1)),
    recipe=Recipe(max_epochs=1),
    compared=211,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("fig3"), console=Console(quiet=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "measures", "shown"),
    [
        ("3", ["pwcca"], "training"),
        ("A5", ["cosine", "euclidean"], "training"),
        ("A9", ["pwcca", "cca", "svcca"], "training"),
        ("A10", ["pwcca"], "test"),
    ],
    ids=["3", "A5", "A9", "A10"],
)
def test_distances_are_those_of_direct_formulas(run, number, measures, shown):
    figure = runner.module_of(FIGURES[f"fig{number}"])
    result = figure.compute(SETUP, run)
    data = SETUP.images.load(None, 3)
    images = data.train_images[:211] if shown == "training" else data.test_images
    captured = [
        isorep.capture(network.network, [images], layers=["conv*", "softmax"], reduce="mean")
        for network in result.trained.values()
    ]
    rows = iter(figure.rows(result))
    for layer in ("conv1", "conv2", "conv3", "softmax"):
        for measure in measures:
            for i in range(4):
                for j in range(4):
                    if i != j:
                        row = next(rows)
                        x, y = (np.asarray(captured[at][layer], dtype=float) for at in (i, j))
                        expected = getattr(naive, measure)(x, y)
                        if measure == "euclidean":  # the naive one is over the norm of y
                            expected *= np.linalg.norm(y)
                        assert row["distance"] == pytest.approx(expected, rel=1e-6, abs=1e-6)
                        assert (row["layer"], row["measure"]) == (layer, measure)
                        group = ("generalizing", "memorizing")[i // 2] if i // 2 == j // 2 else ""
                        assert row["group"] == (group or "inter")
    assert next(rows, None) is None
    assert {claim.figure for claim in figure.claims(result)} == {number}
    assert figure.facts(result)["compared_on"] == f"{shown} data"
    assert len(figure.draw(result).axes) == len(measures)


def _halves(table):
    """Mean distances within either pair of networks, and between them."""
    within = [(table[i, i + 1] + table[i + 1, i]) / 2 for i in (0, 2)]
    return *within, (table[:2, 2:].mean() + table[2:, :2].mean()) / 2


@pytest.mark.slow
def test_claims_by_cosine_and_euclidean_distance(run):
    result = figa5.compute(SETUP, run)
    cosine, euclidean = figa5.claims(result)
    generalizing, memorizing, _ = _halves(result.distances.at("cosine", "conv3"))
    assert cosine.contrasts[0].effect == pytest.approx(memorizing - generalizing)
    # Euclidean differences are shares of the mean.
    table = result.distances.at("euclidean", "conv3")
    generalizing, memorizing, _ = _halves(table)
    mean = table[~np.eye(4, dtype=bool)].mean()
    assert euclidean.contrasts[0].effect == pytest.approx((memorizing - generalizing) / mean)


def test_claims_on_test_images_are_about_the_softmax(run):
    result = figa10.compute(SETUP, run)
    (disagree,) = figa10.claims(result)
    generalizing, memorizing, _ = _halves(result.distances.at("pwcca", "softmax"))
    assert disagree.contrasts[0].effect == pytest.approx(memorizing - generalizing)


@pytest.mark.slow
def test_directions_of_low_variance_are_dropped_beside(run):
    result = fig3.compute(SETUP, run)
    images = SETUP.images.load(None, 3).train_images[:211]
    kept, n_dropped = [], 0
    for name in ("generalizing-1", "memorizing-2"):
        network = result.trained[name].network
        layers = isorep.capture(network, [images], layers=["softmax"], reduce="mean")
        x = np.asarray(layers["softmax"], dtype=float)
        x -= x.mean(axis=0)
        values, vectors = np.linalg.eigh(x.T @ x)
        vectors = vectors[:, values >= 0.02 * values[-1]]
        n_dropped += len(vectors) - vectors.shape[1]
        kept.append(x @ vectors @ vectors.T)
    assert n_dropped > 0
    table = result.without_low_variance.at("pwcca", "softmax")
    assert table[0, 3] == pytest.approx(naive.pwcca(*kept), abs=1e-5)
    (control,) = fig3.controls(result)
    assert [row[0] for row in control.rows] == [claim.words for claim in fig3.claims(result)]
    assert fig3.controls(figa10.compute(SETUP, run)) == []


def test_the_papers_own_curve_passes():
    """On distances that are, up to a little noise, those read off the paper's figure 3."""
    random = np.random.default_rng(0)
    layers = (*(f"conv{number}" for number in fig3.PUBLISHED_AT), "softmax")
    tables = {}
    for layer, *means in zip(layers, *fig3.PUBLISHED.values(), strict=True):
        generalizing, memorizing, inter = (mean + 0.005 * random.random((5, 5)) for mean in means)
        table = np.block([[generalizing, inter], [inter.T, memorizing]])
        np.fill_diagonal(table, 0)
        tables["pwcca", layer, layer] = table
    networks = tuple(f"network-{i}" for i in range(10))
    groups = ("generalizing", "memorizing")
    distances = Distances(layers, networks, groups, tables, {})
    claims = fig3.claims(SimpleNamespace(distances=distances))
    assert [claim.verdict for claim in claims] == ["reproduced"] * 4


class TestClaims:
    """On representations made so that what is true is known."""

    N = 5

    @pytest.fixture(scope="class")
    @classmethod
    def judged(cls):
        random = np.random.default_rng(0)
        samples = 997
        signal = {name: random.standard_normal((samples, 6)) for name in ("all", "true", "random")}

        def layer(shared, noise):
            mixed = signal[shared] @ np.linalg.qr(random.standard_normal((6, 6)))[0]
            return mixed + noise * random.standard_normal((samples, 6))

        representations = {}
        for group, labels in (("generalizing", "true"), ("memorizing", "random")):
            for i in range(cls.N):
                late = 0.2 if labels == "true" else 8.0
                representations[f"{group}-{i}"] = {
                    "conv1": layer("all", 0.5),
                    "conv2": layer("all", 1.0),
                    "conv3": layer("all", 1.0),
                    "conv4": layer(labels, late),
                    "softmax": layer(labels, 0.001),
                }
        distances = all_pairs(
            representations,
            ("generalizing", "memorizing"),
            measures=["pwcca", "cca", "svcca"],
            across=[("conv2", "conv4")],
        )
        result = SimpleNamespace(distances=distances)
        return distances, [*fig3.claims(result), *figa9.claims(result)]

    def test_verdicts(self, judged):
        _, claims = judged
        assert {claim.words.split(":")[0]: claim.verdict for claim in claims[:3]} == {
            "Early layers (conv1)": "reproduced",
            "Late layers (conv4)": "reproduced",
        }
        by_figure = [(claim.figure, claim.verdict) for claim in claims[3:]]
        assert by_figure == [
            ("3", "reproduced"),  # each group meets at the softmax
            ("A9", "reproduced"),  # generalizing networks closer, by mean CCA and SVCCA too
            ("A9", "reproduced"),  # closer at conv4 than at conv2, by PWCCA
            ("A9", "not reproduced"),  # and by mean CCA, which the paper did not find
            ("A9", "not reproduced"),  # all features alike: no weighting, no overestimate
            ("A9", "not reproduced"),
        ]

    def test_effects_are_differences_of_means(self, judged):
        distances, claims = judged
        means = {name: values.mean(axis=0) for name, values in distances.pairs("pwcca").items()}
        late = claims[1]
        assert late.deciding.effect == pytest.approx(
            means["memorizing"][3] - means["generalizing"][3], abs=1e-12
        )
        assert late.deciding.exact.p_value == 1 / 252
        assert claims[2].deciding.effect == pytest.approx(
            means["inter"][3] - means["memorizing"][3], abs=1e-12
        )
        assert claims[3].deciding.effect == max(means["generalizing"][4], means["memorizing"][4])
        assert claims[3].deciding.exact is None  # a level is no difference
        assert claims[3].as_dict()["p_value"] is None
        assert Control.of_claims("", claims[3:4]).rows[0][3] == ""
        assert claims[5].deciding.effect == pytest.approx(
            means["generalizing"][1] - means["generalizing"][3], abs=1e-12
        )
        cca = distances.pairs("cca")
        everything = [
            np.concatenate([values[:, 0] for values in pairs.values()])
            for pairs in (cca, distances.pairs("pwcca"))
        ]
        assert claims[7].deciding.effect == pytest.approx(
            everything[0].mean() - everything[1].mean(), abs=1e-12
        )
