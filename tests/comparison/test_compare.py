"""Compare: the grid equals pairwise calls, and trouble costs its own cells."""

import csv
import json
from itertools import product

import dask
import numpy as np
import pytest

import isorep
from isorep import Representations
from isorep.comparison.export import to_csv, to_json


def layers(seed, widths=(7, 5, 3), n=211):
    rng = np.random.default_rng(seed)
    return {f"conv{i}": rng.standard_normal((n, p)) for i, p in enumerate(widths, 1)}


@pytest.mark.slow
def test_every_cell_is_the_measure_of_its_pair():
    a, b = layers(0), layers(1, (4, 6))
    b["mixed"] = a["conv1"][:, :3] + 0.3 * np.random.default_rng(2).standard_normal((211, 3))
    measures = [
        name for name, row in isorep.MEASURES.items() if row.requires not in ("maps", "repeats")
    ]
    table = isorep.compare(a, b, measures=measures)
    assert dict(table.sizes) == {"x_layer": 3, "y_layer": 3}
    assert list(table["x_layer"].to_numpy()) == list(a)
    assert list(table["y_layer"].to_numpy()) == list(b)
    for name, x_layer, y_layer in product(measures, a, b):
        cell = table.sel(x_layer=x_layer, y_layer=y_layer)
        if isorep.MEASURES[name].paired and a[x_layer].shape != b[y_layer].shape:
            assert np.isnan(cell[name])
            assert np.isnan(cell[f"{name}_distance"])
            continue
        score = isorep.similarity(a[x_layer], b[y_layer], name)
        label = isorep.MEASURES[name].label
        assert cell[label].item() == score.similarity
        assert cell[f"{label}_distance"].item() == score.distance
        assert cell["n_samples"].item() == 211
    assert table["x_rank"].to_numpy().tolist() == [7, 5, 3]
    assert not table["warnings"].to_numpy().any()
    reasons = table["reason"].to_numpy()
    assert reasons[0, 0].startswith("cosine, euclidean: x has 7 features and y has 4, but neuron j")
    assert (reasons == "").tolist() == [[False] * 3, [False] * 3, [False, False, True]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "extra", [{}, {"correct": True, "interval": True, "chance": True, "n_permutations": 19}]
)
def test_cells_worked_on_side_by_side_are_those_worked_on_in_turn(extra):
    a, b = layers(0), {**layers(1, (4, 6)), "dead": np.zeros((211, 2))}
    options = {"measures": ["pwcca", "cka"], **extra}
    with dask.config.set(num_workers=1):
        in_turn = isorep.compare(a, b, **options)
    with dask.config.set(num_workers=3):
        assert in_turn.identical(isorep.compare(a, b, **options))
    assert in_turn["reason"].to_numpy().astype(bool).tolist() == [[False, False, True]] * 3


def test_each_layer_is_prepared_once(monkeypatch):
    from isorep.core.basis import Basis

    prepared = []
    original = Basis.from_array.__func__
    monkeypatch.setattr(
        Basis,
        "from_array",
        classmethod(lambda cls, x, **o: prepared.append(o["name"]) or original(cls, x, **o)),
    )
    a, b = layers(0), layers(1)
    isorep.compare(a, b, measures=["pwcca", "cka"])
    assert prepared == [f"{side}['conv{i}']" for side in "ab" for i in (1, 2, 3)]
    for same in (Representations.from_mapping(a), a):
        prepared.clear()
        isorep.compare(same, same)
        assert len(prepared) == 3


def test_a_network_with_itself_is_that_with_its_copy(monkeypatch):
    import isorep.comparison.table

    a = layers(5) | {"dead": np.zeros((211, 2))}
    names = ["pwcca", "cca", "cka", "procrustes"]
    with_copy = isorep.compare(a, dict(a), measures=names)
    coupled = []
    original = isorep.core.prepare.couple
    monkeypatch.setattr(isorep.core.prepare, "couple", lambda *s: coupled.append(1) or original(*s))
    with_itself = isorep.compare(a, a, measures=names)
    assert len(coupled) == 3 + 2 + 1  # each pair of healthy layers once
    for name in names:
        for variable in (name, f"{name}_distance"):
            np.testing.assert_allclose(
                with_itself[variable], with_copy[variable], rtol=0, atol=1e-7, equal_nan=True
            )
    np.testing.assert_allclose(with_itself["pwcca"], with_copy["pwcca"], rtol=0, atol=1e-12)
    assert with_itself["reason"].to_numpy()[3, 0].startswith("a['dead']")


