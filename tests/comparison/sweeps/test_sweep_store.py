"""Stores of sweeps: equal to the table in memory, resumed after any end, of one sweep only."""

import errno
import json
import multiprocessing
import os
import random
import re
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray
from helpers.logged_sweep import sweep
from helpers.sweeps import equal, networks, saved

import isorep
from isorep import Representations
from isorep._utils.version import release_of
from isorep.comparison.sweeps import results, scheduler, sweep_store
from isorep.comparison.sweeps.stored_chunks import StoredChunks
from isorep.measures import registry

MEASURES = ["pwcca", "cka"]


@pytest.fixture
def computed(monkeypatch):
    """Count the tiles that are computed, by number."""
    numbers = []
    original = scheduler.compare_layers
    monkeypatch.setattr(
        scheduler,
        "compare_layers",
        lambda tile, *rest: numbers.append(tile.number) or original(tile, *rest),
    )
    return numbers


def _finished(path):
    """Return the tiles that a store has, in the order in which they were finished."""
    lines = (path / "isorep-sweep" / "finished").read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line]


@pytest.mark.slow
def test_the_store_holds_the_table_of_memory(tmp_path):
    nets = networks()
    in_memory = isorep.pairwise(nets, measures=MEASURES)
    in_store = isorep.pairwise(nets, measures=MEASURES, out=tmp_path / "sweep.zarr")
    assert in_memory.equals(in_store)
    opened = xarray.open_zarr(tmp_path / "sweep.zarr")
    assert equal(opened, in_store)
    assert in_store.attrs == in_memory.attrs
    assert in_store.attrs["kind"] == "pairwise"
    for name in ("pwcca", "cka_distance"):
        low, high = opened[name].attrs.pop("range")
        assert (low, high) == in_memory[name].attrs["range"]
        attrs = {k: v for k, v in in_memory[name].attrs.items() if k != "range"}
        assert opened[name].attrs == attrs
    cell = in_store.sel(x="seed3", y="seed0", layer="fc")
    assert cell["reason"].item().startswith("networks['seed3']['fc'] has no variance")
    ax = isorep.plot.clusters(in_store, layer="conv")
    assert ax is not None


def test_endless_ranges_and_number_names_survive(tmp_path):
    nets = dict(zip((0.5, 1.5), networks(2).values(), strict=True))
    for network in nets.values():
        network["conv"] = network["conv"][:, :19]
    table = isorep.pairwise(nets, layers="conv", measures="euclidean", out=tmp_path / "s.zarr")
    assert table["euclidean_distance"].attrs["range"] == [0, np.inf]
    assert table["x"].to_numpy().tolist() == [0.5, 1.5]
    assert table.equals(isorep.pairwise(nets, layers="conv", measures="euclidean"))


@pytest.mark.slow
def test_a_finished_sweep_computes_nothing(tmp_path, computed):
    nets, out = networks(), tmp_path / "sweep.zarr"
    first = isorep.pairwise(nets, measures=MEASURES, out=out)
    assert sorted(computed) == sorted(_finished(out)) == list(range(2 * 21))
    computed.clear()
    paths = saved(nets, tmp_path)  # where the numbers are does not matter
    assert equal(isorep.pairwise(paths, measures=MEASURES, out=out), first)
    assert computed == []


