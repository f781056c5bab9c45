"""Language model: the training of an AWD-LSTM, with the models kept on the way.

As in Merity et al. (2017): the text lies in `batch_size` rows and is read from left to right in
windows of varying length, each of which goes on from the state that the one before left behind; the
learning rate is in proportion to the length. Gradients are clipped. The loss has the activation
regularisation of the last layer, and its temporal form. The optimizer is NT-ASGD, or Adam.

"The model at an epoch" is the one that would be used then: once NT-ASGD has begun to average, the
average.

Against the ``main.py`` of awd-lstm-lm, whose other steps are followed: it scales the learning rate
of an epoch's last window, which the end of the text cuts, by the length before the cut, and leaves
out a last window of one token; once it averages, PyTorch's ASGD has each step use the rate that the
window before was to have, and leaves the first iterate out of the average.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Lock
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from isorep._utils.atomic import new_file
from isorep.paper.data.text import Corpus, Excerpt
from isorep.paper.models.awd_lstm import AWDLSTM, State
from isorep.paper.training.language_recipe import Dropouts, LanguageModel

Weights = Mapping[str, NDArray[Any]]

SHORT_WINDOW = 0.05
"""How often a window is about half as long as usual (Merity et al. 2017, section 5)."""

_EVALUATION_ROWS, _EVALUATION_WINDOW = 10, 100
_NEW_MODEL = Lock()


@dataclass(frozen=True, eq=False)
class TrainedLanguageModel:
    """A language model as it was at several epochs, and how well it did at all of them.

    Attributes
    ----------
    recipe : LanguageModel
        What was trained, and how.
    seed : int
        Of its weights, dropout masks and window lengths.
    words : int
        Size of its vocabulary.
    corpus, corpus_digest, note : str
        What it was trained on; see `isorep.paper.data.text.Corpus`.
    checkpoints : dict of epoch to (dict of name to array)
        The weights at the epochs that the recipe names; 0 is before training.
    train_perplexity, valid_perplexity : (epochs + 1,) arrays
        At the end of each epoch, in evaluation mode, on the beginning of the training text (as much
        as there is to evaluate on) and on the evaluation text.
    averaged_from : int or None
        The first epoch at whose end the model was an average.
    """

    recipe: LanguageModel
    seed: int
    words: int
    corpus: str
    corpus_digest: str
    note: str
    checkpoints: Mapping[int, Weights]
    train_perplexity: NDArray[np.float64]
    valid_perplexity: NDArray[np.float64]
    averaged_from: int | None = None

    def at(self, epoch: int) -> AWDLSTM:
        """Return the model at a checkpoint, in evaluation mode."""
        if epoch not in self.checkpoints:
            raise ValueError(
                f"there is no checkpoint of epoch {epoch}; expected one of {[*self.checkpoints]}"
            )
        model = _new_model(self.recipe, self.words, self.seed)
        _set_weights(model, self.checkpoints[epoch])
        return model.eval()

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Save to a folder, from which `load` makes the same again; no file is ever half there."""
        kept = _Folder(Path(folder), self.recipe, self.seed, self.words, self)
        for epoch, weights in self.checkpoints.items():
            kept.write_checkpoint(epoch, weights)
        kept.write_progress(
            _Progress(
                self.recipe.epochs,
                list(self.train_perplexity),
                list(self.valid_perplexity),
                self.averaged_from,
            )
        )


def load(folder: str | os.PathLike[str]) -> TrainedLanguageModel:
    """Read what `TrainedLanguageModel.save` wrote, or a training that is finished.

    Raises
    ------
    FileNotFoundError
        When there is none in the folder.
    ValueError
        When the training there is not finished, or the files are damaged.
    """
    path = Path(folder)
    about = _read_json(path / _ABOUT)
    recipe = _recipe(about["recipe"])
    with _damage_named(path):
        progress = _Progress.of(_read_arrays(path / _PROGRESS))
    if progress.epoch < recipe.epochs:
        raise ValueError(
            f"the training in {str(path)!r} ended after {progress.epoch} of {recipe.epochs} "
            "epochs: go on with it by train_language_model"
        )
    with _damage_named(path):
        checkpoints = {
            epoch: _read_arrays(path / _checkpoint(epoch)) for epoch in recipe.checkpoints
        }
    return TrainedLanguageModel(
        recipe=recipe,
        seed=about["seed"],
        words=about["words"],
        corpus=about["corpus"],
        corpus_digest=about["corpus_digest"],
        note=about["note"],
        checkpoints=checkpoints,
        train_perplexity=np.array(progress.train_perplexity),
        valid_perplexity=np.array(progress.valid_perplexity),
        averaged_from=progress.averaged_from,
    )


