"""Activations of PyTorch models: capture in memory or to a store, stream, moments of shards."""

from typing import TYPE_CHECKING, Any

from isorep._utils.optional import import_optional
from isorep.activations.capture import capture
from isorep.activations.paired_data import PairedData
from isorep.activations.random_model import RandomModelWarning
from isorep.activations.stream import stream

if TYPE_CHECKING:
    from isorep.activations.distributed import capture_moments, merge_over_ranks

__all__ = [
    "PairedData",
    "RandomModelWarning",
    "capture",
    "capture_moments",
    "merge_over_ranks",
    "stream",
]


def __getattr__(name: str) -> Any:
    """Import the functions that need PyTorch when they are asked for."""
    if name in ("capture_moments", "merge_over_ranks"):
        import_optional("torch", "torch")
        from isorep.activations import distributed

        return getattr(distributed, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
