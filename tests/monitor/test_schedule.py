"""Schedule: the share of the time is kept to, on a clock of the test's own."""

import numpy as np
import pytest

from isorep.monitor import schedule
from isorep.monitor.schedule import SPREAD, Schedule


class Clock:
    def __init__(self, monkeypatch):
        self.now = 1000.0
        monkeypatch.setattr(schedule, "perf_counter", lambda: self.now)


def run(clock, every, max_share, *, steps, step, cost, first=0.0):
    """Return at which steps a state was taken, and when; `cost` is called for each."""
    plan = Schedule(every, max_share)
    plan.begin()
    since = clock.now
    clock.now += first
    plan.add_state(since)
    taken, times = [], []
    for number in range(1, steps + 1):
        clock.now += step
        if plan.due(number):
            since = clock.now
            clock.now += cost()
            plan.add_state(since)
            taken.append(number)
            times.append(since)
    plan.end()
    clock.now += 1e6
    return plan, taken, np.array(times) - 1000


def test_the_share_is_kept_to_whatever_a_state_costs(monkeypatch):
    clock, rng = Clock(monkeypatch), np.random.default_rng(0)
    costs = []

    def cost():
        costs.append(0.05 * rng.uniform(0.5, 1.5))
        return costs[-1]

    plan, taken, times = run(clock, "auto", 0.03, steps=20_000, step=0.01, cost=cost, first=0.2)
    assert len(taken) > 80
    total = clock.now - 1e6 - 1000
    assert plan.share == pytest.approx((0.2 + sum(costs)) / total, rel=1e-12)
    assert 0.025 < plan.share < 0.03
    # The first one and the last are expected to cost what the start did.
    assert times[0] == pytest.approx((0.2 + 0.2 + 0.2) / 0.03, abs=0.02)
    assert times[1] == pytest.approx(times[0] * (1 + 1 / SPREAD), abs=0.1)
    # Then what others did: there is always enough left for a state at the end.
    spent = 0.2 + np.cumsum(costs)
    assert (spent + 0.02 < 0.03 * (times + costs)).all()


def test_their_number_grows_with_the_logarithm_of_the_run(monkeypatch):
    _, taken, times = run(
        Clock(monkeypatch), "auto", 0.03, steps=200_000, step=1.0, cost=lambda: 0.001
    )
    assert taken[:3] == [1, 2, 3]
    assert len(taken) < SPREAD * (2 + np.log(200_000 / SPREAD))
    assert (np.diff(times) >= 0.99 * times[1:] / SPREAD).all()


def test_a_fixed_distance_is_kept_to(monkeypatch):
    _, taken, _ = run(Clock(monkeypatch), 7, 0.01, steps=30, step=0.1, cost=lambda: 5.0)
    assert taken == [7, 14, 21, 28]


def test_a_numpy_integer_is_a_number_of_steps(monkeypatch):
    _, taken, _ = run(Clock(monkeypatch), np.int64(9), 0.5, steps=20, step=0.1, cost=lambda: 0.0)
    assert taken == [9, 18]