# --- Training ------------------------------------------------------------------------------------


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

    The result depends on the recipe, the corpus, the seed, the device and the number of threads
    alone, also when the training was interrupted and went on.

    Parameters
    ----------
    recipe : LanguageModel
        What, and how.
    corpus : Corpus
        What to train and to evaluate on.
    seed : int
        Of everything random.
    device : torch.device or str
        Where to train.
    folder : path, optional
        Keeps the training after each epoch. One that is found there goes on, and one that is
        finished is read.
    on_epoch : callable
        Called as ``on_epoch(epoch, perplexity on the evaluation text)``, also for epoch 0.
    stop : threading.Event, optional
        Set it to have the training end with `concurrent.futures.CancelledError`.

    Raises
    ------
    ValueError
        When the folder keeps another training, or the text is too short for the recipe.
    """
    return _Run(recipe, corpus, seed, torch.device(device), folder, stop).train(on_epoch)


@dataclass(frozen=True, eq=False)
class Task:
    """A network to train: what `train_language_model` takes."""

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

    Networks of a laptop's size are trained faster so than one after the other by all threads, and
    each does the same arithmetic however many cores there are.

    Parameters
    ----------
    tasks : sequence of Task
        Started in this order; put the longest first.
    device : torch.device or str
        Where to train.
    on_epoch : callable
        Called as ``on_epoch(index of the task, epoch, perplexity)`` from the thread that trains.

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
                # After Ctrl-C, or one network's error, the others need not finish first.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
    finally:
        torch.set_num_threads(threads)
    for error in (future.exception() for future in running if not future.cancelled()):
        if error is not None and not isinstance(error, CancelledError):
            raise error
    return [future.result() for future in running]


class _Run:
    """A training under way."""

    def __init__(
        self,
        recipe: LanguageModel,
        corpus: Corpus,
        seed: int,
        device: torch.device,
        folder: str | os.PathLike[str] | None,
        stop: Event | None,
    ) -> None:
        self.recipe, self.corpus, self.seed, self.device = recipe, corpus, seed, device
        self.stop = Event() if stop is None else stop
        self.text = torch.as_tensor(rows_of_text(corpus.train, recipe.batch_size), device=device)
        self.model = _new_model(recipe, len(corpus.vocabulary), seed).to(device)
        self.generator = torch.Generator(device)
        self.model.use_generator(self.generator)
        self.parameters = list(self.model.parameters())
        kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.SGD
        self.optimizer: torch.optim.Optimizer = kind(
            self.parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.average: Average | None = None
        self.progress = _Progress(-1, [], [], None)
        self.checkpoints: dict[int, Weights] = {}
        self.folder = (
            None
            if folder is None
            else _Folder(Path(folder), recipe, seed, len(corpus.vocabulary), _About.of(corpus))
        )

    def train(self, on_epoch: Callable[[int, float], Any]) -> TrainedLanguageModel:
        if self.folder is not None:
            self._go_on(self.folder)
        for epoch in range(self.progress.epoch + 1, self.recipe.epochs + 1):
            if epoch:
                self._train_epoch(epoch)
            with self._as_used():
                self._take_stock(epoch)
            self._consider_averaging()
            if self.folder is not None:
                if epoch in self.checkpoints:
                    self.folder.write_checkpoint(epoch, self.checkpoints[epoch])
                unfinished = epoch < self.recipe.epochs
                self.folder.write_progress(self.progress, self._state() if unfinished else {})
            on_epoch(epoch, self.progress.valid_perplexity[-1])
        return TrainedLanguageModel(
            self.recipe,
            self.seed,
            len(self.corpus.vocabulary),
            self.corpus.name,
            self.corpus.digest,
            self.corpus.note,
            self.checkpoints,
            np.array(self.progress.train_perplexity),
            np.array(self.progress.valid_perplexity),
            self.progress.averaged_from,
        )

    def _train_epoch(self, epoch: int) -> None:
        # Seeded anew each epoch, so that a training that goes on needs no generator's state.
        seeds = np.random.SeedSequence([self.seed, epoch])
        self.generator.manual_seed(int(seeds.generate_state(1)[0]))
        self.model.train()
        state: State | None = None
        for start, length in windows(
            self.text.shape[1] - 1, self.recipe.bptt, np.random.default_rng(seeds)
        ):
            if self.stop.is_set():
                raise CancelledError
            state = self._train_window(start, length, state)

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
    def _as_used(self) -> Iterator[None]:
        """Have the model hold the average, if there is one, for as long as the block lasts."""
        if self.average is None or not self.average.count:
            yield
            return
        latest = [parameter.detach().clone() for parameter in self.parameters]
        _copy(self.average.mean, self.parameters)
        try:
            yield
        finally:
            _copy(latest, self.parameters)

    def _take_stock(self, epoch: int) -> None:
        train = self.corpus.train[: len(self.corpus.valid)]
        self.progress.epoch = epoch
        self.progress.train_perplexity.append(perplexity(self.model, train))
        self.progress.valid_perplexity.append(perplexity(self.model, self.corpus.valid))
        if epoch in self.recipe.checkpoints:
            self.checkpoints[epoch] = _weights(self.model)

    def _consider_averaging(self) -> None:
        if self.recipe.optimizer != "nt-asgd" or self.average is not None:
            return
        if no_longer_improving(self.progress.valid_perplexity[1:], self.recipe.nonmono):
            self.average = Average(self.parameters)
            self.progress.averaged_from = self.progress.epoch + 1

    def _state(self) -> dict[str, NDArray[Any]]:
        """Return all that the next epoch depends on, as arrays."""
        state = {f"model/{name}": value for name, value in _weights(self.model).items()}
        for number, own in self.optimizer.state_dict()["state"].items():
            for name, value in own.items():
                if value is not None:
                    state[f"optimizer/{number}/{name}"] = _numpy(torch.as_tensor(value))
        if self.average is not None:
            state["average/count"] = np.array(self.average.count)
            for number, mean in enumerate(self.average.mean):
                state[f"average/{number}"] = _numpy(mean)
        return state

    def _go_on(self, folder: _Folder) -> None:
        """Take up the training that the folder keeps, if there is one."""
        found = folder.read_progress()
        if found is None:
            return
        self.progress, state = found
        self.checkpoints = {
            epoch: folder.read_checkpoint(epoch)
            for epoch in self.recipe.checkpoints
            if epoch <= self.progress.epoch
        }
        if not state:
            return
        _set_weights(
            self.model,
            {name[6:]: value for name, value in state.items() if name.startswith("model/")},
        )
        own: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("optimizer/"):
                _, number, what = name.split("/")
                own.setdefault(int(number), {})[what] = torch.as_tensor(value)
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": own})
        if "average/count" in state:
            self.average = Average(self.parameters)
            self.average.count = int(state["average/count"])
            means = [torch.as_tensor(state[f"average/{i}"]) for i in range(len(self.parameters))]
            _copy(means, self.average.mean)


def rows_of_text(tokens: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Cut a text into rows of equal length (rows, T), each going on where the one before ends.

    Examples
    --------
    >>> rows_of_text(np.arange(8), 3)
    array([[0, 1],
           [2, 3],
           [4, 5]])
    """
    length = len(tokens) // rows
    if length < 2:
        raise ValueError(
            f"a text of {len(tokens)} tokens is too short for {rows} rows of at least 2"
        )
    return tokens[: rows * length].reshape(rows, length)


