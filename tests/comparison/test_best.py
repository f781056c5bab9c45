"""Best: the best layer against the maximum over all, and the layers that may be the best."""

import numpy as np
import pytest
import xarray

import isorep


def sides(n=80, seed=0):
    """Draw a model whose layer "good" knows most of "V4"; the wide layer is unrelated."""
    rng = np.random.default_rng(seed)
    area = rng.standard_normal((n, 3))
    model = {
        "weak": np.hstack([area[:, :1] + rng.standard_normal((n, 1)), rng.standard_normal((n, 2))]),
        "good": area + rng.standard_normal((n, 3)),
        "wide": rng.standard_normal((n, 40)),
    }
    return model, {"V4": area, "IT": rng.standard_normal((n, 4))}


@pytest.fixture(scope="module")
def table():
    measures = ["cka", "pwcca"]
    options = {"correct": True, "chance": True, "n_permutations": 99}
    return isorep.compare(*sides(), measures=measures, **options, progress=False)


def differences(table, measure="cka", error=0.05):
    """Return a table of contrasts of normal differences with this standard error."""
    from scipy.stats import norm

    values = table[f"{measure}_corrected"]
    difference = values - values.rename(x_layer="other_layer")
    p_value = xarray.DataArray(2 * norm.sf(abs(difference) / error), difference.coords)
    return xarray.Dataset(
        {f"{measure}_difference": difference, f"{measure}_p_value": p_value},
        attrs={"kind": "contrasts"},
    )


def test_the_best_layer_of_each_layer(table):
    result = isorep.best(table)
    assert result["x_layer"].sel(y_layer="V4").item() == "good"
    assert result["cka_p_max"].sel(y_layer="V4") == 0.01
    assert result["cka_p_max"].sel(y_layer="IT") > 0.05
    for layer in ("V4", "IT"):
        cells = table["cka_corrected"].sel(y_layer=layer)
        assert result["cka_corrected"].sel(y_layer=layer) == cells.max()
        cell = table.sel(y_layer=layer, x_layer=result["x_layer"].sel(y_layer=layer).item())
        for name in ("cka", "cka_distance", "cka_p_max", "cka_p_adjusted", "cka_chance"):
            assert result[name].sel(y_layer=layer) == cell[name]
    assert result.attrs["ranked_by"] == "cka_corrected"
    assert "pwcca" not in result


def test_raw_similarity_favours_the_wide_layer_and_the_ranking_does_not(table):
    raw = table["pwcca"].sel(y_layer="IT")
    symmetric = isorep.compare(*sides(), measures="cca", chance=True, n_permutations=99)
    assert symmetric["cca"].sel(y_layer="IT").idxmax() == "wide"
    result = isorep.best(symmetric)
    assert result.attrs["ranked_by"] == "cca_calibrated"
    assert result["x_layer"].sel(y_layer="V4").item() == "good"
    assert result["cca_p_max"].sel(y_layer="IT") > 0.05
    assert raw.notnull().all()


def test_the_other_side_and_the_best_pair(table):
    result = isorep.best(table, of="x_layer", measure="pwcca")
    assert result.sizes == {"x_layer": 3}
    assert result["y_layer"].sel(x_layer="good").item() == "V4"
    pair = isorep.best(table, of=None)
    assert (pair["x_layer"].item(), pair["y_layer"].item()) == ("good", "V4")
    assert pair["cka_corrected"] == table["cka_corrected"].max()
    assert (table["cka_p_max"] >= pair["cka_p_max"]).all()


def test_candidates_are_the_layers_that_are_not_worse_than_any_other(table):
    from scipy.stats import norm

    contrasts = differences(table)
    may = isorep.best(table, contrasts)["may_be_best"]
    for layer in table["y_layer"].values:
        values = table["cka_corrected"].sel(y_layer=layer)
        for x in table["x_layer"].values:
            others = [
                norm.cdf(float(values.sel(x_layer=x) - values.sel(x_layer=o)) / 0.05)
                for o in table["x_layer"].values
                if o != x
            ]
            expected = 2 * min(others) > 0.05
            assert may.sel(y_layer=layer, candidate=x).item() == expected
    assert may.sel(y_layer="V4").values.tolist() == [False, True, False]
    swapped = table.rename(x_layer="y", y_layer="x").rename(x="x_layer", y="y_layer")
    other = isorep.best(swapped, contrasts, of="x_layer")["may_be_best"]
    np.testing.assert_array_equal(other.transpose("x_layer", "candidate"), may)


def test_layers_that_could_not_be_compared():
    model, areas = sides()
    model["dead"] = np.zeros((80, 2))
    areas["none"] = np.ones((80, 1))
    table = isorep.compare(model, areas, measures="cka", correct=True, chance=True)
    result = isorep.best(table, differences(table))
    assert result["x_layer"].values.tolist()[::2] == ["good", ""]
    assert np.isnan(result["cka_p_max"].sel(y_layer="none"))
    assert not result["may_be_best"].sel(candidate="dead").any()
    assert not result["may_be_best"].sel(y_layer="none").any()


def test_what_is_refused(table):
    with pytest.raises(TypeError, match=r"expected a table of isorep\.compare .* got dict"):
        isorep.best({})
    with pytest.raises(ValueError, match="compare with chance=True"):
        isorep.best(isorep.compare(*sides(), measures="cka"))
    with pytest.raises(ValueError, match="unknown measure of this table 'cca'"):
        isorep.best(table, measure="cca")
    with pytest.raises(ValueError, match="unknown of 'y'"):
        isorep.best(table, of="y")
    with pytest.raises(ValueError, match="pass of='y_layer' or 'x_layer'"):
        isorep.best(table, differences(table), of=None)
    with pytest.raises(ValueError, match="has no contrasts of pwcca"):
        isorep.best(table, differences(table), measure="pwcca")
    with pytest.raises(ValueError, match=r"has x_layer \['weak', 'good'\], expected \['weak', "):
        isorep.best(table, differences(table).isel(x_layer=[0, 1]))
    path = isorep.trajectory({0: sides()[0], 1: sides(seed=1)[0]})
    with pytest.raises(TypeError, match=r"got a table of isorep\.trajectory"):
        isorep.best(path)
