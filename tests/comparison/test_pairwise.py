"""Pairwise: every cell equals the measure of its pair, each layer is prepared once."""

import json
from itertools import product

import numpy as np
import pytest

import isorep
from isorep import Representations
from isorep.core.basis import Basis

CCA_FAMILY = ["pwcca", "cca", "svcca", "cka", "procrustes"]


def networks(n=211, widths=((7, 5), (4, 6), (7, 3))):
    """Draw three networks of unequal widths that share part of what they hold."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, 3))
    drawn = {}
    for i, sizes in enumerate(widths):
        drawn[f"seed{i}"] = {}
        for layer, p in zip(("conv", "fc"), sizes, strict=True):
            mixed = shared @ rng.standard_normal((3, p))
            drawn[f"seed{i}"][layer] = mixed + rng.standard_normal((n, p))
    return drawn


@pytest.fixture
def prepared(monkeypatch):
    names = []
    original = Basis.from_array.__func__
    monkeypatch.setattr(
        Basis,
        "from_array",
        classmethod(lambda cls, x, **o: names.append(o["name"]) or original(cls, x, **o)),
    )
    return names


def test_every_cell_is_the_measure_of_its_ordered_pair():
    nets = networks()
    table = isorep.pairwise(nets, measures=CCA_FAMILY)
    assert dict(table.sizes) == {"x": 3, "y": 3, "layer": 2}
    assert list(table["layer"].to_numpy()) == ["conv", "fc"]
    for name, x, y, layer in product(CCA_FAMILY, nets, nets, ("conv", "fc")):
        cell = table.sel(x=x, y=y, layer=layer)
        score = isorep.similarity(nets[x][layer], nets[y][layer], name)
        assert cell[name].item() == pytest.approx(score.similarity, abs=1e-12)
        # The angle turns a rounding of eps below 1, on the diagonal, into sqrt(2 eps).
        assert cell[f"{name}_distance"].item() == pytest.approx(score.distance, abs=1e-7)
    assert (table["n_samples"] == 211).all()
    assert table["rank"].to_numpy().tolist() == [[7, 5], [4, 6], [7, 3]]
    assert table["rank"].dims == ("x", "layer")
    assert table["pwcca_distance"].attrs["range"] == (0, 1)
    assert table.attrs["measures"] == CCA_FAMILY
    off = table["pwcca"] - table["pwcca"].transpose("y", "x", "layer").to_numpy()
    assert abs(off).max() > 0.001


def test_measures_have_options():
    nets = networks()
    specs = ["pwcca", "pwcca(weights_from=y)", {"linear_regression": {"folds": 3}}]
    table = isorep.pairwise(nets, layers="conv", measures=specs)
    labels = ["pwcca", "pwcca(weights_from=y)", "linear_regression_y_from_x(folds=3)"]
    assert table.attrs["kind"] == "pairwise"
    assert table.attrs["measures"] == labels
    directions = ["weights of x", "weights of y", "y predicted from x"]
    for label, direction in zip(labels, directions, strict=True):
        for name in (label, f"{label}_distance"):
            assert table[name].attrs["measure"] == label
            assert table[name].attrs["direction"] == direction
        for x, y in product(nets, nets):
            score = isorep.similarity(nets[x]["conv"], nets[y]["conv"], label)
            cell = table.sel(x=x, y=y, layer="conv")
            assert cell[label].item() == pytest.approx(score.similarity, abs=1e-12)
            assert cell[f"{label}_distance"].item() == pytest.approx(score.distance, abs=1e-12)
    options = json.loads(table[labels[2]].attrs["options"])
    assert options["folds"] == 3
    with pytest.raises(ValueError, match="unknown option of pwcca 'weights'"):
        isorep.pairwise(nets, measures="pwcca(weights=x)")


def test_symmetric_measures_are_computed_once_a_pair_and_mirrored():
    table = isorep.pairwise(networks(), measures=["cca", "procrustes"])
    for name in ("cca", "procrustes", "cca_distance"):
        values = table[name].to_numpy()
        np.testing.assert_array_equal(values, values.swapaxes(0, 1))


def test_each_layer_is_prepared_once_one_layer_at_a_time(prepared):
    isorep.pairwise(networks(), measures=["pwcca", "cka"])
    # One layer after the other; several threads are at the networks of one.
    assert [sorted(prepared[:3]), sorted(prepared[3:])] == [
        [f"networks['seed{i}'][{layer!r}]" for i in range(3)] for layer in ("conv", "fc")
    ]


def test_each_unordered_pair_is_decomposed_once(monkeypatch):
    import isorep.core.overlap

    computed = []
    original = isorep.core.overlap.cosine_svd
    monkeypatch.setattr(
        isorep.core.overlap, "cosine_svd", lambda *m: computed.append(1) or original(*m)
    )
    isorep.pairwise(networks(), measures=["pwcca", "cca"])
    assert len(computed) == 2 * (3 * 4 // 2)


def test_layers_are_chosen_and_need_not_be_the_firsts():
    nets = networks()
    nets["seed1"]["extra"] = nets["seed1"]["fc"]
    assert isorep.pairwise(nets)["layer"].to_numpy().tolist() == ["conv", "fc"]
    chosen = isorep.pairwise(nets, layers="fc")
    assert isorep.pairwise(nets, layers=["f*"]).equals(chosen)
    assert chosen["layer"].to_numpy().tolist() == ["fc"]
    assert chosen["pwcca"].equals(isorep.pairwise(nets)["pwcca"].sel(layer=["fc"]))
    with pytest.raises(
        ValueError,
        match=r"unknown layer of networks\['seed0'\] 'extra'\. Known: conv, fc",
    ):
        isorep.pairwise(nets, layers=["fc", "extra"])
    with pytest.raises(ValueError, match="no layer to compare"):
        isorep.pairwise(nets, layers=[])
    del nets["seed2"]["fc"]
    with pytest.raises(ValueError, match=r"unknown layer of networks\['seed2'\] 'fc'"):
        isorep.pairwise(nets)


def test_a_degenerate_layer_costs_its_own_cells():
    nets = networks()
    nets["seed1"]["fc"] = np.full((211, 2), 0.1)
    table = isorep.pairwise(nets, measures=["pwcca", "cka"])
    broken = np.zeros((3, 3, 2), dtype=bool)
    broken[1, :, 1] = broken[:, 1, 1] = True
    for name in ("pwcca", "cka_distance"):
        np.testing.assert_array_equal(np.isnan(table[name]), broken)
    np.testing.assert_array_equal(table["reason"] != "", broken)
    text = table["reason"].sel(x="seed0", y="seed1", layer="fc").item()
    assert text.startswith("networks['seed1']['fc'] has no variance")
    assert table["rank"].sel(x="seed1", layer="fc") == 0
    assert table["n_samples"].sel(x="seed1", y="seed1", layer="fc") == 0


def test_warnings_are_the_same_both_ways_round():
    table = isorep.pairwise(networks(n=41), measures=["pwcca", "cca", "cka"], layers="conv")
    texts = table["warnings"].to_numpy()[..., 0]
    assert texts[0, 1].startswith("pwcca, cca: 41 samples are few for 7 and 4 directions")
    np.testing.assert_array_equal(texts, texts.T)


def test_names_may_be_numbers():
    a, b, _ = networks().values()
    table = isorep.pairwise({np.int64(3): a, 5: b}, layers="conv")
    assert table["x"].to_numpy().tolist() == [3, 5]
    assert table["pwcca"].sel(x=5, y=3, layer="conv").item() == pytest.approx(
        isorep.pwcca(b["conv"], a["conv"]).similarity, abs=1e-12
    )


def test_samples_are_checked_across_all_networks():
    """The first network does not know its samples; the other two do and disagree."""
    a, b, c = networks().values()
    ids = [f"image{i}" for i in range(211)]
    with (
        pytest.warns(UserWarning, match=r"\['b'\] knows its samples and networks\['a'\] does not"),
        pytest.raises(
            ValueError,
            match=r"networks\['b'\] and networks\['c'\] hold the same samples in another order",
        ),
    ):
        isorep.pairwise(
            {
                "a": a,
                "b": Representations(b, sample_ids=ids),
                "c": Representations(c, sample_ids=ids[::-1]),
            }
        )
    with pytest.raises(
        ValueError, match=r"networks\['a'\] and networks\['b'\] hold different numbers of samples"
    ):
        isorep.pairwise({"a": a, "b": networks(n=210)["seed0"]})


def test_what_cannot_be_compared():
    nets = networks()
    with pytest.raises(TypeError, match=r"networks must be a mapping of name to Rep.*, got list"):
        isorep.pairwise(list(nets.values()))
    with pytest.raises(TypeError, match=r"networks\['seed1'\]: expected Representations or a map"):
        isorep.pairwise(nets | {"seed1": 3})
    with pytest.raises(ValueError, match=r"networks\['seed1'\]: layer 'conv' is 3-D"):
        isorep.pairwise(nets | {"seed1": {"conv": np.ones((211, 2, 2))}})
    with pytest.raises(ValueError, match="networks is empty: expected a mapping of name"):
        isorep.pairwise({})
    with pytest.raises(TypeError, match=r"all be strings or all be numbers, got \['seed0', 1\]"):
        isorep.pairwise({"seed0": nets["seed0"], 1: nets["seed1"]})
    with pytest.raises(ValueError, match=r"unknown measure 'pwca'; did you mean 'pwcca'"):
        isorep.pairwise(nets, measures="pwca")
    with pytest.raises(ValueError, match="no measure to compare by"):
        isorep.pairwise(nets, measures=[])
    dead = {"fc": np.zeros((211, 2))}
    with pytest.raises(ValueError, match=r"no pair of layers could be.*networks\['a'\]\['fc'\]"):
        isorep.pairwise({"a": dead, "b": dead})


def test_networks_of_one_layer_are_compared_whatever_its_name(tmp_path):
    x = np.random.default_rng(0).standard_normal((3, 30, 4))
    x[1, 3, 0] = np.nan
    options = {"measures": "cka", "nan_policy": "omit", "progress": False}
    named = {f"n{i}": {f"layer{i}": array} for i, array in enumerate(x)}
    same = {f"n{i}": {"array": array} for i, array in enumerate(x)}
    expected = isorep.pairwise(same, **options)
    assert isorep.pairwise(named, **options).equals(expected)
    assert isorep.pairwise(named, **options, out=tmp_path / "s.zarr").equals(expected)
    with pytest.raises(ValueError, match=r"unknown layer of networks\['n1'\] 'layer0'"):
        isorep.pairwise(named, layers="layer0", **options)
    named["n1"]["other"] = x[1]
    with pytest.raises(ValueError, match=r"unknown layer of networks\['n1'\] 'layer0'"):
        isorep.pairwise(named, **options)
