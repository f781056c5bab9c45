"""The examples run as a reader would run them, at their smallest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
EXAMPLES = Path(__file__).parents[1] / "examples"
SAID = {
    "finetune_half": ["trained on with 0 to 4, digits 5 to 9: accuracy on", "conv1 "],
    "prune_cnn": ["95% pruned: accuracy", "layers below 0.95: "],
    "quantise_transformer": ["int8: loss ", "2 bits: loss ", "blocks.0.attention "],
}


def test_all_examples_are_here_and_on_the_page():
    page = (EXAMPLES / "README.md").read_text()
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAID)
    assert all(f"{name}.py" in page for name in SAID)


@pytest.mark.parametrize("name", SAID)
def test_an_example_runs(name, tmp_path):
    if name != "quantise_transformer":
        pytest.importorskip("sklearn")
    ended = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", "--quick", "--out", "figure.png"],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    for text in SAID[name]:
        assert text in ended.stdout
    assert ended.stdout.splitlines()[-1] == "wrote figure.png"
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
