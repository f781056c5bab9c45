"""Sample size: three lines over the number of samples, each in the band of its repeats."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

mpl.use("Agg")
from matplotlib import pyplot

import isorep

X, Y = np.random.default_rng(0).standard_normal((2, 200, 4))


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


@pytest.mark.slow
def test_draws_means_and_the_bands_of_the_repeats():
    curve = isorep.sample_size_curve(X, X + Y, "cca", sizes=[20, 60, 200], repeats=3)
    given = Figure().subplots()
    ax = isorep.plot.sample_size(curve, ax=given)
    assert ax is given
    assert [line.get_label() for line in ax.lines] == ["raw", "corrected", "held out"]
    for line, band, name in zip(
        ax.lines, ax.collections, ("raw", "corrected", "held_out"), strict=True
    ):
        np.testing.assert_array_equal(line.get_xdata(), [20, 60, 200])
        np.testing.assert_allclose(line.get_ydata(), curve[name].mean("repeat"))
        edges = band.get_paths()[0].vertices[:, 1]
        assert edges.min() == pytest.approx(curve[name].min().item())
        assert edges.max() == pytest.approx(curve[name].max().item())
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["20", "60", "200"]
    assert ax.get_title() == "mean CCA of 4 and 4 directions"


def test_what_could_not_be_computed_is_left_out():
    curve = isorep.sample_size_curve(X, Y, "cka_rbf", sizes=[20, 200], repeats=2)
    ax = isorep.plot.sample_size(curve)
    assert [line.get_label() for line in ax.lines] == ["raw"]
    curve = isorep.sample_size_curve(X, Y, "cca", sizes=[8, 200], repeats=2)
    ax = isorep.plot.sample_size(curve)
    assert [len(line.get_xdata()) for line in ax.lines] == [2, 1, 1]


def test_another_table_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"over n_samples, repeat, got a table of isorep\.compare"):
        isorep.plot.sample_size(isorep.compare({"fc": X}, {"fc": Y}))
