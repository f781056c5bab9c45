"""Provenance: a table says of what and how it was made, wherever it is saved."""

import getpass
import importlib.metadata
import json
import socket

import numpy as np
import pandas
import pytest
import xarray

import isorep
from isorep._utils import version
from isorep._utils.array_digest import array_digest
from isorep.comparison import open_pairs
from isorep.comparison.export import to_json
from isorep.comparison.read_result import read_result

RNG = np.random.default_rng(0)
X, Y = ({"conv": RNG.standard_normal((300, 6)), "fc": RNG.standard_normal((300, 4))} for _ in "xy")


def provenance(table):
    return json.loads(table.attrs["provenance"])


def compare(a=X, b=Y, **options):
    return isorep.compare(a, b, measures="cka", progress=False, **options)


def test_a_table_says_versions_options_and_data():
    ids = [f"image{i}" for i in range(300)]
    a = isorep.Representations(X, sample_ids=ids, reductions={"conv": "mean", "fc": "mean"})
    b = isorep.Representations(Y, sample_ids=ids, groups=np.arange(300) // 3)
    with isorep.silence("dependent-samples"):
        made = provenance(compare(a, b, layers="conv", interval=True, seed=3))
    assert made["versions"]["isorep"] == isorep.__version__
    assert made["versions"]["numpy"] == np.__version__
    assert made["options"] == {
        "solver": "auto",
        "precision": "auto",
        "interval": True,
        "seed": 3,
        "nan_policy": "raise",
    }
    assert made["data"]["a"].keys() == {"digest", "n_samples", "reduction", "sample_ids"}
    assert made["data"]["a"]["reduction"] == "mean"
    assert made["data"]["b"].keys() == {"digest", "n_samples", "sample_ids", "groups"}
    assert made["data"]["a"]["sample_ids"] == made["data"]["b"]["sample_ids"]


def test_digests_follow_values_names_and_order_of_layers():
    first = provenance(compare())["data"]
    again = provenance(compare({name: x.copy() for name, x in X.items()}))["data"]
    assert again == first
    assert first["a"]["digest"] != first["b"]["digest"]
    others = (
        X | {"fc": X["fc"] + 1},
        {"conv": X["conv"], "out": X["fc"]},
        dict(reversed(X.items())),
        {name: x.astype(np.float32) for name, x in X.items()},
        {name: x[::-1] for name, x in X.items()},
    )
    digests = {provenance(compare(a))["data"]["a"]["digest"] for a in others}
    assert len(digests | {first["a"]["digest"]}) == len(others) + 1


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_a_digest_does_not_depend_on_layout_or_byte_order(dtype):
    x = np.round(100 * X["conv"]).astype(dtype)
    same = [np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], x.astype(x.dtype.newbyteorder())]
    assert {array_digest(layout) for layout in same} == {array_digest(x)}


def test_one_network_with_itself_is_described_once():
    assert provenance(compare(X, X))["data"].keys() == {"a"}


@pytest.mark.parametrize("shape", [(7, 3), (64, 256), (65, 257), (5000, 40), (30, 9000)])
def test_a_digest_reads_few_values_of_a_large_array(shape):
    class Counted:
        def __init__(self, array):
            self.shape, self.dtype, self.array, self.n_rows = shape, array.dtype, array, 0

        def __getitem__(self, rows):
            self.n_rows += len(self.array[rows])
            return self.array[rows]

    x = RNG.standard_normal(shape)
    counted = Counted(x)
    assert array_digest(counted) == array_digest(x)
    assert counted.n_rows <= min(shape[0], 64)
    for row in (0, -1):
        changed = x.copy()
        changed[row, 0] += 1
        assert array_digest(changed) != array_digest(x)


def test_stores_and_streams_have_the_digests_of_arrays_in_memory(tmp_path, monkeypatch):
    for name, layers in (("a", X), ("b", Y)):
        isorep.Representations(layers).save(tmp_path / f"{name}.zarr")
    in_memory = provenance(compare())
    paths = [tmp_path / "a.zarr", tmp_path / "b.zarr"]
    assert provenance(compare(*paths)) == in_memory
    monkeypatch.setattr(open_pairs, "SMALL", 0)
    assert "1 pass" in str(compare(*paths, plan_only=True))
    assert provenance(compare(*paths)) == in_memory


def test_nothing_names_a_place_or_a_person(tmp_path):
    isorep.Representations(X).save(tmp_path / "a.zarr")
    tables = [
        compare(tmp_path / "a.zarr", Y),
        isorep.pairwise({"one": tmp_path / "a.zarr", "two": Y}, measures="cka", progress=False),
        isorep.diff(tmp_path / "a.zarr", Y, interval=False, progress=False).table,
    ]
    for table in tables:
        for word in (str(tmp_path), tmp_path.name, socket.gethostname(), f"/{getpass.getuser()}/"):
            assert word not in table.attrs["provenance"]


