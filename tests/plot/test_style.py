"""Style: journal widths and letters, within a block alone."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from matplotlib import pyplot
from matplotlib.text import Text

import isorep

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def tables():
    networks = {
        f"seed{i}": {f"conv{k}": RNG.standard_normal((60, 4)) for k in range(9)} for i in range(3)
    }
    a, b = list(networks.values())[:2]
    return {
        "heatmap": isorep.compare(a, b, measures="cka", progress=False),
        "profile": isorep.compare(a, b, measures="cka", progress=False),
        "clusters": isorep.pairwise(networks, layers="conv1", measures="cka", progress=False),
        "dynamics": isorep.trajectory(dict(enumerate(networks.values())), measures="cka"),
    }


@pytest.mark.parametrize("name", ["heatmap", "profile", "clusters", "dynamics"])
@pytest.mark.parametrize(("width", "millimetres"), [("column", 89), ("page", 183)])
def test_figures_have_the_width_and_letters_of_a_journal(tables, name, width, millimetres):
    with isorep.plot.style(width):
        figure = getattr(isorep.plot, name)(tables[name]).get_figure()
        figure.canvas.draw()
    assert figure.get_figwidth() * 25.4 == pytest.approx(millimetres)
    texts = [
        text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()
    ]
    numbers = [text for ax in figure.axes for text in ax.texts]  # as large as cells allow
    assert {text.get_fontsize() for text in texts if text not in numbers} <= {7.0, 8.0}
    assert all(text.get_fontsize() <= 7 for text in numbers)


def test_numbers_fit_into_their_cells(tables):
    for table in (tables["heatmap"], tables["heatmap"].isel(x_layer=[0, 1, 2], y_layer=[0, 1, 2])):
        for style in ("column", "page"):
            with isorep.plot.style(style):
                ax = isorep.plot.heatmap(table)
                ax.get_figure().canvas.draw()
            cell = np.diff(ax.transData.transform([(0, 0), (1, 1)]), axis=0)[0]
            for text in ax.texts:
                assert text.get_window_extent().width < cell[0]


def test_numbers_that_would_be_too_small_are_left_out():
    a = {f"conv{k}": RNG.standard_normal((30, 2)) for k in range(15)}
    table = isorep.compare(a, a, measures="cka", progress=False)
    with isorep.plot.style("column"):
        assert not isorep.plot.heatmap(table).texts
    assert len(isorep.plot.heatmap(table).texts) == 225


def test_settings_are_restored_also_after_an_error():
    before = dict(mpl.rcParams)
    with isorep.plot.style():
        assert mpl.rcParams["pdf.fonttype"] == 42
    with pytest.raises(ZeroDivisionError), isorep.plot.style():
        raise ZeroDivisionError
    assert dict(mpl.rcParams) == before
    ax = isorep.plot.spectrum([0.9, 0.1])
    assert ax.get_figure().get_figwidth() == pytest.approx(5.6)


def test_an_unknown_width_is_refused():
    with (
        pytest.raises(ValueError, match=r"unknown width 'poster'.*column, page"),
        isorep.plot.style("poster"),
    ):
        pass


def test_axes_of_the_user_keep_their_size():
    with isorep.plot.style("column"):
        figure, given = pyplot.subplots(figsize=(5, 4))
        ax = isorep.plot.spectrum([0.9, 0.1], ax=given)
    assert ax is given
    assert figure.get_figwidth() == 5
