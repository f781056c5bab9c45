"""Streams: tables from moments equal those of arrays, in however many passes the rows come."""

import tracemalloc
import weakref

import h5py
import numpy as np
import pytest
import torch
import zarr

import isorep
from isorep import Representations
from isorep.comparison.streaming.accumulator import MomentAccumulator, Rows, assign_blocks
from isorep.comparison.streaming.plan import Pass
from isorep.comparison.streaming.sources import StoredRows
from isorep.inference import jackknife
from isorep.storage import open_store

MOMENTS = [name for name, row in isorep.MEASURES.items() if row.requires == "moments"]


def pair(n=1511, seed=0):
    """Draw two networks of three layers that share some of what they hold."""
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 5))

    def network(widths):
        return {
            f"conv{i}": np.hstack([shared[:, :i], np.zeros((n, p - i))])
            + rng.standard_normal((n, p)) * 0.7
            for i, p in enumerate(widths, 2)
        }

    return network((7, 5, 6)), network((7, 11, 5))


def saved(networks, folder, **known):
    paths = [folder / f"{name}.zarr" for name in "ab"]
    for path, layers in zip(paths, networks, strict=True):
        Representations(layers, **known).save(path)
    return paths


def assert_alike(table, expected, atol=1e-9):
    assert set(table.variables) == set(expected.variables)
    for name in expected.variables:
        if expected[name].dtype.kind == "f":
            np.testing.assert_allclose(table[name], expected[name], rtol=0, atol=atol, err_msg=name)
        else:
            np.testing.assert_array_equal(table[name], expected[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("memory", [20_000, 26_000, 100_000])
def test_stores_give_what_arrays_give(tmp_path, memory, capsys):
    networks = pair(n=331)
    paths = saved(networks, tmp_path, sample_ids=range(331))
    names = [name for name in MOMENTS if not isorep.MEASURES[name].paired]
    n_passes = len(isorep.compare(*paths, memory=memory, plan_only=True).passes)
    assert n_passes == {20_000: 5, 26_000: 2, 100_000: 1}[memory]
    table = isorep.compare(*paths, measures=names, memory=memory)
    expected = isorep.compare(*networks, measures=names, solver="gram")
    for name in ("gulp", "gulp_distance"):  # the digits of small distances are in the samples
        np.testing.assert_allclose(table[name], expected[name], rtol=0, atol=1e-7)
    drop = ["gulp", "gulp_distance"]
    assert_alike(table.drop_vars(drop), expected.drop_vars(drop))
    shown = capsys.readouterr().err
    assert ("passes over the data" in shown) == (n_passes > 1)


@pytest.mark.slow
@pytest.mark.parametrize("memory", [9_000, 40_000])
def test_a_network_with_itself(tmp_path, memory):
    layers, _ = pair(n=331)
    (path, _) = saved([layers, layers], tmp_path)
    stored = open_store(path)
    assert_alike(
        isorep.compare(stored, stored, measures=["pwcca", "cka"], memory=memory),
        isorep.compare(layers, layers, measures=["pwcca", "cka"], solver="gram"),
    )


@pytest.mark.slow
def test_every_kind_of_store(tmp_path):
    networks = pair(n=331)
    expected = isorep.compare(*networks, measures="cca")
    zarr_group = zarr.open_group(tmp_path / "foreign.zarr", mode="w")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        for name, array in networks[1].items():
            file.create_dataset(name, data=array, chunks=(100, 3))
        a = {}
        for name, array in networks[0].items():
            a[name] = zarr_group.create_array(name, data=array, chunks=(97, 2))
        a["conv4"] = networks[0]["conv4"].tolist()  # in memory, beside the others
        for b in (tmp_path / "b.h5", str(tmp_path / "b.h5"), dict(file), networks[1]):
            table = isorep.compare(a, b, measures="cca", memory=100_000)
            assert_alike(table, expected)
    np.save(tmp_path / "conv2.npy", networks[0]["conv2"])
    table = isorep.compare(tmp_path / "conv2.npy", networks[1], measures="cca", memory=100_000)
    assert_alike(table, expected.sel(x_layer=["conv2"]))


def test_small_stores_are_compared_in_memory(tmp_path):
    networks = [{"conv3": layers["conv3"]} for layers in pair(n=61)]
    paths = saved(networks, tmp_path)
    assert str(isorep.compare(*paths, plan_only=True)).startswith("all layers in memory, ")
    options = {"measures": ["pwcca", "mutual_knn"], "chance": True, "n_permutations": 1}
    table = isorep.compare(*paths, **options)
    assert table["pwcca_p_value"].notnull().all()
    assert_alike(table, isorep.compare(*networks, **options), atol=0)


def test_intervals_come_from_the_same_pass(tmp_path):
    """The jackknife of a stream equals that of arrays with the same blocks."""
    networks = pair(n=1009)
    paths = saved(networks, tmp_path)
    block_of = assign_blocks(0, 1009, 20, seed=3)
    source = StoredRows({"a": open_store(paths[0]), "b": open_store(paths[1])}, progress=False)
    keys = ("a", "conv3"), ("b", "conv2")
    found = []
    for n_rows in (1009, 250, 31):
        accumulator = MomentAccumulator([keys], 20, seed=3)
        one_pass = Pass(("conv3",), ("conv2",), False, n_bytes=0, rows=n_rows, read=10**6)
        for chunk in source.chunks(keys, one_pass, ""):
            assert all(isinstance(rows, Rows) for rows in chunk.values())
            accumulator.add(chunk)
        bases = accumulator.prepare()
        o = accumulator.couple(*keys, *(bases[key] for key in keys))
        assert o.n_samples == 1009
        for one in (o, o.swap()):
            found.append(jackknife(one, lambda o: o.correlations))
    arrays = isorep.overlap(networks[0]["conv3"], networks[1]["conv2"], groups=block_of)
    expected = jackknife(arrays, lambda o: o.correlations)
    for errors in found:
        np.testing.assert_allclose(errors, expected, rtol=1e-7)


@pytest.mark.slow
def test_a_table_with_intervals_and_chance(tmp_path):
    networks = [{"conv3": layers["conv3"]} for layers in pair(n=601)]
    paths = saved(networks, tmp_path)
    options = {"measures": ["cca", "cka"], "interval": True, "chance": True}
    table = isorep.compare(*paths, **options, memory=200_000)
    expected = isorep.compare(*networks, **options, n_permutations=1)
    for name in ("cca_corrected", "cka_corrected", "cka_chance", "cca_chance", "n_significant"):
        np.testing.assert_allclose(table[name], expected[name], rtol=0, atol=1e-6, err_msg=name)
    # The samples are dealt to other blocks, and nothing else differs.
    width, other = (found["cka_high"] - found["cka_low"] for found in (table, expected))
    np.testing.assert_allclose(width, other, rtol=0.6)
    assert table["cca_p_value"].isnull().all()
    assert "a stream keeps only second moments" in table["warnings"][0, 0].item()


def test_too_few_rows_for_a_jackknife():
    keys = ("a", "fc"), ("b", "fc")
    accumulator = MomentAccumulator([keys], 20, seed=0)
    rng = np.random.default_rng(0)
    accumulator.add({key: Rows(rng.standard_normal((15, 2)), "float64") for key in keys})
    bases = accumulator.prepare()
    o = accumulator.couple(*keys, *(bases[key] for key in keys))
    with pytest.raises(
        ValueError, match="the jackknife needs at least 20 samples, one for each block, got 15"
    ):
        jackknife(o, lambda o: o.correlations)


@pytest.mark.slow
def test_an_interval_around_a_layer_and_itself(tmp_path):
    layers, _ = pair(n=300)
    stored = open_store(saved([layers, layers], tmp_path)[0])
    table = isorep.compare(stored, stored, measures="cka", interval=True, memory=150_000)
    expected = isorep.compare(layers, layers, measures="cka", interval=True)
    for name in ("cka", "cka_corrected", "cka_low", "cka_high"):
        found = np.diag(table[name])
        np.testing.assert_allclose(found, np.diag(expected[name]), rtol=0, atol=1e-9)
    np.testing.assert_allclose(table["cka_low"], table["cka_low"].T, rtol=0, atol=1e-12)


def test_trouble_costs_its_own_cells(tmp_path):
    a, b = pair(n=700)
    a["dead"] = np.full((700, 2), 0.1)
    a["broken"] = a["conv2"].copy()
    a["broken"][431, 2] = np.nan
    b["wide"] = np.random.default_rng(1).standard_normal((700, 150))
    paths = saved([a, b], tmp_path)
    table = isorep.compare(*paths, measures="cka", memory=100_000, progress=False)
    reasons = table["reason"]
    assert reasons.sel(x_layer="dead", y_layer="conv2").item().startswith("a['dead'] has no var")
    text = reasons.sel(x_layer="broken", y_layer="conv2").item()
    assert "holds 1 NaN and 0 infinite values, the first at row 431, column 2" in text
    text = reasons.sel(x_layer="conv2", y_layer="wide").item()
    assert "7 and 150 features: second moments take" in text
    healthy = table.sel(x_layer=["conv2", "conv3", "conv4"], y_layer=["conv2", "conv3", "conv4"])
    assert healthy["cka"].notnull().all()
    assert not healthy["reason"].to_numpy().any()


def test_positions_of_different_sizes_have_no_partners(tmp_path):
    rng = np.random.default_rng(3)
    reps = Representations(
        {"early": rng.standard_normal((400 * 9, 3)), "late": rng.standard_normal((400 * 4, 3))},
        reductions={"early": "positions", "late": "positions"},
        sample_ids=range(400),
    )
    reps.save(tmp_path / "a.zarr")
    stored = open_store(tmp_path / "a.zarr")
    table = isorep.compare(stored, stored, memory=40_000, progress=False)
    assert table["n_samples"].to_numpy().tolist() == [[3600, 0], [0, 1600]]
    assert "3600 and 1600 rows: positions" in table["reason"][0, 1].item()


def test_damage_names_the_store_and_the_layer(tmp_path):
    paths = saved(pair(), tmp_path)
    chunk = next((paths[1] / "layer0001-conv3" / "c").rglob("0"))
    while chunk.is_dir():
        chunk = chunk / "0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 255
    chunk.write_bytes(content)
    with pytest.raises(ValueError, match=r"rows \d+ to \d+ of layer 'conv3' of '.*b\.zarr'"):
        isorep.compare(*paths, memory=200_000)
    with pytest.raises(ValueError, match=r"^cannot read rows 0 to \d+ of layer 'conv3' of '.*b\."):
        isorep.compare(*paths)  # small enough to be read into memory


def models(seed=0):
    torch.manual_seed(seed)
    return [
        torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(64, p)
        )
        for p in (5, 6)
    ]


def images(n=410):
    return torch.rand(n, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def test_two_models_give_what_their_captures_give():
    a, b = models()
    batches = list(images().split(64))
    layers = {"layers": ["0", "3"], "reduce": "mean"}
    expected = isorep.compare(
        *(isorep.capture(m, batches, **layers) for m in (a, b)), measures=["cka", "cca"]
    )
    for memory in (None, 7_000):
        table = isorep.compare(
            a, b, data=batches, **layers, measures=["cka", "cca"], memory=memory, progress=False
        )
        assert_alike(table, expected)
    assert a.training
    assert not a[0]._forward_hooks
    itself = isorep.compare(a, a, data=batches, **layers, measures="cka")
    assert np.diag(itself["cka"]).tolist() == pytest.approx([1, 1], abs=1e-12)


def test_a_loader_in_random_order_still_pairs_samples():
    a, _ = models()
    loader = torch.utils.data.DataLoader(images(), batch_size=50, shuffle=True)
    table = isorep.compare(a, a, data=loader, layers="3", measures="cca", interval=True)
    copy = models()[0]
    again = isorep.compare(a, copy, data=loader, layers="3", measures="cca")
    assert table["cca"].item() == 1.0
    assert again["cca"].item() == pytest.approx(1, abs=1e-9)


def test_models_in_bfloat16():
    a = torch.nn.Sequential(torch.nn.Linear(8, 5)).bfloat16()
    x = torch.randn(300, 8).bfloat16()
    streamed = isorep.compare(a, a, data=x, measures="cca", memory="1 GB")
    captured = isorep.capture(a, x)
    assert_alike(streamed, isorep.compare(captured, captured, measures="cca"))


def test_data_that_can_be_read_only_once():
    a, b = models()

    def once():
        yield from images().split(64)

    table = isorep.compare(a, b, data=once(), layers=["0", "3"], measures="cka")
    assert table["n_samples"].to_numpy().tolist() == [[410, 410]] * 2
    with pytest.raises(ValueError, match=r"2 passes over the data and generator can be read only"):
        isorep.compare(a, b, data=once(), layers=["0", "3"], measures="cka", memory=7_000)
    assert not a[0]._forward_hooks
    assert a.training


def test_data_that_changes_between_passes():
    class Shrinking:
        n = 300

        def __iter__(self):
            self.n -= 10
            return iter(images(self.n).split(64))

    a, b = models()
    with pytest.raises(ValueError, match="the data held 280 samples in one pass and 290 in the"):
        isorep.compare(a, b, data=Shrinking(), layers=["0", "3"], memory=7_000, progress=False)


def test_what_a_stream_cannot_do(tmp_path):
    a, b = models()
    paths = saved(pair(), tmp_path)
    with pytest.raises(
        ValueError, match="mutual_knn reads the samples themselves, and comparing models keeps"
    ):
        isorep.compare(a, b, data=images(), measures="mutual_knn")
    with pytest.raises(
        ValueError, match=r"rsa reads the samples themselves, which take 1\.20 MiB in"
    ):
        isorep.compare(*paths, measures=["cka", "rsa"], memory="100 kB")
    with pytest.raises(ValueError, match="solver='svd' decomposes the samples themselves"):
        isorep.compare(*paths, solver="svd", memory="100 kB")
    with pytest.raises(ValueError, match="a is a model: pass data="):
        isorep.compare(a, b)
    with pytest.raises(ValueError, match="data= is for models, and neither side is a model"):
        isorep.compare(*paths, data=images())
    with pytest.raises(ValueError, match="skip is for models, and neither side is a model"):
        isorep.compare(*paths, skip=[0])
    with pytest.raises(ValueError, match=r"unknown layer 'convx\*'"):
        isorep.compare(*paths, layers=(["*"], ["convx*"]))
    with pytest.raises(ValueError, match=r'a number of bytes or a text such as "2 GB", got'):
        isorep.compare(*paths, memory="lots")
    with pytest.raises(ValueError, match=r"unknown solver 'gramm'; did you mean 'gram'"):
        isorep.compare(a, b, data=images(), solver="gramm")
    one, other = pair()
    paths = [tmp_path / f"{name}.zarr" for name in "cd"]
    Representations(one, sample_ids=range(1511)).save(paths[0])
    Representations(other, sample_ids=range(1, 1512)).save(paths[1])
    with pytest.raises(ValueError, match="a and b hold different samples"):
        isorep.compare(*paths, memory="100 kB")


def test_options_are_checked_before_any_work():
    broken = {"fc": object()}
    for options, kind, text in (
        ({"n_permutations": 0}, ValueError, "n_permutations must be 1 or more, got 0"),
        ({"n_permutations": 1.5}, TypeError, r"n_permutations must be an integer, got 1\.5"),
        ({"seed": -1}, ValueError, "seed must be a non-negative integer, got -1"),
        ({"seed": None}, TypeError, "seed must be an integer, got None"),
    ):
        with pytest.raises(kind, match=text):
            isorep.compare(broken, broken, **options)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_samples(tmp_path):
    peaks = []
    rng = np.random.default_rng(0)
    for n in (20_000, 80_000):
        group = zarr.open_group(tmp_path / f"{n}.zarr", mode="w")
        for name in "ab":
            fc = rng.standard_normal((n, 64), dtype=np.float32)
            group.create_array(name, data=fc, chunks=(1000, 64))
        del fc
        tracemalloc.start()
        a, b = ({"fc": group[name]} for name in "ab")
        isorep.compare(a, b, measures=["pwcca", "cka"], memory=6_000_000, progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 6_000_000  # where one side alone is 20,480,000 bytes
    assert peaks[1] < peaks[0] + 1_000_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_layers", "memory", "interval"),
    [
        (9, 1e7, False),
        (4, 2e7, True),
    ],
)
def test_passes_keep_to_the_budget(n_layers, memory, interval, tmp_path):
    """Chunks that are read whole are in it, and what is told of a pair when it is finished."""
    rng = np.random.default_rng(0)
    path = tmp_path / "a.h5"  # zarr holds a few chunks for a while, on a thread of its own
    with h5py.File(path, "w") as file:
        for i in range(n_layers):
            data = rng.standard_normal((2500, 130), dtype=np.float32)
            file.create_dataset(f"l{i}", data=data, chunks=(500, 130))
    options = {"measures": "cka", "memory": memory, "interval": interval}
    plan = isorep.compare(path, path, **options, plan_only=True)
    assert len(plan.passes) > 3
    small = tmp_path / "small.h5"
    with h5py.File(small, "w") as file:
        file["l0"], file["l1"] = rng.standard_normal((2, 900, 4))
    streamed = options | {"memory": 60_000}
    assert isorep.compare(small, small, **streamed, plan_only=True).passes
    isorep.compare(small, small, **streamed, progress=False)  # what is imported stays
    tracemalloc.start()
    isorep.compare(path, path, **options, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert plan.n_bytes <= memory
    assert peak <= memory


@pytest.mark.slow
def test_what_a_pass_held_goes_before_the_next(tmp_path, monkeypatch):
    paths = saved(pair(n=1009), tmp_path)
    accumulators = []

    def begin(*arguments):
        assert all(known() is None for known in accumulators)
        new = MomentAccumulator(*arguments)
        accumulators.append(weakref.ref(new))
        return new

    monkeypatch.setattr("isorep.comparison.streaming.streamed_pairs.MomentAccumulator", begin)
    options = {"layers": ["conv2", "conv3"], "measures": "cka", "interval": True}
    isorep.compare(*paths, **options, memory=100_000, progress=False)
    assert len(accumulators) > 1


def test_positions_of_models_are_rows_in_blocks(monkeypatch):
    """A batch of maps has many more rows than samples, and is cut like any other."""
    a, b = models()
    options = {"layers": "0", "reduce": "positions"}
    batches = list(images(100).split(64))
    sizes = []
    add = MomentAccumulator.add
    monkeypatch.setattr(
        MomentAccumulator, "add", lambda self, chunk: sizes.append(chunk) or add(self, chunk)
    )
    table = isorep.compare(a, b, data=batches, **options, measures="cca", memory=9_000)
    captured = [isorep.capture(model, batches, **options) for model in (a, b)]
    assert_alike(table, isorep.compare(*captured, measures="cca"))
    assert table["n_samples"].item() == 100 * 16
    assert max(len(rows.values) for chunk in sizes for rows in chunk.values()) < 40


def test_a_budget_holds_for_layers_that_are_in_memory_anyway(tmp_path):
    layers = {"fc": np.random.default_rng(0).standard_normal((500, 8))}
    isorep.Representations(layers).save(tmp_path / "a.npz")
    for side in (layers, tmp_path / "a.npz"):
        with pytest.raises(
            ValueError, match=r"take .* kiB in memory and memory= allows 19\.53 kiB"
        ):
            isorep.compare(side, side, memory="20 kB")
        with pytest.raises(ValueError, match=r"save them as \.zarr, which is read in parts"):
            isorep.compare(side, side, memory="20 kB", plan_only=True)
        plan = isorep.compare(side, side, memory="1 MB", plan_only=True)
        assert str(plan).startswith("all layers in memory, ")
