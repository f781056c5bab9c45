"""Training: trains several image networks in parallel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
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
"""Number of networks that train in parallel on a GPU, each on its own stream. One small network
leaves most of a GPU idle; with more than four, they wait for Python."""

EVALUATED_AT_ONCE = 2048


class Epoch(NamedTuple):
    """Loss and accuracy after an epoch; without test images, the last two are NaN."""

    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float


class Checkpoint(NamedTuple):
    """A training after some epochs, from which it continues as if it had not stopped.

    Attributes
    ----------
    network, optimizer : dict
        State of the network and of Adam.
    generator : Tensor
        State of the generator of the order of the batches.
    history : list of tuple
        Loss and accuracy of each `Epoch`.
    states : dict of epoch to state dict
        The stored weights.
    """

    network: State
    optimizer: dict[str, Any]
    generator: Tensor
    history: list[tuple[float, ...]]
    states: dict[int, State]


@dataclass(frozen=True)
class Task:
    """A network to train.

    Attributes
    ----------
    network : Classifier
        The network, which is trained in place.
    labels : (n,) int64 array
        Labels of the images.
    seed : int
        Random seed of the order of the batches.
    recipe : Recipe
        Training.
    keep : tuple of int
        Epochs after which the weights are stored.
    checkpoint : Checkpoint, optional
        Where an earlier training of the network stopped.
    """

    network: Classifier
    labels: NDArray[np.int64]
    seed: int
    recipe: Recipe
    keep: tuple[int, ...] = ()
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True)
class Training:
    """The course of a training.

    Attributes
    ----------
    history : tuple of Epoch
        Loss and accuracy before training and after each epoch.
    converged : bool
        Whether the loss fell below the recipe's target.
    states : dict of epoch to state dict
        The stored weights, on the CPU.
    """

    history: tuple[Epoch, ...]
    converged: bool
    states: Mapping[int, State] = field(default_factory=dict, compare=False)

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return len(self.history) - 1


def train(
    tasks: Sequence[Task],
    images: NDArray[np.float32],
    on_epoch: Callable[[int, int, float], Any] = lambda task, epoch, loss: None,
    *,
    on_end: Callable[[int, Training], Any] = lambda task, training: None,
    on_checkpoint: Callable[[int, Callable[[], Checkpoint]], Any] = lambda task, make: None,
    test: tuple[NDArray[np.float32], NDArray[np.int64]] | None = None,
    device: str = "cpu",
) -> list[Training]:
    """Train every network in place on the same images, several at a time.

    On the CPU, as many networks train in parallel as PyTorch has threads, with one thread each,
    because layers this small cannot use more than one core. Each network then does the same
    arithmetic on any number of cores, and the result depends only on the seeds. On a GPU, each
    network has its own stream.

    Parameters
    ----------
    tasks : sequence of Task
        Networks, in the order in which they start; put the longest training first.
    images : (n, channels, height, width) array
        Training images of all networks.
    on_epoch : callable
        Called as ``on_epoch(index of the task, epochs done, loss)`` after every epoch, from the
        training thread.
    on_end : callable
        Called as ``on_end(index of the task, training)`` when a network is trained, from the
        training thread.
    on_checkpoint : callable
        Called as ``on_checkpoint(index of the task, make)`` after every epoch but the last, from
        the training thread; ``make()`` returns a `Checkpoint`.
    test : (images, labels), optional
        Test images, for the test loss and accuracy after each epoch.
    device : str
        Device to train on; the networks are on the CPU before and after.

    Returns
    -------
    list of Training
        One for each task, in their order.
    """
    inputs = torch.as_tensor(images, device=device)
    on_test = None if test is None else _pair(*test, device)
    stop = Event()

    def work(index: int) -> Training:
        with _stream(device):
            training = _train_one(
                tasks[index],
                inputs,
                on_test,
                stop,
                lambda *state: on_epoch(index, *state),
                partial(on_checkpoint, index),
            )
        on_end(index, training)
        return training

    threads = torch.get_num_threads()
    lanes = threads if device == "cpu" else ON_GPU
    try:
        with ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            try:
                futures = [pool.submit(work, index) for index in range(len(tasks))]
                for future in as_completed(futures):  # the first error is raised at once
                    future.result()
                return [future.result() for future in futures]
            except BaseException:
                # After Ctrl-C or an error in one network, the others stop too.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        torch.set_num_threads(threads)


def _stream(device: str) -> AbstractContextManager[Any]:
    if not device.startswith("cuda"):
        return nullcontext()
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    # The default stream copied the images to the device.
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
    on_checkpoint: Callable[[Callable[[], Checkpoint]], Any],
) -> Training:
    network, recipe = task.network.to(images.device), task.recipe
    labels = torch.as_tensor(task.labels, device=images.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=recipe.betas)
    # All threads share the global generator, so the batches of one network would depend on the
    # speed of another.
    generator = torch.Generator().manual_seed(task.seed)

    def measure() -> Epoch:
        on_test = (np.nan, np.nan) if test is None else evaluate(network, *test)
        return Epoch(*evaluate(network, images, labels), *on_test)

    def checkpoint() -> Checkpoint:
        return Checkpoint(
            _copy(network),
            optimizer.state_dict(),
            generator.get_state(),
            [tuple(epoch) for epoch in history],
            states,
        )

    if task.checkpoint is None:
        history = [measure()]
        states: dict[int, State] = {}
    else:
        network.load_state_dict(dict(task.checkpoint.network))
        optimizer.load_state_dict(task.checkpoint.optimizer)
        generator.set_state(task.checkpoint.generator)
        history = [Epoch(*epoch) for epoch in task.checkpoint.history]
        states = dict(task.checkpoint.states)
    while True:
        epochs, loss = len(history) - 1, history[-1].train_loss
        if epochs in task.keep:
            states[epochs] = _copy(network)
        if epochs:
            on_epoch(epochs, loss)
        if loss < recipe.target_loss or epochs >= recipe.max_epochs:
            break
        if epochs:
            on_checkpoint(checkpoint)
        network.train()
        order = torch.randperm(len(images), generator=generator).to(images.device)
        for batch in torch.split(order, recipe.batch_size):
            if stop.is_set():
                raise CancelledError
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(network.logits(images[batch]), labels[batch]))
            optimizer.step()
        history.append(measure())
    network.cpu()
    return Training(tuple(history), loss < recipe.target_loss, states)


def _copy(network: Classifier) -> State:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}


@torch.no_grad()
def evaluate(network: Classifier, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the mean loss and the accuracy in evaluation mode, which stays switched on."""
    network.eval()
    logits = torch.cat([network.logits(part) for part in torch.split(images, EVALUATED_AT_ONCE)])
    correct = logits.argmax(dim=1) == labels
    return cross_entropy(logits, labels).item(), correct.double().mean().item()
