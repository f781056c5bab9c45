"""What part of the time of a training the monitor takes, on the demo's network and an LSTM.

    OMP_NUM_THREADS=1 python benchmarks/monitor.py [--repeats 3] [--every auto] [--figure PATH.png]

Each training runs in turn without and with a monitor at its default settings, on one thread, and
must end with the same weights. The share is that of all that the monitor does, from before the
first state until after the last: by the clock, as the monitor itself tells it, and in processor
time, which depends less on what else the machine is doing. The figure is of a training more, with
states at fixed steps: bands are two standard errors, and points are where a layer had converged.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from isorep.monitor import Monitor
from isorep.paper.data import digits, text
from isorep.paper.data.text_windows import rows_of_text
from isorep.paper.training.language_recipe import MODELS
from isorep.paper.training.recipe import ConvNetPlan, Recipe

CONVNET_EPOCHS, LSTM_EPOCHS = 30, 6


class Training(NamedTuple):
    """A model, what one step of its training does, and how to watch it."""

    title: str
    model: torch.nn.Module
    steps: Iterator[None]
    probe: Any
    layers: tuple[str, ...]
    reduce: str


def convnet() -> Training:
    """Return the demo's network on the digits, watched on the images that it is not trained on."""
    data, recipe = digits.load(), Recipe()
    images, labels = torch.as_tensor(data.train_images), torch.as_tensor(data.train_labels)
    torch.manual_seed(0)
    model = ConvNetPlan().build(channels=1, classes=10)

    def steps() -> Iterator[None]:
        optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
        for _ in range(CONVNET_EPOCHS):
            for batch in torch.randperm(len(images)).split(recipe.batch_size):
                optimizer.zero_grad()
                cross_entropy(model.logits(images[batch]), labels[batch]).backward()
                optimizer.step()
                yield

    return Training(
        "convolutional network, digits", model, steps(), data.test_images, model.layers, "mean"
    )


def lstm() -> Training:
    """Return figure 6's language model, watched at 2,000 tokens of a text it is not trained on."""
    corpus, recipe = text.load("pydoc"), MODELS["laptop"][0]
    torch.manual_seed(0)
    model = recipe.build(len(corpus.vocabulary), seed=0)
    rows = torch.as_tensor(rows_of_text(corpus.train, recipe.batch_size))

    def steps() -> Iterator[None]:
        optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
        for _ in range(LSTM_EPOCHS):
            state = None
            for start in range(0, rows.shape[1] - 1 - recipe.bptt, recipe.bptt):
                optimizer.zero_grad()
                step = model.training_step(rows[:, start : start + recipe.bptt], state)
                wanted = rows[:, start + 1 : start + 1 + recipe.bptt]
                cross_entropy(step.logits.flatten(0, 1), wanted.flatten()).backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
                optimizer.step()
                state = tuple((h.detach(), c.detach()) for h, c in step.state)
                yield

    probe = rows_of_text(corpus.valid[:2000], 40)
    return Training(
        "LSTM of 3 layers, Python's help texts", model, steps(), probe, model.layers, "positions"
    )


PANELS = (("convolutional network", convnet, 22), ("LSTM", lstm, 19))
"""Title, training and steps from one state to the next in the figure."""


class Run(NamedTuple):
    """How long a training took, what came out, and its monitor if it had one."""

    seconds: float
    processor_share: float
    steps: int
    weights: list[torch.Tensor]
    monitor: Monitor | None


def run(make: Callable[[], Training], store: Path | None, every: int | str) -> Run:
    """Train once, watched if there is a store to write to."""
    training = make()
    monitor = None
    if store is not None:
        monitor = Monitor(
            training.probe,
            layers=training.layers,
            reduce=training.reduce,
            store=store,
            every=every,
        )
    began, processor, watching, done = perf_counter(), process_time(), 0.0, 0

    def timed(call: Callable[[], object]) -> float:
        if monitor is None:
            return 0.0
        since = process_time()
        call()
        return process_time() - since

    watching += timed(lambda: monitor.start(training.model))
    for _ in training.steps:
        done += 1
        watching += timed(lambda: monitor.step())
    watching += timed(lambda: monitor.finish())
    return Run(
        perf_counter() - began,
        watching / (process_time() - processor),
        done,
        [tensor.clone() for tensor in training.model.state_dict().values()],
        monitor,
    )


def compare(make: Callable[[], Training], repeats: int, every: int | str, folder: Path) -> None:
    """Print a row of the table."""
    plain, watched = [], []
    for repeat in range(repeats):
        plain.append(run(make, None, every))
        watched.append(run(make, folder / make.__name__ / str(repeat), every))
        for x, y in zip(plain[-1].weights, watched[-1].weights, strict=True):
            assert torch.equal(x, y), "the monitor changed the training"
    monitors = [one.monitor for one in watched if one.monitor is not None]
    shares = sorted(monitor.share for monitor in monitors)
    processor = statistics.median(one.processor_share for one in watched)
    print(
        f"| {make().title} | {plain[-1].steps} | "
        f"{statistics.median(one.seconds for one in plain):.1f} s | "
        f"{len(monitors[-1].states())} | {statistics.median(shares):.1%} "
        f"({shares[0]:.1%} to {shares[-1]:.1%}) | {processor:.1%} |",
        flush=True,
    )


def draw(folder: Path, path: Path) -> None:
    """Draw each layer's way to its final state, and where it had converged."""
    from matplotlib import pyplot

    import isorep

    figure, axes = pyplot.subplots(1, len(PANELS), figsize=(11, 4.2), layout="constrained")
    for ax, (title, make, every) in zip(axes, PANELS, strict=True):
        monitor = run(make, folder / f"{make.__name__}-figure", every).monitor
        assert monitor is not None
        table = monitor.converged()
        isorep.plot.dynamics(monitor.trajectory(), ax=ax)
        for line, layer in zip(ax.lines[: table.sizes["layer"]], table["layer"], strict=True):
            found = table.sel(layer=layer)
            distance = found["distance"].to_numpy()
            error = 2 * found["distance_error"].to_numpy()
            ax.fill_between(
                table["step"], distance - error, distance + error, color=line.get_color(), alpha=0.2
            )
            at = float(found["converged"])
            ax.errorbar(
                at,
                float(found["distance"].sel(step=at)),
                xerr=[[at - float(found["converged_low"])], [float(found["converged_high"]) - at]],
                fmt="o",
                color=line.get_color(),
                markeredgecolor="black",
                capsize=3,
            )
        ax.set_ylim(0, np.ceil(10 * float(table["distance"].max())) / 10)
        ax.set_title(f"{title}: PWCCA distance to the final state")
        print()
        print(table[["converged", "converged_low", "converged_high"]].to_dataframe().to_string())
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="0: the figure alone")
    parser.add_argument("--every", default="auto", type=lambda x: x if x == "auto" else int(x))
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.repeats:
        print("| training | steps | time | states | share of the time | of processor time |")
        print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for _, make, _ in PANELS if options.repeats else ():
            compare(make, options.repeats, options.every, Path(folder))
        if options.figure is not None:
            draw(Path(folder), options.figure)


if __name__ == "__main__":
    main()