def test_a_degenerate_layer_costs_its_own_cells():
    a, b = layers(0), layers(1)
    a["dead"] = np.full((211, 2), 0.1)
    a["broken"] = np.where(a["conv1"] > 2.5, np.nan, a["conv1"])
    table = isorep.compare(a, b, measures=["cca", "cka"])
    for layer, why in (("dead", "a['dead'] has no variance"), ("broken", "a['broken'] holds")):
        row = table.sel(x_layer=layer)
        assert np.isnan(row["cca"]).all()
        assert np.isnan(row["cka_distance"]).all()
        assert all(text.startswith(why) for text in row["reason"].to_numpy())
    assert table["x_rank"].sel(x_layer="dead") == 0
    healthy = table.sel(x_layer=["conv1", "conv2", "conv3"])
    assert healthy["cca"].notnull().all()
    assert not healthy["reason"].to_numpy().any()


def test_positions_of_different_sizes_have_no_partners():
    rng = np.random.default_rng(3)
    reps = Representations(
        {"early": rng.standard_normal((40 * 9, 3)), "late": rng.standard_normal((40 * 4, 3))},
        reductions={"early": "positions", "late": "positions"},
        sample_ids=list(range(40)),
    )
    table = isorep.compare(reps, reps)
    assert table["n_samples"].to_numpy().tolist() == [[360, 0], [0, 160]]
    assert "360 and 160 rows: positions" in table["reason"][0, 1].item()


def test_few_samples_are_said_in_the_cell_by_the_measures_that_suffer():
    a = layers(0, (30, 3), n=41)
    table = isorep.compare(a, a, measures=["pwcca", "cca", "cka"])
    text = table["warnings"].sel(x_layer="conv1", y_layer="conv1").item()
    assert text.startswith("pwcca, cca: 41 samples are few for 30 and 30 directions: 20 of the 30")
    assert table["warnings"].sel(x_layer="conv2", y_layer="conv2").item() == ""


def test_the_dtype_of_the_computation_reaches_the_rank_rule():
    x = layers(4, (3,), n=500)["conv1"].astype("float16").astype("float32")
    twin = np.hstack([x, (2.37 * x[:, :1]).astype("float16").astype("float32")])
    for dtype, rank in (("float32", 4), ("float16", 3)):
        reps = Representations({"fc": twin}, dtypes={"fc": dtype})
        assert isorep.compare(reps, reps)["x_rank"].item() == rank


def test_what_cannot_be_compared():
    a, b = layers(0), layers(1)
    with pytest.raises(ValueError, match=r"unknown measure 'kca'; did you mean"):
        isorep.compare(a, b, measures=["kca"])
    with pytest.raises(ValueError, match="no measure to compare by"):
        isorep.compare(a, b, measures=[])
    with pytest.raises(TypeError, match="mapping of layer name"):
        isorep.compare(3, b)
    with pytest.raises(ValueError, match="different numbers of samples, 211 and 210"):
        isorep.compare(a, layers(1, n=210))
    with pytest.raises(ValueError, match=r"a\['conv'\] \(40, 211\) looks transposed"):
        isorep.compare({"conv": np.ones((40, 211))}, b)
    with pytest.raises(ValueError, match=r"no pair of layers could be compared: a\['fc'\] has no"):
        isorep.compare({"fc": np.zeros((211, 2))}, b)
    ids = [f"image{i}" for i in range(211)]
    with pytest.raises(
        ValueError, match=r"same samples in another order: sample 0 is 'image0' in a"
    ):
        isorep.compare(Representations(a, sample_ids=ids), Representations(b, sample_ids=ids[::-1]))


def test_a_measure_that_fits_no_pair_leaves_the_others_alone():
    a, b = layers(0), layers(1, (4, 6))
    table = isorep.compare(a, b, measures=["cka", "cosine"])
    assert table["cka"].notnull().all()
    assert table["cosine"].isnull().all()
    with pytest.raises(ValueError, match="no pair of layers could be compared: cosine: x has 7"):
        isorep.compare(a, b, measures="cosine")


def test_a_distance_without_end_is_null_in_json():
    a = layers(0)
    found = json.loads(to_json(isorep.compare(a, layers(1), measures=["euclidean", "cosine"])))
    euclidean, cosine = found["measures"]["euclidean"], found["measures"]["cosine"]
    assert euclidean["distance_range"] == [0, None]
    assert euclidean["similarity_range"] == [0, 1]
    assert euclidean["distance_units"] == "units of the features"
    assert (cosine["similarity_range"], cosine["distance_range"]) == ([-1, 1], [0, 2])


