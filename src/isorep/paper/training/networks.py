"""Networks: trained image networks on disk, so that figures share them and a run can be resumed.

The folder of a network is named by a hash of everything that determines it: its architecture, its
recipe, its seed, the images and labels, the kind of device and the version of PyTorch. If one of
them changes, a new network is trained; otherwise the stored one is read. Beside it, ``.part`` is a
network in training, from which a run continues that was killed.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from rich.console import Console

import isorep
from isorep._utils.atomic import new_file, new_folder
from isorep.paper.data.image_data import ImageData
from isorep.paper.models.classifier import Classifier
from isorep.paper.training.recipe import Wanted
from isorep.paper.training.train import Checkpoint, Epoch, State, Task, Training, train
from isorep.paper.training.training_progress import training_bars

_END = "end"

SAVED_EVERY = 60.0
"""Seconds of training that a kill loses, beside the epoch that it interrupts."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network and the course of its training.

    Attributes
    ----------
    wanted : Wanted
        Description of the network.
    shape : (int, int)
        Number of channels of the images, and number of classes.
    history : tuple of Epoch
        Loss and accuracy before training and after each epoch.
    converged : bool
        Whether the loss fell below the recipe's target.
    states : dict of str to state dict
        Weights at the epochs of `wanted.keep`, and at the "end".
    """

    wanted: Wanted
    shape: tuple[int, int]
    history: tuple[Epoch, ...]
    converged: bool
    states: Mapping[str, State]

    @property
    def epochs(self) -> int:
        """Number of epochs of the training."""
        return len(self.history) - 1

    @property
    def last(self) -> Epoch:
        """Loss and accuracy at the end."""
        return self.history[-1]

    @cached_property
    def network(self) -> Classifier:
        """The network at the end."""
        return self.at(_END)

    def at(self, epoch: int | str) -> Classifier:
        """Return the network after one of the epochs of `wanted.keep`."""
        with torch.random.fork_rng(devices=[]):
            network = self.wanted.plan.build(*self.shape)
        network.load_state_dict(dict(self.states[str(epoch)]))
        return network.eval()

    def facts(self) -> dict[str, Any]:
        """Return the result of the training, in JSON types."""
        return {
            "seed": self.wanted.seed,
            "labels": self.wanted.labels,
            "learning_rate": self.wanted.recipe.learning_rate,
            "epochs": self.epochs,
            "converged": self.converged,
            **self.last._asdict(),
        }


def initial(wanted: Wanted, data: ImageData) -> Classifier:
    """Make the untrained network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(wanted.seed)
        return wanted.plan.build(data.train_images.shape[1], data.n_classes)


