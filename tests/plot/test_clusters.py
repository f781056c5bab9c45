"""Clusters: the matrix in the order of the leaves, its tree above it, groups between."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

mpl.use("Agg")
from matplotlib import pyplot
from scipy.cluster import hierarchy

import isorep


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


def networks(n=7, layers=("conv", "fc")):
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((3, 101, 4))
    return {
        f"seed{i}": {layer: centres[i % 3] + rng.standard_normal((101, 4)) for layer in layers}
        for i in range(n)
    }


@pytest.fixture(scope="module")
def table():
    return isorep.pairwise(networks(), measures=["pwcca", "euclidean"])


def test_draws_the_reordered_matrix_into_the_given_axes(table):
    given = Figure().subplots()
    ax = isorep.plot.clusters(table, layer="fc", ax=given)
    assert ax is given
    distances = table["pwcca_distance"].sel(layer="fc")
    found = isorep.cluster(distances)
    image = ax.get_images()[0]
    np.testing.assert_array_equal(image.get_array(), found.reordered())
    apart = distances.to_numpy()[~np.eye(7, dtype=bool)]
    assert image.get_clim() == (apart.min(), apart.max())
    names = [found.names[i] for i in found.order]
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [label.get_text() for label in labels] == names
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("network x", "network y")
    assert ax.child_axes[0].get_ylabel() == "PWCCA (weights of x)\ndistance, 0 is the same"


def test_the_tree_is_scipys_drawing_of_it(table):
    ax = isorep.plot.clusters(table, "euclidean", layer="conv", method="complete")
    found = isorep.cluster(table["euclidean_distance"].sel(layer="conv"), "complete")
    expected = hierarchy.dendrogram(found.linkage, no_plot=True)
    drawn = {(tuple(line.get_xdata()), tuple(line.get_ydata())) for line in ax.child_axes[-1].lines}
    # SciPy has leaves at 5, 15, 25, ...; here they are at the columns of the matrix.
    assert drawn == {
        (tuple((np.array(x) - 5) / 10), tuple(y))
        for x, y in zip(expected["icoord"], expected["dcoord"], strict=True)
    }


def test_groups_are_a_strip_in_the_order_of_the_leaves(table):
    rates = {f"seed{i}": [1e-2, 1e-4, 1e-3][i % 3] for i in range(7)}
    ax = isorep.plot.clusters(table, layer="fc", groups=rates, groups_title="learning rate")
    found = isorep.cluster(table["pwcca_distance"].sel(layer="fc"))
    strip = ax.child_axes[1].get_images()[0]
    in_order = [1e-4, 1e-3, 1e-2]
    expected = [in_order.index(rates[found.names[i]]) for i in found.order]
    assert strip.get_array().tolist() == [expected]
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "learning rate"
    assert [text.get_text() for text in legend.get_texts()] == ["0.0001", "0.001", "0.01"]
    for i, patch in enumerate(legend.get_patches()):
        np.testing.assert_allclose(patch.get_facecolor(), strip.cmap(strip.norm(i)))
    mixed = {name: None if i % 2 else "known" for i, name in enumerate(rates)}
    legend = isorep.plot.clusters(table, layer="fc", groups=mixed).get_legend()
    assert {text.get_text() for text in legend.get_texts()} == {"None", "known"}


def test_one_layer_need_not_be_named_and_many_networks_are_not():
    one = isorep.pairwise(networks(41, ("fc",)), measures="cka")
    ax = isorep.plot.clusters(one)
    assert not ax.get_xticklabels()
    chosen = isorep.plot.clusters(one.sel(layer="fc"))
    np.testing.assert_array_equal(
        ax.get_images()[0].get_array(), chosen.get_images()[0].get_array()
    )


def test_two_networks_are_enough():
    ax = isorep.plot.clusters(isorep.pairwise(networks(2, ("fc",)), measures="cka"))
    low, high = ax.get_images()[0].get_clim()
    assert low < high


def test_what_cannot_be_drawn(table):
    a = networks()["seed0"]
    with pytest.raises(ValueError, match=r"over x, y, layer, got a table of isorep\.compare"):
        isorep.plot.clusters(isorep.compare(a, a))
    with pytest.raises(ValueError, match="choose one of the table's layers: conv, fc"):
        isorep.plot.clusters(table)
    with pytest.raises(
        ValueError, match="unknown layer of this table 'conv8'; did you mean 'conv'"
    ):
        isorep.plot.clusters(table, layer="conv8")
    with pytest.raises(
        ValueError, match="unknown measure of this table 'cka'; did you mean 'pwcca'"
    ):
        isorep.plot.clusters(table, "cka", layer="fc")
    with pytest.raises(ValueError, match=r"network 'seed1' has no group; groups has \['seed0'\]"):
        isorep.plot.clusters(table, layer="fc", groups={"seed0": 1})
    broken = networks()
    broken["seed3"]["fc"] = np.zeros((101, 2))
    with pytest.raises(ValueError, match=r"got 13 NaN or infinite values, .* such as 'seed3'"):
        isorep.plot.clusters(isorep.pairwise(broken), layer="fc")
