import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

import isorep
from isorep.plot.groups import groups

mpl.use("Agg")
LAYERS = ["conv1", "conv2", "fc"]


def pairs(seed=0, n=7):
    return np.random.default_rng(seed).uniform(0, 1, (n, 3))


def test_draws_means_and_spreads_into_the_given_axes():
    figure = Figure()
    ax = figure.subplots()
    given = {"near": pairs(0), "far": pairs(1, n=4)}
    assert groups(given, LAYERS, ax=ax) is ax
    for line, band, (name, values) in zip(ax.lines, ax.collections, given.items(), strict=True):
        assert line.get_label() == name
        np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
        edges = band.get_paths()[0].vertices[:, 1]
        top, bottom = values.mean(axis=0) + values.std(axis=0), values.mean(0) - values.std(0)
        for edge in (*top, *bottom):
            assert np.abs(edges - edge).min() < 1e-12
    assert [label.get_text() for label in ax.get_xticklabels()] == LAYERS
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["near", "far"]


@pytest.mark.parametrize(
    ("measure", "top", "label"),
    [
        ("svcca", 1, "SVCCA distance, 0 is the same"),
        ("cosine", 2, "cosine distance, 0 is the same"),
        ("procrustes", np.pi / 2, "Procrustes distance (radians),\n0 is the same"),
    ],
)
def test_axis_spans_the_measures_range(measure, top, label):
    ax = groups({"all": pairs()}, LAYERS, measure, ax=Figure().subplots())
    assert ax.get_ylim() == (0, top)
    assert ax.get_ylabel() == label


def test_axis_of_a_range_without_end_spans_what_is_drawn():
    near, far = [[0.1, 0.2, 0.0], [0.3, 0.2, 0.0]], [[5.0, 4.0, 0.0], [9.0, 4.0, 0.0]]
    ax = groups({"near": near, "far": far}, LAYERS, "euclidean", ax=Figure().subplots())
    assert ax.get_ylim() == pytest.approx((0, 9))  # mean 7 and standard deviation 2


def test_groups_differ_without_colour():
    given = {f"group {i}": pairs(i) for i in range(5)}
    ax = groups(given, LAYERS, ax=Figure().subplots())
    assert len({line.get_color() for line in ax.lines}) == 5
    assert len({line.get_marker() for line in ax.lines}) == 5


@pytest.mark.parametrize("shape", [(3,), (4, 2), (0, 3), (2, 2, 3)])
def test_refuses_another_shape(shape):
    with pytest.raises(ValueError, match=r"group 'odd' must be a \(pairs, layers\) array with 3"):
        groups({"odd": np.zeros(shape)}, LAYERS)


@pytest.mark.parametrize("n", [0, 6])
def test_refuses_no_group_and_too_many(n):
    with pytest.raises(ValueError, match=f"expected 1 to 5 groups, got {n}"):
        groups({str(i): pairs() for i in range(n)}, LAYERS)


def test_refuses_an_unknown_measure():
    with pytest.raises(ValueError, match="unknown measure 'pwca'; did you mean 'pwcca'"):
        groups({"all": pairs()}, LAYERS, "pwca")


def test_the_direction_and_the_options_are_on_the_axis():
    ax = groups({"all": pairs()}, LAYERS, "linear_regression(folds=10)", ax=Figure().subplots())
    label = "linear regression (folds=10)\n(y predicted from x)\ndistance, 0 is the same"
    assert ax.get_ylabel() == label


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    networks = {
        f"seed{i}": {layer: rng.standard_normal((40, 3)) for layer in LAYERS} for i in range(5)
    }
    return isorep.pairwise(networks, measures=["pwcca", "procrustes"], progress=False)


GROUPS = {f"seed{i}": "narrow" if i < 2 else "wide" for i in range(5)}


def test_a_table_is_drawn_within_and_between_groups(table):
    ax = groups(table, groups=GROUPS, ax=Figure().subplots())
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["narrow", "wide", "between groups"]
    distances = table["pwcca_distance"].transpose("layer", "x", "y").to_numpy()
    narrow, between = ax.lines[0].get_ydata(), ax.lines[2].get_ydata()
    np.testing.assert_allclose(narrow, (distances[:, 0, 1] + distances[:, 1, 0]) / 2)
    blocks = [distances[:, :2, 2:].reshape(3, -1), distances[:, 2:, :2].reshape(3, -1)]
    np.testing.assert_allclose(between, np.concatenate(blocks, axis=1).mean(axis=1))


def test_a_table_is_drawn_by_measure_and_layers(table):
    ax = groups(table, ["fc", "conv1"], "procrustes", groups=GROUPS, ax=Figure().subplots())
    assert [label.get_text() for label in ax.get_xticklabels()] == ["fc", "conv1"]
    assert ax.get_ylabel().startswith("Procrustes distance (radians)")


def test_wrong_uses_of_tables(table):
    with pytest.raises(TypeError, match="groups= is missing"):
        groups(table)
    with pytest.raises(ValueError, match="'seed2' has no group"):
        groups(table, groups={"seed0": 1, "seed1": 1})
    with pytest.raises(ValueError, match="at most 4 groups of networks, got 5"):
        groups(table, groups={f"seed{i}": i for i in range(5)})
    with pytest.raises(TypeError, match="leave groups= out"):
        groups({"all": pairs()}, LAYERS, groups=GROUPS)
    with pytest.raises(TypeError, match="layers= is missing"):
        groups({"all": pairs()})
    with pytest.raises(ValueError, match="unknown layer of this table 'fd'"):
        groups(table, ["fd"], groups=GROUPS)
