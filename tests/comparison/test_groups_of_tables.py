"""Groups of samples in tables: every function follows what the networks know."""

import numpy as np
import pandas
import pytest

import isorep

HELD_OUT = "linear_regression_y_from_x(folds=5)"
GROUPS = np.repeat(np.arange(15), 8)


def nets(seed=0, **known):
    """Return two unrelated networks of 15 stimuli with 8 repeats."""
    rng = np.random.default_rng(seed)
    layers = (
        rng.standard_normal((15, 4))[GROUPS] + 0.3 * rng.standard_normal((120, 4)) for _ in range(2)
    )
    return [isorep.Representations({"fc": layer}, **known) for layer in layers]


def cell(table, name):
    return table[name].values.ravel()[0]


@pytest.mark.slow
def test_what_the_networks_know_and_what_is_passed_are_the_same():
    options = {
        "measures": ["cka", HELD_OUT],
        "interval": True,
        "chance": True,
        "n_permutations": 49,
    }
    by_ids = isorep.compare(*nets(sample_ids=[f"s{g}" for g in GROUPS]), **options)
    declared = isorep.compare(*nets(groups=GROUPS), **options)
    passed = isorep.compare(*nets(), groups=GROUPS, **options)
    assert declared.equals(by_ids)
    assert declared.equals(passed)
    x, y = (net["fc"] for net in nets())
    alone = isorep.infer(x, y, "cka", groups=GROUPS, n_permutations=49)
    for name, value in [("corrected", alone.corrected), ("p_value", alone.p_value)]:
        assert cell(passed, f"cka_{name}") == pytest.approx(value, abs=1e-12)
    with pytest.warns(UserWarning, match="neighbouring rows are alike"):
        without = isorep.similarity(x, y, HELD_OUT).similarity
    assert cell(passed, HELD_OUT) < without


def test_undeclared_dependence_is_named_in_the_table():
    table = isorep.compare(*nets(), measures="cka", correct=True)
    assert "neighbouring rows are alike" in cell(table, "warnings")
    assert "neighbouring" not in cell(isorep.compare(*nets(), measures="cka"), "warnings")


def test_positions_of_a_sample_are_a_group():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 1), torch.nn.ReLU())
    reps = isorep.capture(model, torch.randn(40, 3, 6), reduce="positions", progress=False)
    assert reps.structure("0").n_groups == 40
    table = isorep.compare(reps, reps, layers="0", measures="cka", correct=True, progress=False)
    assert cell(table, "cka_corrected") == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("function", ["pairwise", "trajectory"])
