"""Monitor: how each layer changes while a network trains, and when it had converged."""

from isorep.monitor.convergence import converged
from isorep.monitor.monitor import Monitor
from isorep.monitor.store import states

__all__ = ["Monitor", "converged", "states"]
