"""Figure 3 at the paper's scale, end to end on few small images, also after an interruption."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from isorep.paper import runner
from isorep.paper.data.cifar10 import TEST, TRAIN
from isorep.paper.figures import fig3
from isorep.paper.training import networks


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Make the paper's set-up small, and write the images to a folder."""
    paper = fig3.SETUPS["paper"]
    setup = replace(
        paper,
        networks=2,
        images=replace(paper.images, n_train=40),
        plan=paper.plan.scaled(1 / 32),
        recipe=replace(paper.recipe, max_epochs=2),
    )
    monkeypatch.setitem(fig3.SETUPS, "paper", setup)
    monkeypatch.setattr(networks, "SAVED_EVERY", 0.0)
    rng = np.random.default_rng(0)
    for name in (*TRAIN, TEST):
        labels = rng.integers(0, 10, (20, 1), dtype=np.uint8)
        pixels = rng.integers(0, 256, (20, 3 * 32 * 32), dtype=np.uint8)
        (tmp_path / name).write_bytes(np.hstack([labels, pixels]).tobytes())
    return tmp_path


@pytest.mark.slow  # trains eight networks and draws the figure
def test_an_interrupted_run_gives_the_same_figure(small, monkeypatch):
    def run(out):
        options = {"data": small, "device": "cpu", "console": Console(quiet=True)}
        runner.reproduce("fig3", "paper", out=small / out, **options)

    write, written = networks._write_checkpoint, []

    def interrupted(*arguments):
        write(*arguments)
        written.append(arguments)
        if len(written) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(networks, "_write_checkpoint", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("interrupted")
    trained = small / "interrupted" / "networks"
    assert list(trained.glob("*.part"))
    assert not (small / "interrupted" / "fig3").exists()
    run("interrupted")
    assert not list(trained.glob("*.part"))
    run("whole")
    csv = (small / "whole" / "fig3" / "fig3.csv").read_bytes()
    assert csv.count(b"\n") == 1 + 12 * 4 * 3  # layers, and ordered pairs of networks
    assert (small / "interrupted" / "fig3" / "fig3.csv").read_bytes() == csv
