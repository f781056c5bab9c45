"""Figure 4 and its relatives A6 and A7."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import naive
from rich.console import Console
from scipy.stats import spearmanr

import isorep
from isorep.paper.analysis.claims import Claim
from isorep.paper.data.images import ImageSource
from isorep.paper.figures import fig4, figa6, figa7
from isorep.paper.run import Run
from isorep.paper.training.networks import initial
from isorep.paper.training.recipe import ConvNetPlan, Recipe

SETUP = fig4.SetUp(
    factors=(0.5, 1.0, 1.5),
    networks=3,
    filters=3,
    images=ImageSource(n_train=1600),
    plan=ConvNetPlan((4, 8), (2, 2)),
    recipe=Recipe(max_epochs=1),
    compared=211,
    seed=3,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("fig4"), console=Console(quiet=True))


@pytest.fixture(scope="module")
def result(run):
    return figa7.compute(SETUP, run)


def captured(networks):
    images = SETUP.images.load(None, 3).train_images[:211]
    arrays = []
    for number, network in enumerate(networks):
        layers = isorep.capture(network, [images], layers=["conv2"], reduce="mean")
        arrays.append(np.asarray(layers["conv2"])[:, fig4.draw_filters(SETUP, number, layers)])
    return arrays


@pytest.mark.slow
@pytest.mark.parametrize("state", ["after", "before"])
def test_distances_are_those_of_direct_formulas(result, state):
    data = SETUP.images.load(None, 3)
    trained = [network.network for network in result.trained.values()]
    fresh = [initial(network, data).eval() for network in fig4.wanted(SETUP).values()]
    arrays = captured(trained if state == "after" else fresh)
    assert [array.shape for array in arrays] == [(211, 3)] * 9
    widths = getattr(result, state)
    within = [[], [], []]
    for i, x in enumerate(arrays):
        for j, y in enumerate(arrays):
            if i != j:
                expected = naive.pwcca(x.astype(float), y.astype(float))
                assert widths.tables["pwcca"][i, j] == pytest.approx(expected, abs=1e-6)
                if i // 3 == j // 3:
                    within[i // 3].append(expected)
    np.testing.assert_allclose(widths.within("pwcca"), within, atol=1e-6)
    means = np.mean(within, axis=1)
    assert widths.drop("pwcca").effect == pytest.approx(means[0] - means[2], abs=1e-6)
    trained, steeper, _ = figa7.claims(result)
    fall = trained.contrasts[0].effect - (0 if state == "after" else steeper.contrasts[0].effect)
    assert fall == pytest.approx(means[0] - means[2], abs=1e-6)
    assert widths.drop("pwcca").exact.smallest == 1 / 20


def test_filters_are_drawn_from_each_network_and_all_where_there_are_few(result):
    drawn = [
        fig4.draw_filters(SETUP, number, {"conv2": np.zeros((5, width))})
        for number, width in enumerate((2, 3, 40, 40))
    ]
    assert sorted(drawn[0]) == [0, 1]
    assert sorted(drawn[1]) == [0, 1, 2]
    assert len(set(drawn[2])) == 3
    assert set(drawn[2]) != set(drawn[3])


def test_claims_are_about_the_means_of_the_groups(result):
    drop, falling, better = fig4.claims(result)
    distance = result.after.within("pwcca").mean(axis=1)
    assert drop.contrasts[0].effect == pytest.approx(distance[0] - distance[2])
    assert falling.contrasts[0].effect == pytest.approx(-spearmanr([4, 8, 12], distance)[0])
    assert falling.ours
    accuracy = np.array([network.last.test_accuracy for network in result.trained.values()])
    table = result.after.tables["pwcca"]
    for widths, contrast in zip(((0, 1, 2), (1, 2), (0, 2), (0, 1)), better.contrasts, strict=True):
        pairs = [
            (table[i, j], (accuracy[i] + accuracy[j]) / 2)
            for i in range(9)
            for j in range(9)
            if i != j and i // 3 == j // 3 and i // 3 in widths
        ]
        assert contrast.effect == pytest.approx(-np.corrcoef(np.transpose(pairs))[0, 1])
    assert better.contrasts[0].exact.smallest == 1 / 6
    assert better.contrasts[1].where == "- r of PWCCA and accuracy, without 4 filters"


@pytest.mark.parametrize(("n", "p"), [(4, 1 / 24), (5, 1 / 120)])
def test_falling_all_along_has_the_smallest_p_value(n, p):
    x = np.arange(n, dtype=float)
    falling = fig4.falling(x, -(x**3))
    assert falling.effect == pytest.approx(1)
    assert falling.exact == pytest.approx((p, p))


def test_widths_and_layers():
    assert SETUP.widths == [4, 8, 12]
    assert SETUP.layer == "conv2"
    paper = fig4.SETUPS["paper"]
    assert paper.widths[0] == 128 == paper.filters
    assert paper.widths[-1] == 3584
    assert paper.layer == "conv11"


def test_claims_on_distances_that_are_known(result):
    random = np.random.default_rng(0)
    table = np.zeros((15, 15))
    for group, distance in enumerate((0.6, 0.5, 0.3)):
        for i in range(15):
            for j in range(15):
                if max(i, j) // 5 == group:
                    table[i, j] = distance + 0.01 * random.random()
    widths = fig4.Widths({"pwcca": table, "euclidean": 7 * table}, 5)
    drop = widths.drop("pwcca")
    assert drop.effect == pytest.approx(0.3, abs=0.01)
    off = ~np.eye(15, dtype=bool)
    assert widths.drop("euclidean").effect == pytest.approx(
        drop.effect / table[off].mean(), rel=1e-9
    )


def test_neuron_by_neuron(run):
    result = figa6.compute(SETUP, run)
    arrays = captured(network.network for network in result.trained.values())
    for i, j in ((0, 1), (4, 8)):
        x, y = arrays[i].astype(float), arrays[j].astype(float)
        cosine = 1 - np.sum(x * y) / np.linalg.norm(x) / np.linalg.norm(y)
        assert result.after.tables["cosine"][i, j] == pytest.approx(cosine, abs=1e-6)
        expected = np.linalg.norm(x - y)
        assert result.after.tables["euclidean"][i, j] == pytest.approx(expected, rel=1e-6)
    assert [claim.kind for claim in figa6.claims(result)] == ["no difference"] * 2
    for claim, measure in zip(figa6.claims(result), figa6.MEASURES, strict=True):
        means = result.after.within(measure).mean(axis=1)
        expected = means[0] - means[2]
        if measure == "euclidean":  # as a share of the mean of all pairs
            expected /= result.after.tables[measure].sum() / (9 * 8)
        assert claim.contrasts[0].effect == pytest.approx(expected)
    assert len(figa6.draw(result).axes) == 2


def test_nothing_to_say_about_1000_filters(result):
    flat = figa7.claims(result)[2]
    assert flat.verdict == "not decidable at this scale"
    assert flat.as_dict()["effect"] is None
    assert "1000 filters" in flat.as_dict()["likely_reason"]


def test_flat_past_1000_filters_begins_at_the_first_width_that_large(result):
    wide = replace(result, setup=replace(SETUP, plan=ConvNetPlan((4, 1100), (2, 2))))
    assert wide.setup.widths == [550, 1100, 1650]
    (contrast,) = figa7.claims(wide)[2].contrasts
    means = result.before.within("pwcca").mean(axis=1)
    assert contrast.where == "untrained: 1100 - widest"
    assert contrast.effect == pytest.approx(means[1] - means[2])


def test_rows_and_figures(result):
    rows = list(fig4.rows(result))
    assert len(rows) == 2 * 9 * 8
    assert {row["state"] for row in rows} == {"trained", "untrained"}
    assert (rows[0]["x"], rows[0]["y"], rows[0]["x_width"]) == ("x0.5-1", "x0.5-2", 4)
    left_ax, _ = fig4.draw(result).axes
    np.testing.assert_allclose(
        left_ax.lines[0].get_ydata(), result.after.within("pwcca").mean(axis=1)
    )
    (ax,) = figa7.draw(result).axes
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["untrained", "trained", "in the paper, 128 to 3,584 filters"]


@pytest.mark.slow
def test_all_filters_are_compared_beside(result, run):
    made = fig4.compute(SETUP, run)
    assert made.after.tables["pwcca"] == pytest.approx(result.after.tables["pwcca"])
    every = replace(SETUP, filters=12)
    images = SETUP.images.load(None, 3).train_images[:211]
    x, y = (
        np.asarray(
            isorep.capture(made.trained[name].network, [images], layers=["conv2"], reduce="mean")[
                "conv2"
            ],
            dtype=float,
        )
        for name in ("x1.5-1", "x1.5-2")
    )
    assert x.shape == (211, 12)
    assert made.by_all_filters.tables["pwcca"][6, 7] == pytest.approx(naive.pwcca(x, y), abs=1e-6)
    (table,) = fig4.controls(made)
    fall = fig4.claims(replace(made, setup=every, after=made.by_all_filters))[0].contrasts[0]
    assert table.rows[0][2].startswith(f"{fall.effect:.3f} [")
    assert fig4.controls(result) == []


def test_the_papers_own_fall_passes():
    random = np.random.default_rng(0)
    levels = np.repeat(np.linspace(*fig4.PUBLISHED, 6), 5)
    table = (levels[:, None] + levels) / 2 + 0.01 * random.random((30, 30))
    np.fill_diagonal(table, 0)
    drop = fig4.Widths({"pwcca": table}, 5).drop("pwcca")
    assert drop.effect == pytest.approx(0.19, abs=0.02)
    claim = Claim("4a", "Wider is closer", "narrowest - widest", "difference", (drop,))
    assert claim.verdict == "reproduced"
