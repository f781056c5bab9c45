"""Networks: trained networks on disk, so that figures share them and a killed run goes on.

A network lies in a folder named by a hash of everything that determines it: its layers, its recipe,
its seed, the images and labels, the kind of device and the version of PyTorch. Change any of them
and another network is trained; change none and it is read.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from isorep._utils.atomic import new_folder
from isorep.paper.data.image_data import ImageData
from isorep.paper.models.classifier import Classifier
from isorep.paper.training.recipe import Wanted
from isorep.paper.training.train import Epoch, State, Task, Training, train
from isorep.paper.training.training_progress import training_bars

_END = "end"


@dataclass(frozen=True, eq=False)
class Trained:
    """A network and how its training went.

    Attributes
    ----------
    wanted : Wanted
        What was asked for.
    shape : (int, int)
        Channels of its images, and classes.
    history : tuple of Epoch
        Before training and after each epoch.
    converged : bool
        Whether the loss came under the recipe's target.
    states : dict of str to state dict
        Weights at the epochs that were to be kept, and at the "end".
    """

    wanted: Wanted
    shape: tuple[int, int]
    history: tuple[Epoch, ...]
    converged: bool
    states: Mapping[str, State]

    @property
    def epochs(self) -> int:
        """How many the training took."""
        return len(self.history) - 1

    @property
    def last(self) -> Epoch:
        """How well it does at the end."""
        return self.history[-1]

    @cached_property
    def network(self) -> Classifier:
        """The network at the end."""
        return self.at(_END)

    def at(self, epoch: int | str) -> Classifier:
        """Return the network after an epoch that was to be kept."""
        with torch.random.fork_rng(devices=[]):
            network = self.wanted.plan.build(*self.shape)
        network.load_state_dict(dict(self.states[str(epoch)]))
        return network.eval()

    def facts(self) -> dict[str, Any]:
        """Return how the training ended, in types that JSON knows."""
        return {
            "seed": self.wanted.seed,
            "labels": self.wanted.labels,
            "learning_rate": self.wanted.recipe.learning_rate,
            "epochs": self.epochs,
            "converged": self.converged,
            **self.last._asdict(),
        }


def initial(wanted: Wanted, data: ImageData) -> Classifier:
    """Make a network as it is before training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(wanted.seed)
        return wanted.plan.build(data.train_images.shape[1], data.n_classes)


def key(description: Mapping[str, Any]) -> str:
    """Return the name of the folder of what a description, in types that JSON knows, determines."""
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
    """Read the networks that were trained before, and train the others.

    Each network is written when it is done, whatever becomes of the rest.

    Parameters
    ----------
    wanted : dict of name to Wanted
        The names are for the reader alone.
    data : ImageData
        What they are trained on.
    folder : Path, optional
        Where trained networks lie; without it, all are trained and none is written.
    device : str
        Where to train.
    console : rich.console.Console, optional
        Where to show progress; stderr by default.
    """
    shape = (data.train_images.shape[1], data.n_classes)
    places = {
        name: None if folder is None else folder / key(describe(one, data, device))
        for name, one in wanted.items()
    }
    found: dict[str, Trained] = {}
    for name, one in wanted.items():
        place = places[name]
        if place is not None and place.is_dir():
            found[name] = read(place, one, shape)

    # What takes longest goes first: no thread is left with a long one alone.
    missing = sorted(
        (name for name in wanted if name not in found),
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
            )
            for name in missing
        ]

        def keep(index: int, training: Training) -> None:
            name = missing[index]
            end = {k: v.detach().clone() for k, v in tasks[index].network.state_dict().items()}
            states = {**{str(epoch): kept for epoch, kept in training.states.items()}, _END: end}
            one = Trained(wanted[name], shape, training.history, training.converged, states)
            place = places[name]
            if place is not None:
                write(place, one, describe(wanted[name], data, device))
            found[name] = one

        recipes = [task.recipe for task in tasks]
        with training_bars(console or Console(stderr=True), missing, recipes) as on_epoch:
            train(
                tasks,
                data.train_images,
                on_epoch,
                on_end=keep,
                test=(data.test_images, data.test_labels),
                device=device,
            )
    return {name: found[name] for name in wanted}


def _effort(wanted: Wanted) -> tuple[bool, int]:
    """Rank networks by how long they train: random labels are learned more slowly; then by size."""
    return wanted.labels == "random", sum(width**2 for width in wanted.plan.widths)


def write(place: Path, trained: Trained, description: Mapping[str, Any]) -> None:
    """Write a network to a folder that is there whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    torch.save({name: dict(state) for name, state in trained.states.items()}, content)
    facts = {
        "determined_by": description,
        "converged": trained.converged,
        "history": [epoch._asdict() for epoch in trained.history],
    }
    with new_folder(place) as temporary:
        (temporary / "weights.pt").write_bytes(content.getvalue())
        (temporary / "network.json").write_text(json.dumps(facts, indent=1) + "\n")


def read(place: Path, wanted: Wanted, shape: tuple[int, int]) -> Trained:
    """Read a network that `write` wrote.

    Raises
    ------
    ValueError
        When the folder is damaged; it says to remove it.
    """
    try:
        facts = json.loads((place / "network.json").read_text())
        states = torch.load(place / "weights.pt", weights_only=True)
        history = tuple(Epoch(**epoch) for epoch in facts["history"])
        converged = bool(facts["converged"])
        if _END not in states or not history:
            raise KeyError(_END)
    except Exception as error:
        raise ValueError(
            f"cannot read the trained network in {str(place)!r} ({error}): remove the folder, and "
            "it is trained again"
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
    """Capture layers of every network, each filter averaged over its positions.

    Parameters
    ----------
    networks : dict of name to Classifier
    images : (n, channels, height, width) array
        What the networks are shown.
    layers : sequence of str, optional
        Which layers; by default all of each network.
    device : str
        Where to run the networks.
    console : rich.console.Console, optional
        Where to show progress; stderr by default.

    Returns
    -------
    dict of name to isorep.Representations
    """
    from isorep.activations.capture import capture

    batches = torch.split(torch.as_tensor(images), 256)
    with (console or Console(stderr=True)).status(f"showing images to {len(networks)} networks"):
        return {
            name: capture(
                network,
                batches,
                layers=list(layers or network.layers),
                reduce="mean",
                device=device,
                progress=False,
            )
            for name, network in networks.items()
        }
