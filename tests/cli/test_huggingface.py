"""Hugging Face folders on disk, a tiny one made here: through capture and diff."""

import io
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from helpers.quick import slow_unless
from helpers.shell import command_runner

import isorep
from isorep.model_files.texts import tokenize

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

WORDS = ["the", "a", "cat", "dog", "sat", "ran", "on", "off", "mat", "home", "fast", "slow"]
SPECIAL = ["[PAD]", "[UNK]"]
SIZES = {
    "vocab_size": len(WORDS) + len(SPECIAL),
    "hidden_size": 32,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
LAYERS = ("embeddings", "encoder.layer.0", "encoder.layer.1")


def bert(kind="BertModel", seed=0):
    torch.manual_seed(seed)
    config = transformers.BertConfig(**SIZES, num_hidden_layers=2, max_position_embeddings=10)
    return getattr(transformers, kind)(config).eval()


def tokenizer(words=WORDS, pad="[PAD]"):
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *words])}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=model, unk_token="[UNK]", pad_token=pad
    )


def save(folder, model, its_tokenizer=None):
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    if its_tokenizer is not None:
        its_tokenizer.save_pretrained(folder)
    if bars:
        transformers.utils.logging.enable_progress_bar()


@pytest.fixture(scope="module")
def texts():
    rng = np.random.default_rng(0)
    texts = (" ".join(rng.choice(WORDS, rng.integers(2, 10))) for _ in range(250))
    return list(dict.fromkeys(texts))[:199]


@pytest.fixture(scope="module")
def made(tmp_path_factory, texts):
    """A folder with a model, one with a fine-tune of it, and a file of texts."""
    folder = tmp_path_factory.mktemp("models")
    model = bert()
    save(folder / "base", model, tokenizer())
    with torch.no_grad():
        for parameter in model.encoder.layer[1].parameters():
            parameter += 0.5 * torch.randn_like(parameter)
    save(folder / "tuned", model, tokenizer())
    # Blank lines are no texts, and the last need not end.
    (folder / "texts.txt").write_text("\n\n".join(texts))
    return folder


@pytest.fixture
def shell(monkeypatch, made, capsys):
    monkeypatch.chdir(made)
    monkeypatch.setenv("COLUMNS", "160")

    return command_runner(monkeypatch, capsys)


def selected(*layers):
    return [part for layer in layers for part in ("--layers", layer)]


def by_hand(texts, model):
    """Run each text alone, without padding, and average its tokens."""
    found = {}
    for text in texts:
        tokens = tokenizer()(text, truncation=True, max_length=10, return_tensors="pt")
        with torch.no_grad():
            hidden = model(**tokens, output_hidden_states=True).hidden_states
        for layer, states in zip(LAYERS, hidden, strict=True):
            found.setdefault(layer, []).append(states[0].mean(0).numpy())
    return {layer: np.stack(rows) for layer, rows in found.items()}


@pytest.mark.slow
def test_capture_respects_the_mask(shell, texts):
    status, _, err = shell(
        "capture", "base", "--data", "texts.txt", *selected(*LAYERS), "-o", "a.npz"
    )
    assert (status, "199 samples" in err) == (0, True)
    found, expected = isorep.load("a.npz"), by_hand(texts, bert())
    for layer in LAYERS:
        np.testing.assert_allclose(found[layer], expected[layer], atol=1e-5)


@pytest.mark.slow
def test_diff_of_two_folders(shell, made):
    told = ("--data", "texts.txt", *selected(*LAYERS), "--no-interval")
    status, out, err = shell("diff", "base", "tuned", *told, "--fail-below", "0.99", "-o", "d.json")
    assert status == 1
    assert out.splitlines()[2].split()[0] == "encoder.layer.1"
    assert "Loading weights" not in err
    written = json.loads((made / "d.json").read_text())
    assert [layer["below"] for layer in written["layers"]] == [True, False, False]
    assert written["layers"][1]["similarity"] == pytest.approx(1, abs=1e-9)
    # A store of the base serves as well as the base.
    assert shell("capture", "base", *told[:-1], "-o", "base.zarr")[0] == 0
    status, again, _ = shell("diff", "base.zarr", "tuned", *told, "--fail-below", "0.99")
    assert (status, again.splitlines()[1:]) == (1, out.splitlines()[1:])