def windows(tokens: int, bptt: int, random: np.random.Generator) -> Iterator[tuple[int, int]]:
    """Yield the start and the length of windows that cover `tokens` tokens.

    Lengths are normal with a standard deviation of 5 tokens around `bptt`, or, in 5 % of cases,
    around half of it; at least 5 (Merity et al. 2017, section 4.1).
    """
    start = 0
    while start < tokens:
        mean = bptt / 2 if random.random() < SHORT_WINDOW else bptt
        length = min(max(5, int(random.normal(mean, 5))), tokens - start)
        yield start, length
        start += length


def regularisation(raw: Tensor, dropped: Tensor, alpha: float, beta: float) -> Tensor | float:
    """Return ``alpha * mean(dropped^2) + beta * mean((raw_t+1 - raw_t)^2)``.

    Activation regularisation, and its temporal form (Merity et al. 2017, section 4.7), of a last
    layer's output (n, T, p) after and before dropout.
    """
    loss: Tensor | float = 0.0
    if alpha:
        loss = loss + alpha * dropped.square().mean()
    if beta and raw.shape[1] > 1:
        loss = loss + beta * (raw[:, 1:] - raw[:, :-1]).square().mean()
    return loss


def no_longer_improving(losses: Sequence[float], nonmono: int) -> bool:
    """Tell whether the last loss is above the best of those that are over `nonmono` older.

    The non-monotonic criterion of Merity et al. (2017), algorithm 1.

    Examples
    --------
    >>> no_longer_improving([3.0, 4.0, 2.0, 3.1], 2), no_longer_improving([3.0, 4.0, 2.0, 2.9], 2)
    (True, False)
    """
    older = losses[: max(0, len(losses) - 1 - nonmono)]
    return bool(older) and losses[-1] > min(older)


