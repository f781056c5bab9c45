"""Threads: the limit of one BLAS thread, and work on many items in parallel."""

import os
import sys
import threading
import time

import dask
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from isorep._utils.parallel import (
    StoppedError,
    check_stopped,
    full_precision,
    n_workers,
    one_thread,
    parallel_map,
)


def _blas_threads():
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def test_the_last_to_leave_lifts_the_limit():
    with threadpool_limits(2):
        before = _blas_threads()
        first, second = one_thread(), one_thread()
        first.__enter__()
        assert _blas_threads() == {1}
        second.__enter__()
        first.__exit__(None, None, None)
        assert _blas_threads() == {1}
        second.__exit__(None, None, None)
        assert _blas_threads() == before


def test_an_error_lifts_the_limit_too():
    with threadpool_limits(2):
        before = _blas_threads()
        with pytest.raises(RuntimeError), one_thread():
            raise RuntimeError
        assert _blas_threads() == before


def test_the_last_to_leave_restores_what_training_allows():
    torch = pytest.importorskip("torch")
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        first, second = full_precision(), full_precision()
        first.__enter__()
        second.__enter__()
        assert torch.get_float32_matmul_precision() == "highest"
        first.__exit__(None, None, None)
        assert torch.get_float32_matmul_precision() == "highest"
        second.__exit__(None, None, None)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


def _where(item):
    time.sleep(0.001 * (item % 3))  # later ones finish sooner
    return item, threading.current_thread(), frozenset(_blas_threads())


def test_many_share_the_cores_in_order_with_one_blas_thread_each():
    with dask.config.set(num_workers=3):
        assert n_workers() == 3
        items, threads, blas = zip(*parallel_map(_where, range(20)), strict=True)
    assert items == tuple(range(20))
    assert threading.main_thread() not in threads
    assert 1 < len(set(threads)) <= 3
    assert set(blas) == {frozenset({1})}


def test_without_dask_every_core_that_the_process_may_use_works(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    assert 1 <= n_workers() <= os.cpu_count()


@pytest.mark.parametrize(("workers", "count", "at_once"), [(3, 5, None), (1, 20, None), (3, 20, 1)])
def test_few_things_and_a_single_core_are_worked_on_in_turn(workers, count, at_once):
    with dask.config.set(num_workers=workers):
        results = list(parallel_map(_where, range(count), at_once))
    assert [item for item, _, _ in results] == list(range(count))
    assert {thread for _, thread, _ in results} == {threading.main_thread()}


def test_an_error_comes_out_and_drops_what_is_left():
    called = []

    def work(item):
        called.append(item)
        time.sleep(0.01)
        if item == 3:
            raise KeyError("three")

    before = _blas_threads()
    with dask.config.set(num_workers=2), pytest.raises(KeyError, match="three"):
        list(parallel_map(work, range(500)))
    assert len(called) < 100
    assert _blas_threads() == before


def test_closing_drops_what_is_left():
    called = []

    def work(item):
        called.append(item)
        time.sleep(0.01)
        return item

    with dask.config.set(num_workers=2):
        working = parallel_map(work, range(500))
        assert next(working) == 0
        working.close()
    assert len(called) < 100


def test_closing_stops_running_calls_between_their_parts():
    ended = []

    def work(item):
        if item == 0:
            return item
        try:
            while True:  # without a check it would never end
                check_stopped()
        except StoppedError:
            ended.append(item)
            raise

    with dask.config.set(num_workers=2):
        working = parallel_map(work, range(8))
        assert next(working) == 0
        working.close()
    assert 0 < len(ended) <= 2


def test_an_interrupt_stops_running_calls_between_their_parts():
    started = threading.Event()

    def work(item):
        if item == 0:
            started.wait()
            raise KeyboardInterrupt
        started.set()
        while True:
            check_stopped()

    with dask.config.set(num_workers=2), pytest.raises(KeyboardInterrupt):
        list(parallel_map(work, range(8)))


def test_nothing_stops_outside_of_a_parallel_map():
    check_stopped()
    with dask.config.set(num_workers=2):
        assert list(parallel_map(lambda item: check_stopped() or item, range(8))) == [*range(8)]
    check_stopped()
