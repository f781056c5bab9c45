"""Contrasts of the layers of networks against contrasts of single layers."""

import numpy as np
import pandas
import pytest
from scipy.stats import false_discovery_control

import isorep


def networks(n=150, seed=0):
    rng = np.random.default_rng(seed)
    brain = {area: rng.standard_normal((n, 4)) for area in ("V1", "IT")}
    model, other = (
        {
            f"layer{i}": weight * (brain["V1"] + i * brain["IT"]) + rng.standard_normal((n, 4))
            for i in range(3)
        }
        for weight in (1.0, 0.5)
    )
    return model, brain, other


@pytest.fixture(scope="module")
def table():
    model, brain, _ = networks()
    return isorep.contrasts(model, brain, measures=["cka", "cka_debiased"], progress=False)


def test_each_cell_is_the_contrast_of_single_layers(table):
    model, brain, _ = networks()
    assert dict(table.sizes) == {"x_layer": 3, "other_layer": 3, "y_layer": 2}
    for measure in ("cka", "cka_debiased"):
        cell = table.sel(x_layer="layer2", other_layer="layer0", y_layer="IT")
        alone = isorep.contrast(
            (model["layer2"], brain["IT"]), (model["layer0"], brain["IT"]), measure
        )
        assert cell[f"{measure}_difference"].item() == pytest.approx(alone.difference, abs=1e-10)
        assert cell[f"{measure}_low"].item() == pytest.approx(alone.interval[0], abs=1e-7)
        assert cell[f"{measure}_high"].item() == pytest.approx(alone.interval[1], abs=1e-7)
        assert cell[f"{measure}_p_value"].item() == pytest.approx(alone.p_value, rel=1e-3)


def test_cells_are_antisymmetric_and_a_layer_does_not_differ_from_itself(table):
    difference = table["cka_difference"].transpose("y_layer", "x_layer", "other_layer").to_numpy()
    np.testing.assert_allclose(difference, -np.swapaxes(difference, 1, 2), atol=1e-12)
    for name, value in (("difference", 0), ("p_value", 1), ("p_adjusted", 1)):
        values = table[f"cka_{name}"].transpose("y_layer", "x_layer", "other_layer").to_numpy()
        assert (np.diagonal(values, axis1=1, axis2=2) == value).all()


def test_p_values_are_adjusted_for_each_pair_of_layers_once(table):
    p_values = table["cka_p_value"].transpose("y_layer", "x_layer", "other_layer").to_numpy()
    adjusted = table["cka_p_adjusted"].transpose("y_layer", "x_layer", "other_layer").to_numpy()
    i, j = np.triu_indices(3, 1)
    expected = false_discovery_control(p_values[:, i, j].ravel())
    np.testing.assert_allclose(adjusted[:, i, j].ravel(), expected)


def test_layers_and_others_are_chosen_by_name():
    model, brain, _ = networks()
    table = isorep.contrasts(
        model, brain, "layer0", layers="layer[12]", measures="cka_debiased", progress=False
    )
    assert table["x_layer"].values.tolist() == ["layer1", "layer2"]
    assert table["other_layer"].values.tolist() == ["layer0"]
    with pytest.raises(ValueError, match="unknown layer of a 'layr0'"):
        isorep.contrasts(model, brain, "layr0", progress=False)


def test_another_network():
    model, brain, other = networks()
    table = isorep.contrasts(model, brain, other, measures="cka_debiased", progress=False)
    cell = table.sel(x_layer="layer1", other_layer="layer1", y_layer="V1")
    alone = isorep.contrast(
        (model["layer1"], brain["V1"]), (other["layer1"], brain["V1"]), "cka_debiased"
    )
    assert cell["cka_debiased_difference"].item() == pytest.approx(alone.difference, abs=1e-10)
    assert cell["cka_debiased_difference"] != 0


def test_groups_that_one_side_knows_hold_for_all():
    model, brain, other = networks()
    groups = np.arange(150) // 5
    known = isorep.Representations(brain, groups=groups)
    table = isorep.contrasts(model, known, other, measures="cka_debiased", progress=False)
    expected = isorep.contrasts(
        model, brain, other, measures="cka_debiased", groups=groups, progress=False
    )
    np.testing.assert_array_equal(table["cka_debiased_low"], expected["cka_debiased_low"])
    independent = isorep.contrasts(model, brain, other, measures="cka_debiased", progress=False)
    assert (independent["cka_debiased_low"] != table["cka_debiased_low"]).any()


def test_a_bad_layer_costs_its_own_cells():
    model, brain, _ = networks()
    model["layer1"] = np.zeros((150, 3))
    table = isorep.contrasts(model, brain, measures="cka_debiased", progress=False)
    is_bad = np.isnan(table["cka_debiased_difference"])
    assert is_bad.sel(x_layer="layer1").all()
    assert is_bad.sel(other_layer="layer1").all()
    assert not is_bad.sel(x_layer=["layer0", "layer2"], other_layer=["layer0", "layer2"]).any()
    assert "no variance" in table["reason"].sel(x_layer="layer1", other_layer="layer0")[0].item()
    with pytest.raises(ValueError, match="no variance"):
        isorep.contrasts({"x": model["layer1"]}, brain, progress=False)


def test_samples_with_nan():
    model, brain, _ = networks()
    rows = np.delete(np.arange(150), 4)
    expected = isorep.contrasts(
        {name: x[rows] for name, x in model.items()},
        {name: x[rows] for name, x in brain.items()},
        measures="cka_debiased",
        progress=False,
    )
    model["layer0"][4] = np.nan
    table = isorep.contrasts(
        model, brain, measures="cka_debiased", nan_policy="omit", progress=False
    )
    assert table.attrs["n_omitted"] == 1
    np.testing.assert_allclose(table["cka_debiased_low"], expected["cka_debiased_low"], atol=1e-9)


def test_tables_are_brought_into_one_order():
    model, brain, _ = networks()
    labels = [f"image{i}" for i in range(150)]
    frames = {name: pandas.DataFrame(x, index=labels) for name, x in brain.items()}
    mixed = {
        name: pandas.DataFrame(x, index=labels).sample(frac=1, random_state=0)
        for name, x in model.items()
    }
    expected = isorep.contrasts(model, brain, measures="cka_debiased", progress=False)
    table = isorep.contrasts(mixed, frames, measures="cka_debiased", progress=False)
    table = table.sel(x_layer=list(model), other_layer=list(model), y_layer=list(brain))
    # The blocks are of other samples, since the order is that of the first side.
    difference = "cka_debiased_difference"
    np.testing.assert_allclose(table[difference], expected[difference], atol=1e-9)


def test_mistakes():
    model, brain, _ = networks()
    short = {name: x[:100] for name, x in brain.items()}
    with pytest.raises(ValueError, match="different numbers of samples, 150 and 100"):
        isorep.contrasts(model, short, progress=False)
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"a is a model: capture it with isorep\.capture"):
        isorep.contrasts(torch.nn.Linear(2, 2), brain, progress=False)
