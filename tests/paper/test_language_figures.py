"""The figures of the language models: each computed the direct way, on tiny networks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import xarray
from helpers import language_models as toy
from helpers import naive

from isorep.paper import FIGURES, runner
from isorep.paper.analysis import lag, rnn_states
from isorep.paper.data.text import Corpus
from isorep.paper.figures import fig1_language, fig6, figa1_language, figa3, figa4, figa8

VALID = toy.corpus().valid
NAMES = [model.name for model in toy.MODELS]


@pytest.fixture(scope="module")
def figure6():
    return fig6.compute(toy.trained(), toy.corpora(), fig6.SetUp(toy.MODELS, 2))


@pytest.fixture(scope="module")
def figure_a8():
    return figa8.compute(toy.trained(), toy.corpora(), fig6.SetUp(toy.MODELS, 2))


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


@pytest.mark.slow
def test_convergence_over_the_beginning_of_the_text(figure6):
    name = NAMES[0]
    short = fig6.compute(toy.trained(), toy.corpora(), fig6.SetUp(toy.MODELS, 2, compared=300))
    states = [
        toy.read_rows(toy.trained()[name][0].at(epoch), VALID[:300])["lstm1"] for epoch in (1, 4)
    ]
    cell = short[name]["pwcca_distance"].sel(network=0, epoch=1, layer="lstm1")
    assert cell.item() == pytest.approx(naive.pwcca(*states), abs=2e-5)
    assert cell.item() != figure6[name]["pwcca_distance"].sel(network=0, epoch=1, layer="lstm1")


def test_figure_6_contrasts_upper_layers_with_lower_ones(figure6):
    judged = fig6.claims(figure6)
    assert [claim.figure for claim in judged] == ["6a-c"] * 4 + ["6d"] * 2
    assert [claim.ours for claim in judged] == [False, False, True, True, False, False]
    _, deep, _, one_by_one, changed, clearer = judged
    late = _lateness(figure6[NAMES[1]]["pwcca_distance"].to_numpy())  # network, layer
    (top,) = deep.contrasts  # of three layers, the middle one is in neither half
    assert top.where == "lstm3 - lstm1"
    assert top.effect == pytest.approx((late[:, 2] - late[:, 0]).mean())
    assert [contrast.where for contrast in one_by_one.contrasts] == [
        "lstm2 - lstm1",
        "lstm3 - lstm2",
    ]
    steps = np.diff(late.mean(axis=0))
    np.testing.assert_allclose([contrast.effect for contrast in one_by_one.contrasts], steps)
    plain = _lateness(figure6[NAMES[1]]["cca_distance"].to_numpy())
    change = np.abs((late - plain).mean(axis=0))
    assert changed.contrasts[0].effect == pytest.approx(change.max())
    assert changed.contrasts[0].where == f"lstm{change.argmax() + 1}"
    span = (late[:, 2] - late[:, 0] - plain[:, 2] + plain[:, 0]).mean()
    assert clearer.contrasts[0].effect == pytest.approx(span)


def _lateness(table):
    """Mean distances over training, (network, epoch, layer) -> (network, layer), over their mean.

    The toys have checkpoints 0 to 4; from 1 to 3, the trapezoidal rule has weights 1/2, 1, 1/2.
    """
    means = table[:, 1] / 2 + table[:, 2] + table[:, 3] / 2
    return means / means.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("name", fig6.PUBLISHED)
def test_the_papers_own_picture_passes_figure_6s_criterion(name):
    counterparts = {theirs: ours for ours, theirs in fig6.COUNTERPARTS.items()}
    in_paper = fig6.published(counterparts[name])
    assert in_paper.identical(fig6.published(name))
    six = xarray.concat([in_paper] * 6, "network").assign(
        cca_distance=lambda t: t["pwcca_distance"]
    )
    claim = fig6.claims({name: six})[0]
    assert claim.verdict == "reproduced"
    assert claim.paper == f"{claim.deciding.effect:.2f}"
    assert claim.deciding.exact.p_value == 1 / 64


def test_lateness_takes_uneven_epochs_by_their_length():
    distances = fig6.PUBLISHED["Penn Treebank, 3 layers"]
    epochs = [50, 100, 200, 300, 400, 490]
    areas = [
        sum((b - a) * (distances[a][layer] + distances[b][layer]) / 2 for a, b in pairwise(epochs))
        for layer in range(3)
    ]
    expected = np.array([areas]) / np.mean(areas)
    table = fig6.published("Penn Treebank, 3 layers")
    np.testing.assert_allclose(lag.lateness(table, "pwcca"), expected)


def test_other_models_have_no_published_picture():
    assert fig6.published("WikiText-2, 3 layers") is None


def test_figure_a8_counts_moves_the_wrong_way(figure_a8):
    judged = figa8.claims(figure_a8)
    assert len(judged) == 8
    rows = [(measure, name) for measure in ("cosine", "euclidean") for name in NAMES]
    for (measure, name), order, noise in zip(rows, judged[:4], judged[4:], strict=True):
        table = figure_a8[name]
        late = _lateness(table[f"{measure}_distance"].to_numpy()).mean(axis=0)
        (top,) = order.contrasts
        assert top.effect == pytest.approx(late[-1] - late[0])
        ups = [_ups(table[f"{kind}_distance"].to_numpy()) for kind in (measure, "pwcca")]
        assert noise.contrasts[0].effect == pytest.approx(ups[0] - ups[1])
        assert noise.contrasts[0].at_floor == (max(ups) < 0.05)


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
    # Chosen in the first half of the text, compared in the second.
    middle = len(states[1]) // 2
    h = naive.variates(states[1][:middle], states[2][:middle])
    first = states[1][:middle] - states[1][:middle].mean(axis=0)
    directions = np.linalg.lstsq(first, h, rcond=None)[0]
    second = states[1][middle:] @ directions
    for part, variates in (("stable", second[:, :2]), ("unstable", second[:, -2:])):
        distances = network[f"{part}_distance"]
        assert np.isnan(distances.sel(epoch=0))
        for epoch in range(1, 5):
            expected = naive.cca(variates, states[epoch][middle:])
            assert distances.sel(epoch=epoch).item() == pytest.approx(expected, abs=1e-4)
    np.testing.assert_array_equal(
        network["valid_perplexity"], toy.trained()[name][0].valid_perplexity
    )


def test_figure_1_judges_every_later_epoch_apart(figure1):
    many, stable, gone, peak, farther = fig1_language.claims(figure1)[:5]
    table = figure1[NAMES[0]]
    shares = []
    for i, network in enumerate(toy.trained()[NAMES[0]]):
        loss = np.log(network.valid_perplexity)
        learned = (loss[0] - loss) / (loss[0] - loss.min())
        at = next(epoch for epoch in range(5) if learned[epoch] >= 0.95)
        shares.append(np.mean(table["correlation"].to_numpy()[i, at] < 0.9))
    assert many.contrasts[0].effect == pytest.approx(np.mean(shares))
    s, b = (table[f"{part}_distance"].mean("network").to_numpy() for part in ("stable", "unstable"))
    # The early epoch is 1 and half time 2, so later are 3 and 4.
    assert _effects(stable) == pytest.approx([s[4] - s[3]])
    assert _effects(gone) == pytest.approx([b[3], b[4]])
    assert _effects(peak) == pytest.approx([b[2] - (b[1] + b[3]) / 2])
    assert _effects(farther) == pytest.approx([b[3] - s[3], b[4] - s[4]])
    assert farther.ours


def _effects(claim):
    return [contrast.effect for contrast in claim.contrasts]


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
        np.testing.assert_array_equal(result[name]["epoch"], networks[0].recipe.evaluated)
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
    read_on = rnn_states.under_repeated_input(
        model, train[:500], 4, start=2, stride=5, repeated=False
    )
    for states, table in (
        (by_index, figure_a3[name].sel(network=1)),
        (repeated, figure_a4[name].sel(network=1, start="81")),  # 81 % of 25 tokens is 20
        (read_on, figure_a4[name].sel(network=1, start="none")),
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


def test_figure_a3_judges_each_distance(figure_a3):
    judged = figa3.claims(figure_a3)[3:]  # of the second model
    for claim, measure in zip(judged, ("cca", "cosine", "euclidean"), strict=True):
        table = figure_a3[NAMES[1]][f"{measure}_distance"].mean("network").to_numpy()
        np.testing.assert_allclose(_effects(claim), table[3] - table[0] / 2)


def test_figure_a4_contrasts_an_early_repetition_with_none(figure_a4):
    recognised, cosine, euclidean, late = figa4.claims(figure_a4)[4:]  # of the second model
    mean = figure_a4[NAMES[1]].mean("network").isel(step=slice(0, 3)).mean("step")
    by_start = {
        measure: [mean[f"{measure}_distance"].sel(start=s).to_numpy() for s in ("8", "81", "none")]
        for measure in ("cca", "cosine", "euclidean")
    }
    early, latest, none = by_start["cca"]
    np.testing.assert_allclose(_effects(recognised), none / 2 - early)
    np.testing.assert_allclose(_effects(late), latest - early)
    for claim, measure in ((cosine, "cosine"), (euclidean, "euclidean")):
        early, _, none = by_start[measure]
        np.testing.assert_allclose(_effects(claim), none - early)
        assert claim.kind == "no difference"


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
        fig6.compute(toy.trained(), {"pydoc": other}, fig6.SetUp(toy.MODELS, 2))
