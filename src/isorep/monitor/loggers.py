"""Live: where the numbers of a running training are shown besides the store."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, Protocol


class Live(Protocol):
    """A display of numbers over steps."""

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """Add a number to each of the named curves."""

    def close(self) -> None:
        """Make sure that all is written."""


def check_tensorboard(writer: Any) -> None:
    """Refuse, before training begins, what curves cannot be written to.

    Raises
    ------
    TypeError
        When it is neither a folder nor a SummaryWriter.
    ImportError
        When it is a folder, and tensorboard is not installed.
    """
    if isinstance(writer, str | PathLike):
        _summary_writer()
    elif not callable(getattr(writer, "add_scalar", None)):
        raise TypeError(
            f"tensorboard should be a SummaryWriter or a folder, got {type(writer).__name__}"
        )


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "a folder for TensorBoard needs tensorboard: pip install tensorboard"
        ) from error
    return SummaryWriter


class TensorBoard:
    """Curves in TensorBoard.

    Parameters
    ----------
    writer
        A `torch.utils.tensorboard.SummaryWriter`, or the folder for one, which is then closed.
    purge_step
        Step of a resumed training from which on curves in the folder no longer hold, or None.
    """

    def __init__(self, writer: Any, purge_step: int | None) -> None:
        self._own = isinstance(writer, str | PathLike)
        if self._own:
            writer = _summary_writer()(str(writer), purge_step=purge_step)
        self._writer = writer

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """Add a scalar to each curve."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close a writer of our own."""
        if self._own:
            self._writer.close()


class WandB:
    """Curves in Weights & Biases.

    Over ``isorep/step``, an axis of their own, and in the row that the training script logs next:
    the run's counter belongs to that script, and were it moved, rows of the script's would be lost.
    """

    def __init__(self, run: Any) -> None:
        self._run = run
        if hasattr(run, "define_metric"):
            run.define_metric("isorep/step")
            run.define_metric("isorep/*", step_metric="isorep/step")

    def show(self, step: int, values: Mapping[str, float]) -> None:
        """Add to the row that comes next."""
        self._run.log({"isorep/step": step, **values}, commit=False)

    def close(self) -> None:
        """Leave the run open: it is the caller's."""
