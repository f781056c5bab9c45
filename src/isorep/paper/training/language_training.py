"""Language training: the training of AWD-LSTMs, which can be interrupted and resumed.

The procedure is that of Merity et al. (2017). The text lies in `batch_size` rows. The model reads
the rows from left to right in windows of varying length and carries its state from one window to
the next; the learning rate is proportional to the length of the window. Gradients are clipped. The
loss includes the activation regularisation of the last layer and its temporal form. The optimizer
is NT-ASGD or Adam.

"The model at an epoch" is the one that would be used then: the average, once NT-ASGD averages.

Two details differ from the ``main.py`` of awd-lstm-lm. For the last window of an epoch, which the
end of the text cuts, ``main.py`` scales the learning rate by the length before the cut, and skips
the window if one token remains. Once it averages, PyTorch's ASGD uses the learning rate of the
window before, and leaves the first iterate out of the average.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from isorep.paper.data.text import Corpus
from isorep.paper.data.text_windows import rows_of_text, windows
from isorep.paper.models.awd_lstm import State
from isorep.paper.models.weights import Weights, as_array, set_weights, weights_of
from isorep.paper.training.language_recipe import LanguageModel
from isorep.paper.training.nt_asgd import Average, copy_values, no_longer_improving
from isorep.paper.training.perplexity import perplexity
from isorep.paper.training.trained_language_model import TrainedLanguageModel
from isorep.paper.training.training_folder import Description, Progress, TrainingFolder


def train_language_model(
    recipe: LanguageModel,
    corpus: Corpus,
    seed: int = 0,
    *,
    device: torch.device | str = "cpu",
    folder: str | os.PathLike[str] | None = None,
    on_epoch: Callable[[int, float], Any] = lambda epoch, perplexity: None,
    stop: Event | None = None,
) -> TrainedLanguageModel:
    """Train a language model.

    The result depends only on the recipe, the corpus, the seed, the device and the number of
    threads. A training that was interrupted and resumed gives the same result.

    Parameters
    ----------
    recipe : LanguageModel
        Model and training.
    corpus : Corpus
        Text to train and to evaluate on.
    seed : int
        Random seed.
    device : torch.device or str
        Device to train on.
    folder : path, optional
        Folder that stores the training after each epoch. If it holds an unfinished training, that
        training is resumed; if it holds a finished one, the result is read.
    on_epoch : callable
        Called as ``on_epoch(epoch, perplexity on the evaluation text)``, also for epoch 0.
    stop : threading.Event, optional
        Event that ends the training with `concurrent.futures.CancelledError` when it is set.

    Raises
    ------
    ValueError
        If the folder holds another training, or the text is too short for the recipe.
    """
    return _Run(recipe, corpus, seed, torch.device(device), folder, stop).train(on_epoch)


@dataclass(frozen=True, eq=False)
class Task:
    """A network to train: the arguments of `train_language_model`."""

    recipe: LanguageModel
    corpus: Corpus
    seed: int
    folder: str | os.PathLike[str] | None = None


def train_language_models(
    tasks: Sequence[Task],
    *,
    device: torch.device | str = "cpu",
    on_epoch: Callable[[int, int, float], Any] = lambda task, epoch, perplexity: None,
) -> list[TrainedLanguageModel]:
    """Train several networks: on a CPU as many at a time as PyTorch has threads, else in turn.

    Networks of a laptop's size train faster in parallel, with one thread each, than one after the
    other with all threads. Each network does the same arithmetic on any number of cores.

    Parameters
    ----------
    tasks : sequence of Task
        Networks, in the order in which they start; put the longest training first.
    device : torch.device or str
        Device to train on.
    on_epoch : callable
        Called as ``on_epoch(index of the task, epoch, perplexity)`` from the training thread.

    Returns
    -------
    list of TrainedLanguageModel
        One for each task, in their order.
    """
    stop = Event()

    def work(index: int) -> TrainedLanguageModel:
        task = tasks[index]
        return train_language_model(
            task.recipe,
            task.corpus,
            task.seed,
            device=device,
            folder=task.folder,
            on_epoch=lambda *state: on_epoch(index, *state),
            stop=stop,
        )

    threads = torch.get_num_threads()
    at_a_time = threads if torch.device(device).type == "cpu" else 1
    try:
        with ThreadPoolExecutor(
            at_a_time, initializer=torch.set_num_threads, initargs=(threads // at_a_time,)
        ) as pool:
            running = [pool.submit(work, index) for index in range(len(tasks))]
            try:
                wait(running, return_when=FIRST_EXCEPTION)
            finally:
                # After Ctrl-C or an error in one network, the others stop too.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
    finally:
        torch.set_num_threads(threads)
    for error in (future.exception() for future in running if not future.cancelled()):
        if error is not None and not isinstance(error, CancelledError):
            raise error
    return [future.result() for future in running]


def regularisation(raw: Tensor, dropped: Tensor, alpha: float, beta: float) -> Tensor | float:
    """Return ``alpha * mean(dropped^2) + beta * mean((raw_t+1 - raw_t)^2)``.

    Activation regularisation and its temporal form (Merity et al. 2017, section 4.7). `raw` and
    `dropped` are the last layer's output (n, T, p) before and after dropout.
    """
    loss: Tensor | float = 0.0
    if alpha:
        loss = loss + alpha * dropped.square().mean()
    if beta and raw.shape[1] > 1:
        loss = loss + beta * (raw[:, 1:] - raw[:, :-1]).square().mean()
    return loss


class _Run:
    """A training in progress."""

    def __init__(
        self,
        recipe: LanguageModel,
        corpus: Corpus,
        seed: int,
        device: torch.device,
        folder: str | os.PathLike[str] | None,
        stop: Event | None,
    ) -> None:
        self.recipe, self.corpus, self.seed = recipe, corpus, seed
        self.stop = Event() if stop is None else stop
        self.text = torch.as_tensor(rows_of_text(corpus.train, recipe.batch_size), device=device)
        self.model = recipe.build(len(corpus.vocabulary), seed).to(device)
        self.generator = torch.Generator(device)
        self.model.use_generator(self.generator)
        self.parameters = list(self.model.parameters())
        kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.SGD
        self.optimizer: torch.optim.Optimizer = kind(
            self.parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.average: Average | None = None
        self.progress = Progress()
        self.checkpoints: dict[float, Weights] = {}
        self.description = Description.from_corpus(recipe, seed, corpus)
        self.folder = None if folder is None else TrainingFolder(Path(folder), self.description)

    def train(self, on_epoch: Callable[[int, float], Any]) -> TrainedLanguageModel:
        if self.folder is not None:
            self._resume(self.folder)
        for epoch in range(self.progress.epoch + 1, self.recipe.epochs + 1):
            if epoch:
                self._train_epoch(epoch)
            self._evaluate(epoch)
            self.progress.epoch = epoch
            self._start_averaging()
            if self.folder is not None:
                for checkpoint, weights in self.checkpoints.items():
                    if epoch - 1 < checkpoint <= epoch:
                        self.folder.write_checkpoint(checkpoint, weights)
                unfinished = epoch < self.recipe.epochs
                self.folder.write_progress(self.progress, self._state() if unfinished else {})
            on_epoch(epoch, self.progress.valid_perplexity[-1])
        return TrainedLanguageModel.from_parts(self.description, self.checkpoints, self.progress)

    def _train_epoch(self, epoch: int) -> None:
        # A seed for each epoch, so that a resumed training needs no generator's state.
        seeds = np.random.SeedSequence([self.seed, epoch])
        self.generator.manual_seed(int(seeds.generate_state(1)[0]))
        state: State | None = None
        total = self.text.shape[1] - 1
        within = [middle for middle in self.recipe.checkpoints if 0 < epoch - middle < 1]
        for start, length in windows(total, self.recipe.bptt, np.random.default_rng(seeds)):
            if self.stop.is_set():
                raise CancelledError
            self.model.train()
            state = self._train_window(start, length, state)
            while within and start + length >= (within[0] - (epoch - 1)) * total:
                self._evaluate(within.pop(0))

    def _train_window(self, start: int, length: int, state: State | None) -> State:
        recipe = self.recipe
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * length / recipe.bptt
        inputs = self.text[:, start : start + length]
        targets = self.text[:, start + 1 : start + 1 + length]
        self.optimizer.zero_grad()
        step = self.model.training_step(inputs, state)
        loss = cross_entropy(step.logits.flatten(0, 1), targets.flatten())
        loss = loss + regularisation(step.raw, step.dropped, recipe.alpha, recipe.beta)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.parameters, recipe.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.add(self.parameters)
        return tuple((h.detach(), c.detach()) for h, c in step.state)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Give the model the averaged parameters, if there are any, while the block runs."""
        if self.average is None or not self.average.count:
            yield
            return
        latest = [parameter.detach().clone() for parameter in self.parameters]
        copy_values(self.average.mean, self.parameters)
        try:
            yield
        finally:
            copy_values(latest, self.parameters)

    def _evaluate(self, epoch: float) -> None:
        """Record the perplexities, and the weights if the epoch has a checkpoint."""
        train = self.corpus.train[: len(self.corpus.valid)]
        with self._averaged():
            self.progress.train_perplexity.append(perplexity(self.model, train))
            self.progress.valid_perplexity.append(perplexity(self.model, self.corpus.valid))
            if epoch in self.recipe.checkpoints:
                self.checkpoints[epoch] = weights_of(self.model)

    def _start_averaging(self) -> None:
        """Start to average if NT-ASGD's criterion is met."""
        if self.recipe.optimizer != "nt-asgd" or self.average is not None:
            return
        ends = [
            loss
            for epoch, loss in zip(
                self.recipe.evaluated, self.progress.valid_perplexity, strict=False
            )
            if epoch in range(1, self.recipe.epochs + 1)
        ]
        if no_longer_improving(ends, self.recipe.nonmono):
            self.average = Average(self.parameters)
            self.progress.averaged_from = self.progress.epoch + 1

    def _state(self) -> dict[str, NDArray[Any]]:
        """Return everything that the next epoch depends on, as arrays."""
        state = {f"model/{name}": value for name, value in weights_of(self.model).items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            for name, value in moments.items():
                if value is not None:
                    state[f"optimizer/{number}/{name}"] = as_array(torch.as_tensor(value))
        if self.average is not None:
            state["average/count"] = np.array(self.average.count)
            for number, mean in enumerate(self.average.mean):
                state[f"average/{number}"] = as_array(mean)
        return state

    def _resume(self, folder: TrainingFolder) -> None:
        """Continue the training in the folder, if it holds one."""
        stored = folder.read_progress()
        if stored is None:
            return
        self.progress, state = stored
        self.checkpoints = {
            epoch: folder.read_checkpoint(epoch)
            for epoch in self.recipe.checkpoints
            if epoch <= self.progress.epoch
        }
        if not state:
            return
        set_weights(
            self.model,
            {
                name.removeprefix("model/"): value
                for name, value in state.items()
                if name.startswith("model/")
            },
        )
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimizer/"):
                _, number, moment = name.split("/")
                moments.setdefault(int(number), {})[moment] = torch.as_tensor(value)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        if "average/count" in state:
            self.average = Average(self.parameters)
            self.average.count = int(state["average/count"])
            means = [torch.as_tensor(state[f"average/{i}"]) for i in range(len(self.parameters))]
            copy_values(means, self.average.mean)
