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
    "quantise_sentences": ["encoder.layer.1 (similarity ", "6 to 9 words: squared distance"],
    "quantise_transformer": ["int8: loss ", "2 bits: loss ", "blocks.0.attention "],
    "recording_and_cnn": ["of a ceiling of ", "images stand out; ", "directions that repeat"],
    "two_seeds": ["597 unseen images: ", "images with different answers"],
}
NEEDS = {
    "quantise_sentences": "transformers",
    "quantise_transformer": "torch",
    "cknna_measure": "torch",
}


def left_out_digits_changed(found):
    """The digits that a network was not tuned on changed most, and most of all in its output."""
    for layer, explanation in found["0 to 4"].explanations.items():
        changes = {item.label: item for item in explanation.change.classes}
        more = {label for label, item in changes.items() if item.changed_more}
        if layer == "softmax":
            assert len(more) >= 3
            assert more <= set("56789")
            kept, missing = (
                sum(changes[digit].change for digit in half) for half in ("01234", "56789")
            )
            assert missing > 3 * kept
    assert found["all"]["softmax"].similarity > 0.98


def sentences_of_all_lengths_changed_alike(found):
    """Short sentences move farther, but lose no larger share of their own variance."""
    assert found["distances"][0] > 1.5 * found["distances"][-1]
    shares = found["shares"][:, 0]
    assert shares.max() < 1.5 * shares.min()


def the_part_of_a_recording_that_the_cnn_lacks(found):
    """The familiar images and the hidden properties that were put into the recording."""
    assert set(found["familiar"]) <= set(found["outlying"])
    assert len(found["outlying"]) <= len(found["familiar"]) + 2
    assert found["shared"].sum() == 3
    assert found["truth"].similarity > 0.9


def different_answers_are_among_the_most_different_images(found):
    """The images that differ most have several times the average rate of different answers."""
    differ, most = found["differ"], found["most"]
    assert differ[most].mean() > 2 * differ.mean()


FINDINGS = {
    "finetune_half": left_out_digits_changed,
    "quantise_sentences": sentences_of_all_lengths_changed_alike,
    "recording_and_cnn": the_part_of_a_recording_that_the_cnn_lacks,
    "two_seeds": different_answers_are_among_the_most_different_images,
}


def test_all_examples_are_here_and_on_the_page():
    page = (EXAMPLES / "README.md").read_text()
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(EXPECTED_TEXTS)
    assert all(f"{name}.py" in page for name in EXPECTED_TEXTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED_TEXTS)
def test_an_example_runs(name, tmp_path, monkeypatch, capsys):
    pytest.importorskip(NEEDS.get(name, "sklearn"))
    pytest.importorskip("matplotlib").use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    script = runpy.run_path(str(EXAMPLES / f"{name}.py"))
    figure = [] if name in WITHOUT_FIGURE else ["--out", "figure.png"]
    found = script["main"](["--quick", *figure])
    pyplot.close("all")
    out = capsys.readouterr().out
    for text in EXPECTED_TEXTS[name]:
        assert text in out
    if name in FINDINGS:
        FINDINGS[name](found)
    if not figure:
        return
    assert out.splitlines()[-1] == "wrote figure.png"
    assert Path("figure.png").read_bytes().startswith(b"\x89PNG")
