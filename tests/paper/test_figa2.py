"""Figure A2: the toy networks step by step, and the distances by direct formulas."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from isorep.paper.analysis.state_distances import STEP_MEASURES
from isorep.paper.figures import figa2

SETUP = figa2.SetUp(
    width=5, runs=83, steps=30, every=3, alphas=(0.0, 2.0), scales=(0.5, 1e-4), networks=3
)


@pytest.fixture(scope="module")
def result():
    return figa2.compute(SETUP)


def test_the_linear_network_rotates():
    seen = dict(figa2.states(SETUP, 0.0, 1))
    assert list(seen) == list(range(0, 31, 3))
    norms = [np.linalg.norm(h, axis=1) for h in seen.values()]
    for norm in norms:
        np.testing.assert_allclose(norm, norms[0])
    assert not np.allclose(seen[0], seen[3])


def test_the_nonlinear_network_is_the_formula():
    setup = figa2.SetUp(width=4, runs=11, steps=2, every=1, alphas=(0.0, 3.0), networks=1)
    straight, bent = (dict(figa2.states(setup, alpha, 0, 0.5)) for alpha in (0.0, 3.0))
    np.testing.assert_array_equal(straight[0], bent[0])
    # What the two differ by after one step is alpha * sigmoid(W h) + b, entry by entry in (b, b+3).
    added = bent[1] - straight[1]
    assert (added.max(0) - added.min(0) < 3).all()
    random = np.random.default_rng([0, 0])
    figa2.ortho_group.rvs(4, random_state=random)
    weights, bias = random.standard_normal((4, 4)) / 2, random.standard_normal(4)
    np.testing.assert_allclose(added, 3 / (1 + np.exp(-bent[0] @ weights.T)) + bias)


def test_the_distances_are_those_of_direct_formulas(result):
    for network, alpha, scale in ((0, 0.0, 0.5), (2, 2.0, 0.5), (1, 2.0, 1e-4)):
        seen = dict(figa2.states(SETUP, alpha, network, scale))
        last = seen[30]
        cell = result.sel(network=network, alpha=alpha, scale=scale)
        for step, h in seen.items():
            rho = np.cos(subspace_angles(h - h.mean(0), last - last.mean(0)))
            cosine = np.sum(h * last) / np.linalg.norm(h) / np.linalg.norm(last)
            euclidean = np.linalg.norm(h - last) / np.linalg.norm(last)
            row = cell.sel(step=step)
            assert row["cca_distance"].item() == pytest.approx(1 - rho.mean(), abs=1e-7)
            assert row["cosine_distance"].item() == pytest.approx(1 - cosine, abs=1e-9)
            assert row["euclidean_distance"].item() == pytest.approx(euclidean, abs=1e-7)


def test_cca_is_blind_to_rotation_at_every_step(result):
    assert result.sizes == {"network": 3, "scale": 2, "alpha": 2, "step": 11}
    linear = result.sel(alpha=0.0)
    assert np.abs(linear["cca_distance"]).max() < 1e-9
    assert linear["cosine_distance"].mean() > 0.5


def test_claims_and_figure(result):
    same, controls, bent, bent_controls = figa2.claims(result)
    means = {  # over the networks, and the steps but the last
        name: result[f"{name}_distance"].sel(scale=0.5).to_numpy()[:, :, :-1].mean(axis=(0, 2))
        for name in STEP_MEASURES
    }
    assert same.contrasts[0].effect == pytest.approx(means["cca"][0], abs=1e-12)
    assert [contrast.effect for contrast in bent.contrasts] == pytest.approx([means["cca"][1]])
    assert [contrast.effect for contrast in controls.contrasts] == pytest.approx(
        [means[name][0] - means["cca"][0] for name in ("cosine", "euclidean")]
    )
    assert [contrast.effect for contrast in bent_controls.contrasts] == pytest.approx(
        [means[name][1] - means["cca"][1] for name in ("cosine", "euclidean")]
    )
    assert same.verdict == "reproduced"
    assert controls.verdict == "not decidable at this scale"  # three networks
    assert all(contrast.effect > 0.1 for contrast in controls.contrasts)
    figure = figa2.draw(result)
    assert [ax.get_title() for ax in figure.axes] == ["mean CCA", "cosine", "Euclidean"]
    assert [len(ax.lines) for ax in figure.axes] == [2, 2, 2]
    figure.canvas.draw()


def test_with_small_weights_the_sigmoid_is_all_but_linear(result):
    assert result["cca_distance"].sel(scale=1e-4).max() < 1e-3
    (table,) = figa2.controls(result)
    assert table.columns[1:] == ("linear", "alpha = 2")
    assert [row[0] for row in table.rows] == ["0.5", "0.0001"]
    assert table.rows[1][1:] == ("0.000", "0.000")
    mean = result["cca_distance"].sel(scale=0.5, alpha=2.0).to_numpy()[:, :-1].mean()
    assert table.rows[0][2] == f"{mean:.3f}"


def test_set_ups_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="steps must be a multiple of every"):
        figa2.SetUp(steps=10, every=3)
    with pytest.raises(ValueError, match="scales must descend"):
        figa2.SetUp(scales=(0.1, 1.0))
    with pytest.raises(ValueError, match="must begin with 0"):
        figa2.SetUp(alphas=(1.0,))
