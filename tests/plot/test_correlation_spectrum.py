"""Spectrum: canonical correlations as they are, greatest first."""

import matplotlib as mpl
import numpy as np
import pytest
from helpers.oracle import conditioned_pair
from matplotlib.figure import Figure

mpl.use("Agg")
from matplotlib import pyplot

import isorep


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


def test_draws_an_overlap_into_the_given_axes():
    o = isorep.overlap(*conditioned_pair(101, 7, 5, 10, seed=0))
    given = Figure().subplots()
    ax = isorep.plot.spectrum(o, ax=given)
    assert ax is given
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_ydata(), o.correlations)
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3, 4, 5])
    assert ax.get_ylim() == (0, 1)
    assert ax.get_xlim() == (1, 5)
    assert ax.get_legend() is None


def test_draws_several_in_order_with_their_labels():
    o = isorep.overlap(*conditioned_pair(101, 7, 5, 10, seed=1))
    ax = isorep.plot.spectrum({10: o, 20: [0.1, 0.9, 0.5], 30: [1.0]}, title="epoch")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), o.correlations)
    assert ax.lines[1].get_ydata().tolist() == [0.9, 0.5, 0.1]
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "epoch"
    assert [text.get_text() for text in legend.get_texts()] == ["10", "20", "30"]
    many = {step: np.linspace(1, step / 20, 7) for step in range(20)}
    bar = isorep.plot.spectrum(many, title="step").get_figure().axes[-1]
    assert bar.get_ylabel() == "step"
    assert [t.get_text() for t in bar.get_yticklabels()] == ["0", "4", "8", "11", "15", "19"]


def test_tensors_are_taken():
    torch = pytest.importorskip("torch")
    o = isorep.overlap(*(torch.tensor(z) for z in conditioned_pair(101, 7, 5, 10, seed=2)))
    (line,) = isorep.plot.spectrum(o).lines
    np.testing.assert_array_equal(line.get_ydata(), o.correlations.numpy())


def test_one_correlation_has_room():
    assert isorep.plot.spectrum([0.5]).get_xlim() == (1, 2)


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"correlations must be .* got shape \(2, 2\)"):
        isorep.plot.spectrum(np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"correlations\[3\] must be an Overlap or a \(c,\) array"):
        isorep.plot.spectrum({3: []})
    with pytest.raises(ValueError, match=r"must be in \[0, 1\], got -0.5 to 1.5"):
        isorep.plot.spectrum([-0.5, 1.5])
    with pytest.raises(ValueError, match=r"must be in \[0, 1\], got nan to nan"):
        isorep.plot.spectrum([np.nan, 0.5])
    with pytest.raises(ValueError, match="no correlations to draw"):
        isorep.plot.spectrum({})
