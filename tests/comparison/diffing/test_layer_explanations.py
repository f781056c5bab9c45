"""Layer explanations of a diff: in its text, as fields, in JSON, in the shell and on the page."""

import json

import numpy as np
import pytest
from helpers.shell import command_runner

import isorep
from isorep.activations.random_model import RandomModelWarning

N, P = 400, 8
LABELS = np.arange(N) % 5


@pytest.fixture(scope="module")
def sides():
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((N, P))

    def view(z):
        return z + 0.2 * rng.standard_normal((N, P))

    x = view(latent)
    directions = latent.copy()
    directions[:, :3] = rng.standard_normal((N, 3))
    one_class = latent.copy()
    one_class[LABELS == 4] += rng.standard_normal((N // 5, P))
    rotation = np.linalg.qr(rng.standard_normal((P, P)))[0]
    base = dict.fromkeys(("directions", "class", "noise", "rotated"), x)
    changed = {
        "directions": view(directions),
        "class": view(one_class),
        "noise": view(latent),
        "rotated": x @ rotation,
    }
    ids = [f"img{i}" for i in range(N)]
    return [isorep.Representations(side, labels=LABELS, sample_ids=ids) for side in (base, changed)]


def explained(sides, explain=2, **options):
    return isorep.diff(*sides, explain=explain, interval=False, progress=False, **options)


def test_the_most_changed_layers_are_explained(sides):
    result = explained(sides)
    assert list(result.explanations) == ["directions", "class"]
    assert result.not_explained == ("noise",)
    directions = result.explanations["directions"]
    assert directions.change.directions.n_changed == 3
    similarity = f"directions (similarity {result['directions'].similarity:.4f}): "
    assert directions.text.startswith(similarity)
    assert "It changed most in 3 of 8 directions, which carry" in directions.text
    assert "Class 4 changed more than the others" in result.explanations["class"].text
    text = " ".join(str(result).split())
    for explanation in result.explanations.values():
        assert explanation.text in text
    assert text.endswith(
        "1 more changed layer is not explained (explain=3, in the shell --explain 3, explains all)"
    )
    assert max(map(len, str(result).splitlines())) <= 100
    assert directions.text in result._repr_html_()


def test_json_has_the_text_and_the_numbers(sides):
    result = explained(sides, 1)
    document = json.loads(result.to_json())
    (entry,) = document["explanations"]
    assert entry["layer"] == "directions"
    assert entry["text"] == result.explanations["directions"].text
    assert entry["change"]["directions"]["n_changed"] == 3
    assert document["not_explained"] == ["class", "noise"]


def test_a_layer_of_another_basis_has_no_paragraph(sides):
    base, changed = ({"rotated": side["rotated"]} for side in sides)
    result = explained([base, changed])
    assert result.explanations == {}
    assert "no layer changed, so there is nothing to explain" in str(result)


def test_without_explain_nothing_is_said(sides):
    result = isorep.diff(*sides, interval=False, progress=False)
    assert result.explanations == {}
    assert result.not_explained == ()
    assert "explain" not in str(result)


def test_samples_left_out_keep_their_numbers():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((200, 4))
    y = x + 0.1 * rng.standard_normal((200, 4))
    y[50] += 4
    x[:10] = np.nan
    result = explained([{"fc": x}, {"fc": y}], nan_policy="omit")
    (sample,) = result.explanations["fc"].change.samples
    assert sample.sample == "50"


def test_what_cannot_be_explained_says_why(monkeypatch, sides):
    monkeypatch.setattr("isorep.explanation.layer_change.BUDGET", 1e6)
    explanation = explained(sides, 1).explanations["directions"]
    assert explanation.change is None
    assert "not explained: 400 samples of 8 directions would take about" in explanation.text


def test_explain_must_be_a_count(sides):
    with pytest.raises(ValueError, match="explain must be 0 or more, got -1"):
        explained(sides, -1)
    with pytest.raises(TypeError, match="explain"):
        explained(sides, 1.5)


def test_a_random_model_is_not_explained():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh())

    class Noisy(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = model

        def forward(self, x):
            return self.body(x + torch.randn_like(x))

    inputs = torch.randn(200, 4)
    with pytest.warns(RandomModelWarning, match="not the same twice"):
        result = explained([Noisy(), Noisy()], 1, data=inputs)
    (explanation,) = result.explanations.values()
    assert "not explained: the model is not the same twice" in explanation.text


def test_the_shell_and_the_page(sides, tmp_path, capsys, monkeypatch):
    pytest.importorskip("plotly")
    monkeypatch.setenv("COLUMNS", "400")
    paths = [tmp_path / name for name in ("base.npz", "changed.npz")]
    for side, path in zip(sides, paths, strict=True):
        side.save(path)
    page, document = tmp_path / "diff.html", tmp_path / "diff.json"
    options = ["--no-interval", "--explain", "1", "-o", page, "-o", document]
    status, out, _ = command_runner(monkeypatch, capsys)("diff", *paths, *options)
    assert status == 0
    text = json.loads(document.read_text())["explanations"][0]["text"]
    assert text in out
    assert text.replace('"', '\\"') in page.read_text()