@pytest.mark.slow
def test_a_sweep_that_failed_goes_on(tmp_path, computed, monkeypatch):
    """An exception after some tiles; then half a line, as a loss of power may leave it."""
    nets, out = networks(), tmp_path / "sweep.zarr"
    paths = saved(nets, tmp_path)
    original = scheduler.prepare_layer

    def fails(network, layer, *rest):
        if (network.name, layer) == ("networks['seed9']", "fc"):
            raise OSError("stale file handle")
        return original(network, layer, *rest)

    monkeypatch.setattr(scheduler, "prepare_layer", fails)
    with pytest.raises(OSError, match="stale file handle"):
        isorep.pairwise(paths, measures=MEASURES, out=out)
    before = _finished(out)
    assert 21 <= len(before) < 42
    so_far = xarray.open_zarr(out)  # what is there can be looked at
    assert not np.isnan(so_far["cka"].sel(layer="conv")).any()
    assert np.isnan(so_far["cka"].sel(layer="fc", x="seed9")).all()
    monkeypatch.setattr(scheduler, "prepare_layer", original)
    with (out / "isorep-sweep" / "finished").open("a") as file:
        file.write("4")
    computed.clear()
    table = isorep.pairwise(paths, measures=MEASURES, out=out)
    assert table.equals(isorep.pairwise(nets, measures=MEASURES))
    assert _finished(out)[: len(before)] == before
    assert sorted(_finished(out)) == list(range(42))
    assert not set(computed[: 42 - len(before)]) & set(before)


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_numbers(tmp_path):
    # Forks of one process, which has imported what a sweep needs.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["dask.array", "isorep.comparison.pairwise", "zarr.codecs"])
    nets, out = networks(), tmp_path / "sweep.zarr"
    saved(nets, tmp_path)
    dice = random.Random(0)
    log = tmp_path / "computed"
    kills = 0
    for target in (0, 1 + dice.randrange(9), 15 + dice.randrange(9)):
        before = _finished(out) if out.exists() else []
        log.write_text("")
        process = processes.Process(target=sweep, args=(tmp_path,))
        process.start()
        while process.is_alive():
            if out.exists() and len(_finished(out)) >= max(target, len(before) + 1):
                time.sleep(dice.random() / 50)
                process.kill()
                process.join()
            time.sleep(0.001)
        assert process.exitcode in (0, -signal.SIGKILL)
        kills += process.exitcode == -signal.SIGKILL
        assert _finished(out)[: len(before)] == before
        assert not set(map(int, log.read_text().split())) & set(before)
    assert kills >= 2
    unfinished = 42 - len(_finished(out))
    tiles = []
    original = scheduler.compare_layers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            scheduler,
            "compare_layers",
            lambda tile, *rest: tiles.append(1) or original(tile, *rest),
        )
        paths = {path.stem: path for path in sorted(tmp_path.glob("seed*.zarr"))}
        table = isorep.pairwise(paths, measures=MEASURES, out=out)
    assert len(tiles) == unfinished
    assert sorted(_finished(out)) == list(range(42))
    whole = isorep.pairwise(paths, measures=MEASURES)
    assert table.equals(whole)


@pytest.mark.slow
def test_numbers_do_not_depend_on_threads_order_or_memory(monkeypatch):
    import dask

    nets = networks()
    tables = [isorep.pairwise(nets, measures=MEASURES, precision="single")]
    for threads in (1, 5):
        with dask.config.set(num_workers=threads):
            tables.append(isorep.pairwise(nets, measures=MEASURES, precision="single"))
    monkeypatch.setattr(scheduler, "order_tiles", lambda tiles, *_: list(reversed(tiles)))
    tables.append(isorep.pairwise(nets, measures=MEASURES, precision="single"))
    monkeypatch.setattr(scheduler, "max_prepared", lambda *_: 4)
    tables.append(isorep.pairwise(nets, measures=MEASURES, precision="single"))
    assert all(equal(table, tables[0]) for table in tables)


@pytest.mark.slow
def test_a_store_with_options_of_measures_is_resumed(tmp_path, computed):
    nets, out = networks(4), tmp_path / "sweep.zarr"
    measures = ["cka", {"linear_regression": {"folds": 3}}]
    table = isorep.pairwise(nets, measures=measures, out=out)
    label = "linear_regression_y_from_x(folds=3)"
    assert table.attrs["measures"] == ["cka", label]
    for name in (label, f"{label}_distance"):
        attrs = xarray.open_zarr(out)[name].attrs
        assert attrs["measure"] == label
        assert json.loads(attrs["options"])["folds"] == 3
        assert attrs["direction"] == "y predicted from x"
    assert equal(table, isorep.pairwise(nets, measures=measures))
    computed.clear()
    assert equal(isorep.pairwise(nets, measures=["cka", label], out=out), table)
    assert computed == []
    for other in ("linear_regression", "linear_regression(folds=4)"):
        with pytest.raises(
            ValueError, match=r"'linear_regression_y_from_x\(folds=3\)'\], but this"
        ):
            isorep.pairwise(nets, measures=["cka", other], out=out)