def test_sweeps_hold_out_whole_groups(function, tmp_path):
    a, b = nets(groups=GROUPS)
    expected = isorep.similarity(a["fc"], b["fc"], HELD_OUT, groups=GROUPS).similarity
    networks = {1: a, 2: b} if function == "trajectory" else {"a": a, "b": b}
    options = {"measures": HELD_OUT, "progress": False}
    table = getattr(isorep, function)(networks, **options)
    values = table[HELD_OUT].values.ravel()
    assert np.isclose(values, expected, atol=1e-12).any()
    # A store of other groups is another sweep.
    out = tmp_path / "sweep.zarr"
    getattr(isorep, function)(networks, out=out, **options)
    others = dict(zip(networks, nets(groups=GROUPS // 3), strict=True))
    with pytest.raises(ValueError, match=r"data or groups of .* changed since it was started"):
        getattr(isorep, function)(others, out=out, **options)


def test_a_stream_cannot_correct_groups_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("isorep.comparison.open_pairs.SMALL", 0)
    for name, net in zip("ab", nets(groups=GROUPS), strict=True):
        net.save(tmp_path / f"{name}.zarr")
    paths = [tmp_path / "a.zarr", tmp_path / "b.zarr"]
    streamed = isorep.compare(*paths, measures="cka", interval=True, progress=False)
    assert np.isnan(cell(streamed, "cka_corrected"))
    assert np.isnan(cell(streamed, "cka_low"))
    assert "a stream cannot tell how many independent ones" in cell(streamed, "warnings")
    in_memory = isorep.compare(*nets(groups=GROUPS), measures="cka", progress=False)
    assert cell(streamed, "cka") == pytest.approx(cell(in_memory, "cka"), rel=1e-9)


def test_other_groups_on_the_other_side_are_refused():
    (a, _), (_, b) = nets(groups=GROUPS), nets(groups=np.tile(np.arange(8), 15))
    reason = "a and b have different groups: row 1 has 0 in a and 1 in b"
    with pytest.raises(ValueError, match=reason):
        isorep.compare(a, b, measures="cka", correct=True)


def test_labelled_groups_follow_their_labels_where_samples_are_left_out():
    pandas = pytest.importorskip("pandas")
    ids = [f"trial{i}" for i in range(120)]
    sides = [net["fc"].copy() for net in nets()]
    sides[0][7, 0] = np.nan
    a, b = ({"fc": pandas.DataFrame(side, index=ids)} for side in sides)
    series = pandas.Series(GROUPS, index=ids)
    options = {"measures": "cka_debiased", "nan_policy": "omit"}
    expected = isorep.compare(a, b, groups=series, **options)
    assert expected.attrs["n_omitted"] == 1
    shuffled = series.sample(frac=1, random_state=0)
    assert isorep.compare(a, b, groups=shuffled, **options).equals(expected)
    kept = np.arange(120) != 7
    x, y = (side[kept] for side in sides)
    alone = isorep.similarity(x, y, "cka_debiased", groups=GROUPS[kept])
    assert cell(expected, "cka_debiased") == pytest.approx(alone.similarity, abs=1e-12)


def test_sweeps_take_groups_for_networks_in_memory_and_in_stores(tmp_path):
    x, y = nets()
    known = isorep.pairwise(dict(zip("xy", nets(groups=GROUPS), strict=True)), measures=HELD_OUT)
    for net, name in ((x, "x"), (y, "y")):
        net.save(tmp_path / f"{name}.npz")
    stores = {name: tmp_path / f"{name}.npz" for name in "xy"}
    for networks in ({"x": x, "y": y}, {"x": dict(x), "y": dict(y)}, stores):
        passed = isorep.pairwise(networks, measures=HELD_OUT, groups=GROUPS)
        assert passed.equals(known)
        path = isorep.trajectory(networks, reference="y", measures=HELD_OUT, groups=GROUPS)
        expected = known[HELD_OUT].sel(x="x", y="y").item()
        assert path[HELD_OUT].sel(step="x").item() == pytest.approx(expected, abs=1e-12)
    assert not isorep.pairwise({"x": x, "y": y}, measures=HELD_OUT).equals(known)
    with pytest.raises(ValueError, match=r"networks\['x'\]: groups must hold one label for each"):
        isorep.pairwise({"x": x, "y": y}, groups=GROUPS[1:])


def test_a_sweep_of_other_groups_is_another_sweep(tmp_path):
    networks = dict(zip("xy", nets(), strict=True))
    isorep.pairwise(networks, groups=GROUPS, out=tmp_path / "sweep.zarr")
    with pytest.raises(
        ValueError, match=r"the data or groups of networks\['x'\], networks\['y'\] changed"
    ):
        isorep.pairwise(networks, out=tmp_path / "sweep.zarr")


def test_diff_takes_groups():
    x, y = nets()
    both = {"measure": "cka", "progress": False}
    known = isorep.diff(*nets(groups=GROUPS), **both).table
    assert isorep.diff(x, y, groups=GROUPS, **both).table.equals(known)
    assert not isorep.diff(x, y, **both).table.equals(known)


def test_a_coordinate_of_tables_names_the_groups():
    frames = [
        pandas.DataFrame(
            net["fc"], index=pandas.MultiIndex.from_arrays([GROUPS, range(120)], names=names)
        )
        for net, names in zip(nets(), (["image", "trial"], ["stimulus", "trial"]), strict=True)
    ]
    sides = {"x": {"fc": frames[0]}, "y": {"fc": frames[1]}}
    known = isorep.pairwise(dict(zip("xy", nets(groups=GROUPS), strict=True)), measures=HELD_OUT)
    by_name = isorep.pairwise(sides, measures=HELD_OUT, groups="image")
    np.testing.assert_allclose(by_name[HELD_OUT], known[HELD_OUT], atol=1e-12)
    table = isorep.compare(*sides.values(), measures=HELD_OUT, groups="image")
    expected = known[HELD_OUT].sel(x="x", y="y").item()
    assert table[HELD_OUT].item() == pytest.approx(expected, abs=1e-12)
    for function in (isorep.compare, isorep.diff):
        with pytest.raises(ValueError, match="groups='session' is a coordinate of no side"):
            function(*sides.values(), groups="session")


def test_diff_omits_samples_with_nan():
    x, y = (dict(net) for net in nets())
    x["fc"], y["fc"] = x["fc"].copy(), y["fc"].copy()
    x["other"] = y["other"] = np.full((120, 2), np.nan)  # in no sample complete: removes none
    x["fc"][3, 1] = y["fc"][8, 0] = np.nan
    options = {"groups": GROUPS, "interval": False, "progress": False}
    found = isorep.diff(x, y, nan_policy="omit", layers="fc", **options)
    rows = np.delete(np.arange(120), [3, 8])
    alone = isorep.diff(
        {"fc": x["fc"][rows]}, {"fc": y["fc"][rows]}, **options | {"groups": GROUPS[rows]}
    )
    assert found.table.equals(alone.table)
    assert found.table.attrs["n_omitted"] == 2
    with pytest.raises(ValueError, match="NaN"):
        isorep.diff(x, y, layers="fc", **options)
