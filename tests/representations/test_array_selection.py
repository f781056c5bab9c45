import warnings

import numpy as np
import pytest

from isorep._formats.header import Contents
from isorep.representations.array_selection import select_arrays
from isorep.representations.representations import Representations

RNG = np.random.default_rng(0)
X = RNG.standard_normal((9, 4))
MAPS = RNG.standard_normal((9, 3, 2, 2))
STIMULI = np.array([*"aabbccdde"])


def read(arrays, metadata=None, table="", **options):
    contents = select_arrays(Contents(arrays, metadata or {}, table), **options)
    return Representations(contents.layers, **contents.metadata)


@pytest.mark.parametrize(
    ("extra", "text"),
    [
        (np.arange(9), r"extra \(9,\) int64"),
        (STIMULI, r"extra \(9,\) text"),
        (np.array(3), r"extra \(\) int64"),
        (STIMULI.reshape(9, 1), r"extra \(9, 1\) text"),
        (np.arange(5), r"extra \(5,\) int64"),
    ],
)
def test_what_nobody_asked_for_is_left_out_with_a_note(extra, text):
    with pytest.warns(UserWarning, match=f"not layers are left out: {text}. Pass their names"):
        reps = read({"features": X, "extra": extra})
    assert list(reps) == ["features"]
    np.testing.assert_array_equal(reps["features"], X)


def test_a_long_note_is_cut():
    with pytest.warns(UserWarning, match=r"e4 \(2,\) int64, e5 \(2,\) int64 and 3 more\."):
        read({"x": X, **{f"e{i}": np.arange(2) for i in range(9)}})


def test_names_of_arrays_say_what_the_samples_are():
    arrays = {"x": X, "image": STIMULI, "class": np.arange(9) % 2, "animal": np.arange(9) // 3}
    reps = read(arrays, ids="image", labels="class", groups="animal")
    assert reps.sample_ids == tuple("aabbccdde")
    assert reps.labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    assert reps.groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert list(reps) == ["x"]


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        (np.arange(3.0), ("0", "1", "2")),
        (np.array([[4], [5], [6]]), ("4", "5", "6")),
        (np.array([b"a", "ü".encode(), b"c"]), ("a", "ü", "c")),
        (np.array([b"a", "b", "c"], object), ("a", "b", "c")),
        (np.array(["2020-01-01", "2020-01-02", "2020-01-03"], "M8[D]"),) * 2,
    ],
)
def test_ids_of_every_form(values, ids):
    reps = read({"x": X[:3], "ids": values}, ids="ids")
    assert reps.sample_ids == tuple(map(str, ids))


def test_values_may_be_passed_and_win_over_those_of_the_file():
    reps = read({"x": X}, {"labels": np.zeros(9), "groups": STIMULI}, labels=np.ones(9))
    assert reps.labels.tolist() == [1] * 9
    assert reps.groups.tolist() == STIMULI.tolist()
    with pytest.raises(ValueError, match="expected one row, id, label and group per sample"):
        read({"x": X}, ids=["a", "b"])


def test_what_a_name_of_labels_may_not_be():
    with pytest.raises(ValueError, match=r"labels='x' is an array of shape \(9, 4\); expected one"):
        read({"x": X, "y": X}, labels="x")
    with pytest.raises(ValueError, match=r"unknown array for ids= 'imag'; did you mean 'image'"):
        read({"x": X, "image": STIMULI}, ids="imag")


def test_layers_are_picked_by_patterns():
    arrays = {"conv1": X, "conv2": X + 1, "fc": X[:5], "labels": np.arange(9)}
    assert list(read(arrays, layers="conv*")) == ["conv1", "conv2"]
    assert list(read(arrays, layers=["fc"])) == ["fc"]
    with pytest.warns(UserWarning, match="left out: labels"):
        assert list(read(arrays, layers="!fc")) == ["conv1", "conv2"]
    assert list(read(arrays, layers=["!fc", "!labels"])) == ["conv1", "conv2"]
    column = read(arrays, layers=["conv1", "labels"])
    assert column["labels"].tolist() == [[i] for i in range(9)]
    with pytest.raises(ValueError, match="unknown layer 'cnv1'; did you mean 'conv1'"):
        read(arrays, layers="cnv1")
    with pytest.raises(ValueError, match=r"'conv1' has 9 samples and layer 'fc' has 5: pick lay"):
        read(arrays, layers=["conv1", "fc"])


