"""Capture of a model on the CPU and on a GPU: the numbers of a forward pass, and of the CPU."""

import copy

import numpy as np
import pytest
import torch
from helpers.devices import each_device
from torch import nn

import isorep
from isorep.activations import stream


class Encoder(nn.Module):
    """Embeds tokens; attention and maps as in a transformer."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, input_ids, attention_mask=None):
        padding = None if attention_mask is None else attention_mask == 0
        return self.head(self.block(self.embedding(input_ids), src_key_padding_mask=padding))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return Encoder().double()


@pytest.fixture
def tokens():
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 11, (13, 7), generator=generator)
    mask = torch.ones_like(ids)
    mask[::2, 5:] = 0
    return [
        {"input_ids": i, "attention_mask": m}
        for i, m in zip(ids.split(5), mask.split(5), strict=True)
    ]


@each_device
@pytest.mark.parametrize("moved_by", ["caller", "capture"])
@pytest.mark.parametrize("reduce", ["mean", "positions", "last"])
def test_a_device_gives_the_rows_of_the_cpu(encoder, tokens, device, moved_by, reduce):
    layers = ["embedding", "block", "block.linear1", "head"]
    expected = isorep.capture(copy.deepcopy(encoder), tokens, layers=layers, reduce=reduce)
    if moved_by == "caller":
        encoder.to(device)
    reps = isorep.capture(
        encoder,
        tokens,
        layers=layers,
        reduce=reduce,
        device=device if moved_by == "capture" else None,
    )
    home = device if moved_by == "caller" else "cpu"
    assert {x.device.type for x in encoder.parameters()} == {home}
    assert not any(module._forward_hooks for module in encoder.modules())
    assert reps.sample_ids == expected.sample_ids
    assert list(reps) == list(expected)
    for name in expected:
        assert type(reps[name]) is np.ndarray
        np.testing.assert_allclose(reps[name], expected[name], rtol=0, atol=1e-10)


@each_device
def test_a_stream_leaves_rows_where_it_is_told(encoder, tokens, device):
    encoder.to(device)
    for keep_on, place in ((None, device), ("cpu", "cpu")):
        with torch.no_grad():
            batches = list(stream([encoder], tokens, layers="head", keep_on=keep_on))
        assert [batch.n_samples for batch in batches] == [5, 5, 3]
        assert {batch.arrays[0]["head"].device.type for batch in batches} == {place}


@each_device
def test_half_precision_is_kept(device):
    torch.manual_seed(0)
    net = nn.Linear(6, 4).to(device, torch.bfloat16)
    x = torch.randn(9, 6)
    reps = isorep.capture(nn.Sequential(net), x)
    assert reps.dtypes == {"0": "bfloat16"}
    expected = net(x.to(device, torch.bfloat16)).float().detach().cpu()
    np.testing.assert_allclose(reps["0"], expected.numpy(), rtol=0, atol=1e-6)


@each_device
def test_a_store_of_a_device_resumes(encoder, tokens, device, tmp_path):
    encoder.to(device)
    whole = isorep.capture(encoder, tokens, layers="head")

    def broken():
        yield tokens[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        isorep.capture(encoder, broken(), layers="head", out=tmp_path / "a.zarr")
    isorep.capture(encoder, tokens, layers="head", out=tmp_path / "a.zarr")
    stored = isorep.load(tmp_path / "a.zarr")
    assert stored.sample_ids == whole.sample_ids
    np.testing.assert_allclose(stored["head"], whole["head"], rtol=0, atol=1e-12)
