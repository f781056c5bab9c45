"""Monitor: takes states of a network while it trains, and compares them layer by layer."""

from __future__ import annotations

import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from numbers import Integral
from os import PathLike
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from isorep._utils.optional import import_optional
from isorep.comparison.grid import score_prepared
from isorep.comparison.inputs import Label
from isorep.comparison.trajectory import trajectory
from isorep.core.prepare import Prepared, prepare
from isorep.core.score import Score
from isorep.core.warning_text import about, issue
from isorep.measures.registry import one_measure
from isorep.monitor.convergence import FACTOR, LEVEL, TOLERANCE, converged
from isorep.monitor.loggers import Logger, TensorBoardLogger, WandBLogger, check_tensorboard
from isorep.monitor.schedule import Schedule
from isorep.monitor.store import Store, states
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import torch
    import xarray


class Monitor:
    """Monitor the layers of a network in training, on a fixed set of samples, the probe.

    From time to time the monitor runs the probe through the model, which gives a state. It compares
    each layer with its state at the start and with its state `lag` states ago. The states, with one
    row per sample, go to the store; only bases of the states still to be compared are in memory.

    Training is bit-identical with and without a monitor: the model runs in eval mode without
    gradients, training flags and random number generators are restored, and no hook stays. What a
    model itself keeps between two passes, such as the last hidden state of a language model, is not
    restored.

    Wrong arguments are errors here or in `start`, before training begins. Later errors in the
    monitor do not stop the training: the monitor warns once, logs the reason in the store, and
    stops.

    Parameters
    ----------
    probe
        Samples, as for `isorep.capture`, read once, here. For ``pwcca``, ten times as many samples
        as the widest layer has features are good. Time and space grow with their number.
    layers, reduce
        Layers to capture, and how positions become features; see `isorep.capture`.
    store : path
        Folder to write to; created if it does not exist. To resume a training, pass the same
        folder; see `start`.
    every : int or "auto"
        Number of steps between two states. "auto" goes by time: as often as `max_share` allows, and
        less often as the run gets long. The steps then differ from run to run.
    max_share : float
        Largest share of the time, in (0, 1), that states may take with "auto". It includes the
        first and the last state. These two are always taken, and the last may take longer than
        expected.
    measure : str or mapping
        Name in `isorep.MEASURES`, with options if any, for the numbers during training.
    lag : int
        Number of states between a state and the earlier one that it is compared with.
    tensorboard : SummaryWriter or path, optional
        Writer or folder of TensorBoard curves.
    wandb : optional
        Run of Weights & Biases, or an object with the same ``log``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not of the kind described here.
    ImportError
        If PyTorch is not installed, or `tensorboard` is a folder and tensorboard is not installed.

    Examples
    --------
    >>> import tempfile, torch
    >>> from isorep.monitor import Monitor
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    >>> optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    >>> x = torch.randn(200, 4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     monitor = Monitor(x, layers="1", store=folder, every=10)
    ...     with monitor.start(model):
    ...         for _ in range(30):
    ...             optimizer.zero_grad()
    ...             (model(x)[:, 0] - x[:, 0] * x[:, 1]).square().mean().backward()
    ...             optimizer.step()
    ...             monitor.step()
    ...     table = monitor.trajectory()
    >>> table["step"].values.tolist()
    [0, 10, 20, 30]
    >>> bool(table["pwcca_distance"].sel(step=0, layer="1") > 0)
    True
    """

    def __init__(
        self,
        probe: Any,
        *,
        store: str | PathLike[str],
        layers: str | Iterable[str] = "*",
        reduce: str | Callable[..., Any] | Mapping[str, Any] = "mean",
        every: int | str = "auto",
        max_share: float = 0.025,
        measure: str = "pwcca",
        lag: int = 1,
        tensorboard: Any = None,
        wandb: Any = None,
    ) -> None:
        import_optional("torch", "torch")
        from isorep.monitor.probe import Probe

        self._measure = one_measure(measure)
        if isinstance(lag, bool) or not isinstance(lag, int) or lag < 1:
            raise ValueError(f"lag must be a number of states, at least 1, got {lag!r}")
        if tensorboard is not None:
            check_tensorboard(tensorboard)
        if wandb is not None and not callable(getattr(wandb, "log", None)):
            raise TypeError(f"wandb must be a run with .log, got {type(wandb).__name__}")
        self._schedule = Schedule(every, max_share)
        self._store = Store(store)
        self._probe = Probe(probe, layers, reduce)
        self._lag = lag
        self._tensorboard = tensorboard
        self._wandb = wandb
        self._model: torch.nn.Module | None = None
        self._idle = False  # True in all processes but the first, and after an error
        self._step = 0
        self._first: dict[str, Prepared] = {}
        self._recent: deque[tuple[int, dict[str, Prepared]]] = deque(maxlen=lag)
        self._loggers: list[Logger] = []

    def start(self, model: torch.nn.Module, step: int = 0) -> Monitor:
        """Start to monitor a model, and take its first state.

        If the store holds states, the training counts as resumed after `step` steps, with the same
        probe and layers. States from that step on belong to the interrupted training and move to
        ``superseded/`` in the store; the earlier states are kept. In a training of several
        processes, only the monitor of the first process does anything.

        Parameters
        ----------
        model : torch.nn.Module
            Model to monitor. If it is compiled or wrapped for data-parallel training, the module
            inside is captured.
        step : int
            Number of steps the model is trained for so far; more than 0 in a resumed training.

        Returns
        -------
        Monitor
            The monitor: ``with monitor.start(model):`` calls `finish` at the end of the block.

        Raises
        ------
        TypeError, ValueError
            If the model cannot be captured (see `isorep.capture`), the store holds states of other
            samples or layers, or `step` is not a number of steps.
        OSError
            If the store cannot be written to.

        Warns
        -----
        FewSamplesWarning
            If the probe is small for the widths of the layers.
        UserWarning
            If a training that starts at 0 supersedes the states in the store, or if the monitor
            stops because of an error.
        """
        from isorep.monitor.probe import is_first_process, unwrap_model

        inner = unwrap_model(model)
        if isinstance(step, bool) or not isinstance(step, Integral) or step < 0:
            raise ValueError(
                f"step must be the number of steps the model is trained for, got {step!r}"
            )
        self._idle = not is_first_process()
        self._step = step
        if self._idle:
            return self
        self._schedule.begin()
        since = perf_counter()
        state = self._probe.capture(inner)
        self._check_continues(state, step)
        self._store.check_writable()
        self._model = inner
        try:
            superseded = self._store.supersede(step)
            self._store.log(
                "start",
                step,
                superseded=superseded,
                layers=list(state),
                n_samples=state.n_samples,
                measure=self._measure.label,
            )
            self._open_loggers(step if superseded else None)
            self._resume(step)
            self._keep(step, state, since)
        except Exception as error:
            self._give_up(error)
        else:
            self._warn_at_start(step, superseded)
        self._schedule.add_state(since)
        return self

    def step(self, done: int | None = None) -> None:
        """Take a state if one is due; call this after each step of the optimizer.

        Parameters
        ----------
        done : int, optional
            Number of steps done; by default one more than before.

        Raises
        ------
        RuntimeError
            If `start` was not called.
        """
        if self._idle:
            return
        if self._model is None:
            raise RuntimeError("call start(model) before step()")
        previous, self._step = self._step, self._step + 1 if done is None else done
        if self._step != previous and self._schedule.due(self._step):
            self._take()

    def finish(self) -> None:
        """Take the final state and close the loggers; does nothing before `start`."""
        if self._model is None:
            return
        if not self._idle and self._recent[-1][0] != self._step:
            self._take()
        if not self._idle:
            try:
                self._store.log("finish", self._step, share=round(self.share, 6))
                for logger in self._loggers:
                    logger.close()
            except Exception as error:
                self._give_up(error)
        self._schedule.end()
        self._model = None

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After an exception, the model may be in the middle of a step.
        if kind is None:
            self.finish()

    @property
    def share(self) -> float:
        """Share of the time from `start` to `finish`, or until now, that the monitor has taken."""
        return self._schedule.share

    def states(self) -> dict[Label, Representations]:
        """Load the states of the store; see `isorep.monitor.states`."""
        return states(self._store.path)

    def trajectory(
        self,
        *,
        reference: Label | Mapping[str, Any] = "last",
        measures: str | list[str] | None = None,
        progress: bool = True,
    ) -> xarray.Dataset:
        """Compare every state with a reference state, layer by layer; see `isorep.trajectory`.

        Parameters
        ----------
        reference : {"last", "first"}, step or mapping of layers
            State that each state is compared with.
        measures : str or list of str, optional
            Names in `isorep.MEASURES`, with options if any; by default the monitor's measure.
        progress : bool
            Report the progress on standard error: a bar on a terminal, elsewhere a line a minute.
        """
        return trajectory(
            self.states(),
            reference=reference,
            measures=self._measure.label if measures is None else measures,
            progress=progress,
        )

    def converged(
        self,
        *,
        measure: str | None = None,
        tolerance: float = TOLERANCE,
        factor: float = FACTOR,
        level: float = LEVEL,
        progress: bool = True,
    ) -> xarray.Dataset:
        """Find the step from which on each layer stays close to its final state.

        See `isorep.monitor.converged`; `measure` is by default the monitor's measure.
        """
        return converged(
            self.states(),
            measure=self._measure.label if measure is None else measure,
            tolerance=tolerance,
            factor=factor,
            level=level,
            progress=progress,
        )

    def _take(self) -> None:
        """Take a state; on an error, stop the monitor."""
        assert self._model is not None
        from isorep.monitor.probe import synchronize

        synchronize(self._model)
        since = perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the first state issued them
                self._keep(self._step, self._probe.capture(self._model), since)
        except Exception as error:
            self._give_up(error)
        self._schedule.add_state(since)

    def _keep(self, step: int, state: Representations, since: float) -> None:
        """Store a state, compare it with earlier states and log the distances."""
        self._store.save(step, state)
        bases = _prepared(step, state)
        earlier_step, earlier = self._recent[0] if self._recent else (None, {})
        ready = len(self._recent) == self._lag
        self._first = self._first or bases
        to_start, reasons = self._distances(bases, self._first)
        to_earlier, earlier_reasons = self._distances(bases, earlier) if ready else ({}, {})
        self._recent.append((step, bases))
        self._store.log(
            "state",
            step,
            measure=self._measure.label,
            to_start=to_start,
            earlier_step=earlier_step if ready else None,
            to_earlier=to_earlier,
            reasons={**reasons, **earlier_reasons},
            seconds=round(perf_counter() - since, 6),
        )
        curves = {"to_start": to_start, "to_earlier": to_earlier}
        values = {
            f"isorep/{self._measure.label}_distance_{name}/{layer}": value
            for name, distances in curves.items()
            for layer, value in distances.items()
            if value is not None
        }
        for logger in self._loggers:
            logger.log(step, values)

    def _distances(
        self, x: Mapping[str, Prepared], y: Mapping[str, Prepared]
    ) -> tuple[dict[str, float | None], dict[str, str]]:
        """Return the distance of each layer, and the reason for each that is None."""
        scores = {layer: score_prepared(self._measure, x[layer], y[layer]) for layer in x}
        return (
            {k: v.distance if isinstance(v, Score) else None for k, v in scores.items()},
            {k: str(v) for k, v in scores.items() if isinstance(v, Exception)},
        )

    def _check_continues(self, state: Representations, step: int) -> None:
        """Check that a state has the layers and samples of the states in the store."""
        steps = self._store.steps()
        if not steps:
            return
        stored, store = self._store.load(steps[0]), f"the store {str(self._store.path)!r}"
        if list(stored) != list(state) or stored.reductions != state.reductions:
            raise ValueError(
                f"{store} has the layers {_layer_list(stored)}, but this monitor has "
                f"{_layer_list(state)}: use the same layers and reductions, or a new store"
            )
        stored.check_same_samples(state, store, "the probe")

    def _resume(self, step: int) -> None:
        """Prepare the stored states that later states will be compared with."""
        self._recent.clear()
        earlier = [stored for stored in self._store.steps() if stored < step]
        bases = {
            stored: _prepared(stored, self._store.load(stored))
            for stored in {*earlier[:1], *earlier[-self._lag :]}
        }
        self._first = bases[earlier[0]] if earlier else {}
        self._recent.extend((stored, bases[stored]) for stored in earlier[-self._lag :])

    def _open_loggers(self, purge_step: int | None) -> None:
        self._loggers = []
        if self._tensorboard is not None:
            self._loggers.append(TensorBoardLogger(self._tensorboard, purge_step))
        if self._wandb is not None:
            self._loggers.append(WandBLogger(self._wandb))

    def _warn_at_start(self, step: int, superseded: list[int]) -> None:
        """Issue the warnings of `start`, after all else, as warnings may be errors."""
        if step == 0 and any(superseded):  # a store with only step 0 holds no training
            warnings.warn(
                f"the store {str(self._store.path)!r} held states up to step {superseded[-1]}, but "
                "this training starts at 0: they moved to superseded/. To resume a training, call "
                "start(model, step=...)",
                UserWarning,
                stacklevel=3,
            )
        _, bases = self._recent[-1]
        scores = {
            layer: score_prepared(self._measure, basis, basis) for layer, basis in bases.items()
        }
        for layer, reason in scores.items():
            if isinstance(reason, Exception):
                warnings.warn(f"layer {layer!r}: {reason}", UserWarning, stacklevel=3)
        few = [(x.x_rank, k, x) for k, x in scores.items() if isinstance(x, Score) and x.warnings]
        if few:
            _, layer, score = max(few, key=lambda entry: entry[0])  # the most demanding layer
            others = f", and {len(few) - 1} more" if len(few) > 1 else ""
            issue([about(f"layer {layer!r}{others}", score.warnings[0])], stacklevel=3)

    def _give_up(self, error: Exception) -> None:
        """Stop the monitor and say why; errors of this must not stop the training either."""
        self._idle = True
        self._recent.clear()
        self._first = {}
        reason = ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
        try:
            self._store.log("error", self._step, reason=reason)
        except Exception as log_error:  # such as a full disk, which may be the reason itself
            reason += f" (not logged in the store: {type(log_error).__name__})"
        text = (
            f"the monitor stopped after step {self._step}; training continues without it: {reason}"
        )
        try:
            warnings.warn(text, UserWarning, stacklevel=4)
        except UserWarning:  # warnings are errors
            print(text, file=sys.stderr)


def _prepared(step: int, state: Representations) -> dict[str, Prepared]:
    """Prepare every layer of a state."""
    return {layer: prepare(state, layer, f"step {step}", "auto") for layer in state}


def _layer_list(state: Representations) -> str:
    """Name the layers of a state with their reductions."""
    return ", ".join(f"{layer} ({state.reductions.get(layer)})" for layer in state)
