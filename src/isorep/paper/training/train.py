"""Training: several networks side by side, each until its recipe says that it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from isorep.paper.models.classifier import Classifier
from isorep.paper.training.recipe import Recipe

State = Mapping[str, Tensor]

ON_GPU = 4
"""Networks side by side on a GPU: one this small leaves most of it idle, and each has its own
stream. More would only wait for Python."""

EVALUATED_AT_ONCE = 2048


@dataclass(frozen=True)
class Task:
    """A network, the labels that it is to learn and how, and when its weights are to be kept.

    `seed` is that of the order of its batches; `keep` are epochs.
    """

    network: Classifier
    labels: NDArray[np.int64]
    seed: int
    recipe: Recipe
    keep: tuple[int, ...] = ()


class Epoch(NamedTuple):
    """How well a network does after an epoch; without test images, the last two are NaN."""

    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True)
class Training:
    """How a training went.

    Attributes
    ----------
    history : tuple of Epoch
        Before training and after each epoch.
    converged : bool
        Whether the loss came under the recipe's target.
    states : dict of epoch to state dict
        The weights that were to be kept, on the CPU.
    """

    history: tuple[Epoch, ...]
    converged: bool
    states: Mapping[int, State] = field(default_factory=dict, compare=False)

    @property
    def epochs(self) -> int:
        """How many it took."""
        return len(self.history) - 1


def train(
    tasks: Sequence[Task],
    images: NDArray[np.float32],
    on_epoch: Callable[[int, int, float], Any] = lambda task, epoch, loss: None,
    *,
    on_end: Callable[[int, Training], Any] = lambda task, training: None,
    test: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None,
    device: str = "cpu",
) -> list[Training]:
    """Train every network in place on the same images, several at a time.

    On the CPU these are as many as PyTorch has threads: layers this small keep one core busy and no
    more, so each network gets one thread of its own rather than all threads in turn. A network then
    does the same arithmetic however many cores there are, and the result depends on the seeds
    alone. On a GPU each network has its own stream.

    Parameters
    ----------
    tasks : sequence of Task
        Started in this order; put the longest first.
    images : (n, channels, height, width) array
        What all of them are trained on.
    on_epoch : callable
        Called as ``on_epoch(index of the task, epochs done, loss)`` after every epoch, from the
        thread that trains.
    on_end : callable
        Called as ``on_end(index of the task, training)`` when a network is done, likewise.
    test : (images, labels), optional
        To follow how well the networks do on images they are not trained on.
    device : str
        Where to train; the networks are on the CPU before and after.

    Returns
    -------
    list of Training
        One for each task, in their order.
    """
    inputs = torch.as_tensor(images, device=device)
    unseen = None if test is None else _pair(*test, device)
    stop = Event()

    def work(index: int) -> Training:
        with _stream(device):
            training = _train_one(
                tasks[index],
                inputs,
                unseen,
                stop,
                lambda *state: on_epoch(index, *state),
            )
        on_end(index, training)
        return training

    threads = torch.get_num_threads()
    lanes = threads if device == "cpu" else ON_GPU
    try:
        with ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            try:
                futures = [pool.submit(work, index) for index in range(len(tasks))]
                for future in as_completed(futures):  # so that an error is not waited for
                    future.result()
                return [future.result() for future in futures]
            except BaseException:
                # Ctrl-C, or one network's error: the others need not finish first.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(threads)


def _stream(device: str) -> AbstractContextManager[Any]:
    if not device.startswith("cuda"):
        return nullcontext()
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    # The images were put there on the default stream.
    stream.wait_stream(torch.cuda.default_stream(device))
    return torch.cuda.stream(stream)


def _pair(images: Any, labels: Any, device: str) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(images, device=device), torch.as_tensor(labels, device=device)


def _train_one(
    task: Task,
    images: Tensor,
    test: tuple[Tensor, Tensor] | None,
    stop: Event,
    on_epoch: Callable[[int, float], Any],
) -> Training:
    network, recipe = task.network.to(images.device), task.recipe
    labels = torch.as_tensor(task.labels, device=images.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=recipe.betas)
    # The global generator is shared by all threads: drawing from it would make the batches of one
    # network depend on the speed of another.
    generator = torch.Generator().manual_seed(task.seed)

    def look() -> Epoch:
        unseen = (np.nan, np.nan) if test is None else evaluate(network, *test)
        return Epoch(*evaluate(network, images, labels), *unseen)

    history = [look()]
    states: dict[int, State] = {}
    while True:
        epochs, loss = len(history) - 1, history[-1].train_loss
        if epochs in task.keep:
            states[epochs] = _copy(network)
        if epochs:
            on_epoch(epochs, loss)
        if loss < recipe.target_loss or epochs >= recipe.max_epochs:
            break
        network.train()
        order = torch.randperm(len(images), generator=generator).to(images.device)
        for batch in torch.split(order, recipe.batch_size):
            if stop.is_set():
                raise CancelledError
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(network.logits(images[batch]), labels[batch]))
            optimizer.step()
        history.append(look())
    network.cpu()
    return Training(tuple(history), loss < recipe.target_loss, states)


def _copy(network: Classifier) -> State:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def evaluate(network: Classifier, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the mean loss and the accuracy of a network in evaluation mode, and leave it there."""
    network.eval()
    logits = torch.cat([network.logits(part) for part in torch.split(images, EVALUATED_AT_ONCE)])
    right = logits.argmax(dim=1) == labels
    return cross_entropy(logits, labels).item(), right.double().mean().item()
