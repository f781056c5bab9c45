"""Sides of an explanation: arrays, tables and layers, with the names that they know."""

import numpy as np
import pandas
import pytest

import isorep
from isorep.explanation.explained_pair import ExplainedPair
from isorep.representations.row_positions import RowPositions


@pytest.fixture
def arrays():
    return np.random.default_rng(0).standard_normal((2, 12, 3))


def test_tables_are_paired_by_their_labels_and_name_their_neurons(arrays):
    names = [f"s{i}" for i in range(12)]
    x = pandas.DataFrame(arrays[0], index=names, columns=["a", "b", "c"])
    y = pandas.DataFrame(arrays[1], index=names)[::-1]
    pair = ExplainedPair.from_sides(x, y)
    assert pair.x_neurons.tolist() == ["a", "b", "c"]
    assert pair.sample_names.tolist() == names
    np.testing.assert_allclose(
        pair.overlap.correlations, isorep.overlap(*arrays).correlations, atol=1e-12
    )


def test_layers_are_picked_by_name(arrays):
    a = isorep.Representations(
        {"conv": arrays[0], "fc": arrays[1]}, sample_ids=range(12), labels=[0, 1] * 6
    )
    pair = ExplainedPair.from_sides(a, a, x_layer="conv", y_layer="fc", groups=[0, 1, 2] * 4)
    assert (pair.x_name, pair.y_name) == ("x['conv']", "y['fc']")
    assert pair.labels.tolist() == [0, 1] * 6
    assert pair.overlap.structure.n_groups == 3
    assert ExplainedPair.from_sides(a, a, x_layer="fc").y_name == "y['fc']"


def test_a_file_is_a_side(arrays, tmp_path):
    a = isorep.Representations({"fc": arrays[0]}, sample_ids=range(12))
    a.save(tmp_path / "a.npz")
    pair = ExplainedPair.from_sides(tmp_path / "a.npz", a)
    assert pair.sample_names.tolist() == [str(i) for i in range(12)]


def test_rows_that_are_positions_know_their_samples(arrays):
    rows = RowPositions(np.repeat(np.arange(4), 3), np.tile(np.arange(3), 4), np.arange(12) % 5)
    a, b = (
        isorep.Representations(
            {"h": array},
            sample_ids="abcd",
            labels=[0, 0, 1, 1],
            reductions={"h": "positions"},
            row_positions={"h": rows},
        )
        for array in arrays
    )
    pair = ExplainedPair.from_sides(a, b)
    assert pair.sample_names.tolist() == list("aaabbbcccddd")
    assert pair.labels.tolist() == [0] * 6 + [1] * 6
    assert pair.positions is rows
    assert pair.overlap.structure.n_groups == 4


def test_rows_of_unknown_samples_have_numbers_as_names(arrays):
    options = {"reductions": {"h": "positions"}, "n_samples": 4}
    options |= {"sample_ids": "abcd", "labels": [0, 0, 1, 1]}
    a, b = (isorep.Representations({"h": array}, **options) for array in arrays)
    pair = ExplainedPair.from_sides(a, b)
    assert pair.sample_names.tolist() == list(range(12))
    assert pair.labels is None
    assert ExplainedPair.from_sides(a, b, labels=np.arange(12)).labels.tolist() == list(range(12))


def test_rows_with_nan_are_left_out_with_their_names(arrays):
    x, y = arrays.copy()
    y[4, 1] = np.nan
    pair = ExplainedPair.from_sides(
        x, y, labels=np.arange(12), groups=np.arange(12) // 2, nan_policy="omit"
    )
    assert pair.overlap.n_omitted == 1
    assert 4 not in pair.sample_names
    assert 4 not in pair.labels
    assert len(pair.overlap.structure.groups) == 11


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x_layer": "conv1"}, "unknown layer of x 'conv1'; did you mean 'conv'"),
        ({}, "x has 2 layers: pass x_layer=, one of conv, fc"),
        ({"x_layer": "fc", "labels": [1, 2]}, "labels must hold one label for each of 12 samples"),
    ],
)
def test_errors_name_the_layer_to_pass(arrays, options, message):
    a = {"conv": arrays[0], "fc": arrays[1]}
    with pytest.raises(ValueError, match=message):
        ExplainedPair.from_sides(a, a, **options)


def test_layers_of_arrays_are_refused(arrays):
    with pytest.raises(ValueError, match="x_layer and y_layer name layers of a mapping"):
        ExplainedPair.from_sides(*arrays, x_layer="conv")
