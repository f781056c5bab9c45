"""Hugging Face: the monitor as a callback of its Trainer."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from isorep.monitor.monitor import Monitor


class MonitorCallback(TrainerCallback):
    """Have a `Trainer` of transformers drive a monitor.

    ``Trainer(..., callbacks=[MonitorCallback(monitor)])``. Steps are the trainer's ``global_step``,
    also when it is resumed from a checkpoint.

    Parameters
    ----------
    monitor : Monitor
        One that was not started.
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
        """Start, after a checkpoint was loaded."""
        self.monitor.start(kwargs["model"], step=state.global_step)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Count a step of the optimizer."""
        self.monitor.step(state.global_step)
        self._finish_in_time(args, state, control)

    def _finish_in_time(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the final state once training is to stop: the best one may be loaded after that."""
        if control.should_training_stop:
            self.monitor.finish()

    # Where other callbacks stop it; saving comes after these were asked about an evaluation.
    on_epoch_end = on_evaluate = on_save = _finish_in_time

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Take the final state, if that was not done."""
        self.monitor.finish()
