"""Groups of samples in tables: every function follows what the networks know."""

import numpy as np
import pytest

import isorep

HELD_OUT = "linear_regression(folds=5)"
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
    with pytest.raises(ValueError, match=r"data of .* changed since it was started"):
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
    table_reason = "the two sides have different groups"
    with pytest.raises(ValueError, match=table_reason):
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