def key(description: Mapping[str, Any]) -> str:
    """Return the name of the folder of a network, from its description in JSON types."""
    text = json.dumps(description, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def describe(wanted: Wanted, data: ImageData, device: str) -> dict[str, Any]:
    """Return everything that determines a network."""
    return {
        "plan": {"kind": type(wanted.plan).__name__, **asdict(wanted.plan)},
        "recipe": asdict(wanted.recipe),
        "seed": wanted.seed,
        "labels": wanted.labels,
        "keep": wanted.keep,
        "images": data.digest,
        "device": torch.device(device).type,
        "torch": torch.__version__,
    }


def obtain(
    wanted: Mapping[str, Wanted],
    data: ImageData,
    *,
    folder: Path | None = None,
    device: str = "cpu",
    console: Console | None = None,
) -> dict[str, Trained]:
    """Read the networks that are stored, and train the others.

    Each network is written as soon as it is trained, and its training about once a minute: after a
    kill, the same call continues with the epoch after the one that was written, to the same
    network.

    Parameters
    ----------
    wanted : dict of name to Wanted
        Networks; the names do not affect them.
    data : ImageData
        Training and test images.
    folder : Path, optional
        Folder of trained networks; without it, all are trained and none is written.
    device : str
        Device to train on.
    console : rich.console.Console, optional
        Console for progress; stderr by default.
    """
    shape = (data.train_images.shape[1], data.n_classes)
    folders = {
        name: None if folder is None else folder / key(describe(network, data, device))
        for name, network in wanted.items()
    }
    trained: dict[str, Trained] = {}
    for name, network in wanted.items():
        network_folder = folders[name]
        if network_folder is not None and network_folder.is_dir():
            trained[name] = read(network_folder, network, shape)

    # The longest trainings start first, so that all threads finish at about the same time.
    missing = sorted(
        (name for name in wanted if name not in trained),
        key=lambda name: _effort(wanted[name]),
        reverse=True,
    )
    if missing:
        tasks = [
            Task(
                initial(wanted[name], data),
                data.labels(wanted[name].labels),
                wanted[name].seed,
                wanted[name].recipe,
                wanted[name].keep,
                _read_checkpoint(folders[name]),
            )
            for name in missing
        ]
        saved = [perf_counter()] * len(missing)

        def save(index: int, make: Callable[[], Checkpoint]) -> None:
            network_folder = folders[missing[index]]
            if network_folder is not None and perf_counter() - saved[index] >= SAVED_EVERY:
                _write_checkpoint(network_folder, make())
                saved[index] = perf_counter()

        def store(index: int, training: Training) -> None:
            name = missing[index]
            end = {k: v.detach().clone() for k, v in tasks[index].network.state_dict().items()}
            states = {**{str(epoch): state for epoch, state in training.states.items()}, _END: end}
            result = Trained(wanted[name], shape, training.history, training.converged, states)
            network_folder = folders[name]
            if network_folder is not None:
                write(network_folder, result, describe(wanted[name], data, device))
                _part(network_folder).unlink(missing_ok=True)
            trained[name] = result

        recipes = [task.recipe for task in tasks]
        with training_bars(console or Console(stderr=True), missing, recipes) as on_epoch:
            train(
                tasks,
                data.train_images,
                on_epoch,
                on_end=store,
                on_checkpoint=save,
                test=(data.test_images, data.test_labels),
                device=device,
            )
    return {name: trained[name] for name in wanted}


def _part(folder: Path) -> Path:
    """Return the file of a network in training, beside its folder."""
    return folder.with_name(f"{folder.name}.part")


def _write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with new_file(_part(folder)) as file:
        torch.save(checkpoint._asdict(), file)


def _read_checkpoint(folder: Path | None) -> Checkpoint | None:
    """Return where the training of a network stopped; None for a new training."""
    if folder is None or not _part(folder).exists():
        return None
    try:
        return Checkpoint(**torch.load(_part(folder), weights_only=True, map_location="cpu"))
    except Exception as error:
        raise ValueError(
            f"cannot read the network in training in {str(_part(folder))!r} ({error}). Remove the "
            "file to train the network from the start"
        ) from error


def _effort(wanted: Wanted) -> tuple[bool, int]:
    """Rank networks by training time: random labels take longer, then wide networks."""
    return wanted.labels == "random", sum(width**2 for width in wanted.plan.widths)


def write(folder: Path, trained: Trained, description: Mapping[str, Any]) -> None:
    """Write a network to a folder, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    torch.save({name: dict(state) for name, state in trained.states.items()}, content)
    facts = {
        "determined_by": description,
        "converged": trained.converged,
        "history": [epoch._asdict() for epoch in trained.history],
    }
    with new_folder(folder) as temporary:
        (temporary / "weights.pt").write_bytes(content.getvalue())
        (temporary / "network.json").write_text(json.dumps(facts, indent=1) + "\n")


def read(folder: Path, wanted: Wanted, shape: tuple[int, int]) -> Trained:
    """Read a network that `write` wrote.

    Raises
    ------
    ValueError
        If the folder is damaged; the message says to remove it.
    """
    try:
        facts = json.loads((folder / "network.json").read_text())
        states = torch.load(folder / "weights.pt", weights_only=True)
        history = tuple(Epoch(**epoch) for epoch in facts["history"])
        converged = bool(facts["converged"])
        if _END not in states or not history:
            raise KeyError(_END)
    except Exception as error:
        raise ValueError(
            f"cannot read the trained network in {str(folder)!r} ({error}). Remove the folder to "
            "train the network again"
        ) from error
    return Trained(wanted, shape, history, converged, states)


def capture_all(
    networks: Mapping[str, Classifier],
    images: Any,
    *,
    layers: Sequence[str] | None = None,
    device: str = "cpu",
    console: Console | None = None,
) -> dict[str, Any]:
    """Capture layers of every network; each filter is averaged over its positions.

    Parameters
    ----------
    networks : dict of name to Classifier
    images : (n, channels, height, width) array
        Inputs of the networks.
    layers : sequence of str, optional
        Names of the layers; by default all of each network.
    device : str
        Device to run the networks on.
    console : rich.console.Console, optional
        Console for progress; stderr by default.

    Returns
    -------
    dict of name to isorep.Representations
    """
    batches = torch.split(torch.as_tensor(images), 256)
    with (console or Console(stderr=True)).status(f"capturing {len(networks)} networks"):
        return {
            name: isorep.capture(
                network,
                batches,
                layers=list(layers or network.layers),
                reduce="mean",
                device=device,
                progress=False,
            )
            for name, network in networks.items()
        }