@pytest.mark.slow
def test_python_takes_folders_and_texts(shell, texts):
    options = {"layers": LAYERS, "measure": "cka", "interval": False}
    expected = isorep.diff(bert(), bert(), tokenize(texts, [Path("base")]), **options)
    for data in ("texts.txt", Path("texts.txt"), texts):
        result = isorep.diff("base", Path("base"), data, **options)
        np.testing.assert_array_equal(result.table["cka"], expected.table["cka"])


@pytest.mark.slow
def test_a_page_about_two_folders(shell, made):
    pytest.importorskip("isorep.explorer.report")
    pytest.importorskip("plotly")
    told = ("--data", "texts.txt", *selected(*LAYERS), "-o", "d.html")
    assert shell("diff", "base", "tuned", *told)[0] == 0
    assert "encoder.layer.1" in (made / "d.html").read_text()


@pytest.mark.slow
def test_heads_are_left_aside(shell, made):
    """A model saved with another head: its body compares; a random pooler does not take part."""
    with_head = bert("BertForMaskedLM")
    with_head.bert.load_state_dict(bert().state_dict(), strict=False)
    save("with-head", with_head)
    told = ("--data", "texts.txt", *selected("encoder", "pooler*"), "--no-interval")
    guard = ("--fail-below", "1", "--allow-missing", "pooler*")
    status, out, err = shell("diff", "base", "with-head", *told, *guard)
    assert status == 0
    assert out.splitlines()[2].split()[:2] == ["encoder", "1.0000"]
    assert out.splitlines()[-1].startswith("only in base: pooler")
    assert "pooler" not in err


def test_a_tokenizer_without_padding(shell):
    save("no-pad", bert(), tokenizer(pad=None))
    told = ("--data", "texts.txt", *selected(*LAYERS))
    assert shell("capture", "no-pad", *told, "-o", "b.npz")[0] == 0
    assert shell("capture", "base", *told, "-o", "a.npz")[0] == 0
    np.testing.assert_allclose(
        isorep.load("b.npz")[LAYERS[2]], isorep.load("a.npz")[LAYERS[2]], atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("told", "longest"), slow_unless([(30, 10)], [(None, 10), (30, 10), (6, 6)])
)
def test_texts_are_cut_to_what_model_and_tokenizer_take(shell, told, longest):
    own = tokenizer()
    if told is not None:
        own.model_max_length = told
    save("limited", bert(), own)
    (batch,) = tokenize([" ".join(WORDS * 3), "the cat"], [Path("limited")])
    assert batch["input_ids"].shape == (2, longest)
    asked = ("--data", "texts.txt", *selected(*LAYERS), "--no-interval")
    status, _, err = shell("diff", "limited", "limited", *asked)
    assert status == 0, err


@pytest.mark.slow
def test_positions_behind_that_of_padding(shell):
    torch.manual_seed(0)
    config = transformers.RobertaConfig(
        **SIZES, num_hidden_layers=1, max_position_embeddings=9, pad_token_id=1
    )
    save("roberta", transformers.RobertaModel(config), tokenizer(pad="[UNK]"))
    options = ("--data", "texts.txt", "--no-interval", *selected("embeddings", "encoder.layer.0"))
    code, _, err = shell("diff", "roberta", "roberta", *options)
    assert code == 0, err
    (batch,) = tokenize([" ".join(WORDS * 3)], [Path("roberta")])
    assert batch["input_ids"].shape == (1, 7)


def test_tokenizers_that_differ(shell):
    save("other-words", bert(), tokenizer(WORDS[::-1]))
    status, out, err = shell("diff", "base", "other-words", "--data", "texts.txt")
    assert (status, out) == (2, "")
    assert "the tokenizers in 'base' and 'other-words' differ: text 1 is [" in err
    assert "give both captures the same sample_ids" in err