def test_json_and_csv_hold_every_number():
    a = layers(0) | {"dead": np.zeros((211, 2))}
    table = isorep.compare(a, layers(1), measures=["pwcca", "procrustes"])
    found = json.loads(to_json(table))
    assert found["isorep_version"] == isorep.__version__
    assert found["x_layers"] == list(a)
    assert found["measures"]["pwcca"]["similarity"][3] == [None] * 3
    assert found["measures"]["procrustes"]["distance_units"] == "radians"
    assert found["measures"]["pwcca"]["symmetric"] is False
    np.testing.assert_array_equal(
        found["measures"]["pwcca"]["similarity"][:3], table["pwcca"].to_numpy()[:3]
    )
    assert found["reason"][3][0].startswith("a['dead'] has no variance")
    lines = to_csv(table).splitlines()
    assert len(lines) == 1 + 4 * 3 * 2
    cells = lines[1].split(",")
    assert cells[:3] == ["conv1", "conv1", "pwcca"]
    assert float(cells[3]) == table["pwcca"][0, 0].item()


def test_csv_names_the_networks(tmp_path):
    for name in "ab":
        isorep.Representations(layers(ord(name))).save(tmp_path / f"{name}.npz")
    paths = [str(tmp_path / f"{name}.npz") for name in "ab"]
    rows = list(csv.DictReader(to_csv(isorep.compare(*paths)).splitlines()))
    assert {(row["a"], row["b"]) for row in rows} == {tuple(paths)}
    rows = list(csv.DictReader(isorep.diff(*paths, interval=False).to_csv().splitlines()))
    assert {(row["base"], row["changed"]) for row in rows} == {tuple(paths)}
    header = to_csv(isorep.compare(layers(0), layers(1))).splitlines()[0].split(",")
    assert not {"a", "b"} & set(header)


def test_measures_with_options_are_variables_of_their_own():
    a, b = layers(0), layers(1)
    specs = [
        "pwcca",
        "linear_regression",
        {"linear_regression": {"folds": 10}},
        "svcca(variance=0.5)",
    ]
    table = isorep.compare(a, b, measures=specs)
    labels = [
        "pwcca",
        "linear_regression_y_from_x",
        "linear_regression_y_from_x(folds=10)",
        "svcca(variance=0.5)",
    ]
    assert table.attrs["measures"] == labels
    for spec, label in zip(specs, labels, strict=True):
        score = isorep.similarity(a["conv1"], b["conv2"], spec)
        cell = table.sel(x_layer="conv1", y_layer="conv2")
        assert cell[label].item() == score.similarity
        assert cell[f"{label}_distance"].item() == score.distance
        assert table[label].attrs["measure"] == table[f"{label}_distance"].attrs["measure"] == label
    assert json.loads(table[labels[2]].attrs["options"])["folds"] == 10
    assert table[labels[2]].attrs["direction"] == "y predicted from x"
    assert json.loads(to_json(table))["measures"].keys() == set(labels)
    assert [line.split(",")[2] for line in to_csv(table).splitlines()[1:5]] == labels


def test_every_table_says_its_kind():
    a, b = layers(0), layers(1)
    assert isorep.compare(a, b).attrs["kind"] == "compare"
    diff = isorep.diff(a, b, interval=False)
    assert diff.table.attrs["kind"] == diff.grid().attrs["kind"] == "diff"
    assert isorep.pairwise({"a": a, "b": b}).attrs["kind"] == "pairwise"
    assert isorep.trajectory({0: a, 1: b}).attrs["kind"] == "trajectory"


def test_a_plan_compares_nothing(monkeypatch):
    a = layers(0)
    monkeypatch.setattr("isorep.comparison.prepared_pairs.prepare", None)
    plan = isorep.compare(a, a, memory="1 GB", plan_only=True)
    assert plan.passes == ()
    assert 211 * (7 + 5 + 3) * 16 < plan.n_bytes < plan.memory == 10**9
    assert str(plan).startswith("all layers in memory, ")
    with pytest.raises(TypeError, match="mapping of layer name"):
        isorep.compare(3, a, plan_only=True)


def test_csv_holds_what_is_inferred():
    import io

    import pandas

    a = {**layers(0), "dead, or not": np.zeros((211, 2))}
    table = isorep.compare(
        a, layers(1), measures=["pwcca", "euclidean"], chance=True, n_permutations=9
    )
    frame = pandas.read_csv(
        io.StringIO(to_csv(table)), dtype={"similarity": str, "distance": str, "chance": str}
    )
    assert list(frame.columns[-6:]) == [
        "chance", "calibrated", "p_value", "p_adjusted", "p_max", "n_significant",
    ]  # fmt: skip
    for row in frame.itertuples():
        cell = table.sel(x_layer=row.x_layer, y_layer=row.y_layer)
        for column, variable in (
            ("similarity", ""),
            ("distance", "_distance"),
            ("chance", "_chance"),
        ):
            expected = cell[f"{row.measure}{variable}"].item()
            assert float(getattr(row, column)) == expected or np.isnan(expected)
        assert row.x_rank == cell["x_rank"].item()
    assert set(frame["x_layer"]) == set(a)
