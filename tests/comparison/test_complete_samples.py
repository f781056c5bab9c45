"""Samples with NaN are left out of a table, of both sides and with all that is known of them."""

import numpy as np
import pytest
import xarray
from helpers.provenance import without_provenance

import isorep
from isorep import Representations
from isorep.comparison.complete_samples import complete_samples
from isorep.representations.row_positions import RowPositions


@pytest.fixture
def x():
    return np.random.default_rng(0).standard_normal((2, 90, 4))


def with_nan(x, *cells):
    x = x.copy()
    for cell in cells:
        x[cell] = np.nan
    return x


def test_the_table_is_that_of_the_other_samples(x, tmp_path):
    a = {"V1": with_nan(x[0], (3, 1), (3, 2)), "V4": x[1]}
    b = {"fc": with_nan(x[1], (7, 0)), "dead": np.full((90, 2), np.nan)}
    kept = np.delete(np.arange(90), [3, 7])
    table = isorep.compare(a, b, measures=["cka", "pwcca"], nan_policy="omit")
    assert table.attrs["n_omitted"] == 2
    for layer in a:
        cell = table.sel(x_layer=layer, y_layer="fc")
        assert cell["n_samples"] == 88
        for measure in ("cka", "pwcca"):
            expected = isorep.similarity(a[layer][kept], b["fc"][kept], measure).similarity
            assert cell[measure].item() == pytest.approx(expected, abs=1e-12)
    assert "NaN" in table["reason"].sel(x_layer="V1", y_layer="dead").item()
    default = isorep.compare(a, {"fc": x[1]}, measures="cka")
    assert "n_omitted" not in default.attrs
    assert np.isnan(default["cka"].sel(x_layer="V1"))
    Representations(a).save(tmp_path / "a.zarr")
    stored = isorep.compare(tmp_path / "a.zarr", b, measures=["cka", "pwcca"], nan_policy="omit")
    np.testing.assert_array_equal(stored["cka"], table["cka"])


def test_only_selected_layers_count_and_nothing_is_copied_without_nan(x):
    a = Representations({"V1": with_nan(x[0], (3, 1)), "V4": x[1]})
    first, second, kept = complete_samples(a, a, "V4", None)
    assert kept.all()
    assert first is second
    assert np.shares_memory(first["V4"], a["V4"])
    cka = isorep.compare(a, a, layers="V1", measures="cka", nan_policy="omit")["cka"]
    assert cka.item() == pytest.approx(1, abs=1e-14)


def test_positions_ids_and_groups_go_with_their_samples():
    tokens = np.arange(12.0).reshape(6, 2)
    rows = RowPositions(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1]))
    a = Representations(
        {"tokens": with_nan(tokens, (2, 1))},
        reductions={"tokens": "positions"},
        row_positions={"tokens": rows},
        sample_ids="abc",
        groups=[1, 1, 2],
    )
    first, second, kept = complete_samples(a, a, "*", None)
    assert first is second
    assert kept.tolist() == [True, False, True]
    assert first.sample_ids == ("a", "c")
    assert first.groups.tolist() == [1, 2]
    np.testing.assert_array_equal(first["tokens"], tokens[[0, 1, 4, 5]])
    unknown = Representations(
        {"tokens": a["tokens"]}, reductions={"tokens": "positions"}, n_samples=3
    )
    with pytest.raises(ValueError, match="layer 'tokens' has NaN, and it is unknown which samples"):
        complete_samples(unknown, unknown, "*", None)


def test_what_cannot_be_omitted(x):
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(4, 3)
    with pytest.raises(ValueError, match="nan_policy='omit' is for activations, and b is a model"):
        isorep.compare({"V1": x[0]}, model, data=[torch.ones(90, 4)], nan_policy="omit")
    with pytest.raises(ValueError, match="unknown nan_policy 'drop'"):
        isorep.compare({"V1": x[0]}, {"V1": x[1]}, nan_policy="drop")
    a, b = x[0].copy(), x[1].copy()
    a[:45], b[46:] = np.nan, np.nan
    with pytest.raises(ValueError, match="only 1 of 90 samples have no NaN"):
        isorep.compare({"V1": a}, {"V1": b}, nan_policy="omit")
    with pytest.raises(ValueError, match=r"takes 5\.62 kiB, and memory= allows 1\.00 kiB"):
        isorep.compare({"V1": a}, {"V1": b}, nan_policy="omit", memory=1024)


def test_sweeps_compare_the_samples_without_nan_in_any_network(x, tmp_path):
    tokens = RowPositions(np.repeat(np.arange(90), 2), np.tile([0, 1], 90))
    rows = np.random.default_rng(3).standard_normal((180, 3))
    networks = {
        name: Representations(
            {
                "V1": with_nan(values, *nan),
                "tokens": rows**power,
                "other": with_nan(values, (9, 0)),
            },
            reductions={"tokens": "positions"},
            row_positions={"tokens": tokens},
        )
        for name, values, nan, power in (
            ("a", x[0], [(3, 1)], 1),
            ("b", x[1], [(7, 0), (3, 2)], 2),
            ("c", x[0] + x[1], [], 3),
        )
    }
    kept = np.delete(np.arange(90), [3, 7])
    options = {"layers": ["V1", "tokens"], "measures": ["cka", "cka_debiased"], "progress": False}
    expected = isorep.pairwise({name: y.take(kept) for name, y in networks.items()}, **options)
    paths = {name: tmp_path / f"{name}.npz" for name in networks}
    for name, network in networks.items():
        network.save(paths[name])
    for sides in (networks, paths):
        table = isorep.pairwise(sides, nan_policy="omit", **options)
        assert table.attrs.pop("n_omitted") == 2
        assert (table["n_samples"].sel(layer="V1") == 88).all()
        assert (table["n_samples"].sel(layer="tokens") == 176).all()
        xarray.testing.assert_identical(*map(without_provenance, (table, expected)))
    path = isorep.trajectory(paths, reference="a", nan_policy="omit", **options)
    cka = expected["cka"].sel(x="c", y="a")
    np.testing.assert_allclose(path["cka"].sel(step="c"), cka, rtol=1e-12)
    default = isorep.pairwise(paths, **options)
    assert "NaN" in default["reason"].sel(x="a", y="c", layer="V1").item()
    with pytest.raises(ValueError, match="unknown nan_policy 'drop'"):
        isorep.pairwise(paths, nan_policy="drop", **options)


def test_a_sweep_is_resumed_with_the_same_policy(x, tmp_path):
    networks = {0: {"V1": with_nan(x[0], (3, 1))}, 1: {"V1": x[1]}, 2: {"V1": x[1] + x[0]}}
    options = {"measures": "cka", "progress": False, "out": tmp_path / "s.zarr"}
    table = isorep.pairwise(networks, nan_policy="omit", **options)
    assert isorep.pairwise(networks, nan_policy="omit", **options).equals(table)
    with pytest.raises(ValueError, match="started with n omitted 1, but this sweep has None"):
        isorep.pairwise(networks, **options)
