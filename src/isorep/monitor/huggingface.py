"""Callback that drives a monitor from a Hugging Face Trainer."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from isorep.monitor.monitor import Monitor

__all__ = ["MonitorCallback"]


class MonitorCallback(TrainerCallback):
    """Drive a monitor from a `Trainer` of transformers.

    Use it as ``Trainer(..., callbacks=[MonitorCallback(monitor)])``. Steps are the trainer's
    ``global_step``, also after resuming from a checkpoint.

    Parameters
    ----------
    monitor : Monitor
        Monitor that is not started.

    Examples
    --------
    >>> import isorep, torch
    >>> from isorep.monitor.huggingface import MonitorCallback
    >>> monitor = isorep.monitor.Monitor(torch.rand(200, 4), store="run.zarr", every=10)
    >>> callbacks = [MonitorCallback(monitor)]  # Trainer(..., callbacks=callbacks).train()
    """

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Start; a checkpoint is loaded by now."""
        self.monitor.start(kwargs["model"], step=state.global_step)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Report the number of optimizer steps."""
        self.monitor.step(state.global_step)
        self._finish_if_stopping(args, state, control)

    def _finish_if_stopping(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the final state before the trainer may load its best checkpoint."""
        if control.should_training_stop:
            self.monitor.finish()

    # Other callbacks can stop training at any of these events.
    on_epoch_end = on_evaluate = on_save = _finish_if_stopping

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the final state, unless it is taken."""
        self.monitor.finish()
