"""Stores of sweeps: the table of memory, continued after any end, of one sweep only."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray
from helpers.sweeps import equal, networks, saved

import isorep
from isorep import Representations
from isorep.comparison.sweeps import results
from isorep.comparison.sweeps import scheduler as running

MEASURES = ["pwcca", "cka"]


@pytest.fixture
def computed(monkeypatch):
    """Count the tiles that are computed, by number."""
    numbers = []
    original = running.compare_layers
    monkeypatch.setattr(
        running,
        "compare_layers",
        lambda tile, *rest: numbers.append(tile.number) or original(tile, *rest),
    )
    return numbers


def _finished(path):
    """Return the tiles that a store has, in the order in which they were finished."""
    return [int(line) for line in (path / "isorep-sweep" / "finished").read_text().split()]


def test_the_store_holds_the_table_of_memory(tmp_path):
    given = networks()
    here = isorep.pairwise(given, measures=MEASURES)
    there = isorep.pairwise(given, measures=MEASURES, out=tmp_path / "sweep.zarr")
    assert here.equals(there)
    opened = xarray.open_zarr(tmp_path / "sweep.zarr")
    assert equal(opened, there)
    assert there.attrs == here.attrs
    for name in ("pwcca", "cka_distance"):
        low, high = opened[name].attrs.pop("range")
        assert (low, high) == here[name].attrs["range"]
        assert opened[name].attrs == {k: v for k, v in here[name].attrs.items() if k != "range"}
    cell = there.sel(x="seed3", y="seed0", layer="fc")
    assert cell["reason"].item().startswith("networks['seed3']['fc'] has no variance")
    ax = isorep.plot.clusters(there, layer="conv")
    assert ax is not None


def test_endless_ranges_and_number_names_survive(tmp_path):
    given = dict(zip((0.5, 1.5), networks(2).values(), strict=True))
    for network in given.values():
        network["conv"] = network["conv"][:, :19]
    there = isorep.pairwise(given, layers="conv", measures="euclidean", out=tmp_path / "s.zarr")
    assert there["euclidean_distance"].attrs["range"] == [0, np.inf]
    assert there["x"].to_numpy().tolist() == [0.5, 1.5]
    assert there.equals(isorep.pairwise(given, layers="conv", measures="euclidean"))


def test_a_finished_sweep_computes_nothing(tmp_path, computed):
    given, out = networks(), tmp_path / "sweep.zarr"
    first = isorep.pairwise(given, measures=MEASURES, out=out)
    assert sorted(computed) == sorted(_finished(out)) == list(range(2 * 21))
    computed.clear()
    paths = saved(given, tmp_path)  # where the numbers are does not matter
    assert equal(isorep.pairwise(paths, measures=MEASURES, out=out), first)
    assert computed == []


def test_a_sweep_that_failed_goes_on(tmp_path, computed, monkeypatch):
    """An exception after some tiles; then half a line, as a loss of power may leave it."""
    given, out = networks(), tmp_path / "sweep.zarr"
    paths = saved(given, tmp_path)
    original = running.prepare_layer

    def fails(source, layer, *rest):
        if (source.name, layer) == ("networks['seed9']", "fc"):
            raise OSError("stale file handle")
        return original(source, layer, *rest)

    monkeypatch.setattr(running, "prepare_layer", fails)
    with pytest.raises(OSError, match="stale file handle"):
        isorep.pairwise(paths, measures=MEASURES, out=out)
    before = _finished(out)
    assert 21 <= len(before) < 42
    so_far = xarray.open_zarr(out)  # what is there can be looked at
    assert not np.isnan(so_far["cka"].sel(layer="conv")).any()
    assert np.isnan(so_far["cka"].sel(layer="fc", x="seed9")).all()
    monkeypatch.setattr(running, "prepare_layer", original)
    with (out / "isorep-sweep" / "finished").open("a") as file:
        file.write("4")
    computed.clear()
    table = isorep.pairwise(paths, measures=MEASURES, out=out)
    assert table.equals(isorep.pairwise(given, measures=MEASURES))
    assert _finished(out)[: len(before)] == before
    assert sorted(_finished(out)) == list(range(42))
    assert not set(computed[: 42 - len(before)]) & set(before)


KILLED = """
import sys
from pathlib import Path
import isorep
from isorep.comparison.sweeps import scheduler as running

folder = Path(sys.argv[1])
original = running.compare_layers

def counted(tile, *rest):
    with open(folder / "computed", "a") as file:
        file.write(f"{tile.number}\\n")
    return original(tile, *rest)