def test_metadata_goes_with_the_picked_layers():
    whole = Representations(
        {"a": np.ones((4, 2), np.float32), "b": np.zeros((8, 2))},
        sample_ids="wxyz",
        reductions={"a": "mean", "b": "positions"},
        dtypes={"a": "float16"},
    )
    contents = select_arrays(Contents(whole, whole.metadata()), layers="a")
    reps = Representations(contents.layers, **contents.metadata)
    assert (list(reps), reps.dtypes, reps.reductions) == (["a"], {"a": "float16"}, {"a": "mean"})
    assert reps.sample_ids == tuple("wxyz")
    everything = select_arrays(Contents(whole, whole.metadata()))
    assert Representations(everything.layers, **everything.metadata) == whole


def test_maps_are_refused_until_they_are_reduced():
    with pytest.raises(
        ValueError, match=r"'maps' is 4-D, shape \(9, 3, 2, 2\).*with reduce='mean'"
    ):
        read({"x": X, "maps": MAPS})
    with pytest.raises(ValueError, match="unknown which axis holds the features"):
        read({"maps": MAPS}, reduce="mean")
    assert list(read({"x": X, "maps": MAPS}, layers="!maps")) == ["x"]
    reps = read({"x": X, "maps": MAPS}, reduce="mean", channels="first", groups=STIMULI)
    np.testing.assert_allclose(reps["maps"], MAPS.mean((2, 3)), rtol=1e-15)
    np.testing.assert_array_equal(reps["x"], X)
    assert reps.reductions == {"maps": "mean"}


def test_rows_of_positions_depend_on_each_other_by_sample():
    reps = read({"maps": MAPS, "more": MAPS}, reduce="positions", channels="first")
    assert (reps.n_samples, reps["maps"].shape) == (9, (36, 3))
    structure = reps.structure("maps")
    assert structure.groups.tolist() == np.repeat(np.arange(9), 4).tolist()
    assert reps.structure("more") is structure


def test_means_of_half_precision_are_known_as_such():
    reps = read({"h": MAPS.astype(np.float16)}, reduce="mean", channels="last")
    assert reps["h"].dtype == np.float32
    assert reps.dtypes == {"h": "float16"}


@pytest.mark.parametrize(
    "names",
    [
        ("fc.weight", "fc.bias"),
        ("block/0/kernel", "block/1/kernel"),
        ("layers/dense/vars/0", "layers/dense/vars/1"),
        ("bn.weight", "bn.running_mean"),
    ],
)
def test_weights_are_refused_with_the_way_out(names):
    arrays = {names[0]: X, names[1]: np.ones(9), "epoch": np.array(3)}
    for layers in ("*", f"*{names[0][-2:]}"):
        with pytest.raises(ValueError, match=r"looks like a weight .* capture them with isorep\.c"):
            read(arrays, layers=layers)
    np.testing.assert_array_equal(read(arrays, layers=names[0])[names[0]], X)


def test_what_is_no_array_of_numbers():
    with pytest.raises(TypeError, match="layer 'z' has dtype complex128"):
        read({"x": X, "z": X.astype(complex)})
    with pytest.raises(TypeError, match="layer 'z' has dtype complex128"):
        read({"z": MAPS.astype(complex)}, reduce="mean", channels="last")
    with pytest.raises(TypeError, match="layer 'names' has dtype <U1"):
        read({"x": X, "names": STIMULI}, layers=["x", "names"])
    with pytest.raises(ValueError, match="layer 'n' is 0-D"):
        read({"x": X, "n": np.array(3)}, layers=["x", "n"])
    with pytest.raises(
        ValueError, match=r"expected at least one layer.* got a \(9,\) .*, b \(\) i"
    ):
        read({"a": STIMULI, "b": np.array(3)})
    with pytest.raises(ValueError, match=r"at least one layer.* got no array"):
        read({})


