"""Schedule: at which steps a state is taken."""

from __future__ import annotations

from numbers import Integral
from time import perf_counter

SPREAD = 100
"""A state is at least a part in so many of the run so far later than the last one: their number,
and the space they take, then grow with the logarithm of the length of a run."""


class Schedule:
    """When to take a state, and what part of the time that took so far.

    Parameters
    ----------
    every
        Steps between two states; or "auto", as often as `max_share` allows.
    max_share
        The greatest part of all time, in (0, 1), that may go into taking states; for "auto" alone.

    Raises
    ------
    TypeError, ValueError
        When they are neither.
    """

    def __init__(self, every: int | str, max_share: float) -> None:
        if every != "auto" and (isinstance(every, bool) or not isinstance(every, Integral)):
            raise TypeError(f"every is a number of steps or 'auto', not {every!r}")
        if every != "auto" and int(every) < 1:
            raise ValueError(f"every is a number of steps from 1 on, or 'auto', not {every}")
        if not 0 < max_share < 1:
            raise ValueError(f"max_share is a part of the time, in (0, 1), not {max_share}")
        self._every = None if every == "auto" else int(every)
        self._max_share = max_share
        self.begin()

    def begin(self) -> None:
        """Start the clock: training begins, and nothing has been spent on states yet."""
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
            # A state now and that of the end are still to be paid.
            self._spent + 2 * self._expected <= self._max_share * elapsed
            and now - self._last >= elapsed / SPREAD
        )

    def spent(self, since: float) -> None:
        """Take note of a state that was taken since that time of `perf_counter` until now."""
        self._last = perf_counter()
        cost = self._last - since
        self._spent += cost
        # The mean; the first state is dearer than others and says so only as long as it is alone.
        self._expected += (cost - self._expected) / max(self._states, 1)
        self._states += 1

    @property
    def share(self) -> float:
        """The part of the time from `begin` to `end`, or until now, that states have taken."""
        end = perf_counter() if self._ended is None else self._ended
        return self._spent / max(end - self._began, 1e-9)
