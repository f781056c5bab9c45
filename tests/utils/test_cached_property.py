"""Cached property: computed once for each instance, and threads do not wait for each other."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from isorep._utils.cached_property import cached_property


class Thing:
    def __init__(self, compute):
        self._compute = compute

    @cached_property
    def value(self):
        """What it is."""
        return self._compute()


def test_each_instance_computes_once():
    computed = []
    things = [Thing(lambda i=i: computed.append(i) or [i]) for i in range(2)]
    assert [thing.value for thing in things] == [[0], [1]]
    assert things[0].value is things[0].value
    assert computed == [0, 1]
    assert vars(things[1])["value"] == [1]


def test_what_fails_is_tried_again():
    outcomes = iter([ZeroDivisionError, 7])

    def compute():
        outcome = next(outcomes)
        if outcome is ZeroDivisionError:
            raise outcome
        return outcome

    thing = Thing(compute)
    with pytest.raises(ZeroDivisionError):
        _ = thing.value
    assert thing.value == 7


def test_the_class_shows_the_property_and_its_docstring():
    assert isinstance(Thing.value, cached_property)
    assert Thing.value.__doc__ == "What it is."


def test_two_instances_are_computed_at_the_same_time():
    """With a lock for all instances neither would ever meet the other."""
    both = Barrier(2, timeout=30)
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(lambda thing: thing.value, [Thing(both.wait) for _ in range(2)])
        assert sorted(found) == [0, 1]
