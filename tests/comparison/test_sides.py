"""Sides keep what is known of their samples when layers or samples are picked."""

import numpy as np
import pytest

import isorep
from isorep.comparison.sides import first_samples, select_layers
from isorep.representations.lazy import LazyRepresentations
from isorep.representations.representations import Representations
from isorep.representations.row_positions import RowPositions


@pytest.fixture
def reps():
    return Representations(
        {"tokens": np.arange(12.0).reshape(6, 2), "fc": np.ones((3, 1))},
        sample_ids="abc",
        labels=[1, 2, 3],
        groups=["x", "y", "x"],
        order=[2.0, 0.0, 1.0],
        reductions={"tokens": "positions"},
        row_positions={
            "tokens": RowPositions(np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 0, 1, 2, 0]))
        },
    )


@pytest.mark.parametrize("kind", [Representations.from_mapping, LazyRepresentations.from_layers])
def test_selected_layers_keep_groups(reps, kind):
    selected = select_layers(kind(reps), ["tok*"], "a")
    assert list(selected) == ["tokens"]
    expected = reps.structure("tokens")
    np.testing.assert_array_equal(selected.structure("tokens").groups, expected.groups)
    np.testing.assert_array_equal(selected.structure("tokens").order, expected.order)
    assert selected.order.tolist() == [2, 0, 1]


def test_the_first_samples_keep_groups_and_positions(reps):
    first = first_samples(reps, 2)
    assert first.groups.tolist() == ["x", "y"]
    assert first.order.tolist() == [2, 0]
    np.testing.assert_array_equal(first["tokens"], reps["tokens"][:5])
    assert first.structure("tokens").groups.tolist() == [0, 0, 1, 1, 1]
    assert first_samples(reps, 3) is reps


def test_arrays_and_lists_of_arrays_are_layers():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 300, 4))
    expected = isorep.cka(x, y).similarity
    table = isorep.compare(x, y, measures="cka")
    assert table["x_layer"].values.tolist() == table["y_layer"].values.tolist() == ["array"]
    assert table["cka"].item() == pytest.approx(expected, abs=1e-12)
    table = isorep.compare([x, y], (y,), measures="cka")
    assert table["x_layer"].values.tolist() == ["0", "1"]
    np.testing.assert_allclose(table["cka"].values, [[expected], [1]])
    assert isorep.compare(x.tolist(), {"h": y}, measures="cka")["cka"].item() == pytest.approx(
        expected
    )
    sweep = isorep.pairwise({"a": x, "b": y}, measures="cka")
    assert sweep["cka"].sel(x="a", y="b").item() == pytest.approx(expected)
    with pytest.raises(ValueError, match="layer 'array'"):
        isorep.compare(x.reshape(300, 2, 2), y)


def test_diff_loads_the_selected_layers_of_a_file(tmp_path):
    x = np.random.default_rng(0).standard_normal((60, 4))
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", fc=x, images=np.ones((60, 8, 8, 3)))
    paths = tmp_path / "a.npz", tmp_path / "b.npz"
    found = isorep.diff(*paths, layers="f*", interval=False, progress=False)
    assert [layer.layer for layer in found.layers] == ["fc"]
    with pytest.raises(ValueError, match=r"'images' is 4-D, .* leave it out with layers='!images'"):
        isorep.diff(*paths, interval=False, progress=False)


@pytest.mark.parametrize("suffix", [".npz", ".zarr"])
def test_an_array_that_is_left_out_need_not_be_in_every_file(tmp_path, suffix):
    x, y, images = np.random.default_rng(0).standard_normal((3, 300, 4))
    paths = {name: tmp_path / f"{name}{suffix}" for name in ("a", "b")}
    isorep.storage.save({"x": x, "images": images}, paths["a"])
    isorep.storage.save({"x": y}, paths["b"])
    expected = isorep.cka(x, y).similarity
    for a, b in (("a", "b"), ("b", "a")):
        table = isorep.compare(paths[a], paths[b], measures="cka", layers="!images")
        assert table["cka"].item() == pytest.approx(expected, abs=1e-12)
    sweep = isorep.pairwise(paths, measures="cka", layers="!images")
    assert sweep["layer"].values.tolist() == ["x"]
    np.testing.assert_allclose(sweep["cka"][0, 1, 0], expected, atol=1e-6)
    steps = dict(enumerate(paths.values()))
    assert isorep.trajectory(steps, measures="cka", layers="!images")["layer"].item() == "x"
    for function, sides in ((isorep.compare, tuple(paths.values())), (isorep.pairwise, (paths,))):
        with pytest.raises(ValueError, match="'imges'; did you mean 'images'"):
            function(*sides, measures="cka", layers="!imges")
