"""Heatmap: bounds and direction come from the measure, cells from the table."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
from matplotlib import pyplot

import isorep


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    a = {f"conv{i}": rng.standard_normal((120, 4)) for i in range(3)}
    return isorep.compare(
        a | {"dead": np.zeros((120, 2))}, {"fc": a["conv0"] ** 2}, measures=["cka", "procrustes"]
    )


def test_it_draws_the_table_into_the_given_axes(table):
    _, given = pyplot.subplots()
    ax = isorep.plot.heatmap(table, ax=given)
    assert ax is given
    image = ax.get_images()[0]
    np.testing.assert_array_equal(image.get_array().filled(np.nan), table["cka"].to_numpy())
    assert image.get_clim() == (0, 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == list(table["x_layer"].values)
    assert [text.get_text() for text in ax.texts] == [
        f"{v:.2f}" for v in table["cka"].values[:3, 0]
    ]
    assert len(ax.patches) == 1  # the dead layer's cell is hatched


def test_distances_have_the_measures_bounds_and_units(table):
    ax = isorep.plot.heatmap(table, "procrustes", quantity="distance")
    assert ax.get_images()[0].get_clim() == (0, np.arccos(0))
    assert ax.get_title() == "Procrustes distance"
    bar = ax.get_figure().axes[-1]
    assert bar.get_ylabel() == "distance (radians), 0 is the same"


def test_a_range_without_end_ends_at_the_greatest_value():
    rng = np.random.default_rng(1)
    a = {f"conv{i}": 100 * rng.standard_normal((120, 4)) for i in range(3)}
    table = isorep.compare(a | {"dead": np.zeros((120, 4))}, a, measures="euclidean")
    ax = isorep.plot.heatmap(table, quantity="distance")
    values = table["euclidean_distance"].to_numpy()
    assert ax.get_images()[0].get_clim() == (0, np.nanmax(values))
    assert ax.texts[1].get_text() == f"{values[0, 1]:.3g}"
    bar = ax.get_figure().axes[-1]
    assert bar.get_ylabel() == "distance (units of the features),\n0 is the same"
    ax = isorep.plot.heatmap(isorep.compare(a, {"conv0": a["conv0"]}, measures="euclidean"))
    assert ax.get_images()[0].get_clim() == (0, 1)


def test_large_grids_carry_no_numbers():
    a = {f"l{i}": np.random.default_rng(i).standard_normal((50, 2)) for i in range(16)}
    assert not isorep.plot.heatmap(isorep.compare(a, a, measures="cka")).texts


@pytest.mark.slow
def test_a_hundred_layers_fit_a_page():
    a = {f"l{i}": np.random.default_rng(i).standard_normal((50, 1)) for i in range(100)}
    ax = isorep.plot.heatmap(isorep.compare(a, a, measures="cka"))
    assert max(ax.get_figure().get_size_inches()) < 25
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [f"l{i}" for i in range(0, 100, 3)]
    assert ax.get_yticks().tolist() == list(range(0, 100, 3))


def test_names_are_shown_as_they_are():
    a = {r"$\frac$": np.random.default_rng(0).standard_normal((50, 2))}
    ax = isorep.plot.heatmap(isorep.compare(a, a))
    ax.get_figure().canvas.draw()  # a formula like this one would not parse
    assert ax.get_xticklabels()[0].get_text() == r"$\frac$"


def test_unknown_measure_or_quantity(table):
    with pytest.raises(
        ValueError, match=r"unknown measure of this table 'cca'; did you mean 'cka'"
    ):
        isorep.plot.heatmap(table, "cca")
    with pytest.raises(ValueError, match=r"unknown quantity 'angle'"):
        isorep.plot.heatmap(table, quantity="angle")


def told(**asked):
    rng = np.random.default_rng(2)
    a = {f"conv{i}": rng.standard_normal((90, 4)) for i in range(3)}
    b = {"same": a["conv0"] @ rng.standard_normal((4, 4)), "dead": np.zeros((90, 2))}
    n_permutations = 99 if "chance" in asked else None
    return isorep.compare(a, b, n_permutations=n_permutations, **asked)


@pytest.mark.slow
@pytest.mark.parametrize("quantity", ["similarity", "corrected", "calibrated"])
def test_cells_that_are_not_above_chance_are_hatched(quantity):
    table = told(correct=True, chance=True)
    ax = isorep.plot.heatmap(table, quantity=quantity)
    variable = "pwcca" if quantity == "similarity" else f"pwcca_{quantity}"
    image = ax.get_images()[0]
    np.testing.assert_array_equal(image.get_array().filled(np.nan), table[variable].to_numpy())
    assert image.get_clim() == (0, 1)
    over = [patch.get_xy() for patch in ax.patches if patch.get_facecolor()[3] == 0]
    chance = table["pwcca_p_adjusted"].to_numpy()[:, 0] > 0.05
    assert chance.tolist() == [False, True, True]
    assert over == [(-0.5, 0.5), (-0.5, 1.5)]
    assert len(ax.patches) == 2 + 3  # the dead layer's cells
    assert ax.get_figure().axes[-1].get_ylabel().endswith("\nhatched: not above chance")


@pytest.mark.slow
def test_a_table_that_was_not_asked_says_how_to_ask():
    with pytest.raises(
        ValueError, match=r"no corrected similarity: compare with correct=True, or in the"
    ):
        isorep.plot.heatmap(told(chance=True), quantity="corrected")
    with pytest.raises(ValueError, match=r"no calibrated similarity: .* shell with --chance"):
        isorep.plot.heatmap(told(correct=True), quantity="calibrated")
    with pytest.raises(ValueError, match=r"unknown quantity 'raw'\. Known: sim"):
        isorep.plot.heatmap(told(correct=True), quantity="raw")


def test_other_tables_are_refused_by_what_they_are():
    rng = np.random.default_rng(0)
    layers = {name: {"fc": rng.standard_normal((50, 3))} for name in ("a", "b", "c")}
    sweep = isorep.pairwise(layers, measures="cka")
    with pytest.raises(
        ValueError,
        match=r"over x_layer, y_layer, got a table of isorep\.pairwise: .*plot\.clusters",
    ):
        isorep.plot.heatmap(sweep)
    path = isorep.trajectory(dict(enumerate(layers.values())), measures="cka")
    with pytest.raises(
        ValueError, match=r"got a table of isorep\.trajectory: draw it .*plot\.dynamics"
    ):
        isorep.plot.heatmap(path)
    for other in (np.eye(3), sweep["cka"]):
        with pytest.raises(TypeError, match=r"expected a table of isorep\.compare or .*, got"):
            isorep.plot.heatmap(other)
    with pytest.raises(TypeError, match="groups= is missing: pass a mapping of network to group"):
        isorep.plot.groups(sweep, ["fc"])


def test_a_diff_is_drawn_on_the_diagonal():
    rng = np.random.default_rng(4)
    base = {f"conv{i}": rng.standard_normal((90, 4)) for i in range(3)}
    changed = {name: x + rng.standard_normal((90, 4)) for name, x in base.items()}
    diff = isorep.diff(base, changed, measure="cka_debiased", interval=False)
    values = isorep.plot.heatmap(diff.grid()).get_images()[0].get_array().filled(np.nan)
    np.testing.assert_array_equal(values[np.eye(3, dtype=bool)], diff.table["cka_debiased"])
    assert np.isnan(values[~np.eye(3, dtype=bool)]).all()
    message = r"isorep\.compare or isorep\.diff\(\.\.\.\)\.grid\(\) over x_layer, y_layer"
    with pytest.raises(ValueError, match=message + "; this table is over layer"):
        isorep.plot.heatmap(diff.table)
    with pytest.raises(TypeError, match=message + ", got Diff"):
        isorep.plot.heatmap(diff)


@pytest.mark.slow
def test_the_direction_and_the_options_are_on_the_colour_bar():
    rng = np.random.default_rng(3)
    a = {f"conv{i}": rng.standard_normal((90, 4)) for i in range(3)}
    measure, name = "linear_regression_y_from_x(folds=5)", "linear regression (folds=5)"
    table = isorep.compare(a, a, measures=[measure, "cka"])
    ax = isorep.plot.heatmap(table)
    assert ax.get_title() == f"{name} similarity"
    label = ax.get_figure().axes[-1].get_ylabel()
    assert label == f"{name}\n(y predicted from x)\nsimilarity, 1 is the same"
    spec = "linear_regression(folds=5)"
    assert isorep.plot.heatmap(table, spec).get_title() == f"{name} similarity"
    ax = isorep.plot.heatmap(table, "cka")
    assert ax.get_figure().axes[-1].get_ylabel() == "similarity, 1 is the same"


def test_a_table_without_a_dimension_is_refused(table):
    with pytest.raises(ValueError, match=r"over x_layer, y_layer; this table is over x_layer$"):
        isorep.plot.heatmap(table.sel(y_layer="fc"))


@pytest.mark.slow
def test_labels_stay_inside_the_smallest_figure():
    table = told(correct=True, chance=True)
    for quantity in ("similarity", "corrected", "calibrated"):
        figure = isorep.plot.heatmap(table, quantity=quantity).get_figure()
        figure.canvas.draw()
        box = figure.axes[-1].yaxis.label.get_window_extent()
        assert 0 <= box.y0 < box.y1 <= figure.bbox.y1
        assert box.x1 <= figure.bbox.x1


@pytest.fixture(scope="module")
def with_ceilings():
    rng = np.random.default_rng(2)
    animals = {f"m{i}": rng.standard_normal((60, 4)) for i in range(3)}
    model = {f"conv{i}": animals[f"m{i}"] @ rng.standard_normal((4, 5)) for i in range(2)}
    table = isorep.compare(model, animals, measures="cka_debiased")
    return isorep.inference.with_ceilings(table, animals=animals)


def test_ceilings_are_a_row_above_the_similarities(with_ceilings):
    ax = isorep.plot.heatmap(with_ceilings)
    cells, ceilings = ax.get_images()
    assert ceilings.get_clim() == cells.get_clim()
    np.testing.assert_array_equal(ceilings.get_array()[0], with_ceilings["cka_debiased_ceiling"])
    assert ax.get_yticklabels()[-1].get_text() == "ceiling"
    left, right, bottom, top = ceilings.get_extent()
    assert (left, right) == (-0.5, 2.5)
    assert 1.5 < bottom < ax.get_yticks()[-1] < top <= ax.get_ylim()[1]
    assert len(ax.texts) == 2 * 3 + 3
    assert len(isorep.plot.heatmap(with_ceilings, quantity="distance").get_images()) == 1


def test_shares_of_the_ceiling(with_ceilings, table):
    ax = isorep.plot.heatmap(with_ceilings, quantity="of_ceiling")
    (image,) = ax.get_images()
    share = with_ceilings["cka_debiased_of_ceiling"]
    np.testing.assert_array_equal(image.get_array(), share)
    assert image.get_clim() == share.attrs["range"]
    assert ax.get_title() == "debiased CKA share of the ceiling"
    assert ax.get_figure().axes[-1].get_ylabel() == "share of the ceiling,\n1 is the ceiling"
    with pytest.raises(ValueError, match=r"add ceilings with isorep\.inference\.with_ceilings"):
        isorep.plot.heatmap(table, quantity="of_ceiling")