def test_no_pickle_and_no_half_models(shell, made):
    for name in ("pickled", "cut", "empty", "foreign"):
        (made / name).mkdir(exist_ok=True)
    config = (made / "base" / "config.json").read_text()
    for name in ("pickled", "cut"):
        (made / name / "config.json").write_text(config)
    torch.save(bert().state_dict(), "pickled/pytorch_model.bin")
    from safetensors.torch import save_file

    state = {k: v for k, v in bert().state_dict().items() if "layer.1.output" not in k}
    save_file(state, "cut/model.safetensors", {"format": "pt"})
    (made / "foreign" / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoModel": "code.Own"}})
    )
    (made / "foreign" / "code.py").write_text("open('ran', 'w')\n")
    for name, message in {
        "pickled": "cannot load a model from 'pickled': expected config.json and safetensors",
        "cut": "4 of its weights are missing, the first of them 'encoder.layer.1.output.",
        "empty": "'empty' is a folder without config.json",
        "foreign": "cannot load a model from 'foreign'",
    }.items():
        status, out, err = shell("diff", "base", name, "--data", "texts.txt", "--layers", "encoder")
        assert (status, out) == (2, ""), err
        assert message in err
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("content", "message"), [(b"\n \n", "holds no text"), (b"\xff\xfe", "is not UTF-8 text")]
)
def test_files_without_text(shell, made, content, message):
    (made / "bad.txt").write_bytes(content)
    status, _, err = shell("diff", "base", "tuned", "--data", "bad.txt")
    assert status == 2
    assert message in err


@pytest.mark.slow
def test_a_model_without_tokenizer(shell):
    save("bare", bert())
    told = ("--data", "texts.txt", *selected(*LAYERS), "--no-interval")
    status, out, err = shell("diff", "base", "bare", *told)
    assert status == 0
    assert [line.split()[1] for line in out.splitlines()[2:5]] == ["1.0000"] * 3
    assert "isorep: warning: 'bare' has no tokenizer, so that of 'base' is used\n" in err


def test_tokens_that_a_model_does_not_know(shell):
    config = transformers.BertConfig(**{**SIZES, "vocab_size": 9}, num_hidden_layers=1)
    save("few-words", transformers.BertModel(config))
    status, _, err = shell("diff", "base", "few-words", "--data", "texts.txt")
    assert status == 2
    assert "have token number 13, and the model in 'few-words' knows 9 tokens and has no" in err


def test_two_limits_of_length(shell):
    """Both models see the tokens that the one with fewer positions takes."""
    config = transformers.BertConfig(**SIZES, num_hidden_layers=1, max_position_embeddings=5)
    save("short", transformers.BertModel(config), tokenizer())
    (batch,) = tokenize([" ".join(WORDS)], [Path("base"), Path("short")])
    assert batch["input_ids"].shape == (1, 5)


def test_texts_from_a_pipe(shell, texts, monkeypatch):
    told = ("compare", "base", "base", *selected(LAYERS[2]), "--measure", "cka", "--json", "-")
    outputs = [shell(*told, "--data", "texts.txt")]
    content = "\r\n".join(texts).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    outputs.append(shell(*told, "--data", "-"))
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=(content,))
    writer.start()
    outputs.append(shell(*told, "--data", "pipe"))
    writer.join()
    assert [status for status, _, _ in outputs] == [0, 0, 0]
    assert outputs[0][1] == outputs[1][1] == outputs[2][1]
    assert json.loads(outputs[0][1])["n_samples"] == [[199]]


@pytest.mark.slow
def test_shards_of_a_large_model(shell):
    bert().save_pretrained("shards", max_shard_size="20KB")
    tokenizer().save_pretrained("shards")
    assert len(list(Path("shards").glob("*.safetensors"))) > 1
    told = ("--data", "texts.txt", *selected(*LAYERS), "--no-interval", "--fail-below", "1")
    assert shell("diff", "base", "shards", *told)[0] == 0
