"""Checkpoints as training scripts write them, loaded into models."""

import argparse
import json
import re

import numpy as np
import pytest
import torch
from torch import nn

from isorep.model_files.checkpoints import load_weights


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 4))


WEIGHTS = net(seed=1).state_dict()
OTHERS = net(seed=2).state_dict()
OPTIMIZER = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}


def prefixed(prefix, state=WEIGHTS):
    return {f"{prefix}{key}": value for key, value in state.items()}


def saved(path, checkpoint):
    torch.save(checkpoint, path)
    return path


def assert_loaded(model, expected=WEIGHTS):
    values = list(model.state_dict().values())
    assert len(values) == len(expected)
    for value, other in zip(values, expected.values(), strict=True):
        assert torch.equal(value, other)


@pytest.mark.parametrize("name", ["w.pt", "w.th", "w.ckpt", "w.bin", "w.pth.tar", "w.any", "w"])
def test_any_name_of_a_file(tmp_path, name):
    model = net()
    load_weights(model, saved(tmp_path / name, WEIGHTS))
    assert_loaded(model)


@pytest.mark.parametrize(
    "checkpoint",
    [
        {"state_dict": prefixed("module."), "epoch": 3, "optimizer": OPTIMIZER},
        {"model": prefixed("_orig_mod."), "optimizer": OPTIMIZER, "iter_num": 10},
        {"state_dict": prefixed("model._orig_mod."), "pytorch-lightning_version": "2.6"},
        {"model": {"state_dict": prefixed("net.module.")}},
        {"params": WEIGHTS},
        {"optimizer": OPTIMIZER, "model_state_dict": WEIGHTS},
        {"ema": WEIGHTS, "step": torch.tensor(5)},
        {"model": WEIGHTS, "best": dict(WEIGHTS)},
        {**WEIGHTS, "epoch": 3},
    ],
)
def test_weights_in_training_state(tmp_path, checkpoint):
    model = net()
    load_weights(model, saved(tmp_path / "w.pt", checkpoint))
    assert_loaded(model)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrapped",
    [nn.DataParallel, lambda model: torch.compile(model, backend="eager"), nn.Sequential],
)
def test_a_prefix_that_only_the_model_has(tmp_path, wrapped):
    model = wrapped(net())
    load_weights(model, saved(tmp_path / "w.pt", WEIGHTS))
    assert_loaded(model)


def test_a_compiled_part_of_the_trained_model(tmp_path):
    compiled = nn.Sequential(torch.compile(net(seed=1), backend="eager"), nn.Linear(4, 2))
    model = nn.Sequential(net(), nn.Linear(4, 2))
    load_weights(model, saved(tmp_path / "w.pt", compiled.state_dict()))
    assert_loaded(model, compiled.state_dict())


def test_weights_of_other_modules_are_left_out_with_a_warning(tmp_path):
    state = prefixed("model.") | {"loss.weight": torch.ones(3)}
    path = saved(tmp_path / "last.ckpt", {"state_dict": state})
    model = net()
    with pytest.warns(UserWarning, match=r"under 'model\.' fit Sequential .* 1 .* loss, are left"):
        load_weights(model, path)
    assert_loaded(model)


def test_a_moving_average_is_not_taken_for_the_weights(tmp_path):
    path = saved(tmp_path / "w.pt", {"model_ema": OTHERS, "model": WEIGHTS})
    model = net()
    with pytest.warns(UserWarning, match="'model_ema', 'model'; 'model' is loaded"):
        load_weights(model, path)
    assert_loaded(model)


@pytest.mark.parametrize(
    ("checkpoint", "names"),
    [
        ({"student": WEIGHTS, "teacher": OTHERS}, "'student', 'teacher'"),
        (
            {"state_dict": prefixed("encoder_q.") | prefixed("encoder_k.", OTHERS)},
            "'state_dict.encoder_q', 'state_dict.encoder_k'",
        ),
    ],
)
def test_several_weights_that_fit(tmp_path, checkpoint, names):
    with pytest.raises(ValueError, match=f"several weights in it fit the model, {names}; save"):
        load_weights(net(), saved(tmp_path / "w.pt", checkpoint))


def test_old_checkpoints_do_not_count_batches(tmp_path):
    state = {key: value for key, value in WEIGHTS.items() if not key.endswith("_tracked")}
    model = net()
    load_weights(model, saved(tmp_path / "w.pt", state))
    assert_loaded(model)


class Positions(nn.Module):
    def __init__(self, first=0):
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.register_buffer("ids", torch.arange(first, first + 4), persistent=False)


def test_a_buffer_that_the_model_makes_itself(tmp_path):
    path = saved(tmp_path / "w.pt", Positions().state_dict() | {"ids": torch.arange(4)})
    load_weights(Positions(), path)
    with pytest.raises(ValueError, match="1 are unknown to the model: ids"):
        load_weights(Positions(first=1), path)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight


def test_a_tied_weight_may_be_there_once(tmp_path):
    weight = torch.rand(5, 3)
    model = Tied()
    load_weights(model, saved(tmp_path / "w.pt", {"embedding.weight": weight}))
    assert torch.equal(model.head.weight, weight)


class Renaming(nn.Linear):
    """Renames old weights as they are loaded, as some libraries do."""

    def _load_from_state_dict(self, state_dict, prefix, *args):
        state_dict[f"{prefix}weight"] = state_dict.pop(f"{prefix}kernel")
        super()._load_from_state_dict(state_dict, prefix, *args)


