"""The examples run as a reader would run them, at their smallest."""

import runpy
from pathlib import Path

import pytest

pytest.importorskip("torch")
EXAMPLES = Path(__file__).parents[1] / "examples"
WITHOUT_FIGURE = {"cknna_measure"}
EXPECTED_TEXTS = {
    "cknna_measure": ["cknna        same    1.000  p = 0.005", "cknna(k=20)  noise"],
    "finetune_half": ["fine-tuned on 0 to 4, digits 5 to 9: accuracy on", "conv1 "],
    "prune_cnn": ["95% pruned: accuracy", "layers below 0.95: "],
    "quantise_transformer": ["int8: loss ", "2 bits: loss ", "blocks.0.attention "],
}


def test_all_examples_are_here_and_on_the_page():
    page = (EXAMPLES / "README.md").read_text()
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(EXPECTED_TEXTS)
    assert all(f"{name}.py" in page for name in EXPECTED_TEXTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED_TEXTS)
def test_an_example_runs(name, tmp_path, monkeypatch, capsys):
    if name != "quantise_transformer":
        pytest.importorskip("sklearn")
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    script = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    figure = [] if name in WITHOUT_FIGURE else ["--out", "figure.png"]
    script["main"](["--quick", *figure])
    matplotlib.pyplot.close("all")
    out = capsys.readouterr().out
    for text in EXPECTED_TEXTS[name]:
        assert text in out
    if not figure:
        return
    assert out.splitlines()[-1] == "wrote figure.png"
    assert Path("figure.png").read_bytes().startswith(b"\x89PNG")
