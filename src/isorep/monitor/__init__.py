"""Monitor training: how each layer changes, and when it converged."""

from isorep.monitor.convergence import converged
from isorep.monitor.monitor import Monitor
from isorep.monitor.store import states

__all__ = ["Monitor", "converged", "states"]
