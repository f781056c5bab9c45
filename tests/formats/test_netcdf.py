import warnings

import h5netcdf
import numpy as np
import pytest
import xarray
from helpers import format_files as files

from isorep.storage import load, open_store

each_engine = pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])


def written(tmp_path, engine="h5netcdf", coords=None, **variables):
    path = tmp_path / "a.nc"
    xarray.Dataset(variables, coords=coords).to_netcdf(path, engine=engine)
    return path


@each_engine
@pytest.mark.parametrize(
    ("dims", "first"),
    [
        (("stimulus", "time", "neuron"), "stimulus"),
        (("neuron", "stimulus"), "stimulus"),
        (("trial", "time", "unit"), "trial"),  # both could be: samples come first
        (("x", "y"), "x"),
        (("dim_0", "dim_1"), "dim_0"),
        *[((first, "token", "hidden"), first) for first in ("batch", "prompt", "n", "episode")],
        *[((first, "time", "unit"), first) for first in ("subject", "session", "seed", "clip")],
        (("session", "trial", "unit"), "session"),
        (("frame", "height", "width"), "frame"),
        (("unit", "sample", "time"), "sample"),
        (("neuroid", "presentation", "time_bin"), "presentation"),
    ],
)
def test_samples_come_first(tmp_path, engine, dims, first):
    values = np.random.default_rng(0).normal(size=(2, 3, 4)[: len(dims)])
    path = written(tmp_path, engine, rates=(dims, values))
    reps = load(path, reduce="flatten")
    expected = np.moveaxis(values, dims.index(first), 0)
    np.testing.assert_array_equal(reps["rates"], expected.reshape(len(expected), -1))


@pytest.mark.parametrize("dims", ["unit trial time", "time trial unit", "token batch hidden"])
@pytest.mark.parametrize("channels", ["last", "auto"])
def test_unknown_samples_are_refused(tmp_path, dims, channels):
    path = written(tmp_path, rates=(dims.split(), np.ones((2, 3, 4))))
    text = ", ".join(map(repr, dims.split()))
    with pytest.raises(ValueError, match=rf"rates has dims \({text}\), and it is unknown which"):
        load(path, reduce="mean", channels=channels)


def test_samples_of_a_mask_beside_tokens(tmp_path):
    tokens = np.random.default_rng(0).normal(size=(2, 3, 4))
    mask = np.array([[1, 1, 0], [1, 1, 1]])
    dims = ("batch", "token", "hidden")
    path = written(tmp_path, h=(dims, tokens), attention_mask=(dims[:2], mask))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reps = load(path, reduce="mean")
    np.testing.assert_allclose(reps["h"], tokens.mean(1), rtol=1e-15)
    notes = " ".join(str(x.message) for x in caught)
    assert "'attention_mask' marks positions" in notes
    assert "left out: attention_mask (2, 3)" in notes


def test_samples_along_different_dimensions_are_not_joined(tmp_path):
    path = written(
        tmp_path,
        a=(("neuron", "image"), np.ones((2, 4))),
        b=(("time", "unit"), np.ones((4, 3))),
    )
    with pytest.raises(
        ValueError, match=r"layer 'a' are along 'image' and .* 'b' along 'time': pi"
    ):
        load(path)
    assert load(path, layers="a")["a"].shape == (4, 2)


@each_engine
def test_ids_of_a_coordinate_without_index(tmp_path, engine):
    coords = {"word": ("presentation", np.array(["the", "cat", "sat"], dtype=object))}
    path = written(tmp_path, engine, coords, units=(("presentation", "neuroid"), np.eye(3)))
    with pytest.warns(UserWarning, match=r"left out: word \(3,\)"):
        assert load(path).sample_ids == ("the", "cat", "sat")


def test_numbers_with_a_unit_of_time_stay_numbers(tmp_path):
    latency = xarray.Variable(("trial", "unit"), np.eye(3), {"units": "ms"})
    path = written(tmp_path, latency=latency)
    np.testing.assert_array_equal(load(path)["latency"], np.eye(3))


