"""Adapter folders, beside the folder of the model that they adapt."""

import json
from pathlib import Path

import numpy as np
import pytest

import isorep
from isorep.model_files.specs import make_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning"),
]


@pytest.fixture(scope="module")
def peft():
    return pytest.importorskip("peft")  # here, since its import takes seconds


def model(kind="BertModel"):
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=16,
        num_attention_heads=2,
        intermediate_size=32,
        num_hidden_layers=2,
        max_position_embeddings=12,
    )
    body = transformers.BertModel(config).eval()
    if kind == "BertModel":
        return body
    whole = getattr(transformers, kind)(config).eval()
    whole.bert.load_state_dict(body.state_dict(), strict=False)
    return whole


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("adapters")
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    model().save_pretrained(path / "base")
    if bars:
        transformers.utils.logging.enable_progress_bar()
    return path


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def adapted(peft, kind, name, **options):
    """Save an adapter that changes the model; return the adapted model."""
    options = {"target_modules": ["query", "value"], "init_lora_weights": False} | options
    torch.manual_seed(1)
    wrapped = peft.get_peft_model(model(kind), peft.LoraConfig(**options)).eval()
    wrapped.save_pretrained(name)
    return wrapped


TOKENS = torch.randint(0, 20, (60, 7), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("BertModel", {}),
        ("BertForSequenceClassification", {"task_type": "SEQ_CLS"}),
        ("BertForMaskedLM", {"target_modules": ["value", "decoder"], "use_dora": True}),
    ],
)
def test_the_adapted_model_has_the_layers_of_its_base(here, peft, kind, options):
    wrapped = adapted(peft, kind, "adapter", **options)
    merged = make_model("adapter", ["base"]).eval()
    assert dict(merged.named_modules()).keys() == dict(model().named_modules()).keys()
    inner = wrapped.base_model.model
    with torch.no_grad():
        expected = getattr(inner, "bert", inner)(TOKENS)[0]
        torch.testing.assert_close(merged(TOKENS)[0], expected, atol=1e-5, rtol=0)
        assert (model()(TOKENS)[0] - expected).abs().max() > 1e-3


def named_base(adapter, name):
    path = Path(adapter, "adapter_config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": name}))


def test_diff_of_a_model_and_its_adapter(here, peft):
    adapted(peft, "BertModel", "adapter")
    named_base("adapter", "someone/base")
    layers = ["encoder.layer.0", "encoder.layer.1"]
    data = {"input_ids": TOKENS}
    result = isorep.compare("base", "adapter", data=data, layers=layers, measures="cka")
    expected = isorep.compare(
        model(), make_model("adapter", ["base"]), data=data, layers=layers, measures="cka"
    )
    np.testing.assert_allclose(result["cka"], expected["cka"], atol=1e-9)
    assert result["cka"][1, 1].item() < 0.9999
    result = isorep.diff("base", "adapter", data, layers=layers, measure="cka", interval=False)
    np.testing.assert_allclose(
        result.table["cka"].sortby("layer"), np.diag(expected["cka"]), atol=1e-9
    )


def test_the_configuration_may_name_the_folder(here, peft, folder):
    adapted(peft, "BertModel", "adapter")
    named_base("adapter", str(folder / "base"))
    assert isinstance(make_model("adapter"), transformers.BertModel)
    named_base("adapter", "someone/model")
    with pytest.warns(UserWarning, match="merged into 'base', which must be that model"):
        make_model("adapter", ["base"])
    with pytest.raises(ValueError, match="adapts 'someone/model', which is no folder of a"):
        make_model("adapter")


def test_adapters_that_cannot_be_merged(here, peft):
    other = {"target_modules": ["query"]}
    adapted(peft, "BertModel", "adapter", **other)
    config = json.loads(Path("adapter/adapter_config.json").read_text())
    path = Path("adapter/adapter_config.json")
    path.write_text(json.dumps(config | {"target_modules": ["query", "key"]}))
    with pytest.raises(ValueError, match=r"4 weights are on one side only, .*key\.lora_A\.weight"):
        make_model("adapter", ["base"])
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"cannot read adapter_config\.json in 'adapter'"):
        make_model("adapter", ["base"])
    path.write_text(json.dumps(config))
    Path("adapter/adapter_model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"there is no adapter_model\.safetensors"):
        make_model("adapter", ["base"])


def test_prompts_are_no_merge(here, peft):
    config = peft.PromptTuningConfig(task_type="FEATURE_EXTRACTION", num_virtual_tokens=3)
    peft.get_peft_model(model(), config).save_pretrained("prompts")
    with pytest.raises(ValueError, match=r"adapters of the kind .*PROMPT_TUNING cannot be merged"):
        make_model("prompts", ["base"])
