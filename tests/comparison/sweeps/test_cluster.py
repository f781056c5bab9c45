"""A real scheduler and worker processes: the numbers of threads, even if a worker dies."""

import os
import signal
import threading
import time
from pathlib import Path

import dask
import numpy as np
import pytest
from helpers.sweeps import equal, networks, saved
from typer.testing import CliRunner

import isorep
from isorep.cli.app import app
from isorep.comparison.sweeps import scheduler
from isorep.comparison.sweeps.executor import DaskExecutor, open_executor

distributed = pytest.importorskip("distributed")

MEASURES = ["pwcca", "cka"]


@pytest.fixture(scope="module")
def client():
    """Two worker processes, each a fork of one that has imported what they need."""
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        distributed.utils.get_mp_context().set_forkserver_preload(
            ["distributed.nanny", "isorep.comparison.sweeps.scheduler", "isorep.comparison.grid"]
        )
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=0
        )
        with cluster, distributed.Client(cluster, set_as_default=False) as client:
            yield client


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return saved(networks(8), folder)


def _finished(path):
    record = path / "isorep-sweep" / "finished"
    lines = record.read_text().splitlines() if record.exists() else []
    return [line.split()[0] for line in lines if line]


@pytest.mark.slow
def test_workers_give_the_numbers_of_threads(client, stores, tmp_path):
    for precision in ("double", "single"):
        local = isorep.pairwise(stores, measures=MEASURES, precision=precision)
        remote = isorep.pairwise(stores, measures=MEASURES, precision=precision, scheduler=client)
        assert equal(remote, local)
    sent = isorep.pairwise(networks(4), scheduler=client)  # from memory
    assert equal(sent, isorep.pairwise(networks(4)))
    path = isorep.trajectory(stores, scheduler=client, out=tmp_path / "path.zarr")
    assert path.equals(isorep.trajectory(stores))
    assert equal(isorep.pairwise(stores, scheduler=client, memory="8 MB"), isorep.pairwise(stores))


@pytest.mark.slow
def test_workers_infer_what_threads_infer(client, stores):
    two = {name: stores[name] for name in ("seed0", "seed1")}
    options = {"layers": "fc", "measures": MEASURES, "correct": True, "chance": True}
    local = isorep.pairwise(two, **options, n_permutations=9, seed=1)
    assert equal(isorep.pairwise(two, **options, n_permutations=9, seed=1, scheduler=client), local)


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_tiles_only(client, stores, tmp_path):
    """One of two is killed when some tiles are finished; those stay, and no other is missing."""
    out = tmp_path / "sweep.zarr"
    many = {f"{name}-{k}": path for k in range(4) for name, path in stores.items()}
    before = []

    def kill():
        deadline = time.monotonic() + 60
        while len(_finished(out)) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
        before.extend(_finished(out))
        victim = next(iter(client.run(os.getpid).values()))
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    table = isorep.pairwise(many, measures=MEASURES, out=out, scheduler=client)
    killer.join()
    assert 3 <= len(before) < len(_finished(out)) == 2 * 10
    assert len(set(_finished(out))) == 2 * 10
    assert _finished(out)[: len(before)] == before
    assert table.equals(isorep.pairwise(many, measures=MEASURES))


@pytest.mark.slow
def test_bad_data_on_a_worker_names_store_and_layer(client, tmp_path):
    stores = saved(networks(3, dead=None), tmp_path)
    chunk = next(path for path in Path(stores["seed1"]).rglob("c/0/0") if "fc" in str(path))
    chunk.write_bytes(bytes(chunk.stat().st_size))
    table = isorep.pairwise(stores, scheduler=client)
    assert np.isnan(table["pwcca"].sel(layer="fc", x="seed1")).all()
    text = table["reason"].sel(x="seed0", y="seed1", layer="fc").item()
    assert "of layer 'fc' of" in text
    assert "seed1.zarr" in text
    assert (table["reason"].sel(layer="conv") == "").all()


@pytest.mark.slow
def test_a_store_that_a_worker_cannot_read_stops_the_sweep(client, tmp_path, monkeypatch):
    stores = saved(networks(3, dead=None), tmp_path)
    original = scheduler._compute

    def moved(*arguments):
        stores["seed2"].rename(tmp_path / "elsewhere")
        return original(*arguments)

    monkeypatch.setattr(scheduler, "_compute", moved)
    with pytest.raises(FileNotFoundError, match=r"networks\['seed2'\]: cannot load '.*seed2.zarr'"):
        isorep.pairwise(stores, scheduler=client, out=tmp_path / "sweep.zarr")
    (tmp_path / "elsewhere").rename(stores["seed2"])
    monkeypatch.setattr(scheduler, "_compute", original)
    table = isorep.pairwise(stores, scheduler=client, out=tmp_path / "sweep.zarr")
    assert table.equals(isorep.pairwise(stores))


@pytest.mark.slow
def test_a_cluster_that_is_lost_says_what_to_do(client):
    """As when the scheduler ends, or a task has ended every worker that tried it."""
    with open_executor(client) as executor:
        task = executor.submit(time.sleep, 5)
        client.cancel(task, force=True)
        with pytest.raises(OSError, match=r"the Dask cluster lost a task .*: call again to cont"):
            executor.result(task)


@pytest.mark.slow
def test_options_of_measures_reach_the_workers(client, stores):
    measures = ["pwcca(weights_from=both)", {"shape": {"alpha": 0.5}}]
    table = isorep.pairwise(stores, measures=measures, scheduler=client)
    assert equal(table, isorep.pairwise(stores, measures=measures))


class _Workers:
    """A client of workers with these memory limits."""

    def __init__(self, *limits):
        self._limits = limits

    def wait_for_workers(self, n_workers):
        assert n_workers <= len(self._limits)

    def scheduler_info(self, **_):
        return {"workers": {i: {"memory_limit": limit} for i, limit in enumerate(self._limits)}}


def test_the_default_memory_is_half_of_the_workers_limits(monkeypatch):
    """Or half of the free memory of this machine, for threads and if a worker has no limit."""
    monkeypatch.setattr("isorep._utils.memory.free_memory", lambda: 10**9)
    assert DaskExecutor(_Workers(6 * 10**9, 2 * 10**9)).default_memory == 4 * 10**9
    assert DaskExecutor(_Workers(6 * 10**9, 0)).default_memory == 5 * 10**8
    with open_executor(None) as threads:
        assert threads.default_memory == 5 * 10**8


@pytest.mark.slow
def test_a_cluster_has_a_default_memory(client):
    with open_executor(client) as executor:
        assert executor.default_memory >= 10**6
        assert executor.n_threads == 2


@pytest.mark.slow
def test_the_shell_takes_the_address(client, stores, tmp_path):
    out = tmp_path / "sweep.zarr"
    result = CliRunner().invoke(
        app,
        [
            *("pairwise", *map(str, stores.values()), "-o", str(out)),
            *("--scheduler", client.scheduler.address),
        ],
    )
    assert result.exit_code == 0, result.output
    assert isorep.pairwise(stores, out=out).equals(isorep.pairwise(stores))


def test_other_types_of_scheduler_are_refused():
    with pytest.raises(TypeError, match=r"distributed\.Client or None for threads, got int"):
        isorep.pairwise(networks(2), scheduler=3)
    with pytest.raises(OSError, match=r"no Dask scheduler answers at 'nonsense://'"):
        isorep.pairwise(networks(2), scheduler="nonsense://")
