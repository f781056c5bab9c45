from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import isorep
from isorep.paper.figures import fig2
from isorep.paper.run import Run

SETUP = fig2.SetUp(samples=301, neurons=12, signal=(2, 5, 11), repetitions=5, seed=7)


@pytest.fixture(scope="module")
def result():
    return fig2.compute(SETUP, Run(console=Console(quiet=True)))


def test_toy_shares_the_signal_and_nothing_else():
    x, y = fig2.toy(fig2.SetUp(samples=9001, neurons=7), 3, np.random.default_rng(0))
    assert x.shape == y.shape == (9001, 7)
    transform, *_ = np.linalg.lstsq(x[:, :3], y[:, :3])
    np.testing.assert_allclose(x[:, :3] @ transform, y[:, :3], atol=1e-12)
    np.testing.assert_allclose(transform.T @ transform, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(x.std(axis=0), [1] * 3 + [0.1] * 4, rtol=0.03)
    noise = np.corrcoef(np.hstack([x[:, 3:], y[:, 3:]]).T) - np.eye(8)
    assert np.abs(noise).max() < 0.05


def test_distances_follow_the_formulas(result):
    for repetition in range(5):
        for at, k in enumerate(SETUP.signal):
            x, y = fig2.toy(SETUP, k, np.random.default_rng([7, repetition, k]))
            # All of the signal has correlation 1: which variates stand for it is arbitrary, and the
            # weights are those of the ones that were chosen.
            variates = isorep.overlap(x, y).x_variates
            x, y = x - x.mean(axis=0), y - y.mean(axis=0)
            qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
            rho = np.linalg.svd(qx.T @ qy)[1]
            partners = qy @ (qy.T @ variates)
            np.testing.assert_allclose(np.linalg.norm(partners, axis=0), rho, atol=1e-7)
            weights = np.abs(variates.T @ x).sum(axis=1)
            values = {name: table[repetition, at] for name, table in result.distances.items()}
            assert values["cca"] == pytest.approx(1 - rho.mean(), abs=1e-9)
            assert values["pwcca"] == pytest.approx(1 - weights @ rho / weights.sum(), abs=1e-7)
            bases = []
            for side in (x, y):
                basis, s, _ = np.linalg.svd(side, full_matrices=False)
                kept = np.searchsorted(np.cumsum(s**2) / np.sum(s**2), 0.99) + 1
                bases.append(basis[:, :kept])
            rho = np.linalg.svd(bases[0].T @ bases[1])[1]
            assert values["svcca"] == pytest.approx(1 - rho.mean(), abs=1e-9)


def test_claims_compare_the_means(result):
    sensitive, robust, between = fig2.claims(result)
    ranges = {name: np.ptp(table, axis=1).mean() for name, table in result.distances.items()}
    assert sensitive.contrasts[0].effect == pytest.approx(ranges["cca"])
    assert robust.contrasts[0].effect == pytest.approx(ranges["pwcca"])
    assert sensitive.contrasts[0].exact == (1 / 32, 1 / 32)
    assert (sensitive.verdict, robust.verdict) == ("reproduced", "not reproduced")
    for at, judged in enumerate(between.contrasts):
        cca, svcca, pwcca = (result.distances[name][:, at] for name in ("cca", "svcca", "pwcca"))
        assert judged.where == f"ratio {SETUP.signal[at] / 12:g}"
        assert judged.effect == pytest.approx(np.minimum(cca - svcca, svcca - pwcca).mean())


def test_other_readings_are_shown_beside(result):
    (table,) = fig2.controls(replace(result, setup=replace(SETUP, signal=(3, 6, 12), neurons=12)))
    assert table.columns == ("measure", "ratio 0.25", "ratio 0.5", "range over all ratios")
    cells = {row[0]: row[1:] for row in table.rows}
    means = result.distances["cca"].mean(axis=0)
    assert cells["mean CCA"][:2] == (f"{means[0]:.3f}", f"{means[1]:.3f}")
    # Without the noise, X and Y are the same up to a rotation.
    assert set(cells["PWCCA, directions of low variance dropped first"]) == {"0.000"}
    by_sum = result.readings["SVCCA, cut at 99 % of the summed singular values"]
    x, y = fig2.toy(SETUP, 5, np.random.default_rng([7, 1, 5]))
    kept = []
    for side in (x - x.mean(axis=0), y - y.mean(axis=0)):
        basis, s, _ = np.linalg.svd(side, full_matrices=False)
        kept.append(basis[:, : np.searchsorted(np.cumsum(s) / s.sum(), 0.99) + 1])
    rho = np.linalg.svd(kept[0].T @ kept[1])[1]
    assert by_sum[1, 1] == pytest.approx(1 - rho.mean(), abs=1e-9)
    weak = result.readings["PWCCA, standard deviation of the noise 0.01"]
    strong = result.readings["PWCCA, variance of the noise 0.1"]
    assert (weak < result.distances["pwcca"]).all()
    assert (result.distances["pwcca"] < strong).all()


def test_rows_and_figure(result):
    rows = list(fig2.rows(result))
    assert len(rows) == 5 * 3 * 3
    assert rows[0]["signal_dimensions"] == 2
    assert rows[0]["distance"] == result.distances["cca"][0, 0]
    (ax,) = fig2.draw(result).axes
    np.testing.assert_allclose(ax.lines[2].get_ydata(), result.distances["pwcca"].mean(axis=0))
