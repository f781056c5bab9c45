"""The figures of the language models: each computed the direct way, on tiny networks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from helpers import language_models as toy
from helpers import naive

from isorep.paper import FIGURES, runner
from isorep.paper.analysis import rnn_states
from isorep.paper.data.text import Corpus
from isorep.paper.figures import fig1_language, fig6, figa1_language, figa3, figa4, figa8

VALID = toy.corpus().valid
NAMES = [model.name for model in toy.MODELS]


@pytest.fixture(scope="module")
def figure6():
    return fig6.compute(toy.trained(), toy.corpora())


@pytest.fixture(scope="module")
def figure_a8():
    return figa8.compute(toy.trained(), toy.corpora())


@pytest.fixture(scope="module")
def figure1():
    setup = fig1_language.SetUp(toy.MODELS, networks=2, variates=2)
    return fig1_language.compute(toy.trained(), toy.corpora(), setup)


@pytest.fixture(scope="module")
def figure_a3():
    setup = figa3.SetUp(toy.MODELS, networks=2, steps=4, tokens=800)
    return figa3.compute(toy.trained(), toy.corpora(), setup)


@pytest.fixture(scope="module")
def figure_a4():
    setup = figa4.SetUp(toy.MODELS, 2, steps=4, starts=(8, 81), length=25, stride=5, tokens=500)
    return figa4.compute(toy.trained(), toy.corpora(), setup)


def _states(name, network, epoch):
    return toy.read_rows(toy.trained()[name][network].at(epoch), VALID)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("figure", "measures"),
    [("figure6", ["pwcca", "cca"]), ("figure_a8", ["cosine", "euclidean", "pwcca"])],
)
def test_convergence_is_the_distance_to_the_final_state(request, figure, measures, name):
    table = request.getfixturevalue(figure)[name]
    assert table.sizes == {"network": 2, "epoch": 5, "layer": len(table["layer"])}
    last = _states(name, 1, 4)
    for epoch in (0, 2, 4):
        state = _states(name, 1, epoch)
        for layer in last:
            cell = table.sel(network=1, epoch=epoch, layer=layer)
            for measure in measures:
                expected = getattr(naive, measure)(state[layer], last[layer])
                distance = cell[f"{measure}_distance"].item()
                assert distance == pytest.approx(expected, abs=2e-5), (measure, layer)
    assert table.attrs["note"] == "not a real text"


def test_figure_6_contrasts_each_layer_with_the_one_below(figure6):
    judged = fig6.claims(figure6)
    assert [claim.figure for claim in judged] == ["6", "6", "6", "6", "6d"]
    table = figure6[NAMES[1]]["pwcca_distance"].to_numpy()  # network, epoch, layer
    bottom_up = judged[1].contrasts
    assert [contrast.where.split(": ")[1] for contrast in bottom_up] == [
        "lstm2 - lstm1",
        "lstm3 - lstm2",
    ]
    by_layer = _parts(table)
    np.testing.assert_allclose([contrast.effect for contrast in bottom_up], np.diff(by_layer))
    span = by_layer[-1] - by_layer[0]
    assert judged[3].contrasts[0].effect == pytest.approx(span)
    plain = _parts(figure6[NAMES[1]]["cca_distance"].to_numpy())
    blur = span - (plain[-1] - plain[0])
    assert judged[-1].contrasts[0].effect == pytest.approx(blur)


def _parts(table):
    """Mean distances of the layers, (network, epoch, layer) -> (layer,), over that of them all."""
    means = table[:, 1:-1].mean(axis=1)
    return (means / means.mean(axis=1, keepdims=True)).mean(axis=0)


def test_figure_a8_counts_moves_the_wrong_way(figure_a8):
    table = figure_a8[NAMES[0]]
    moves = np.diff(table["cosine_distance"].to_numpy(), axis=1)
    share = np.where(moves > 0, moves, 0).sum(1) / np.abs(moves).sum(1)
    np.testing.assert_allclose(figa8.backwards(table, "cosine"), share.mean(axis=1))
    by_cosine, by_euclidean, noisy_cosine, noisy_euclidean = figa8.claims(figure_a8)
    for measure, order, noise in (
        ("cosine", by_cosine, noisy_cosine),
        ("euclidean", by_euclidean, noisy_euclidean),
    ):
        rises, more = [], []
        for table in figure_a8.values():
            rises.extend(np.diff(_parts(table[f"{measure}_distance"].to_numpy())))
            ups = [_ups(table[f"{name}_distance"].to_numpy()) for name in (measure, "pwcca")]
            more.append(ups[0] - ups[1])
        np.testing.assert_allclose([contrast.effect for contrast in order.contrasts], rises)
        np.testing.assert_allclose([contrast.effect for contrast in noise.contrasts], more)


def _ups(table):
    """Mean over networks and layers of the share of ups in a curve, (network, epoch, layer)."""
    shares = []
    for curve in table.transpose(0, 2, 1).reshape(-1, table.shape[1]):
        moves = [after - before for before, after in pairwise(curve)]
        shares.append(sum(move for move in moves if move > 0) / sum(abs(move) for move in moves))
    return np.mean(shares)


@pytest.mark.parametrize("name", NAMES)
def test_figure_1_is_made_of_correlations_and_variates(figure1, name):
    table = figure1[name]
    layer = table.attrs["layer"]
    assert layer == f"lstm{toy.trained()[name][0].recipe.layers}"
    assert (table.attrs["early"], table.attrs["half"]) == (1, 2)
    states = {epoch: _states(name, 0, epoch)[layer] for epoch in range(5)}
    network = table.sel(network=0)
    for epoch, state in states.items():
        np.testing.assert_allclose(
            network["correlation"].sel(epoch=epoch),
            naive.correlations(state, states[4]),
            atol=2e-5,
        )
    h = naive.variates(states[1], states[2])
    for part, variates in (("stable", h[:, :2]), ("unstable", h[:, -2:])):
        distances = network[f"{part}_distance"]
        assert np.isnan(distances.sel(epoch=0))
        for epoch in range(1, 5):
            expected = naive.cca(variates, states[epoch])
            assert distances.sel(epoch=epoch).item() == pytest.approx(expected, abs=1e-4)
    np.testing.assert_array_equal(
        network["valid_perplexity"], toy.trained()[name][0].valid_perplexity
    )


def test_figure_1_takes_performance_and_coefficients_at_one_epoch(figure1):
    lead, further, flat, at_once = fig1_language.claims(figure1)[:4]
    table = figure1[NAMES[0]]
    expected = []
    for i, network in enumerate(toy.trained()[NAMES[0]]):
        loss = np.log(network.valid_perplexity)
        learned = (loss[0] - loss) / (loss[0] - loss.min())
        at = next(epoch for epoch in range(5) if learned[epoch] >= 0.95)
        settled = np.mean(table["correlation"].to_numpy()[i, at] >= 0.9)
        expected.append(learned[at] - settled)
    assert lead.contrasts[0].effect == pytest.approx(np.mean(expected))
    s, b = (table[f"{part}_distance"].to_numpy() for part in ("stable", "unstable"))
    assert further.contrasts[0].effect == pytest.approx((b - s)[:, [3, 4]].mean())
    assert flat.contrasts[0].effect == pytest.approx((s[:, 4] - s[:, 2]).mean())
    assert at_once.contrasts[0].effect == pytest.approx((b - s)[:, 2].mean())


def test_figure_1_needs_checkpoints_and_directions():
    bare = replace(toy.SHALLOW, checkpoints=(0, 4))
    with pytest.raises(ValueError, match="an early epoch, half time and the end"):
        fig1_language.epochs_of_interest(bare, 0.1)
    many = fig1_language.SetUp(toy.MODELS, networks=2, variates=4)
    with pytest.raises(ValueError, match="k must be from 1 to 3"):
        fig1_language.compute(toy.trained(), toy.corpora(), many)


def test_figure_a1_is_the_curves():
    result = figa1_language.compute(toy.trained(), toy.corpora())
    for name, networks in toy.trained().items():
        for curve in figa1_language.CURVES:
            expected = [getattr(network, curve) for network in networks]
            np.testing.assert_array_equal(result[name][curve], expected)
    figa1_language.draw(result).canvas.draw()
    for claim, table in zip(figa1_language.claims(result), result.values(), strict=True):
        remaining = []
        for curve in np.log(table["valid_perplexity"].to_numpy()):
            mark = curve[0] - 0.95 * (curve[0] - curve.min())
            first = next(epoch for epoch, value in enumerate(curve) if value <= mark + 1e-12)
            remaining.append(1 - first / (len(curve) - 1))
        (contrast,) = claim.contrasts
        assert contrast.effect == pytest.approx(np.mean(remaining), abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_figures_a3_and_a4_compare_each_step_with_the_last(figure_a3, figure_a4, name):
    model = toy.trained()[name][1].at(4)
    train = toy.corpus().train
    by_index = rnn_states.by_index(model, train[:800], 4)
    repeated = rnn_states.under_repeated_input(model, train[:500], 4, start=20, stride=5)
    for states, table in (
        (by_index, figure_a3[name].sel(network=1)),
        (repeated, figure_a4[name].sel(network=1, start=81)),  # 81 % of 25 tokens is 20
    ):
        assert table.sizes == {"step": 4, "layer": len(model.layers)}
        for step, layers in states.items():
            for layer, array in layers.items():
                cell = table.sel(step=step, layer=layer)
                x, y = array.astype(float), states[3][layer].astype(float)
                for measure in ("cca", "cosine", "euclidean"):
                    expected = getattr(naive, measure)(x, y)
                    distance = cell[f"{measure}_distance"].item()
                    assert distance == pytest.approx(expected, abs=1e-5), (measure, step, layer)


def test_claims_of_a3_and_a4_are_about_cca(figure_a3, figure_a4):
    table = figure_a3[NAMES[1]]["cca_distance"].mean("network").to_numpy()  # step, layer
    effects = [contrast.effect for contrast in figa3.claims(figure_a3)[1].contrasts]
    np.testing.assert_allclose(effects, table[3] - table[0] / 2)
    mean = figure_a4[NAMES[1]]["cca_distance"].mean("network").to_numpy()[:, :-1].mean(axis=1)
    early, late = figa4.claims(figure_a4)[2:]
    np.testing.assert_allclose([contrast.effect for contrast in early.contrasts], mean[0])
    np.testing.assert_allclose([contrast.effect for contrast in late.contrasts], mean[1] - mean[0])


def test_every_figure_is_drawn(figure1, figure6, figure_a3, figure_a4, figure_a8):
    for module, result, n_axes in (
        (fig1_language, figure1, 4),
        (fig6, figure6, 3),
        (figa3, figure_a3, 6),
        (figa4, figure_a4, 6),
        (figa8, figure_a8, 4),
    ):
        figure = module.draw(result)
        assert len(figure.axes) == n_axes
        assert "not a real text" in figure.get_supxlabel()
        figure.canvas.draw()


@pytest.mark.parametrize("name", ["fig1-language", "fig6", "figA3", "figA4", "figA8"])
def test_set_ups_share_their_models(name):
    setups = runner.module_of(FIGURES[name]).SETUPS
    assert set(setups) == {"laptop", "small", "paper"}
    for scale, setup in setups.items():
        assert setup.figure.models == fig6.SETUPS[scale].models
        assert setup.figure.networks == fig6.SETUPS[scale].networks


@pytest.mark.parametrize("scale", ["laptop", "small", "paper"])
def test_set_ups_fit_together(scale):
    models = fig6.SETUPS[scale].models
    # A text is read once for all models.
    assert len({(model.corpus, model.excerpt) for model in models}) == len(
        {model.corpus for model in models}
    )
    # S and B have no variate in common, and no canonical correlation is forced.
    for model in models:
        assert 2 * fig1_language.SETUPS[scale].variates <= model.embedding
        for setup in (figa3.SETUPS[scale], figa4.SETUPS[scale]):
            tokens = min(setup.tokens, model.excerpt.train if model.excerpt else setup.tokens)
            samples = tokens // getattr(setup, "stride", setup.steps)
            assert samples > 4 * model.hidden


def test_another_text_is_refused():
    other = Corpus("other", toy.corpus().vocabulary, VALID, VALID)
    message = r"was trained on a toy with digest \w+, but the text is other with digest \w+\."
    with pytest.raises(ValueError, match=message):
        fig6.compute(toy.trained(), {"pydoc": other})
