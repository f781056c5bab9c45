"""Published architectures against layouts written by hand; benchmarks/capture_axes.py has more."""

import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
TRANSFORMERS = [
    "ALBERT",
    "BART",
    "DeBERTa",
    "HuBERT",
    "Longformer",
    "Mamba",
    "Mixtral",
    "Perceiver",
    "Qwen3",
    "SigLIP",
    "Swin",
    "T5",
    "ViLT",
    "Wav2Vec2",
    "XLNet",
]
BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def axes():
    """Return the benchmark as a module."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("capture_axes")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers(axes, name):
    result = axes.examine(axes.TRANSFORMERS[name])
    assert result.wrong == []
    assert result.equal > 10


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="needs timm")
@pytest.mark.parametrize("name", ["cait", "edgenext", "mambaout", "mixer", "samvit", "tnt"])
def test_timm(axes, name):
    with axes.without_torchvision():
        result = axes.examine(axes.TIMM[name])
    assert result.wrong == []
    assert result.equal > 50
