"""Tables know their samples: labels become ids, and names of dimensions tell what a sample is."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import isorep
from isorep import Representations
from isorep._utils.table_index import plain_label
from isorep.core.moments import CrossMoments
from isorep.representations.sample_table import SampleTable, paired, shared_sample_dim

N, P = 60, 4
X = np.random.default_rng(0).standard_normal((N, P))
IMAGES = [f"im{i}" for i in range(N)]
SHUFFLED = np.random.default_rng(1).permutation(N)


def frame(index=IMAGES, x=X):
    return pd.DataFrame(x, index=index)


def array(dims=("presentation", "neuroid"), x=X, **coords):
    return xr.DataArray(x, dims=dims, coords=coords)


def anndata(names=IMAGES, x=X):
    """What isorep reads of an AnnData object, which this library does not depend on."""
    names = pd.Index(names)
    obs = pd.DataFrame({"batch": [i // 3 for i in range(len(names))]}, index=names)
    return SimpleNamespace(obs_names=names, obs=obs, X=x)


def levels(order=slice(None)):
    pairs = [(f"mouse{i // 3}", i % 3) for i in range(N)]
    return pd.MultiIndex.from_tuples([pairs[i] for i in np.arange(N)[order]], names=("mouse", "k"))


TABLES = {
    "pandas": (frame(), frame()[::-1]),
    "MultiIndex": (frame(levels()), frame(levels(SHUFFLED), X[SHUFFLED])),
    "xarray": (
        array(presentation=IMAGES),
        array(presentation=IMAGES).isel(presentation=SHUFFLED),
    ),
    "xarray, turned": (
        array(presentation=IMAGES),
        array(presentation=IMAGES).isel(presentation=SHUFFLED).T,
    ),
    "AnnData": (anndata(), anndata(IMAGES[::-1], X[::-1])),
    "pandas and xarray": (frame(), array(presentation=IMAGES).isel(presentation=SHUFFLED)),
}
each_pair = pytest.mark.parametrize(("a", "b"), TABLES.values(), ids=TABLES)


@each_pair
def test_both_sides_are_brought_into_the_order_of_the_first(a, b):
    x, y, ids, _ = paired(a, b)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, X)
    assert len(set(ids)) == N
    reps, other = Representations({"V1": a}), Representations({"V1": b})
    assert reps.sample_ids == ids
    np.testing.assert_array_equal(other.align(reps)["V1"], X)


@each_pair
def test_every_entry_point_aligns(a, b):
    assert isorep.cka(a, b).similarity == pytest.approx(1, abs=1e-12)
    assert isorep.similarity(a, b, "euclidean").distance == pytest.approx(0, abs=1e-12)
    assert isorep.overlap(a, b).correlations.min() == pytest.approx(1, abs=1e-12)
    assert isorep.infer(a, b, "cka", n_permutations=9).similarity == pytest.approx(1, abs=1e-12)
    sides = {"V1": a}, {"V1": b}
    assert isorep.compare(*sides, measures="cka")["cka"].item() == pytest.approx(1, abs=1e-12)
    table = isorep.pairwise({"a": sides[0], "b": sides[1]}, measures="cka")
    np.testing.assert_allclose(table["cka"].values, 1, atol=1e-12)
    path = isorep.trajectory({1: sides[1], 2: sides[0]}, measures="cka")
    np.testing.assert_allclose(path["cka"].values, 1, atol=1e-12)
    for base, changed in (sides, (a, b)):
        diff = isorep.diff(base, changed, measure="cka", interval=False)
        assert next(iter(diff.values())).max_error == 0


@each_pair
def test_bases_and_moments_know_their_labels(a, b):
    x, y = isorep.Basis.from_array(a), isorep.Basis.from_array(b)
    for pair in ((x, b), (b, x), (a, x)):
        assert isorep.cka(*pair).similarity == pytest.approx(1, abs=1e-12)
    with pytest.raises(ValueError, match=r"another order.*couple the tables themselves"):
        isorep.cka(x, y)
    moments = [isorep.Basis.from_moments(isorep.Moments.from_batch(side)) for side in (a, b)]
    coupled = isorep.Overlap.from_moments(*moments, CrossMoments.from_batch(a, b))
    assert coupled.correlations.min() == pytest.approx(1, abs=1e-9)


def test_maps_are_aligned():
    maps = np.random.default_rng(2).standard_normal((N, 2, 3, 3))
    dims = ("image", "channel", "height", "width")
    a = xr.DataArray(maps, dims=dims, coords={"image": IMAGES})
    b = a.isel(image=SHUFFLED).transpose("channel", "image", "height", "width")
    assert isorep.measures.dft_cca(a, b).similarity == pytest.approx(1, abs=1e-9)


def test_other_labels_are_refused_with_the_first_that_differs():
    a, b = frame(), frame([*IMAGES[:5], "other", *IMAGES[6:]])
    text = r"different samples: 1 of the 60 in {0} .* the first of them sample 5, 'im5'"
    with pytest.raises(ValueError, match=text.format("x")):
        isorep.cka(a, b)
    with pytest.raises(ValueError, match=text.format("a")):
        isorep.compare({"V1": a}, {"V1": b})
    with pytest.raises(ValueError, match=text.format("layer 'V1'")):
        Representations({"V1": a, "V4": b})
    with pytest.raises(ValueError, match=r"1 of the 60 in x are not in y, .* sample 59, 'im59'"):
        isorep.cka(a, a[:-1])
    with pytest.raises(ValueError, match=r"1 of the 60 in y are not in x, .* sample 59, 'im59'"):
        isorep.cka(a[:-1], a)
    with pytest.raises(ValueError, match=r"numbers of samples, 60 and 59; .* sample 59, 'im59'"):
        isorep.compare({"V1": a}, {"V1": a[:-1]})


def test_repeated_labels_are_groups_and_cannot_be_reordered():
    repeated = [f"im{i // 2}" for i in range(N)]
    a, b = frame(repeated), frame(repeated[::-1], X[::-1])
    assert Representations({"V1": a}).structure("V1").n_groups == N // 2
    assert isorep.cka(a, a).similarity == pytest.approx(1)
    with pytest.raises(ValueError, match=r"another order: sample 0 is 'im0' .* some repeat"):
        isorep.cka(a, b)


def test_labels_on_one_side_only():
    with pytest.warns(UserWarning, match="x has labels of its samples and y has none"):
        isorep.cka(frame(), X)
    with pytest.warns(UserWarning, match="y has labels of its samples and x has none"):
        isorep.cka(frame(range(N)), frame())
    with pytest.warns(UserWarning, match="layer 'V1' has labels .* and layer 'fc' has none"):
        Representations({"fc": X, "V1": frame()})


def test_an_index_that_counts_rows_is_no_label(recwarn):
    assert Representations({"V1": frame(range(N))}).sample_ids is None
    assert Representations({"V1": anndata(map(str, range(N)))}).sample_ids is None
    assert isorep.cka(frame(range(N)), X).similarity == pytest.approx(1)
    counted = array(presentation=range(N))  # a coordinate of xarray was set by someone
    assert Representations({"V1": counted}).sample_ids == tuple(map(str, range(N)))
    named = frame(pd.Index(range(N), name="image"))
    assert Representations({"V1": named}).sample_ids == tuple(map(str, range(N)))
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]


def test_a_missing_label():
    for missing in (None, np.nan, pd.NA):
        with pytest.raises(ValueError, match=r"label of sample 3 of x is missing"):
            isorep.cka(frame([*IMAGES[:3], missing, *IMAGES[4:]]), X)


def test_labels_of_every_kind_as_text():
    time = pd.Timestamp("2026-01-02")
    labels = (np.int64(3), 2.0, 0.5, time, np.str_("a"))
    assert [plain_label(label) for label in labels] == [3, 2, "0.5", "2026-01-02 00:00:00", "a"]
    assert plain_label(("a", np.nan)) is None
    assert Representations({"x": X}, sample_ids=levels()).sample_ids[4] == "('mouse1', 1)"
    assert Representations({"x": frame(levels())}).sample_ids[4] == "('mouse1', 1)"
    of_numpy = Representations({"x": X}, sample_ids=[("m", i) for i in np.arange(N)])
    assert of_numpy.sample_ids[1] == "('m', 1)"


class TestDimensions:
    def test_units_are_never_samples(self):
        x, y = np.random.default_rng(3).standard_normal((2, 200, 5))
        a, b = array(("unit", "stim"), x.T), array(("unit", "stim"), y.T)
        assert isorep.cka(a, b) == isorep.cka(x, y)
        assert isorep.compare({"V1": a}, {"V1": b}, measures="cka")["cka"].item() == pytest.approx(
            isorep.cka(x, y).similarity
        )
        assert Representations({"V1": a})["V1"].shape == (200, 5)

    def test_the_dimension_that_all_share(self):
        dataset = {"a": array(("d1", "s"), X.T), "b": array(("s", "d2"))}
        reps = Representations(dataset)
        np.testing.assert_array_equal(reps["a"], X)
        np.testing.assert_array_equal(reps["b"], X)
        # Neither side alone tells; both together do.
        assert isorep.cka(array(("s", "d1"), s=IMAGES), array(("d2", "s"), X.T, s=IMAGES)) == (
            isorep.cka(X, X)
        )
        table = isorep.compare({"l": array(("s", "d1"))}, {"l": array(("d2", "s"), X.T)})
        assert table["pwcca"].item() == pytest.approx(1)

    def test_unknown_dimensions_are_refused(self):
        a = array(("p", "q"))
        for call in (
            lambda: isorep.cka(a, a),
            lambda: isorep.compare({"V1": a}, {"V1": a}),
            lambda: isorep.Basis.from_array(a),
            lambda: isorep.pairwise({"a": {"V1": a}, "b": {"V1": X}}),
        ):
            with pytest.raises(ValueError, match=r"has dims \('p', 'q'\), .* sample_dim="):
                call()
        reps = Representations.from_mapping({"V1": a.T}, sample_dim="p")
        np.testing.assert_array_equal(reps["V1"], X)
        with pytest.raises(ValueError, match=r"no dimension 'r' of samples"):
            Representations.from_mapping({"V1": a}, sample_dim="r")
        with pytest.raises(ValueError, match="sample_dim='p' needs layers with named dimensions"):
            Representations.from_mapping({"V1": X}, sample_dim="p")

    def test_dimensions_without_names_are_rows_and_columns(self):
        np.testing.assert_array_equal(Representations({"V1": xr.DataArray(X)})["V1"], X)
        assert isorep.cka(xr.DataArray(X), X).similarity == pytest.approx(1)

    @pytest.mark.parametrize(
        ("dims", "expected"),
        [
            (("units", "stimulus_id"), "stimulus_id"),
            (("obs", "var"), "obs"),
            (("Neuron", "whatever"), "whatever"),
            (("whatever", "time"), None),
            (("batch", "time"), None),
            (("unit", "time"), "time"),
            (("layer", "stimulus"), "stimulus"),
            (("sample", "trial"), "sample"),
            (("trial", "time"), None),
            (("unit", "channel"), None),
            (("dim_0", "cell"), "cell"),
        ],
    )
    def test_names(self, dims, expected):
        assert shared_sample_dim([array(dims)]) == expected


class TestCoordinates:
    def table(self, **coords):
        names = {key: ("presentation", values) for key, values in coords.items()}
        return array(**names)

    def test_a_coordinate_that_differs_for_each_sample_labels_them(self):
        time, kind = np.linspace(0, 1, N), ["face", "car"] * (N // 2)
        a = self.table(time=time, kind=kind, image_id=IMAGES)
        assert SampleTable.from_value(a, "x").ids == tuple(IMAGES)
        assert isorep.cka(a, a.isel(presentation=SHUFFLED)).similarity == pytest.approx(1)
        trials = self.table(trial=np.arange(N) + 5, kind=kind)
        assert SampleTable.from_value(trials, "x").ids == tuple(map(str, range(5, N + 5)))
        repeats = self.table(image_id=np.repeat(IMAGES[::2], 2), repeat=[0, 1] * (N // 2))
        assert SampleTable.from_value(repeats, "x").ids[:2] == ("('im0', 0)", "('im0', 1)")
        assert isorep.cka(repeats, repeats[SHUFFLED]).similarity == pytest.approx(1)

    def test_classes_are_no_labels(self):
        kind = ["face", "car"] * (N // 2)
        assert SampleTable.from_value(self.table(kind=kind), "x").ids is None
        assert Representations({"V1": self.table(kind=kind)}).structure("V1") is None

    def test_groups_and_order_by_name(self):
        table = array(
            presentation=IMAGES,
            mouse=("presentation", [f"m{i // 4}" for i in range(N)]),
            time=("presentation", np.arange(N)[::-1]),
        )
        reps = Representations.from_mapping({"V1": table}, groups="mouse", order="time")
        assert [rows.tolist() for rows in reps.structure("V1").members] == [
            [i + 3, i + 2, i + 1, i] for i in range(0, N, 4)
        ]
        of_pandas = Representations.from_mapping({"V1": frame(levels())}, groups="mouse", order="k")
        assert of_pandas.structure("V1").n_groups == N // 3
        of_anndata = Representations.from_mapping({"V1": anndata()}, groups="batch")
        assert of_anndata.groups.tolist() == [i // 3 for i in range(N)]
        with pytest.raises(ValueError, match=r"no coordinate 'cat' .*'presentation', 'mouse'"):
            Representations.from_mapping({"V1": table}, groups="cat")
        with pytest.raises(ValueError, match=r"no coordinate 'cat' .* have: none"):
            Representations.from_mapping({"V1": X}, groups="cat")

    def test_groups_of_layers_that_are_known(self):
        reps = Representations({"V1": X}, sample_ids=IMAGES)
        grouped = Representations.from_mapping(reps, groups=pd.Categorical(["a", "b"] * 30))
        assert grouped.sample_ids == reps.sample_ids
        assert grouped.structure("V1").n_groups == 2

    def test_a_table_in_another_order_takes_its_coordinates_along(self):
        table = SampleTable.from_value(frame(levels()), "x").take(SHUFFLED)
        assert table.coordinates["k"].tolist() == [i % 3 for i in SHUFFLED]


class TestAlign:
    def test_brings_captures_into_one_order(self):
        a = Representations({"fc": X}, sample_ids=IMAGES)
        b = Representations({"fc": X[::-1]}, sample_ids=IMAGES[::-1], labels=range(N))
        assert a.align(a) is a
        aligned = b.align(a)
        np.testing.assert_array_equal(aligned["fc"], X)
        assert aligned.labels.tolist() == list(range(N))[::-1]
        with pytest.raises(ValueError, match=r"another order.*with Representations\.align"):
            isorep.compare(a, b)

    def test_a_table_beside_a_capture_takes_its_order(self, tmp_path):
        capture = Representations({"fc": X[SHUFFLED]}, sample_ids=np.array(IMAGES)[SHUFFLED])
        capture.save(tmp_path / "a.zarr")
        table = {"V1": frame()}
        for side in (capture, tmp_path / "a.zarr"):
            for pair in ((table, side), (side, table)):
                compared = isorep.compare(*pair, measures="cka")
                assert compared["cka"].item() == pytest.approx(1, abs=1e-12)

    def test_what_cannot_be_aligned(self):
        a = Representations({"fc": X}, sample_ids=IMAGES)
        with pytest.raises(ValueError, match="this side has no sample ids to align by"):
            Representations({"fc": X}).align(a)
        with pytest.raises(ValueError, match="the other side has no sample ids"):
            a.align(Representations({"fc": X}))
        with pytest.raises(ValueError, match=r"1 of the 60 in this side are not in the other side"):
            a.align(Representations({"fc": X}, sample_ids=[*IMAGES[1:], "new"]))
        repeated = Representations({"fc": X}, sample_ids=[f"im{i // 2}" for i in range(N)])
        with pytest.raises(ValueError, match="some repeat, so bring the rows into one order"):
            repeated.align(repeated.take(range(N - 1, -1, -1)))
