"""Moments on the device of the models: the numbers of the host.

CPU tensors stand in for those of a GPU, which only `on_a_device` can tell.
"""

import numpy as np
import pytest
import torch
from helpers.devices import each_device

import isorep
from isorep.activations import moments_device
from isorep.activations.activation_batch import ActivationBatch
from isorep.activations.distributed import capture_moments
from isorep.comparison.streaming.accumulator import MomentAccumulator, Rows
from isorep.core.moments import Centred, CrossMoments, Moments

KEYS = ("a", "x"), ("b", "y")


def sides(n=523):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((n, 7)) * np.geomspace(1, 1e-3, 7) + 1e4
    x[:, 3] = 0.1
    return x, x[:, :4] @ rng.standard_normal((4, 5)) + rng.standard_normal((n, 5))


@each_device
def test_a_scatter_stays_where_the_rows_are_until_the_end(device):
    x, y = sides()
    tensors = [torch.as_tensor(side, device=device) for side in (x, y)]
    parts = [
        tuple(map(Centred.from_rows, rows))
        for rows in zip(*(t.split(97) for t in tensors), strict=True)
    ]
    moments = parts[0][0].moments()
    cross = parts[0][0].cross_moments(parts[0][1])
    for left, right in parts[1:]:
        moments, cross = moments + left.moments(), cross + left.cross_moments(right)
    for part in (moments, cross):
        assert part.scatter.device.type == device
        assert type(part.to_numpy().scatter) is np.ndarray
    expected = Moments.from_batch(x)
    assert moments.n == expected.n
    np.testing.assert_allclose(moments.mean, expected.mean, rtol=1e-15)
    scale = np.sqrt(np.outer(np.diag(expected.scatter), np.diag(expected.scatter)))
    errors = np.abs(moments.to_numpy().scatter - expected.scatter)
    assert np.all(errors <= 1e-12 * scale)  # rows and columns of the constant feature are 0
    expected = CrossMoments.from_batch(x, y)
    np.testing.assert_allclose(
        cross.to_numpy().scatter, expected.scatter, rtol=0, atol=1e-12 * np.abs(scale).max()
    )


@each_device
def test_from_batch_returns_numpy_arrays(device):
    tensors = [torch.as_tensor(side, device=device) for side in sides()]
    for part in (Moments.from_batch(tensors[0]), CrossMoments.from_batch(*tensors)):
        assert type(part.scatter) is np.ndarray


@each_device
@pytest.mark.parametrize("blocks", [1, 4])
def test_an_accumulator_gives_the_numbers_of_numpy(device, blocks):
    found = []
    for make in (np.asarray, lambda part: torch.as_tensor(part, device=device)):
        accumulator = MomentAccumulator([KEYS], blocks, seed=0)
        for rows in np.array_split(np.arange(523), 6):
            values = [make(side[rows]) for side in sides()]
            accumulator.add({k: Rows(v, "float64") for k, v in zip(KEYS, values, strict=True)})
        bases = accumulator.prepare()
        o = accumulator.couple(*KEYS, *(bases[key] for key in KEYS))
        replicates = [] if blocks == 1 else list(o.jackknife_replicates())
        found.append([p.correlations for p in (o, *replicates)])
    assert len(found[0]) == (1 if blocks == 1 else 5)
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-10)


@each_device
@pytest.mark.parametrize("blocks", [1, 4])
def test_bad_rows_are_named_by_their_number(device, blocks):
    x = torch.ones((8, 3), device=device)
    x[5, 1] = torch.nan
    accumulator = MomentAccumulator([(KEYS[0], KEYS[0])], blocks, seed=0)
    accumulator.add({KEYS[0]: Rows(torch.rand(8, 3, device=device), "float32")})
    accumulator.add({KEYS[0]: Rows(x, "float32")})
    error = accumulator.prepare()[KEYS[0]]
    assert "rows 8 to 15, holds 1 NaN and 0 infinite values, the first at row 13" in str(error)


