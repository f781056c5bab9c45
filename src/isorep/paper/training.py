"""Training: several small networks side by side, each to near-zero training loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from isorep.paper.convnet import ConvNet
from isorep.paper.recipe import Recipe


@dataclass(frozen=True)
class Task:
    """A network, the labels that it is to learn, and the seed of the order of its batches."""

    network: ConvNet
    labels: NDArray[np.int64]
    seed: int


@dataclass(frozen=True)
class Training:
    """How a training ended.

    Attributes
    ----------
    epochs : int
        How many it took.
    loss : float
        Mean loss over the training images at the end.
    accuracy : float
        Fraction of the training images that get the label they were trained on.
    converged : bool
        Whether the loss came under the recipe's target.
    """

    epochs: int
    loss: float
    accuracy: float
    converged: bool


def train(
    tasks: Sequence[Task],
    images: NDArray[np.float32],
    recipe: Recipe,
    on_epoch: Callable[[int, int, float], Any] = lambda task, epoch, loss: None,
) -> list[Training]:
    """Train every network in place on the same images, as many at a time as PyTorch has threads.

    Layers this small keep one core busy and no more, so each network gets one thread of its own
    rather than all threads in turn. A network then does the same arithmetic however many cores
    there are, and the result depends on the seeds alone.

    Parameters
    ----------
    tasks : sequence of Task
        Started in this order; put the longest first.
    images : (n, channels, height, width) array
        What all of them are trained on.
    recipe : Recipe
        How.
    on_epoch : callable
        Called as ``on_epoch(index of the task, epochs done, loss)`` after every epoch, from the
        thread that trains.

    Returns
    -------
    list of Training
        One for each task, in their order.
    """
    inputs = torch.as_tensor(images)
    stop = Event()

    def work(index: int) -> Training:
        return _train_one(
            tasks[index], inputs, recipe, stop, lambda *state: on_epoch(index, *state)
        )

    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
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


def _train_one(
    task: Task,
    images: Tensor,
    recipe: Recipe,
    stop: Event,
    on_epoch: Callable[[int, float], Any],
) -> Training:
    network, labels = task.network, torch.as_tensor(task.labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate, betas=recipe.betas)
    # The global generator is shared by all threads: drawing from it would make the batches of one
    # network depend on the speed of another.
    generator = torch.Generator().manual_seed(task.seed)
    loss, accuracy = evaluate(network, images, labels)
    epochs = 0
    while loss >= recipe.target_loss and epochs < recipe.max_epochs:
        network.train()
        order = torch.randperm(len(images), generator=generator)
        for start in range(0, len(images), recipe.batch_size):
            batch = order[start : start + recipe.batch_size]
            if stop.is_set():
                raise CancelledError
            optimizer.zero_grad()
            torch.autograd.backward(cross_entropy(network.logits(images[batch]), labels[batch]))
            optimizer.step()
        loss, accuracy = evaluate(network, images, labels)
        epochs += 1
        on_epoch(epochs, loss)
    return Training(epochs, loss, accuracy, loss < recipe.target_loss)


@torch.no_grad()
def evaluate(network: ConvNet, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the mean loss and the accuracy of a network in evaluation mode, and leave it there."""
    network.eval()
    logits = network.logits(images)
    right = logits.argmax(dim=1) == labels
    return cross_entropy(logits, labels).item(), right.double().mean().item()
