"""Lightning: the monitor as a callback of its Trainer."""

from __future__ import annotations

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from isorep.monitor.monitor import Monitor


class MonitorCallback(Callback):
    """Have a `Trainer` of Lightning drive a monitor.

    ``Trainer(callbacks=[MonitorCallback(monitor)])``. Steps are the trainer's ``global_step``, also
    when it is resumed from a checkpoint. Layers have the names that they have in the
    `LightningModule`, and its ``forward`` is what the probe goes through.

    Parameters
    ----------
    monitor : Monitor
        One that was not started.
    """

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start, after a checkpoint was loaded."""
        self.monitor.start(pl_module, step=trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, *args: Any, **kwargs: Any
    ) -> None:
        """Count the steps of the optimizer, of which a batch need not bring one."""
        self.monitor.step(trainer.global_step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Take the final state."""
        self.monitor.finish()