def test_a_missing_number_is_nan(tmp_path):
    path = tmp_path / "a.nc"
    dataset = xarray.Dataset({"x": (("trial", "unit"), [[1.0, np.nan], [3.0, 4.0]])})
    dataset.to_netcdf(path, encoding={"x": {"dtype": "int16", "_FillValue": -1}})
    np.testing.assert_array_equal(load(path)["x"], [[1, np.nan], [3, 4]])


def test_groups_of_a_file(tmp_path):
    for seed in range(2):
        files.xarray_dataset()[["rates"]].to_netcdf(
            tmp_path / "a.nc", group=f"seed{seed}", mode="a", engine="h5netcdf"
        )
    reps = load(tmp_path / "a.nc", layers="*rates")
    assert list(reps) == ["seed0/rates", "seed1/rates"]
    assert reps.sample_ids == tuple(files.IDS)


def test_only_the_rows_that_are_asked_for_are_read(tmp_path, monkeypatch):
    path = written(tmp_path, rates=(("trial", "unit"), np.arange(600.0).reshape(200, 3)))
    stored = open_store(path)["rates"]
    read = []
    get = h5netcdf.core.BaseVariable.__getitem__

    def count(variable, key):
        values = get(variable, key)
        read.append(np.size(values))
        return values

    monkeypatch.setattr(h5netcdf.core.BaseVariable, "__getitem__", count)
    np.testing.assert_array_equal(stored[100:102], np.arange(300.0, 306).reshape(2, 3))
    assert read == [6]


@each_engine
def test_what_is_no_such_file(tmp_path, engine):
    path = written(tmp_path, engine, x=(("trial", "unit"), np.ones((50, 30))))
    content = path.read_bytes()
    for bad in (b"", b"hello world, this is no array", b"CDF\x01", content[: len(content) // 2]):
        path.write_bytes(bad)
        with pytest.raises(ValueError, match=r"cannot load '.*a.nc': (expected a netCDF|.*rows)"):
            load(path)


RATES = np.random.default_rng(0).standard_normal((6, 3, 2, 4))


def written_dims(folder, dims):
    array = xarray.DataArray(RATES[(...,) + (0,) * (4 - len(dims))], dims=dims, name="V4")
    array.to_dataset().to_netcdf(folder / "a.nc", engine="h5netcdf")
    return folder / "a.nc"


@pytest.mark.parametrize(
    ("dims", "axis"),
    [
        (("stimulus", "channel", "time"), 1),
        (("stimulus", "time", "neuron_id"), 2),
        (("stimulus", "x", "channel", "y"), 2),
        (("stimulus", "row", "column", "channel"), 3),
    ],
)
def test_names_of_dimensions_say_where_the_features_are(tmp_path, dims, axis):
    path = written_dims(tmp_path, dims)
    values = RATES[(...,) + (0,) * (4 - len(dims))]
    others = tuple(k for k in range(1, len(dims)) if k != axis)
    np.testing.assert_allclose(load(path, reduce="mean")["V4"], values.mean(others), rtol=1e-13)
    rows = np.moveaxis(values, axis, -1).reshape(-1, values.shape[axis])
    np.testing.assert_array_equal(load(path, reduce="positions")["V4"], rows)
    for channels, place in (("first", 1), ("last", len(dims) - 1)):
        if place == axis:
            assert load(path, reduce="mean", channels=channels) == load(path, reduce="mean")
            continue
        with pytest.raises(ValueError, match=rf"channels='{channels}' would take '{dims[place]}'"):
            load(path, reduce="mean", channels=channels)


def test_dimensions_whose_names_are_unclear(tmp_path):
    path = written_dims(tmp_path, ("stimulus", "unit", "neuron"))
    with pytest.warns(UserWarning, match=r"\('stimulus', 'unit', 'neuron'\) is read as 2 features"):
        assert load(path, reduce="mean")["V4"].shape == (6, 2)
    assert load(path, reduce="mean", channels="first")["V4"].shape == (6, 3)
    path = written_dims(tmp_path, ("stimulus", "a", "b", "c"))
    with pytest.raises(ValueError, match=r"\('stimulus', 'a', 'b', 'c'\), and it is unknown which"):
        load(path, reduce="mean")