TABLE = {
    "image": STIMULI,
    "unit1": X[:, 0],
    "class": np.arange(9),
    "unit2": X[:, 1].astype(np.float32),
    "good": np.arange(9) > 3,
}


def test_columns_of_a_table_are_one_layer():
    with pytest.warns(UserWarning, match=r"left out: image \(9,\) text, class .*, good "):
        reps = read(TABLE, table="units")
    assert list(reps) == ["units"]
    np.testing.assert_array_equal(reps["units"], np.stack([X[:, 0], TABLE["unit2"]], 1))
    reps = read(TABLE, table="units", layers=["unit2", "class"], ids="image")
    np.testing.assert_array_equal(reps["units"], np.stack([np.arange(9), TABLE["unit2"]], 1))
    assert reps.sample_ids == tuple(STIMULI)
    for layers in ("!class", ["!class", "!good"]):
        reps = read(TABLE, table="units", layers=layers)
        assert reps["units"].shape == (9, 3 if layers == "!class" else 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert read(TABLE, table="units", layers="units") == read(TABLE, table="units")
    with pytest.raises(ValueError, match="unknown layer 'unt1'; did you mean 'unit1'"):
        read(TABLE, table="units", layers="unt1")


def test_a_table_of_integers_is_all_features():
    counts = {f"n{i}": RNG.integers(0, 9, 5) for i in range(3)}
    reps = read(counts, table="spikes")
    np.testing.assert_array_equal(reps["spikes"], np.stack(list(counts.values()), 1))
    assert read(counts, table="spikes", labels="n2")["spikes"].shape == (5, 2)


def test_a_table_with_a_column_of_vectors_has_that_layer_alone():
    with pytest.warns(UserWarning, match="left out: score"):
        assert list(read({"score": X[:, 0], "embedding": X}, table="t")) == ["embedding"]


def test_a_table_without_numbers():
    with pytest.raises(ValueError, match=r"at least one layer.* got a \(9,\) text, b \(9,\) text"):
        read({"a": STIMULI, "b": STIMULI}, table="t")


def test_names_are_compared_a_few_times_each():
    class Name(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Name.compared += 1
            return str.__eq__(self, other)

    names = [Name(f"unit{i}") for i in range(2000)]
    columns = {name: np.arange(2.0) for name in names}
    layers = select_arrays(Contents(columns, table="units"), layers=names).layers
    assert layers["units"].shape == (2, 2000)
    assert Name.compared < 50 * len(names)


@pytest.mark.parametrize(
    ("values", "n", "first"),
    [
        (np.array(["a", "", "b", ""]), 2, 1),
        (np.array(["a", "b", None, "c"], dtype=object), 1, 2),
        (np.array([np.nan, 1, 2, 2]), 1, 0),
    ],
)
def test_missing_ids_labels_and_groups_are_no_values(values, n, first):
    contents = Contents({"fc": np.ones((4, 2)), "names": values})
    for argument in ("ids", "labels", "groups", "order"):
        message = rf"{argument}='names' has no value for {n} of 4 samples, .* sample {first}:"
        with pytest.raises(ValueError, match=message):
            select_arrays(contents, **{argument: "names"})


def test_an_array_is_the_order_of_the_samples():
    days = np.datetime64("2020-01-01") + np.arange(9)[::-1]
    arrays = {"x": X, "t": np.linspace(1, 0, 9), "day": days, "name": STIMULI, "maps": MAPS}
    assert read(arrays, layers="x", order="t").order.tolist() == np.linspace(1, 0, 9).tolist()
    assert (read(arrays, layers="x", order="day").order == days).all()
    assert read({"x": X}, order=range(9)).order.tolist() == [*range(9)]
    rows = read(arrays, layers="maps", reduce="positions", channels="first", order="t")
    assert rows.structure("maps").members[0][:4].tolist() == [32, 33, 34, 35]
    with pytest.raises(ValueError, match="order must hold numbers or times, got dtype <U1"):
        read(arrays, layers="x", order="name")
    with pytest.raises(ValueError, match="unknown array for order= 'tt'; did you mean 't'"):
        read(arrays, layers="x", order="tt")


def test_the_order_wins_over_the_times_of_the_layers():
    contents = Contents({"x": X, "t": np.arange(9)}, {"orders": {"x": np.arange(9) + 5}})
    assert select_arrays(contents, layers="x").metadata["order"].tolist() == [*range(5, 14)]
    assert select_arrays(contents, layers="x", order="t").metadata["order"].tolist() == [*range(9)]


def test_a_pattern_that_leaves_out_nothing_is_an_error():
    arrays = {"V1": X, "V4": X, "image": STIMULI}
    assert list(read(arrays, layers=["!V4", "!image"])) == ["V1"]
    assert list(read(arrays, layers="!image", ids="image")) == ["V1", "V4"]
    for layers in ("!V9", ["V*", "!V9"]):
        with pytest.raises(ValueError, match=r"unknown layer 'V9'; did you mean 'V4' or 'V1'\?"):
            read(arrays, layers=layers)
    columns = {"unit1": np.ones(3), "unit2": np.ones(3), "trial": np.arange(3)}
    assert read(columns, table="units", layers=["!unit2", "!trial"])["units"].shape == (3, 1)
    with pytest.raises(ValueError, match="unknown layer 'unit3'; did you mean 'unit2'"):
        read(columns, table="units", layers="!unit3")


def test_channels_need_a_reduction():
    with pytest.raises(ValueError, match=r"channels='first' says which axis .* pass reduce= too"):
        read({"x": X}, channels="first")


def test_options_are_checked_where_no_array_needs_them():
    contents = Contents({"fc": np.ones((4, 2))})
    with pytest.raises(ValueError, match="unknown reduction 'median'"):
        select_arrays(contents, reduce="median")
    with pytest.raises(ValueError, match="unknown axis of channels 'middle'"):
        select_arrays(contents, channels="middle")


def test_a_column_with_the_name_of_its_table():
    table = {"a": X[:, 0], "units": X[:, 1], "kind": STIMULI}
    with pytest.warns(UserWarning, match=r"left out: kind \(9,\) text\."):
        np.testing.assert_array_equal(read(table, table="units")["units"], X[:, :2])
    np.testing.assert_array_equal(read(table, table="units", layers="units")["units"], X[:, [1]])
    with pytest.warns(UserWarning, match=r"left out: units \(9,\) text\."):
        reps = read(table | {"units": STIMULI}, table="units", labels="kind")
    np.testing.assert_array_equal(reps["units"], X[:, [0]])
    assert read(table | {"units": STIMULI}, table="units", layers="a", ids="units").sample_ids
    with pytest.warns(UserWarning, match=r"left out: units \(9,\) int64, kind \(9,\) text\."):
        reps = read(table | {"units": np.arange(9)}, table="units")
    np.testing.assert_array_equal(reps["units"], X[:, [0]])


def test_a_column_of_texts_is_no_feature():
    with pytest.raises(TypeError, match="layer 'kind' has dtype <U1; activations are real"):
        read({"a": X[:, 0], "kind": STIMULI}, table="units", layers=["a", "kind"])


def test_integers_with_gaps_are_no_features_beside_floats():
    table = {"a": X[:, 0], "trial": np.array([1, np.nan, *range(7)])}
    with pytest.warns(UserWarning, match=r"left out: trial \(9,\) float64"):
        np.testing.assert_array_equal(read(table, table="units")["units"], X[:, [0]])
    assert read(table, table="units", layers=["a", "trial"])["units"].shape == (9, 2)
    del table["a"]
    with pytest.warns(UserWarning, match="column 'trial' is read as a feature"):
        assert read(table, table="units")["units"].shape == (9, 1)


def test_columns_that_describe_the_samples_are_features_with_a_note():
    rng = np.random.default_rng(0)
    counts = {f"unit{i}": column for i, column in enumerate(rng.poisson(3, (3, 120)))}
    table = counts | {"nr": np.arange(120), "picture": np.repeat(np.arange(30), 4)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read(table, table="units")["units"].shape == (120, 5)
    (note,) = [str(x.message) for x in caught]
    assert note == (
        "columns 'nr', 'picture' are read as features but may describe the samples: leave them out "
        "with layers=['!nr', '!picture'], or pass ids=, labels=, groups= or order="
    )
    with pytest.warns(UserWarning, match="column 'picture' is read as a feature"):
        read(table, table="units", layers="!nr")
    # No note: they are picked, or say what the samples are.
    assert read(table, table="units", layers=list(table))["units"].shape == (120, 5)
    reps = read(table, table="units", groups="picture", ids="nr")
    assert reps["units"].shape == (120, 3)


@pytest.mark.parametrize(
    ("name", "is_label"),
    [
        *[(name, True) for name in ("time", "Trials", "stimulus_id", "class", "stimuli", "run")],
        *[(name, False) for name in ("unit_1", "trial_7", "grid", "timeless", "c")],
    ],
)
def test_floats_that_are_named_as_labels(name, is_label):
    table = {"a": X[:, 0], name: X[:, 1] + 0.01}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert read(table, table="units")["units"].shape == (9, 2)
    assert [f"column {name!r} is read as a feature" in str(x.message) for x in caught] == (
        [True] if is_label else []
    )


def test_missing_integers_are_no_ids():
    table = {"trial": np.array([1, np.nan, *range(7)])}
    with pytest.raises(ValueError, match="ids='trial' has no value for 1 of 9 samples, the first"):
        read({"x": X} | table, ids="trial")


def test_a_nested_array_by_the_end_of_its_name():
    arrays = {"X": X, "obs/donor": STIMULI, "obs/n": np.arange(9), "var/n": np.arange(4)}
    assert read(arrays, layers="X", groups="donor").groups.tolist() == STIMULI.tolist()
    assert list(read({"X": X, "obs/donor": STIMULI}, labels="donor")) == ["X"]
    with pytest.raises(ValueError, match=r"ids='n' stands for obs/n or var/n: name one of them in"):
        read(arrays, layers="X", ids="n")
    with pytest.raises(ValueError, match=r"unknown array for ids= 'onor'; did you mean"):
        read(arrays, layers="X", ids="onor")


def test_ids_that_are_floats():
    with pytest.raises(
        TypeError, match=r"got 0\.5 \(float64\) for sample 0: pass np\.asarray\(ids\)\.astype\(int"
    ):
        Representations({"x": X}, sample_ids=np.arange(9) + 0.5)


@pytest.mark.parametrize("name", ["attention_mask", "mask", "text/token_mask"])
def test_a_mask_beside_reduced_tokens_is_noted(name):
    tokens = RNG.standard_normal((9, 3, 2))
    mask = np.ones((9, 3), np.int64)
    mask[4, 2] = 0
    arrays = {"h": tokens, name: mask}
    with pytest.warns(UserWarning, match=f"'{name}' marks positions to leave out, and reduce='m"):
        reps = read(arrays, reduce="mean", channels="last", layers="h")
    np.testing.assert_allclose(reps["h"], tokens.mean(1), rtol=1e-15)
    for other in (np.ones((9, 3)), RNG.standard_normal((9, 3)), mask[:, :2]):  # marks nothing
        read({"h": tokens, name: other}, reduce="mean", channels="last", layers="h")
    assert list(read({"x": X, name: mask}, layers="x")) == ["x"]


@pytest.mark.parametrize("name", ["attention_mask", "input_ids", "text/input_ids"])
def test_inputs_of_language_models_are_layers_only_if_they_are_named(name):
    arrays = {"x": X, name: np.ones((9, 3), np.int64)}
    with pytest.warns(UserWarning, match=rf"left out: {name} \(9, 3\) int64"):
        assert list(read(arrays)) == ["x"]
    assert list(read(arrays, layers=["x", name])) == ["x", name]


def test_a_named_array_of_another_length():
    with pytest.raises(ValueError, match="groups='region' has 2 values and the layers have 9 samp"):
        read({"x": X, "region": np.array(["a", "b"])}, groups="region")