def test_a_store_of_another_sweep_is_refused(tmp_path):
    nets, out = networks(4), tmp_path / "sweep.zarr"
    ids = [f"image{i}" for i in range(307)]
    known = {name: Representations(layers, sample_ids=ids) for name, layers in nets.items()}
    isorep.pairwise(known, measures=MEASURES, out=out)
    before = sorted(path.stat().st_mtime_ns for path in out.rglob("*"))

    def refused(text, networks=known, measures=MEASURES, **options):
        with pytest.raises(ValueError, match=text):
            isorep.pairwise(networks, measures=measures, out=out, **options)

    refused(
        r"started with measures \['pwcca', 'cka'\], but this sweep has \['cka'\]", measures="cka"
    )
    refused(r"it has layer \[\"conv\", \"fc\"\], but this sweep has \[\"fc\"\]", layers="fc")
    refused("started with solver 'auto', but this sweep has 'svd'", solver="svd")
    refused("started with precision 'double', but this sweep has 'single'", precision="single")
    fewer = {name: known[name] for name in ("seed0", "seed2")}
    refused(
        r"it has x \[\"seed0\", \"seed1\", .*but this sweep has \[\"seed0\", \"seed2\"\]", fewer
    )
    other = [*ids[1:], "image0"]
    refused(
        "other networks, samples or layers",
        {name: Representations(layers, sample_ids=other) for name, layers in nets.items()},
    )
    changed = known["seed2"]["conv"].copy()
    changed[5, 3] += 1e-3
    layers = {"conv": changed, "fc": known["seed2"]["fc"]}
    refused(
        r"the data or groups of networks\['seed2'\] changed since",
        known | {"seed2": Representations(layers, sample_ids=ids)},
    )
    with pytest.raises(ValueError, match="started with kind 'pairwise', but this sweep has 'traj"):
        isorep.trajectory(known, measures=MEASURES, out=out)
    record = out / "isorep-sweep" / "zarr.json"
    stored = json.loads(record.read_text())
    stored["attributes"]["sweep"]["isorep_version"] = "999.0"
    record.write_text(json.dumps(stored))
    refused("started with isorep version '999.0'")
    stored["attributes"]["sweep"]["isorep_version"] = release_of(isorep.__version__)
    record.write_text(json.dumps(stored))
    after = sorted(path.stat().st_mtime_ns for path in out.rglob("*") if path != record)
    assert set(after) <= set(before)


def test_a_path_that_is_not_a_sweep_is_not_written(tmp_path):
    nets = networks(2)
    saved({"mine": nets["seed0"]}, tmp_path)
    with pytest.raises(ValueError, match="the path exists and is not an isorep sweep"):
        isorep.pairwise(nets, out=tmp_path / "mine.zarr")
    with pytest.raises(ValueError, match=r"expected a name ending in \.zarr"):
        isorep.pairwise(nets, out=tmp_path / "sweep.nc")
    with pytest.raises(FileNotFoundError, match="no folder"):
        isorep.pairwise(nets, out=tmp_path / "nowhere" / "sweep.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.zarr"]


