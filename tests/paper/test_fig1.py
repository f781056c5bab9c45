"""Figure 1's image networks, and their training curves (figure A1)."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import isorep
from isorep.paper.data.images import ImageSource
from isorep.paper.figures import fig1, figa1
from isorep.paper.run import Run
from isorep.paper.training.recipe import ConvNetPlan, Recipe

SETUP = fig1.SetUp(
    networks=2,
    layer="conv2",
    epochs=(0, 1, 2, 4),
    early=1,
    variates=3,
    images=ImageSource(n_train=1600),
    plan=ConvNetPlan((4, 8), (2, 2)),
    recipe=Recipe(target_loss=0.0, max_epochs=4),
    compared=211,
    seed=3,
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return Run(tmp_path_factory.mktemp("fig1"), console=Console(quiet=True))


@pytest.fixture(scope="module")
def result(run):
    return fig1.compute(SETUP, run)


@pytest.mark.slow
def test_follows_the_formulas(result):
    images = result.data.train_images[:211]
    for number, network in enumerate(result.trained.values()):
        layers = []
        for epoch in SETUP.epochs:
            representations = isorep.capture(
                network.at(epoch), [images], layers=["conv2"], reduce="mean"
            )
            layers.append(np.asarray(representations["conv2"], dtype=float))
        bases = [np.linalg.qr(layer - layer.mean(axis=0))[0] for layer in layers]
        for at in range(4):
            rho = np.linalg.svd(bases[at].T @ bases[-1])[1]
            np.testing.assert_allclose(result.correlations[number, at], rho, atol=1e-4)
        # Epoch 1 against epoch 2, which is half time: chosen on one half, compared on the other.
        first = [layer[:105] - layer[:105].mean(axis=0) for layer in layers]
        second = [layer[105:] - layer[105:].mean(axis=0) for layer in layers]
        q, r = np.linalg.qr(first[1])
        rotation = np.linalg.svd(q.T @ np.linalg.qr(first[2])[0])[0]
        variates = second[1] @ np.linalg.solve(r, rotation)
        bases = [np.linalg.qr(layer)[0] for layer in second]
        for part, distances in (
            (variates[:, :3], result.stable),
            (variates[:, -3:], result.unstable),
        ):
            assert np.isnan(distances[number, 0])
            for at in (1, 2, 3):
                rho = np.linalg.svd(np.linalg.qr(part)[0].T @ bases[at])[1]
                assert distances[number, at] == pytest.approx(1 - rho.mean(), abs=1e-4)


def test_claims_are_about_what_was_found(result):
    claims = fig1.claims(result)
    assert [claim.figure for claim in claims] == ["1a", "1d", "1d", "1d", "1d"]
    assert [claim.ours for claim in claims] == [False, False, False, False, True]
    # Epochs 2 (half time) and 1 (early) are left out: only the last is after, and no other to
    # compare it with.
    assert claims[1].contrasts == ()
    (uncorrelated,) = claims[2].contrasts
    assert uncorrelated.effect == pytest.approx(result.unstable[:, 3].mean())
    assert claims[0].verdict == "not decidable at this scale"  # of two networks


def test_claims_about_s_and_b_leave_half_time_out(result):
    stable = np.array([[np.nan, 0, 0.3, 0.5, 0.7, 0.6], [np.nan, 0, 0.2, 0.4, 0.6, 0.4]])
    unstable = np.array([[np.nan, 0, 0.8, 0.9, 1, 1], [np.nan, 0, 0.6, 0.7, 0.8, 0.8]])
    setup = replace(SETUP, epochs=(0, 1, 2, 3, 4, 6), recipe=Recipe(0.0, max_epochs=6))
    made = replace(
        result,
        setup=setup,
        correlations=np.ones((2, 6, 4)),
        stable=stable,
        unstable=unstable,
    )
    _, remain, uncorrelated, peak, farther = fig1.claims(made)
    assert setup.half == 3
    for claim, effects in (
        (remain, [(0.4 + 0.4) / 2, (0.3 + 0.2) / 2]),  # epochs 4 and 6, minus epoch 2
        # From a tenth of the training after epoch 1 on, which is epoch 1.6.
        (uncorrelated, [(0.8 + 0.6) / 2, (1 + 0.8) / 2, (1 + 0.8) / 2]),
        (peak, [(0.9 - 0.9 + 0.7 - 0.7) / 2]),
        (farther, [(0.5 + 0.4) / 2, (0.3 + 0.2) / 2, (0.4 + 0.4) / 2]),
    ):
        assert [contrast.effect for contrast in claim.contrasts] == pytest.approx(effects)
    assert [contrast.where for contrast in remain.contrasts] == [
        "S: epoch 4 - epoch 2",
        "S: epoch 6 - epoch 2",
    ]


def test_unsettled_directions_are_counted_when_performance_has_converged(result):
    tables = np.full((2, 4, 4), 1.0)
    tables[:, 2, 1:] = 0.5  # 3 of 4 directions at epoch 2

    def trained(network):
        accuracy = (0.1, 0.5, 0.99, 0.98, 1.0)
        history = tuple(
            epoch._replace(test_accuracy=value)
            for epoch, value in zip(network.history, accuracy, strict=True)
        )
        return replace(network, history=history)

    made = replace(
        result,
        trained={name: trained(network) for name, network in result.trained.items()},
        correlations=tables,
    )
    assert fig1.claims(made)[0].contrasts[0].effect == 0.75
    remaining = figa1.claims(figa1.Result(SETUP, made.data, made.trained))[0].contrasts[0].effect
    assert remaining == 0.5  # epoch 2 of 4


def test_curves_share_the_networks(run, result):
    curves = figa1.compute(SETUP, run)
    assert [network.history for network in curves.trained.values()] == [
        network.history for network in result.trained.values()
    ]
    assert curves.curve("test_accuracy").shape == (2, 5)
    rows = list(figa1.rows(curves))
    assert len(rows) == 10
    first = next(iter(curves.trained.values()))
    assert rows[1]["train_loss"] == first.history[1].train_loss
    assert len(figa1.draw(curves).axes) == 2


def test_rows_and_figure(result):
    rows = list(fig1.rows(result))
    assert len(rows) == 2 * (4 * 8 + 2 * 3)
    assert rows[0]["value"] == result.correlations[0, 0, 0]
    fig1.draw(result)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": (0, 1, 3)}, "epochs must ascend to the last epoch of the training, 4"),
        ({"early": 3}, "early must be one of the epochs before half time, got 3"),
        ({"early": 2}, "early must be one of the epochs before half time, got 2"),
    ],
)
def test_refuses_epochs_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SETUP, **changes)