def test_a_model_that_renames_weights(tmp_path):
    model, weight = Renaming(3, 2, bias=False), torch.rand(2, 3)
    load_weights(model, saved(tmp_path / "w.pt", {"kernel": weight}))
    assert torch.equal(model.weight, weight)


@pytest.mark.parametrize(
    ("checkpoint", "message"),
    [
        (
            {key: value for key, value in WEIGHTS.items() if key[0] != "3"},
            "of the 7 weights, 7 have names of the model; 2 that the model wants are missing: "
            "3.weight, 3.bias",
        ),
        ({**WEIGHTS, "head.weight": torch.ones(2)}, "1 are unknown to the model: head.weight"),
        (
            {"model": {"w": torch.ones(2)}, "lr": 0.1},
            "of the 1 weights in 'model', 0 have names of the model; 8 that the model wants are "
            "missing: 0.weight, 0.bias, 1.weight, 1.bias, 1.running_mean, 1.running_var, 3.weight, "
            "3.bias; 1 are unknown to the model: w",
        ),
        (
            {**WEIGHTS, "3.weight": torch.ones(10, 12), "3.bias": torch.ones(10)},
            "2 have another shape: 3.weight (10, 12) for (4, 12), 3.bias (10,) for (4,)",
        ),
        ({f"y{i}": torch.ones(1) for i in range(11)}, "y9, ..."),
        ([1, 2], "expected a state dict, got a list"),
        ({"epoch": 2}, "expected a state dict, got a dict without tensors, of epoch"),
    ],
)
def test_weights_of_another_model(tmp_path, checkpoint, message):
    path = saved(tmp_path / "w.pt", checkpoint)
    with pytest.raises(ValueError, match=rf"w\.pt'.*{re.escape(message)}"):
        load_weights(net(), path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_files(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    path.write_bytes(b"\x80\x02junk, no weights")
    with pytest.raises(ValueError, match=rf"w{suffix}': expected a state dict, as .*, got \w+: "):
        load_weights(nn.Linear(2, 2), path)
    with pytest.raises(FileNotFoundError, match="no weights file"):
        load_weights(nn.Linear(2, 2), tmp_path / "none.pt")


def test_objects_are_named_and_not_loaded(tmp_path):
    args = argparse.Namespace(lr=0.1)
    path = saved(tmp_path / "w.pt", {"state_dict": WEIGHTS, "args": args, "best": np.float64(1)})
    with pytest.raises(ValueError, match=r"holds argparse.Namespace, numpy\S+scalar, .* run code"):
        load_weights(net(), path)
    path = saved(tmp_path / "model.pt", net())
    message = r"a whole model \(torch\.nn\..* save its weights: torch.save\(torch.load\("
    with pytest.raises(ValueError, match=message):
        load_weights(net(), path)


@pytest.mark.parametrize(
    ("version", "is_safe"),
    [("2.2.0", False), ("2.5.1+cu121", False), ("2.6.0", True), ("2.10.0a0+git1", True)],
)
def test_old_versions_of_pytorch_read_no_pickle(tmp_path, monkeypatch, version, is_safe):
    save_file = pytest.importorskip("safetensors.torch").save_file
    monkeypatch.setattr(torch, "__version__", version)
    model, paths = net(), [saved(tmp_path / f"w.{suffix}", WEIGHTS) for suffix in ("pt", "bin")]
    for path in paths:
        if is_safe:
            load_weights(model, path)
            continue
        monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("the file was read"))
        with pytest.raises(ValueError, match=r"w\.(pt|bin)': PyTorch 2\..* \(CVE-2025-32434\): in"):
            load_weights(model, path)
    save_file(WEIGHTS, tmp_path / "w.safetensors")
    load_weights(model, tmp_path / "w.safetensors")
    assert_loaded(model)


@pytest.fixture
def shards(tmp_path):
    """A folder with the weights in two files of safetensors, and their index."""
    save_file = pytest.importorskip("safetensors.torch").save_file
    names, weight_map = list(WEIGHTS), {}
    for number, part in enumerate((names[:4], names[4:]), start=1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: WEIGHTS[name] for name in part}, tmp_path / file)
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    return tmp_path


def test_shards(shards):
    index = shards / "model.safetensors.index.json"
    for path in (index, shards):
        model = net()
        load_weights(model, path)
        assert_loaded(model)
    index.unlink()
    model = net()
    load_weights(model, shards)
    assert_loaded(model)
    (shards / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ValueError, match="that the model wants are missing"):
        load_weights(net(), shards)


def test_shards_that_are_not_there(shards):
    (shards / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="missing shards: model-00002-of-00002"):
        load_weights(net(), shards)
    (shards / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ValueError, match=r"index\.json is no index of shards"):
        load_weights(net(), shards)


def test_shards_of_torch_beside_training_state(tmp_path):
    names = list(WEIGHTS)
    for number, part in enumerate((names[:4], names[4:]), start=1):
        saved(tmp_path / f"w-{number}-of-2.bin", {name: WEIGHTS[name] for name in part})
    saved(tmp_path / "training_args.bin", {"lr": 0.1})
    model = net()
    load_weights(model, tmp_path)
    assert_loaded(model)


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(ValueError, match=r"the folder holds no \.safetensors or \.bin file"):
        load_weights(net(), tmp_path)


def test_files_that_hold_one_name_twice(tmp_path):
    for name in ("a.bin", "b.bin"):
        saved(tmp_path / name, WEIGHTS)
    with pytest.raises(ValueError, match=r"b\.bin and another file both hold '0.bias'"):
        load_weights(net(), tmp_path)