def test_files_keep_it(tmp_path):
    table = compare()
    (tmp_path / "table.json").write_text(to_json(table))
    table.to_zarr(tmp_path / "table.zarr", zarr_format=2)
    for name in ("table.json", "table.zarr"):
        assert read_result(tmp_path / name).attrs["provenance"] == table.attrs["provenance"]
    pytest.importorskip("h5netcdf")
    table.to_netcdf(tmp_path / "table.nc")
    with xarray.open_dataset(tmp_path / "table.nc") as opened:
        assert opened.attrs["provenance"] == table.attrs["provenance"]
    result = isorep.diff(X, Y, measure="cka", interval=False, progress=False)
    assert json.loads(result.to_json())["provenance"] == provenance(result.table)


def test_a_sweep_keeps_it_when_it_is_resumed_by_another_version_of_numpy(tmp_path, monkeypatch):
    networks = {f"seed{i}": {"fc": RNG.standard_normal((50, 3))} for i in range(3)}
    options = {"measures": "cka", "progress": False}
    in_memory = isorep.pairwise(networks, **options)
    stored = isorep.pairwise(networks, **options, out=tmp_path / "sweep.zarr").load()
    assert stored.identical(in_memory)
    made = provenance(in_memory)
    assert made["data"]["networks"].keys() == {f"networks['seed{i}']" for i in range(3)}
    assert made["data"]["n_samples"] == 50
    monkeypatch.setattr(version, "_version", lambda name: "0")
    monkeypatch.setattr(np, "__version__", "9.9.9")
    assert provenance(isorep.pairwise(networks, **options))["versions"]["numpy"] == "9.9.9"
    resumed = isorep.pairwise(networks, **options, out=tmp_path / "sweep.zarr").load()
    assert resumed.identical(in_memory)


def test_a_trajectory_describes_each_state():
    states = {step: {"fc": RNG.standard_normal((50, 3))} for step in (1, 2)}
    states[2] = isorep.Representations(states[2], reductions={"fc": "mean"})
    made = provenance(isorep.trajectory(states, measures="cka", progress=False))["data"]
    assert isinstance(made["networks"]["states[1]"], str)
    assert made["networks"]["states[2]"].keys() == {"digest", "reduction"}


def test_models_have_digests_of_their_weights():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model, other = (torch.nn.Sequential(torch.nn.Linear(3, 4)) for _ in "ab")
    same = torch.nn.Sequential(torch.nn.Linear(3, 4))
    same.load_state_dict(model.state_dict())
    data = [torch.rand(30, 3) for _ in range(3)]
    made = provenance(isorep.compare(model, other, data=data, measures="cka", progress=False))
    assert made["versions"]["torch"] == importlib.metadata.version("torch")
    a, b = made["data"].values()
    assert a["model"] == "Sequential"
    assert a["model_digest"] != b["model_digest"]
    assert a["sample_ids"] == b["sample_ids"]
    assert a["reduction"] == "mean"
    # In batches of another size, and in memory, the samples are the same.
    (batch,) = [torch.cat(data)]
    result = isorep.diff(model, same, batch, measure="cka", interval=False, progress=False)
    base, changed = provenance(result.table)["data"].values()
    assert base["model_digest"] == changed["model_digest"] == a["model_digest"]
    assert base["sample_ids"] == a["sample_ids"]
    assert base["digest"] == changed["digest"]


def test_a_score_says_options_and_data():
    x, y = X["conv"], Y["conv"]
    score = isorep.similarity(x, y, "pwcca", weights_from="both", groups=np.arange(300) // 2)
    made = score.to_dict()["provenance"]
    assert made["options"]["weights_from"] == "both"
    assert made["options"]["solver"] == "auto"
    assert made["data"].keys() == {"x", "y", "groups"}
    assert made["data"]["x"] == array_digest(x)
    assert isorep.cka(isorep.Basis.from_array(x), y).provenance["data"].keys() == {"y"}
    assert "provenance" not in score._repr_html_()


def test_a_score_has_one_digest_of_a_data_frame_whatever_holds_its_numbers():
    x = X["conv"]
    frames = [pandas.DataFrame(x), *[pandas.DataFrame(x).astype("Float64") for _ in range(2)]]
    made = [isorep.cka(frame, Y["conv"]).provenance["data"]["x"] for frame in frames]
    assert made == [array_digest(x)] * 3


def test_options_that_are_scalars_of_numpy_are_plain_numbers():
    options = {"seed": np.int64(3), "interval": np.bool_(True), "chance": np.bool_(False)}
    made = provenance(compare(**options))["options"]
    assert (made["seed"], made["interval"], "chance" in made) == (3, True, False)
    score = isorep.cka(X["conv"], Y["conv"], correct=True, seed=np.int64(3))
    assert json.loads(json.dumps(score.to_dict()))["provenance"]["options"]["seed"] == 3
