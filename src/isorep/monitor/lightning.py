"""Callback that drives a monitor from a Lightning Trainer."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from isorep.monitor.monitor import Monitor

__all__ = ["MonitorCallback"]


class MonitorCallback(Callback):
    """Drive a monitor from a Lightning `Trainer`.

    Use it as ``Trainer(callbacks=[MonitorCallback(monitor)])``. Steps are the trainer's
    ``global_step``, also after resuming from a checkpoint. The probe runs through the ``forward``
    of the `LightningModule`, and layers have their names in it.

    Parameters
    ----------
    monitor : Monitor
        Monitor that is not started.

    Examples
    --------
    >>> import isorep, torch
    >>> from isorep.monitor.lightning import MonitorCallback
    >>> monitor = isorep.monitor.Monitor(torch.rand(200, 4), store="run.zarr", every=10)
    >>> callbacks = [MonitorCallback(monitor)]  # Trainer(callbacks=callbacks).fit(model, batches)
    """

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start; a checkpoint is loaded by now."""
        self.monitor.start(pl_module, step=trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        """Report the number of optimizer steps, which a batch need not increase."""
        self.monitor.step(trainer.global_step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the final state."""
        self.monitor.finish()
