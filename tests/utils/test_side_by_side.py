"""Side by side: many things share the cores, few have them to themselves, and all come in order."""

import threading
import time

import dask
import pytest
from threadpoolctl import threadpool_info

from isorep._utils.side_by_side import cores, side_by_side


def _blas_threads():
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def _where(item):
    time.sleep(0.001 * (item % 3))  # later ones finish sooner
    return item, threading.current_thread(), frozenset(_blas_threads())


def test_many_share_the_cores_in_order_with_one_blas_thread_each():
    with dask.config.set(num_workers=3):
        assert cores() == 3
        items, threads, blas = zip(*side_by_side(_where, range(20)), strict=True)
    assert items == tuple(range(20))
    assert threading.main_thread() not in threads
    assert 1 < len(set(threads)) <= 3
    assert set(blas) == {frozenset({1})}


@pytest.mark.parametrize(("workers", "count", "at_once"), [(3, 5, None), (1, 20, None), (3, 20, 1)])
def test_few_things_and_a_single_core_are_worked_on_in_turn(workers, count, at_once):
    with dask.config.set(num_workers=workers):
        found = list(side_by_side(_where, range(count), at_once))
    assert [item for item, _, _ in found] == list(range(count))
    assert {thread for _, thread, _ in found} == {threading.main_thread()}


def test_an_error_comes_out_and_drops_what_is_left():
    called = []

    def work(item):
        called.append(item)
        time.sleep(0.01)
        if item == 3:
            raise KeyError("three")

    before = _blas_threads()
    with dask.config.set(num_workers=2), pytest.raises(KeyError, match="three"):
        list(side_by_side(work, range(500)))
    assert len(called) < 100
    assert _blas_threads() == before


def test_closing_drops_what_is_left():
    called = []

    def work(item):
        called.append(item)
        time.sleep(0.01)
        return item

    with dask.config.set(num_workers=2):
        working = side_by_side(work, range(500))
        assert next(working) == 0
        working.close()
    assert len(called) < 100
