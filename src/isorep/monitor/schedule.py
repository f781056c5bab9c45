"""Schedule: the steps at which a state is taken."""

from __future__ import annotations

from numbers import Integral
from time import perf_counter

SPREAD = 100
"""Ratio of the run's time so far to the least time between two states.

With it, the number of states and the space they take grow with the logarithm of the run's length.
"""


class Schedule:
    """Decides when to take a state, and measures the share of the time that states take.

    Parameters
    ----------
    every : int or "auto"
        Number of steps between two states; "auto" takes states as often as `max_share` allows.
    max_share : float
        Largest share of the time, in (0, 1), that states may take with "auto".

    Raises
    ------
    TypeError, ValueError
        If a parameter has another type or value.
    """

    def __init__(self, every: int | str, max_share: float) -> None:
        if every != "auto" and (isinstance(every, bool) or not isinstance(every, Integral)):
            raise TypeError(f"every must be a number of steps or 'auto', got {every!r}")
        if every != "auto" and int(every) < 1:
            raise ValueError(f"every must be at least 1 step, or 'auto', got {every}")
        if not 0 < max_share < 1:
            raise ValueError(f"max_share must be a share of the time, in (0, 1), got {max_share}")
        self._every = None if every == "auto" else int(every)
        self._max_share = max_share
        self.begin()

    def begin(self) -> None:
        """Start the clock; no time is spent on states yet."""
        self._spent = self._expected = 0.0
        self._states = 0
        self._began = self._last = perf_counter()
        self._ended: float | None = None

    def end(self) -> None:
        """Stop the clock."""
        self._ended = perf_counter()

    def due(self, step: int) -> bool:
        """Tell whether a state should be taken after `step` steps."""
        if self._every is not None:
            return step % self._every == 0
        now = perf_counter()
        elapsed = now - self._began
        return (
            # This state and the final state are still to come.
            self._spent + 2 * self._expected <= self._max_share * elapsed
            and now - self._last >= elapsed / SPREAD
        )

    def add_state(self, since: float) -> None:
        """Count a state that was taken between `since`, a time of `perf_counter`, and now."""
        self._last = perf_counter()
        cost = self._last - since
        self._spent += cost
        # The mean over all states but the first, which takes longer than the others.
        self._expected += (cost - self._expected) / max(self._states, 1)
        self._states += 1

    @property
    def share(self) -> float:
        """Share of the time between `begin` and `end`, or until now, that states have taken."""
        end = perf_counter() if self._ended is None else self._ended
        return self._spent / max(end - self._began, 1e-9)
