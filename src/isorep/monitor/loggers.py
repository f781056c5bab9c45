"""Loggers: TensorBoard and Weights & Biases, which show the numbers during training."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any, Protocol


class Logger(Protocol):
    """A display of curves over steps."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each of the named curves."""

    def close(self) -> None:
        """Write what is still in memory."""


def check_tensorboard(writer: Any) -> None:
    """Check before training begins that curves can be written.

    Raises
    ------
    TypeError
        If `writer` is neither a folder nor a SummaryWriter.
    ImportError
        If `writer` is a folder and tensorboard is not installed.
    """
    if isinstance(writer, str | PathLike):
        _summary_writer()
    elif not callable(getattr(writer, "add_scalar", None)):
        raise TypeError(
            f"tensorboard must be a SummaryWriter or a folder, got {type(writer).__name__}"
        )


def _summary_writer() -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError(
            "a folder for TensorBoard needs tensorboard: pip install tensorboard"
        ) from error
    return SummaryWriter


class TensorBoardLogger:
    """Curves in TensorBoard.

    Parameters
    ----------
    writer : SummaryWriter or path
        A `torch.utils.tensorboard.SummaryWriter`, which stays open, or a folder to write to.
    purge_step : int, optional
        First step of a resumed training: the folder's curves from there on are discarded.
    """

    def __init__(self, writer: Any, purge_step: int | None) -> None:
        self._owns_writer = isinstance(writer, str | PathLike)
        if self._owns_writer:
            writer = _summary_writer()(str(writer), purge_step=purge_step)
        self._writer = writer

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each of the named curves."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Close the writer, unless it is the caller's."""
        if self._owns_writer:
            self._writer.close()


class WandBLogger:
    """Curves in Weights & Biases, over an axis of their own, ``isorep/step``.

    The numbers join the row that the training script commits next. A row of our own would move the
    run's step counter, and Weights & Biases drops rows whose step is behind the counter.

    Parameters
    ----------
    run
        A run of Weights & Biases, or an object with the same ``log``.
    """

    def __init__(self, run: Any) -> None:
        self._run = run
        if hasattr(run, "define_metric"):
            run.define_metric("isorep/step")
            run.define_metric("isorep/*", step_metric="isorep/step")

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Add one point to each of the named curves."""
        self._run.log({"isorep/step": step, **values}, commit=False)

    def close(self) -> None:
        """Do nothing: the run is the caller's."""