def model(seed, device):
    torch.manual_seed(seed)
    layers = torch.nn.Conv2d(2, 6, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(54, 9)
    # A GPU may add in another order in each run, which float64 keeps below the tolerances.
    return torch.nn.Sequential(*layers).to(device, torch.float64)


def images(n=310):
    return torch.rand(n, 2, 5, 5, generator=torch.Generator().manual_seed(1)).split(64)


@pytest.fixture
def scatters(monkeypatch):
    """Treat all tensors as those of a device, and return the types of the scatters of batches."""
    seen = set()
    moments = Centred.moments

    def noted(self):
        part = moments(self)
        seen.add(type(part.scatter))
        return part

    monkeypatch.setattr(moments_device, "on_a_device", torch.is_tensor)
    monkeypatch.setattr(Centred, "moments", noted)
    return seen


@each_device
@pytest.mark.parametrize("reduce", ["mean", "positions"])
def test_two_models_add_up_their_moments_where_they_are(device, reduce, scatters, monkeypatch):
    a, b = model(0, device), model(1, device)
    options = {
        "data": images(),
        "layers": ["0", "3"],
        "reduce": {"0": reduce},
        "progress": False,
        "measures": ["pwcca", "cka", "svcca", "procrustes"],
        "interval": True,
    }
    table = isorep.compare(a, b, **options)
    assert scatters == {torch.Tensor}
    scatters.clear()
    monkeypatch.setattr(moments_device, "on_a_device", lambda _: False)
    expected = isorep.compare(a, b, **options)
    assert scatters == {np.ndarray}
    for name, variable in expected.variables.items():
        if variable.dtype.kind != "f":
            np.testing.assert_array_equal(table[name], variable, err_msg=name)
            continue
        # A corrected value solves an equation up to a tolerance of its own.
        atol = 1e-7 if "corrected" in name or "low" in name or "high" in name else 1e-11
        np.testing.assert_allclose(table[name], variable, rtol=0, atol=atol, err_msg=name)


@each_device
@pytest.mark.parametrize("same", [False, True])
def test_bases_and_overlaps_stay_where_the_moments_are(device, same, scatters, monkeypatch):
    a = model(0, device)
    b = a if same else model(1, device)
    measures = ["pwcca", "cka", "svcca", "procrustes", "linear_regression", "shape"]
    options = {
        "data": images(),
        "layers": ["0", "3"],
        "progress": False,
        "measures": measures,
        "correct": not same,
        "chance": True,
    }
    homes = set()
    couple = MomentAccumulator.couple

    def noted(self, *arguments):
        overlap = couple(self, *arguments)
        homes.add(type(overlap.matrix))
        return overlap

    monkeypatch.setattr(MomentAccumulator, "couple", noted)
    table = isorep.compare(a, b, **options)
    assert homes == {torch.Tensor}
    homes.clear()
    monkeypatch.setattr(moments_device, "on_a_device", lambda _: False)
    expected = isorep.compare(a, b, **options)
    assert homes == {np.ndarray}
    for name, variable in expected.variables.items():
        if variable.dtype.kind != "f":
            np.testing.assert_array_equal(table[name], variable, err_msg=name)
            continue
        atol = 1e-7 if "corrected" in name else 1e-10  # an equation is solved up to a tolerance
        np.testing.assert_allclose(table[name], variable, rtol=0, atol=atol, err_msg=name)


def test_a_device_without_room_for_bases_leaves_them_to_the_host(monkeypatch):
    accumulator = MomentAccumulator([KEYS], 1, seed=0)
    sides_of = zip(KEYS, map(torch.as_tensor, sides()), strict=True)
    accumulator.add({key: Rows(side, "float64") for key, side in sides_of})
    monkeypatch.setattr(moments_device, "_free_bytes", lambda _: 1000)
    bases = accumulator.prepare()
    assert {type(basis.whitening) for basis in bases.values()} == {np.ndarray}
    assert type(accumulator.couple(*KEYS, *bases.values()).matrix) is np.ndarray


def test_a_device_without_room_leaves_the_moments_to_the_host(scatters, monkeypatch):
    monkeypatch.setattr(moments_device, "_free_bytes", lambda _: 1000)
    isorep.compare(model(0, "cpu"), model(1, "cpu"), data=images(64), layers="3", progress=False)
    assert scatters == {np.ndarray}


def test_models_on_two_devices_leave_the_moments_to_the_host(monkeypatch):
    monkeypatch.setattr(moments_device, "on_a_device", torch.is_tensor)
    rows = {device: {"fc": torch.empty(3, 2, device=device)} for device in ("cpu", "meta")}
    for arrays, expected in (
        ((rows["cpu"], rows["cpu"]), torch.device("cpu")),
        ((rows["cpu"], rows["meta"]), None),
        (({},), None),
    ):
        batch = ActivationBatch(arrays, (), None, (), (), ())
        assert moments_device.moments_device(batch, 0) == expected


def test_free_memory_includes_what_pytorch_keeps_for_later(monkeypatch):
    for name, value in (("mem_get_info", (50, 100)), ("memory_reserved", 30)):
        monkeypatch.setattr(torch.cuda, name, lambda _, value=value: value)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 20)
    assert moments_device._free_bytes(torch.device("cuda", 0)) == 60


def test_a_device_without_float64_leaves_the_moments_to_the_host(scatters, monkeypatch):
    def refuse(*_, **__):
        raise TypeError("Cannot convert a MPS Tensor to float64 dtype")

    batch = next(isorep.activations.stream([model(0, "cpu")], images(64), layers="3"))
    assert moments_device.moments_device(batch, 0) == torch.device("cpu")
    monkeypatch.setattr(torch, "empty", refuse)
    assert moments_device.moments_device(batch, 0) is None


@each_device
def test_moments_of_one_model(device, scatters):
    net = model(0, device)
    moments = capture_moments(net, images(), layers="3")
    assert scatters == {torch.Tensor}
    assert type(moments["3"].scatter) is np.ndarray
    expected = Moments.from_batch(isorep.capture(net, images(), layers="3")["3"])
    np.testing.assert_allclose(moments["3"].scatter, expected.scatter, rtol=0, atol=1e-12)