class Average:
    """The arithmetic mean of all that was added, for each parameter."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.count = 0
        self.mean = [torch.zeros_like(parameter) for parameter in parameters]

    @torch.no_grad()
    def add(self, parameters: Sequence[Tensor]) -> None:
        """Take the parameters as they are now in."""
        self.count += 1
        for mean, parameter in zip(self.mean, parameters, strict=True):
            mean.lerp_(parameter, 1 / self.count)


@torch.no_grad()
def perplexity(model: AWDLSTM, tokens: NDArray[np.int64]) -> float:
    """Return ``exp(mean cross entropy)`` of the next word over a text, and leave eval mode on.

    The text is read in ten rows (fewer, if it is very short), each from its beginning to its end.
    """
    model.eval()
    device = model.bias.device
    rows = min(_EVALUATION_ROWS, len(tokens) // 2)
    text = torch.as_tensor(rows_of_text(tokens, rows), device=device)
    state: State | None = None
    total, last = 0.0, text.shape[1] - 1
    for start in range(0, last, _EVALUATION_WINDOW):
        stop = min(start + _EVALUATION_WINDOW, last)
        hidden, state = model(text[:, start:stop], state)
        logits = model.decode(hidden).flatten(0, 1)
        targets = text[:, start + 1 : stop + 1].flatten()
        total += cross_entropy(logits, targets, reduction="sum").item()
    mean = total / (rows * last)
    return math.exp(mean) if mean < 700 else math.inf


def _new_model(recipe: LanguageModel, words: int, seed: int) -> AWDLSTM:
    # Weights are drawn from the global generator, which all threads share.
    with _NEW_MODEL, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AWDLSTM(
            words,
            embedding=recipe.embedding,
            hidden=recipe.hidden,
            layers=recipe.layers,
            initial_embedding=recipe.initial_embedding,
            dropouts=recipe.dropouts,
        )


@torch.no_grad()
def _copy(source: Sequence[Tensor], target: Sequence[Tensor]) -> None:
    for new, old in zip(source, target, strict=True):
        old.copy_(new)


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return tensor.detach().cpu().numpy().copy()


def _weights(model: AWDLSTM) -> dict[str, NDArray[Any]]:
    return {name: _numpy(value) for name, value in model.state_dict().items()}


def _set_weights(model: AWDLSTM, weights: Weights) -> None:
    # Copies: a tensor that shared memory with a checkpoint would let the model change it.
    model.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})


# --- Keeping -------------------------------------------------------------------------------------

_ABOUT, _PROGRESS = "training.json", "progress.npz"


def _checkpoint(epoch: int) -> str:
    return f"epoch-{epoch:04d}.npz"


@dataclass(frozen=True)
class _About:
    """What a folder says about the text."""

    corpus: str
    corpus_digest: str
    note: str

    @classmethod
    def of(cls, corpus: Corpus) -> _About:
        return cls(corpus.name, corpus.digest, corpus.note)


@dataclass
class _Progress:
    """How far a training is, and its curves so far; -1 is before anything."""

    epoch: int
    train_perplexity: list[float]
    valid_perplexity: list[float]
    averaged_from: int | None

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "epoch": np.array(self.epoch),
            "train_perplexity": np.array(self.train_perplexity),
            "valid_perplexity": np.array(self.valid_perplexity),
            "averaged_from": np.array(-1 if self.averaged_from is None else self.averaged_from),
        }

    @classmethod
    def of(cls, arrays: Weights) -> _Progress:
        averaged_from = int(arrays["averaged_from"])
        return cls(
            int(arrays["epoch"]),
            arrays["train_perplexity"].tolist(),
            arrays["valid_perplexity"].tolist(),
            None if averaged_from < 0 else averaged_from,
        )


class _Folder:
    """A training on disk: what it is, its checkpoints, its progress; every file whole or absent."""

    def __init__(
        self,
        path: Path,
        recipe: LanguageModel,
        seed: int,
        words: int,
        text: _About | TrainedLanguageModel,
    ) -> None:
        self.path = path
        about = {
            "recipe": asdict(recipe),
            "seed": seed,
            "words": words,
            "corpus": text.corpus,
            "corpus_digest": text.corpus_digest,
            "note": text.note,
        }
        about = json.loads(json.dumps(about))  # as it will be read back: tuples become lists
        if (path / _ABOUT).exists():
            found = _read_json(path / _ABOUT)
            different = [key for key in about if found.get(key) != about[key]]
            if different:
                raise ValueError(
                    f"{str(path)!r} keeps another training, with a different "
                    f"{' and '.join(different)}: choose another folder, or remove it"
                )
            return
        path.mkdir(parents=True, exist_ok=True)
        with new_file(path / _ABOUT) as file:
            file.write((json.dumps(about, indent=2) + "\n").encode())

    def write_checkpoint(self, epoch: int, weights: Weights) -> None:
        _write_arrays(self.path / _checkpoint(epoch), weights)

    def read_checkpoint(self, epoch: int) -> Weights:
        with _damage_named(self.path):
            return _read_arrays(self.path / _checkpoint(epoch))

    def write_progress(self, progress: _Progress, state: Weights | None = None) -> None:
        _write_arrays(self.path / _PROGRESS, {**progress.as_arrays(), **(state or {})})

    def read_progress(self) -> tuple[_Progress, Weights] | None:
        if not (self.path / _PROGRESS).exists():
            return None
        with _damage_named(self.path):
            arrays = _read_arrays(self.path / _PROGRESS)
            state = {name: value for name, value in arrays.items() if "/" in name}
            return _Progress.of(arrays), state


def _write_arrays(path: Path, arrays: Weights) -> None:
    with new_file(path) as file:
        np.savez(file, allow_pickle=False, **arrays)  # type: ignore[arg-type, unused-ignore]


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"no language model in {str(path.parent)!r}") from None
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}") from error
    return found


def _recipe(fields: dict[str, Any]) -> LanguageModel:
    return LanguageModel(
        **{
            **fields,
            "checkpoints": tuple(fields["checkpoints"]),
            "dropouts": Dropouts(**fields["dropouts"]),
            "excerpt": fields["excerpt"] and Excerpt(**fields["excerpt"]),
        }
    )


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Say which folder it is that cannot be read."""
    try:
        yield
    except (BadZipFile, EOFError, KeyError, ValueError, FileNotFoundError) as error:
        raise ValueError(
            f"the language model in {str(path)!r} is damaged ({error}): remove it and train again"
        ) from error