def test_one_process_at_a_time(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    nets, out = networks(2), tmp_path / "sweep.zarr"
    isorep.pairwise(nets, out=out)
    with (out / "isorep-sweep" / "lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="another process is writing to"):
            isorep.pairwise(nets, out=out)
    isorep.pairwise(nets, out=out)


@pytest.mark.slow
def test_two_processes_that_begin_at_once(tmp_path, monkeypatch):
    """The store of the first stays, whether it is of the same sweep or of another."""
    nets, out = networks(2), tmp_path / "sweep.zarr"
    original = sweep_store._create

    def late(folder, sweep, identity):
        monkeypatch.setattr(sweep_store, "_create", original)
        isorep.pairwise(nets, measures="cka", out=out)
        original(folder, sweep, identity)

    monkeypatch.setattr(sweep_store, "_create", late)
    first = isorep.pairwise(nets, measures="cka", out=out)
    assert len(_finished(out)) == 6
    out.rename(tmp_path / "before.zarr")
    monkeypatch.setattr(sweep_store, "_create", late)
    with pytest.raises(
        ValueError, match=r"started with measures \['cka'\], but this sweep has \['pw"
    ):
        isorep.pairwise(nets, out=out)
    assert xarray.open_zarr(out).equals(xarray.open_zarr(tmp_path / "before.zarr"))
    assert first.equals(isorep.pairwise(nets, measures="cka"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before.zarr", "sweep.zarr"]


def test_a_full_disk_is_named_and_costs_nothing_finished(tmp_path, monkeypatch):
    nets, out = networks(2), tmp_path / "sweep.zarr"
    original, writes = results._put, [3]

    def full(*arguments):
        writes[0] -= bool(_finished(out))  # whichever tile is the first, and however much it writes
        if writes[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(*arguments)

    monkeypatch.setattr(results, "_put", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*sweep\.zarr'"):
        isorep.pairwise(nets, out=out)
    before = _finished(out)
    assert len(before) == 1
    monkeypatch.setattr(results, "_put", original)
    assert isorep.pairwise(nets, out=out).equals(isorep.pairwise(nets))
    assert _finished(out)[:1] == before


def test_a_misspelt_solver_leaves_no_store(tmp_path):
    with pytest.raises(ValueError, match=r"^unknown solver 'gramm'; did you mean 'gram'"):
        isorep.pairwise(networks(2), solver="gramm", out=tmp_path / "sweep.zarr")
    assert not list(tmp_path.iterdir())


def test_a_sweep_without_a_number_says_why(tmp_path):
    dead = {"fc": np.zeros((31, 2))}
    for out in (None, tmp_path / "sweep.zarr", tmp_path / "sweep.zarr"):
        with pytest.raises(ValueError, match=r"no pair of layers could be.*networks\['a'\]"):
            isorep.pairwise({"a": dead, "b": dead}, out=out)


def test_stores_of_any_format_are_read_a_layer_at_a_time(tmp_path, monkeypatch):
    nets = networks(4)
    paths = saved(nets, tmp_path)
    np.savez(tmp_path / "seed1.npz", **nets["seed1"])
    opened = isorep.storage.open_store(paths["seed2"])
    monkeypatch.chdir(tmp_path)
    mixed = {
        "seed0": str(paths["seed0"].name),  # from where the call is made
        "seed1": tmp_path / "seed1.npz",
        "seed2": opened,
        "seed3": nets["seed3"],
    }
    assert isorep.pairwise(mixed, measures=MEASURES).equals(
        isorep.pairwise(nets, measures=MEASURES)
    )
    with pytest.raises(FileNotFoundError, match=r"networks\['b'\]: cannot load '.*gone.zarr'"):
        isorep.pairwise({"a": nets["seed0"], "b": "gone.zarr"})


def test_a_damaged_store_costs_its_own_cells(tmp_path):
    nets = networks(4, dead=None)
    paths = saved(nets, tmp_path)
    chunk = next(path for path in Path(paths["seed2"]).rglob("c/0/0") if "conv" in str(path))
    chunk.write_bytes(os.urandom(chunk.stat().st_size))
    table = isorep.pairwise(paths, out=tmp_path / "sweep.zarr")
    broken = np.zeros((4, 4, 2), dtype=bool)
    broken[2, :, 0] = broken[:, 2, 0] = True
    np.testing.assert_array_equal(np.isnan(table["pwcca"]), broken)
    text = table["reason"].sel(x="seed0", y="seed2", layer="conv").item()
    assert "of layer 'conv' of" in text
    assert "seed2.zarr" in text


@pytest.mark.parametrize("error", [OSError(errno.EIO, "a lost network"), MemoryError()])
def test_an_error_of_the_disk_removes_no_chunk(tmp_path, error):
    class Blocks:
        def __getitem__(self, index):
            raise error

    chunk = tmp_path / "cka" / "c" / "0"
    chunk.parent.mkdir(parents=True)
    chunk.write_bytes(b"finished")
    metadata = SimpleNamespace(encode_chunk_key=lambda index: f"c/{index[0]}")
    array = SimpleNamespace(path="cka", shape=(1,), chunks=(1,), blocks=Blocks(), metadata=metadata)
    with pytest.raises(type(error)):
        StoredChunks(tmp_path, {"cka": array}).remove_damaged()
    assert chunk.read_bytes() == b"finished"
    error = ValueError("a damaged chunk")
    StoredChunks(tmp_path, {"cka": array}).remove_damaged()
    assert not chunk.exists()


def _chunks(path):
    return sorted(
        file for file in path.rglob("*") if file.is_file() and "c" in file.relative_to(path).parts
    )


def _small_sweep(out):
    """Compare three networks; a layer of one of them is constant, so that cells have reasons."""
    nets = networks(3, n=60, dead=1)
    return isorep.pairwise(nets, measures="cka", out=out)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["gone", "empty", "flipped"])
def test_a_damaged_chunk_is_computed_again(tmp_path, how):
    """A chunk of any variable: scores, ranks, reasons and labels."""
    out = tmp_path / "s.zarr"
    whole = _small_sweep(out).load()
    assert (whole["reason"] != "").any()
    variables = set()
    for chunk in _chunks(out):
        variable = chunk.relative_to(out).parts[0]
        if variable in variables:
            continue
        variables.add(variable)
        content = chunk.read_bytes()
        middle = len(content) // 2
        flipped = bytes([content[middle] ^ 16])
        chunk.write_bytes(content[:middle] + flipped + content[middle + 1 :])
        if how == "gone":
            chunk.unlink()
        elif how == "empty":
            chunk.write_bytes(b"")
        if variable in whole.coords:
            again = _small_sweep(out)
        else:
            with pytest.warns(UserWarning, match=r"s\.zarr' is damaged: \d+ finished tiles? cann"):
                again = _small_sweep(out)
        xarray.testing.assert_identical(again.load(), whole)
    xarray.testing.assert_identical(_small_sweep(out).load(), whole)  # all chunks are on the disk
    assert variables >= {"cka", "cka_distance", "n_samples", "reason", "rank", "x", "y", "layer"}


@pytest.mark.slow
def test_no_flipped_bit_gives_other_numbers(tmp_path):
    out = tmp_path / "s.zarr"
    whole = _small_sweep(out).load()
    chunk = out / "cka" / "c" / "0" / "0" / "0"
    content = chunk.read_bytes()
    for i in range(0, len(content), 3):
        chunk.write_bytes(content[:i] + bytes([content[i] ^ 1 << i % 8]) + content[i + 1 :])
        try:
            read = xarray.open_zarr(out).load()
        except (OSError, RuntimeError, ValueError):
            continue
        xarray.testing.assert_equal(read, whole)  # a bit that means nothing


def test_a_list_of_tiles_that_is_damaged(tmp_path, computed):
    out = tmp_path / "s.zarr"
    whole = _small_sweep(out).load()
    finished = out / "isorep-sweep" / "finished"
    lines = finished.read_bytes().splitlines(keepends=True)
    other = lines[0].replace(lines[0][:1], b"9", 1)  # another number, of no tile or another tile
    finished.write_bytes(b"".join([other, b"\xff\n", *lines[1:]]))
    computed.clear()
    with pytest.warns(UserWarning, match="2 finished tiles cannot be read"):
        again = _small_sweep(out)
    assert computed == [int(lines[0].split()[0])]
    xarray.testing.assert_identical(again.load(), whole)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("cka", '"endian": "little"', '"endian": "big"'),
        ("cka", '"data_type": "float64"', '"data_type": "int64"'),
        ("x", '"shape": [', '"shape": [9'),
        ("rank", "", "no JSON"),
        (".", '"endian": "little"', '"endian": "big"'),
        (".", '"consolidated_metadata"', '"else"'),
    ],
)
@pytest.mark.filterwarnings("ignore:Object at .* is not recognized")
def test_an_array_that_is_stored_otherwise_is_refused(tmp_path, name, old, new):
    """Bytes that the checksum does not cover decide what the numbers are."""
    out = tmp_path / "s.zarr"
    _small_sweep(out)
    path = out / name / "zarr.json"  # of the array, or with the metadata of all arrays
    metadata = json.dumps(json.loads(path.read_text()))
    assert old in metadata
    path.write_text(metadata.replace(old, new) if old else new)
    with pytest.raises(ValueError, match=r"s\.zarr': its metadata are damaged \(.*start anew"):
        _small_sweep(out)


def test_the_store_is_opened_after_a_look_at_its_codecs(tmp_path):
    out = tmp_path / "s.zarr"
    _small_sweep(out)
    for name in ("cka", "."):
        path = out / name / "zarr.json"
        whole = path.read_text()
        harmful = {"name": "numcodecs.pickle", "configuration": {}}
        changed = re.sub(r'\{\s*"name": "zstd"', f'{json.dumps(harmful)}, {{"name": "zstd"', whole)
        assert changed != whole
        path.write_text(changed)
        with pytest.raises(ValueError, match=r"names the codec 'numcodecs.pickle', which may run"):
            _small_sweep(out)
        path.write_text(whole)
    _small_sweep(out)


def _register(source, **options):
    """Register the function "odd" of a module with this source."""
    module = {"__name__": "measures_of_users", "np": np}
    exec(source, module)
    isorep.register(module["odd"], **options)


def test_a_measure_that_changed_is_not_resumed(tmp_path, computed, monkeypatch):
    monkeypatch.setattr(registry, "_ROWS", dict(registry._ROWS))
    monkeypatch.setattr(registry, "MEASURES", registry._ROWS)
    source = "def odd(x, y):\n    return float(np.corrcoef(x[:, 0], y[:, 0])[0, 1]) ** 2\n"
    nets = networks(count=3, dead=9)

    def run(name="s.zarr"):
        return isorep.pairwise(nets, layers="fc", measures=["cka", "odd"], out=tmp_path / name)

    _register(source)
    run()
    computed.clear()
    _register("# another comment\n" + source)
    run()
    assert computed == []
    _register(source.replace("** 2", "** 4"))
    with pytest.raises(ValueError, match="the function of measure odd, or what it is reg"):
        run()
    _register(source, version="1")
    run("t.zarr")
    _register(source.replace("** 2", "** 4"), version="1")
    run("t.zarr")
    _register(source, version="1", symmetric=False)
    with pytest.raises(ValueError, match="of measure odd, or what it is registered with, changed"):
        run("t.zarr")
    _register(source, version="2")
    with pytest.raises(ValueError, match="the function of measure odd, or what it is reg"):
        run("t.zarr")


def test_what_a_killed_process_left_is_removed(tmp_path):
    out = tmp_path / "s.zarr"
    whole = _small_sweep(out).load()
    leftover = out / "cka" / "c" / "0" / "0" / "0.7f3a.partial"
    leftover.write_bytes(b"half")
    xarray.testing.assert_identical(_small_sweep(out).load(), whole)
    assert not leftover.exists()


@pytest.mark.skipif(os.name == "nt", reason="files open for reading are not synced there")
def test_a_tile_is_finished_when_its_chunks_are_on_the_disk(tmp_path, monkeypatch):
    events = []
    fsync = os.fsync

    def recorded(descriptor):
        events.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("the system does not tell the names of open files")
    monkeypatch.setattr(os, "fsync", recorded)
    out = tmp_path / "s.zarr"
    seen = []
    write = sweep_store.SweepStore.write

    def checked(self, tile, cells):
        events.clear()
        before = len(_finished(out))
        write(self, tile, cells)
        assert len(_finished(out)) == before + 1
        seen.append({os.path.relpath(name, out) for name in events})

    monkeypatch.setattr(sweep_store.SweepStore, "write", checked)
    nets = networks(1, n=60, dead=None)
    isorep.pairwise(nets | {"b": nets["seed0"]}, measures="cka", layers="conv", out=out)
    chunks = {str(chunk.relative_to(out)) for chunk in _chunks(out)}
    written = {chunk for chunk in chunks if chunk.split("/")[0] not in ("x", "y", "layer")}
    assert set().union(*seen) >= written


def test_an_empty_address_of_a_scheduler():
    with pytest.raises(ValueError, match=r"address of a scheduler, such as 'tcp://.*, got ''"):
        isorep.pairwise(networks(2), scheduler="")
