"""Dynamics: a line a layer over the steps, with the measure's bounds and direction."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

mpl.use("Agg")
from matplotlib import pyplot

import isorep


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


def table(steps=(0, 1, 10), layers=3, **options):
    rng = np.random.default_rng(0)
    states = {
        step: {f"lstm{i}": rng.standard_normal((101, 4)) for i in range(layers)} for step in steps
    }
    return isorep.trajectory(states, **options)


def test_draws_a_line_a_layer_into_the_given_axes():
    found = table(measures=["pwcca", "procrustes"])
    given = Figure().subplots()
    ax = isorep.plot.dynamics(found, ax=given)
    assert ax is given
    assert [line.get_label() for line in ax.lines] == ["lstm0", "lstm1", "lstm2"]
    for line in ax.lines:
        expected = found["pwcca_distance"].sel(layer=line.get_label())
        np.testing.assert_array_equal(line.get_xdata(), [0, 1, 10])  # to scale
        np.testing.assert_array_equal(line.get_ydata(), expected)
    assert ax.get_ylim() == (0, 1)
    assert ax.get_title() == "PWCCA distance to step 10"
    assert ax.get_ylabel() == "PWCCA (weights of x)\ndistance, 0 is the same"
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "layer"
    assert [text.get_text() for text in legend.get_texts()] == ["lstm0", "lstm1", "lstm2"]


def test_colours_get_lighter_with_depth():
    ax = isorep.plot.dynamics(table(layers=6))
    lightness = [
        mpl.colors.to_rgb(line.get_color()) @ np.array([0.2, 0.7, 0.1]) for line in ax.lines
    ]
    assert (np.diff(lightness) > 0).all()


def test_many_layers_share_a_colour_bar():
    found = table(steps=(0, 1), layers=11)
    ax = isorep.plot.dynamics(found)
    assert ax.get_legend() is None
    bar = ax.get_figure().axes[-1]
    assert bar.get_ylabel() == "layer"
    labels = [label.get_text() for label in bar.get_yticklabels()]
    assert labels == ["lstm0", "lstm2", "lstm4", "lstm6", "lstm8", "lstm10"]
    # A colour of the bar is that of the line which the tick names.
    mesh = bar.collections[-1]
    for tick, label in zip(bar.get_yticks(), labels, strict=True):
        line = next(line for line in ax.lines if line.get_label() == label)
        np.testing.assert_allclose(mesh.cmap(mesh.norm(tick)), line.get_color())


def test_names_as_steps_other_measures_and_a_given_reference():
    found = table(("early", "middle", "late"), measures=["cka", "procrustes", "euclidean"])
    ax = isorep.plot.dynamics(found, "procrustes")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["early", "middle", "late"]
    assert ax.get_ylim() == pytest.approx((0, np.pi / 2))
    assert ax.get_ylabel() == "distance (radians), 0 is the same"
    ax = isorep.plot.dynamics(found, quantity="similarity")
    assert ax.get_title() == "CKA similarity to step late"
    assert ax.get_ylabel() == "similarity, 1 is the same"
    ax = isorep.plot.dynamics(found, "euclidean")
    assert ax.get_ylim() == pytest.approx((0, found["euclidean_distance"].max().item()))
    reps = {"lstm0": np.random.default_rng(1).standard_normal((101, 3))}
    ax = isorep.plot.dynamics(table(reference=reps, layers=1))
    assert ax.get_title() == "PWCCA distance to the reference"


def test_the_interval_is_a_band_and_unrelated_data_are_dotted():
    drawn = table(measures="procrustes", layers=1, steps=(0, 1))
    similarity = drawn["procrustes"]
    drawn = drawn.assign(
        procrustes_corrected=0.8 * similarity,
        procrustes_low=0.5 * similarity,
        procrustes_high=0.9 * similarity,
        procrustes_chance=0 * similarity + 0.3,
        procrustes_calibrated=similarity - 0.9,
    )
    values = similarity.to_numpy()[:, 0]
    ax = isorep.plot.dynamics(drawn.transpose("layer", "step"))
    (band,) = ax.collections
    heights = band.get_paths()[0].vertices[:, 1]
    ends = np.concatenate([np.arccos(0.9 * values), np.arccos(0.5 * values)])
    np.testing.assert_allclose(np.unique(heights.round(9)), np.unique(ends.round(9)))
    _, dotted = ax.lines
    assert dotted.get_linestyle() == ":"
    np.testing.assert_allclose(dotted.get_ydata(), np.arccos(0.3))
    assert ax.get_xlabel().splitlines() == [
        "step",
        "band: 95 % interval of the population value",
        "dotted: unrelated data",
    ]
    ax = isorep.plot.dynamics(drawn, quantity="corrected")
    assert (len(ax.lines), len(ax.collections)) == (1, 1)
    assert ax.get_title() == "Procrustes corrected similarity to step 1"
    ax = isorep.plot.dynamics(drawn, quantity="calibrated")
    assert (len(ax.lines), len(ax.collections)) == (1, 0)
    assert ax.get_ylim() == pytest.approx((values.min() - 0.9, 1))
    with pytest.raises(ValueError, match=r"no calibrated similarity: .* shell with --chance"):
        isorep.plot.dynamics(table(), quantity="calibrated")


def test_what_cannot_be_drawn():
    a = {"fc": np.random.default_rng(0).standard_normal((99, 3))}
    with pytest.raises(
        ValueError, match=r"over step, layer, got a table of isorep\.compare: .*heatmap"
    ):
        isorep.plot.dynamics(isorep.compare(a, a))
    with pytest.raises(
        ValueError, match="unknown measure of this table 'cka'; did you mean 'pwcca'"
    ):
        isorep.plot.dynamics(table(), "cka")
    with pytest.raises(ValueError, match="unknown quantity 'distnce'; did you mean 'distance'"):
        isorep.plot.dynamics(table(), quantity="distnce")


def test_several_runs_cannot_be_drawn_at_once():
    state = {"fc": np.random.default_rng(0).standard_normal((99, 3))}
    runs = {name: {0: state, 1: state} for name in ("a", "b")}
    found = isorep.trajectory(runs)
    with pytest.raises(ValueError, match="over step, layer; this table is over run, step, layer"):
        isorep.plot.dynamics(found)
    assert len(isorep.plot.dynamics(found.sel(run="a")).lines) == 1


def test_the_ceiling_of_a_recorded_reference_is_dashed():
    rng = np.random.default_rng(3)
    signal = rng.standard_normal((30, 4))
    shown = np.repeat(np.arange(30), 2)
    trials = signal[shown] + rng.standard_normal((60, 4))
    reference = {"V1": trials.reshape(30, 2, 4).mean(axis=1)}
    states = {step: {"V1": signal + step * rng.standard_normal((30, 4))} for step in (2, 1, 0)}
    path = isorep.trajectory(states, reference=reference, measures="cka_debiased")
    path = isorep.inference.with_ceilings(path, {"V1": trials}, repeats=shown)
    for quantity in ("similarity", "distance"):
        ax = isorep.plot.dynamics(path, quantity=quantity)
        ceiling = path["cka_debiased_ceiling"].item()
        expected = ceiling if quantity == "similarity" else 1 - ceiling
        assert ax.lines[-1].get_ydata()[0] == pytest.approx(expected)
        assert ax.lines[-1].get_linestyle() == "--"
        assert ax.get_xlabel() == "step\ndashed: ceiling"


def test_steps_that_grow_by_factors_have_a_logarithmic_axis():
    found = table(steps=(0, 1, 4, 16, 64, 256), layers=1)
    ax = isorep.plot.dynamics(found)
    assert ax.get_xscale() == "log"
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [0.25, 1, 4, 16, 64, 256])
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1", "4", "16", "64", "256"]
    linear = isorep.plot.dynamics(found, scale="linear")
    assert linear.get_xscale() == "linear"
    np.testing.assert_array_equal(linear.lines[0].get_xdata(), found["step"])


def test_the_scale_of_the_steps_can_be_chosen():
    found = table(steps=(0, 1, 10), layers=1)
    assert isorep.plot.dynamics(found).get_xscale() == "linear"
    assert isorep.plot.dynamics(found, scale="log").get_xscale() == "log"
    with pytest.raises(ValueError, match=r"unknown scale 'logarithmic'"):
        isorep.plot.dynamics(found, scale="logarithmic")
    for steps in (("early", "late"), (-1, 1, 2)):
        with pytest.raises(ValueError, match=r"scale='log' needs steps that are numbers from 0"):
            isorep.plot.dynamics(table(steps=steps, layers=1), scale="log")
