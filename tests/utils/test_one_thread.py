"""One BLAS thread: for as long as anyone needs it, whoever leaves first."""

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from isorep._utils.one_thread import one_thread


def _threads():
    return {
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    }


def test_the_last_to_leave_lifts_the_limit():
    with threadpool_limits(2):
        before = _threads()
        first, second = one_thread(), one_thread()
        first.__enter__()
        assert _threads() == {1}
        second.__enter__()
        first.__exit__(None, None, None)
        assert _threads() == {1}
        second.__exit__(None, None, None)
        assert _threads() == before


def test_an_error_lifts_the_limit_too():
    with threadpool_limits(2):
        before = _threads()
        with pytest.raises(RuntimeError), one_thread():
            raise RuntimeError
        assert _threads() == before