running.compare_layers = counted
paths = {path.stem: path for path in sorted(folder.glob("seed*.zarr"))}
isorep.pairwise(paths, measure=["pwcca", "cka"], out=folder / "sweep.zarr")
"""


def test_killed_at_any_moment_it_ends_with_the_same_numbers(tmp_path):
    given, out = networks(), tmp_path / "sweep.zarr"
    saved(given, tmp_path)
    dice = random.Random(0)
    log = tmp_path / "computed"
    kills = 0
    for target in (0, 1 + dice.randrange(9), 15 + dice.randrange(9)):
        before = _finished(out) if out.exists() else []
        log.write_text("")
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)])
        while process.poll() is None:
            if out.exists() and len(_finished(out)) >= max(target, len(before) + 1):
                time.sleep(dice.random() / 50)
                process.send_signal(signal.SIGKILL)
                process.wait()
        kills += process.returncode == -signal.SIGKILL
        assert _finished(out)[: len(before)] == before
        assert not set(map(int, log.read_text().split())) & set(before)
    assert kills >= 2
    left = 42 - len(_finished(out))
    done = []
    original = running.compare_layers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            running, "compare_layers", lambda tile, *rest: done.append(1) or original(tile, *rest)
        )
        paths = {path.stem: path for path in sorted(tmp_path.glob("seed*.zarr"))}
        table = isorep.pairwise(paths, measures=MEASURES, out=out)
    assert len(done) == left
    assert sorted(_finished(out)) == list(range(42))
    whole = isorep.pairwise(paths, measures=MEASURES)
    assert table.equals(whole)


def test_numbers_do_not_depend_on_threads_order_or_memory(monkeypatch):
    import dask

    given = networks()
    tables = [isorep.pairwise(given, measures=MEASURES, precision="single")]
    for threads in (1, 5):
        with dask.config.set(num_workers=threads):
            tables.append(isorep.pairwise(given, measures=MEASURES, precision="single"))
    monkeypatch.setattr(running, "in_groups", lambda tiles, *_: list(reversed(tiles)))
    tables.append(isorep.pairwise(given, measures=MEASURES, precision="single"))
    monkeypatch.setattr(running, "slots", lambda *_: 4)
    tables.append(isorep.pairwise(given, measures=MEASURES, precision="single"))
    assert all(equal(table, tables[0]) for table in tables)


def test_a_store_of_another_sweep_is_refused(tmp_path):
    given, out = networks(4), tmp_path / "sweep.zarr"
    ids = [f"image{i}" for i in range(307)]
    known = {name: Representations(layers, sample_ids=ids) for name, layers in given.items()}
    isorep.pairwise(known, measures=MEASURES, out=out)
    before = sorted(path.stat().st_mtime_ns for path in out.rglob("*"))

    def refused(text, networks=known, measure=MEASURES, **options):
        with pytest.raises(ValueError, match=text):
            isorep.pairwise(networks, measures=measure, out=out, **options)

    refused(r"begun with measures \['pwcca', 'cka'\], and this is with \['cka'\]", measure="cka")
    refused(r"holds layer \[\"conv\", \"fc\"\], and these are \[\"fc\"\]", layers="fc")
    refused("begun with solver 'auto', and this is with 'svd'", solver="svd")
    refused("begun with precision 'double', and this is with 'single'", precision="single")
    fewer = {name: known[name] for name in ("seed0", "seed2")}
    refused(r"holds x \[\"seed0\", \"seed1\", .*and these are \[\"seed0\", \"seed2\"\]", fewer)
    other = [*ids[1:], "image0"]
    refused(
        "other networks, samples or layers",
        {name: Representations(layers, sample_ids=other) for name, layers in given.items()},
    )
    changed = known["seed2"]["conv"].copy()
    changed[5, 3] += 1e-3
    layers = {"conv": changed, "fc": known["seed2"]["fc"]}
    refused(
        r"the data of networks\['seed2'\] changed",
        known | {"seed2": Representations(layers, sample_ids=ids)},
    )
    with pytest.raises(ValueError, match="begun with kind 'pairwise', and this is with 'trajec"):
        isorep.trajectory(known, measures=MEASURES, out=out)
    record = out / "isorep-sweep" / "zarr.json"
    told = json.loads(record.read_text())
    told["attributes"]["sweep"]["isorep_version"] = "0.0.1"
    record.write_text(json.dumps(told))
    refused("begun with isorep version '0.0.1'")
    told["attributes"]["sweep"]["isorep_version"] = isorep.__version__
    record.write_text(json.dumps(told))
    after = sorted(path.stat().st_mtime_ns for path in out.rglob("*") if path != record)
    assert set(after) <= set(before)


def test_what_is_no_store_of_a_sweep_is_left_alone(tmp_path):
    given = networks(2)
    saved({"mine": given["seed0"]}, tmp_path)
    with pytest.raises(ValueError, match=r"something is there that is no sweep of isorep's"):
        isorep.pairwise(given, out=tmp_path / "mine.zarr")
    with pytest.raises(ValueError, match=r"expected a name ending in \.zarr"):
        isorep.pairwise(given, out=tmp_path / "sweep.nc")
    with pytest.raises(FileNotFoundError, match="no folder"):
        isorep.pairwise(given, out=tmp_path / "nowhere" / "sweep.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.zarr"]


def test_one_process_at_a_time(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    given, out = networks(2), tmp_path / "sweep.zarr"
    isorep.pairwise(given, out=out)
    with (out / "isorep-sweep" / "lock").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ValueError, match="another process is writing to"):
            isorep.pairwise(given, out=out)
    isorep.pairwise(given, out=out)


def test_two_processes_that_begin_at_once(tmp_path, monkeypatch):
    """The store of the first stays, whether it is of the same sweep or of another."""
    given, out = networks(2), tmp_path / "sweep.zarr"
    original = results._begin

    def late(folder, sweep, identity):
        monkeypatch.setattr(results, "_begin", original)
        isorep.pairwise(given, measures="cka", out=out)
        original(folder, sweep, identity)

    monkeypatch.setattr(results, "_begin", late)
    first = isorep.pairwise(given, measures="cka", out=out)
    assert len(_finished(out)) == 6
    out.rename(tmp_path / "before.zarr")
    monkeypatch.setattr(results, "_begin", late)
    with pytest.raises(ValueError, match=r"begun with measures \['cka'\], and this is with \['pw"):
        isorep.pairwise(given, out=out)
    assert xarray.open_zarr(out).equals(xarray.open_zarr(tmp_path / "before.zarr"))
    assert first.equals(isorep.pairwise(given, measures="cka"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["before.zarr", "sweep.zarr"]


def test_a_full_disk_is_named_and_costs_nothing_finished(tmp_path, monkeypatch):
    given, out = networks(2), tmp_path / "sweep.zarr"
    original, left = results._put, [3]

    def full(*arguments):
        left[0] -= bool(_finished(out))  # whichever tile is the first, and however much it writes
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        original(*arguments)

    monkeypatch.setattr(results, "_put", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*sweep\.zarr'"):
        isorep.pairwise(given, out=out)
    before = _finished(out)
    assert len(before) == 1
    monkeypatch.setattr(results, "_put", original)
    assert isorep.pairwise(given, out=out).equals(isorep.pairwise(given))
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
    given = networks(4)
    paths = saved(given, tmp_path)
    np.savez(tmp_path / "seed1.npz", **given["seed1"])
    opened = isorep.storage.open_store(paths["seed2"])
    monkeypatch.chdir(tmp_path)
    mixed = {
        "seed0": str(paths["seed0"].name),  # from where the call is made
        "seed1": tmp_path / "seed1.npz",
        "seed2": opened,
        "seed3": given["seed3"],
    }
    assert isorep.pairwise(mixed, measures=MEASURES).equals(
        isorep.pairwise(given, measures=MEASURES)
    )
    with pytest.raises(FileNotFoundError, match=r"networks\['b'\]: cannot load '.*gone.zarr'"):
        isorep.pairwise({"a": given["seed0"], "b": "gone.zarr"})


def test_a_damaged_store_costs_its_own_cells(tmp_path):
    given = networks(4, dead=None)
    paths = saved(given, tmp_path)
    chunk = next(path for path in Path(paths["seed2"]).rglob("c/0/0") if "conv" in str(path))
    chunk.write_bytes(os.urandom(chunk.stat().st_size))
    table = isorep.pairwise(paths, out=tmp_path / "sweep.zarr")
    broken = np.zeros((4, 4, 2), dtype=bool)
    broken[2, :, 0] = broken[:, 2, 0] = True
    np.testing.assert_array_equal(np.isnan(table["pwcca"]), broken)
    text = table["reason"].sel(x="seed0", y="seed2", layer="conv").item()
    assert "of layer 'conv' of" in text
    assert "seed2.zarr" in text
