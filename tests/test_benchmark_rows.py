"""The rows of the benchmark, at small sizes: every contestant runs, and peers are found."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

FOLDER = str(Path(__file__).parents[1] / "benchmarks")
MODULES = ("rows", "streams", "contest", "peers", "capture_overhead")


@pytest.fixture(scope="module")
def bench():
    """Return the modules of the benchmark by name."""
    sys.path.insert(0, FOLDER)
    try:
        yield {name: importlib.import_module(name) for name in MODULES}
    finally:
        sys.path.remove(FOLDER)


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
@pytest.mark.parametrize(
    ("row", "arguments"),
    [
        ("_pair", (60, 4, None)),
        ("_procrustes", (60, 4)),
        ("_wide_pair", (60, 4)),
        ("_wide_cka", (60, 4)),
        ("_blocks", (60, 3, 4, None)),
        ("_sweep", (60, 4, 3, None, "cpu")),
    ],
)
def test_contestants_do_the_work(bench, row, arguments):
    works = getattr(bench["rows"], row)(*arguments)
    assert list(works)[:2] == ["isorep", "floor"]
    for work in works.values():
        work.run()
        assert 0 < work.part <= 1


def test_every_row_is_known_and_alone_in_its_name(bench):
    known = bench["rows"].rows(100, 2, None, "cpu")
    assert {"blocks", "sweep-64", "stream", "stream-texts", "grid-cka", "infer"} <= set(known)


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_a_peer_does_a_part_of_the_pairs(bench, monkeypatch):
    seen = []

    def distance(x, y, backend):
        seen.append((x.dtype, tuple(x.shape), backend))
        return 0.0

    anatome, module = ModuleType("anatome"), ModuleType("anatome.distance")
    anatome.__spec__ = importlib.machinery.ModuleSpec("anatome", None)
    anatome.distance, module.pwcca_distance = module, distance
    monkeypatch.setitem(sys.modules, "anatome", anatome)
    monkeypatch.setitem(sys.modules, "anatome.distance", module)
    work = bench["rows"]._blocks(60, 3, 4, None)["anatome"]
    work.run()
    assert work.part == pytest.approx(3 / 9)
    assert seen == [(torch.float32, (60, 4), "qr")] * 3


def test_two_models_are_streamed_beside_their_forward_passes(bench):
    models = [nn.Sequential(nn.Linear(5, 3), nn.ReLU()) for _ in range(2)]
    batches = [torch.rand(20, 5) for _ in range(3)]
    works = bench["streams"]._compared(models, batches, "?")
    works["floor"].run()
    table = works["isorep"].run()
    assert np.isfinite(table["pwcca"].to_numpy()).all()


def test_captures_are_timed_beside_the_forward(bench):
    model = nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 2))
    batches = [torch.rand(20, 5) for _ in range(4)]
    lines = bench["capture_overhead"].rows(model, batches, "1", torch.device("cpu"))
    assert [line.split(" | ")[0] for line in lines] == ["3 (all)", "1 (1)"]
    assert all(len(line.split(" | ")) == 7 for line in lines)
