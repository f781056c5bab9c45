"""Monitor: takes a state of every layer now and then while a network trains, and compares them."""

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
from isorep.core.score import FewSamplesWarning, Score
from isorep.measures.registry import one_measure
from isorep.monitor.convergence import FACTOR, LEVEL, TOLERANCE, converged
from isorep.monitor.loggers import Live, TensorBoard, WandB, check_tensorboard
from isorep.monitor.schedule import Schedule
from isorep.monitor.store import Store, states
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    import torch
    import xarray


class Monitor:
    """Watch the layers of a network in training, on a fixed set of samples.

    Now and then it runs the probe through the model and compares each layer with its own state at
    the start, and with that some states ago. In memory it holds bases of the few states that are
    still to be compared; the states, reduced to one row a sample, go to the store.

    Training is the same to the bit with a monitor and without: the model runs in eval mode without
    gradients, training flags and random number generators are put back, and no hook stays. What a
    model keeps for itself between two passes, such as the last hidden state of a language model, is
    not put back.

    A mistake in what it is given is an error here or in `start`, before training begins. After
    that nothing that goes wrong in the monitor stops the training: it warns once, notes the reason
    in the store, and does no more.

    Parameters
    ----------
    probe
        The samples, as `isorep.capture` takes data; read once, here. Ten times as many as the
        widest layer has features are good for ``pwcca``; time and space grow with their number.
    layers, reduce
        Which layers, and how their positions become features; see `isorep.capture`.
    store : path
        Folder to write to; made if it is not there. The same folder goes on with a training that is
        resumed, see `start`.
    every : int or "auto"
        Steps from one state to the next. "auto" goes by time: as often as `max_share` allows, and
        less often as the run gets long. Then the steps differ from run to run.
    max_share : float
        The part of the time, in (0, 1), that states may take at "auto", those of the start and of
        the end included; these two are taken in any case, and the last may take longer than it was
        expected to.
    measure : str
        A name in `isorep.MEASURES`, for the numbers while training.
    lag : int
        How many states back "some states ago" is.
    tensorboard : SummaryWriter or path, optional
        Where to show the numbers besides the store.
    wandb : optional
        A run of Weights & Biases, or anything with its ``log``.

    Raises
    ------
    TypeError, ValueError
        When an argument is not of the kind described here.
    ImportError
        When PyTorch is not installed, or a folder for TensorBoard is given without tensorboard.

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
            raise ValueError(f"lag is a number of states, at least 1, not {lag!r}")
        if tensorboard is not None:
            check_tensorboard(tensorboard)
        if wandb is not None and not callable(getattr(wandb, "log", None)):
            raise TypeError(f"wandb should be a run with .log, got {type(wandb).__name__}")
        self._schedule = Schedule(every, max_share)
        self._store = Store(store)
        self._probe = Probe(probe, layers, reduce)
        self._lag = lag
        self._tensorboard = tensorboard
        self._wandb = wandb
        self._model: torch.nn.Module | None = None
        self._idle = False  # another process watches, or something went wrong
        self._step = 0
        self._first: dict[str, Prepared] = {}
        self._recent: deque[tuple[int, dict[str, Prepared]]] = deque(maxlen=lag)
        self._live: list[Live] = []

    def start(self, model: torch.nn.Module, step: int = 0) -> Monitor:
        """Begin to watch a model, and take its first state.

        Where the store has states already, the training is taken for one resumed after `step`
        steps, on the same probe and layers. States from that step on, which the crashed run had got
        to, are of a training that is no more: they move to ``superseded/`` in the store, and the
        states before are gone on from. In a training of several processes the first one watches,
        and in the others the monitor does nothing.

        Parameters
        ----------
        model : torch.nn.Module
            Compiled or wrapped for data-parallel training, it is watched inside that.
        step : int
            How many steps it has been trained for; more than 0 in a resumed training.

        Returns
        -------
        Monitor
            Itself: ``with monitor.start(model):`` calls `finish` at the end of the block.

        Raises
        ------
        TypeError, ValueError
            When the model cannot be captured (see `isorep.capture`), the store holds states of
            other samples or layers, or `step` is no number of steps.

        Warns
        -----
        FewSamplesWarning
            When the probe is small for the widths of the layers.
        UserWarning
            When a training that starts anew supersedes what is in the store, and when something
            went wrong in the monitor.
        """
        from isorep.monitor.probe import is_first_process, unwrapped

        inner = unwrapped(model)
        if isinstance(step, bool) or not isinstance(step, Integral) or step < 0:
            raise ValueError(f"step is how many steps the model is trained for, not {step!r}")
        self._idle = not is_first_process()
        self._step = step
        if self._idle:
            return self
        self._schedule.begin()
        since = perf_counter()
        state = self._probe.look(inner)
        self._check_continues(state, step)
        self._model = inner
        try:
            superseded = self._store.supersede(step)
            self._store.note(
                "start",
                step,
                superseded=superseded,
                layers=list(state),
                n_samples=state.n_samples,
                measure=self._measure.name,
            )
            self._show_live(step if superseded else None)
            self._resume(step)
            self._keep(step, state, since)
        except Exception as error:
            self._give_up(error)
        else:
            self._warn_of_the_start(step, superseded)
        self._schedule.spent(since)
        return self

    def step(self, done: int | None = None) -> None:
        """Take a state, if it is time to; call it after each step of the optimizer.

        Parameters
        ----------
        done : int, optional
            How many steps are done; by default one more than before.

        Raises
        ------
        RuntimeError
            When `start` was not called.
        """
        if self._idle:
            return
        if self._model is None:
            raise RuntimeError("call start(model) before step()")
        before, self._step = self._step, self._step + 1 if done is None else done
        if self._step != before and self._schedule.due(self._step):
            self._take()

    def finish(self) -> None:
        """Take the final state, and close the log. Without `start` before, nothing happens."""
        if self._model is None:
            return
        if not self._idle and self._recent[-1][0] != self._step:
            self._take()
        if not self._idle:
            try:
                self._store.note("finish", self._step, share=round(self.share, 6))
                for live in self._live:
                    live.close()
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
        # What an exception leaves behind may be half a step, and no final state.
        if kind is None:
            self.finish()

    @property
    def share(self) -> float:
        """The part of the time since `start`, until `finish`, that the monitor has taken."""
        return self._schedule.share

    def states(self) -> dict[Label, Representations]:
        """Load the states of the store; see `isorep.monitor.states`."""
        return states(self._store.path)

    def trajectory(
        self,
        *,
        reference: Label | Mapping[str, Any] = "last",
        measure: str | list[str] | None = None,
        progress: bool = True,
    ) -> xarray.Dataset:
        """Compare every state with the last, layer by layer; see `isorep.trajectory`.

        Parameters
        ----------
        reference : {"last", "first"}, step or mapping of layers
            What each state is compared with.
        measure : str or list of str, optional
            Names in `isorep.MEASURES`; by default the monitor's own.
        progress : bool
            Show a progress bar, if standard error is a terminal.
        """
        return trajectory(
            self.states(),
            reference=reference,
            measures=self._measure.name if measure is None else measure,
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
        """Tell from which step on each layer was as good as final.

        See `isorep.monitor.converged`; `measure` is the monitor's own by default.
        """
        return converged(
            self.states(),
            measure=self._measure.name if measure is None else measure,
            tolerance=tolerance,
            factor=factor,
            level=level,
            progress=progress,
        )

    def _take(self) -> None:
        """Take a state, or give up."""
        assert self._model is not None
        from isorep.monitor.probe import wait

        wait(self._model)
        since = perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # each was shown at the start
                self._keep(self._step, self._probe.look(self._model), since)
        except Exception as error:
            self._give_up(error)
        self._schedule.spent(since)

    def _keep(self, step: int, state: Representations, since: float) -> None:
        """Store a state, compare it with earlier ones and show what that gives."""
        self._store.save(step, state)
        bases = _prepared(step, state)
        earlier_step, earlier = self._recent[0] if self._recent else (None, {})
        ready = len(self._recent) == self._lag
        self._first = self._first or bases
        to_start, why = self._distances(bases, self._first)
        to_earlier, why_not = self._distances(bases, earlier) if ready else ({}, {})
        self._recent.append((step, bases))
        self._store.note(
            "state",
            step,
            measure=self._measure.name,
            to_start=to_start,
            earlier_step=earlier_step if ready else None,
            to_earlier=to_earlier,
            reasons={**why, **why_not},
            seconds=round(perf_counter() - since, 6),
        )
        curves = {"to_start": to_start, "to_earlier": to_earlier}
        values = {
            f"isorep/{self._measure.name}_distance_{name}/{layer}": value
            for name, found in curves.items()
            for layer, value in found.items()
            if value is not None
        }
        for live in self._live:
            live.show(step, values)

    def _distances(
        self, x: Mapping[str, Prepared], y: Mapping[str, Prepared]
    ) -> tuple[dict[str, float | None], dict[str, str]]:
        """Return the distance of each layer, None where there is none, and why not."""
        scores = {layer: score_prepared(self._measure, x[layer], y[layer]) for layer in x}
        return (
            {k: v.distance if isinstance(v, Score) else None for k, v in scores.items()},
            {k: str(v) for k, v in scores.items() if isinstance(v, Exception)},
        )

    def _check_continues(self, state: Representations, step: int) -> None:
        """Make sure that a state goes with those in the store, if there are any."""
        steps = self._store.steps()
        if not steps:
            return
        stored, where = self._store.load(steps[0]), f"the store {str(self._store.path)!r}"
        if list(stored) != list(state) or stored.reductions != state.reductions:
            raise ValueError(
                f"{where} has the layers {_described(stored)}, and this training is watched at "
                f"{_described(state)}: watch the same, or name a new store"
            )
        stored.check_same_samples(state, where, "the probe")

    def _resume(self, step: int) -> None:
        """Prepare the states in the store that later ones will be compared with."""
        self._recent.clear()
        before = [other for other in self._store.steps() if other < step]
        kept = {
            other: _prepared(other, self._store.load(other))
            for other in {*before[:1], *before[-self._lag :]}
        }
        self._first = kept[before[0]] if before else {}
        self._recent.extend((other, kept[other]) for other in before[-self._lag :])

    def _show_live(self, purge_step: int | None) -> None:
        self._live = []
        if self._tensorboard is not None:
            self._live.append(TensorBoard(self._tensorboard, purge_step))
        if self._wandb is not None:
            self._live.append(WandB(self._wandb))

    def _warn_of_the_start(self, step: int, superseded: list[int]) -> None:
        """Say once what the user may not know; at the end, as warnings may be errors."""
        if step == 0 and any(superseded):  # no other than 0 itself: nothing was trained
            warnings.warn(
                f"the store {str(self._store.path)!r} held states up to step {superseded[-1]}, and "
                "this training starts at 0: they moved to superseded/. A training that is resumed "
                "says so: start(model, step=...)",
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
            _, layer, score = max(few, key=lambda found: found[0])  # what suits it suits the others
            others = f", and {len(few) - 1} more" if len(few) > 1 else ""
            warnings.warn(
                f"layer {layer!r}{others}: {score.warnings[0]}", FewSamplesWarning, stacklevel=3
            )

    def _give_up(self, error: Exception) -> None:
        """Do no more, and say why; nothing that comes of that may stop the training either."""
        self._idle = True
        self._recent.clear()
        self._first = {}
        reason = ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
        try:
            self._store.note("error", self._step, reason=reason)
        except Exception as unnoted:  # such as a full disk, which may be the reason itself
            reason += f" (not noted in the store: {type(unnoted).__name__})"
        text = (
            f"the monitor stopped after step {self._step}, and training goes on without it: "
            f"{reason}"
        )
        try:
            warnings.warn(text, UserWarning, stacklevel=4)
        except UserWarning:  # where warnings are errors
            print(text, file=sys.stderr)


def _prepared(step: int, state: Representations) -> dict[str, Prepared]:
    return {layer: prepare(state, layer, f"step {step}", "auto") for layer in state}


def _described(state: Representations) -> str:
    return ", ".join(f"{layer} ({state.reductions.get(layer)})" for layer in state)
