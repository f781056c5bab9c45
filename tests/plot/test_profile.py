"""Profile: a line for each layer of y along the layers of x, with its ceiling."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from matplotlib import pyplot

import isorep

RNG = np.random.default_rng(0)
AREAS = {f"area{i}": RNG.standard_normal((60, 4)) for i in range(3)}
MODEL = {f"conv{i}": AREAS["area0"] @ RNG.standard_normal((4, 5)) for i in range(4)}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def table():
    return isorep.compare(MODEL, AREAS, measures=["cka_debiased", "procrustes"])


def test_a_line_for_each_layer_of_y(table):
    _, given = pyplot.subplots()
    ax = isorep.plot.profile(table, ax=given)
    assert ax is given
    assert [line.get_label() for line in ax.lines] == list(AREAS)
    for line, area in zip(ax.lines, AREAS, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), table["cka_debiased"].sel(y_layer=area))
    assert [text.get_text() for text in ax.get_xticklabels()] == list(MODEL)
    assert ax.get_ylim() == (min(0, table["cka_debiased"].min().item()), 1)
    assert ax.get_xlabel() == "layer of x"
    assert ax.get_legend().get_title().get_text() == "layer of y"


def test_ceilings_are_dashed_lines_in_the_colours_of_their_areas(table):
    result = isorep.inference.with_ceilings(table, animals=AREAS)
    ax = isorep.plot.profile(result, "procrustes")
    areas, ceilings = ax.lines[:3], ax.lines[3:]
    np.testing.assert_array_equal(
        [line.get_ydata()[0] for line in ceilings], result["procrustes_ceiling"]
    )
    assert [line.get_linestyle() for line in ceilings] == ["--"] * 3
    assert [line.get_color() for line in ceilings] == [line.get_color() for line in areas]
    assert [band.get_height() for band in ax.patches] == pytest.approx(
        (result["procrustes_ceiling_high"] - result["procrustes_ceiling_low"]).values
    )
    assert "dashed: ceiling" in ax.get_xlabel()
    shares = isorep.plot.profile(result, quantity="of_ceiling")
    assert shares.lines[-1].get_ydata()[0] == 1
    assert shares.get_ylabel() == "share of the ceiling,\n1 is the ceiling"
    assert len(isorep.plot.profile(result, quantity="distance").lines) == 3


def test_bars_are_the_intervals_of_the_table():
    with isorep.silence("few-samples-to-correct"):
        table = isorep.compare(MODEL, AREAS, measures="cka_debiased", interval=True)
    ax = isorep.plot.profile(table, quantity="corrected")
    bars = [segment[:, 1] for lines in ax.collections for segment in lines.get_segments()]
    expected = np.stack([table["cka_debiased_low"].T, table["cka_debiased_high"].T], axis=-1)
    np.testing.assert_allclose(bars, expected.reshape(-1, 2))


def test_only_tables_of_compare_are_drawn(table):
    with pytest.raises(ValueError, match=r"got a table of isorep\.pairwise"):
        isorep.plot.profile(isorep.pairwise({"a": MODEL, "b": MODEL}))
    with pytest.raises(ValueError, match="unknown measure of this table 'cka'"):
        isorep.plot.profile(table, "cka")
