"""Moments of shards, merged over the processes that captured them."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers.late_layer import LateLayer, late_batches
from torch import distributed as dist
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from isorep.activations import distributed
from isorep.activations.capture import capture
from isorep.activations.distributed import capture_moments, merge_over_ranks
from isorep.core.moments import Moments


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_that_torchrun_starts(tmp_path):
    ended = subprocess.run(
        [sys.executable, Path(__file__).parents[1] / "helpers" / "ranks.py", tmp_path],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    assert sorted(p.name for p in tmp_path.glob("done*")) == ["done0", "done1"]


def test_one_process_has_all_the_data():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    x = torch.randn(600, 3)  # three batches
    found = capture_moments(model, x)
    for name, rows in capture(model, x).items():
        np.testing.assert_allclose(found[name].mean, rows.mean(0, np.float64), rtol=1e-12)
        centred = rows.astype(np.float64) - rows.mean(0, np.float64)
        np.testing.assert_allclose(found[name].scatter, centred.T @ centred, atol=1e-10)
    assert merge_over_ranks(found) == found
    with pytest.raises(ValueError, match="no process had any samples"):
        capture_moments(model, x[:0])
    with pytest.raises(ValueError, match="the model failed on batch 0"):
        capture_moments(model, x[:, :2])


def test_what_is_not_finite_names_the_layer():
    with pytest.raises(ValueError, match="layer '0'"):
        capture_moments(nn.Sequential(nn.Identity()), torch.tensor([[1.0, torch.nan], [0.0, 1.0]]))


def test_a_layer_found_out_late_is_left_out():
    with pytest.warns(UserWarning, match="layers left out: 'odd' had"):
        found = capture_moments(LateLayer(), late_batches(17))
    assert {name: moments.n for name, moments in found.items()} == {"even": 17}


def test_moments_are_handed_back_as_they_are():
    moments = {"fc": Moments.from_batch(np.eye(3))}
    assert merge_over_ranks(moments)["fc"] is moments["fc"]


class Sent(Exception):  # noqa: N818  no error
    """A tensor was handed to the backend."""


@pytest.fixture
def backend(monkeypatch):
    """Return a function that names the backends; broadcasts raise `Sent` with their tensor."""

    def broadcast(tensor, src):
        raise Sent(tensor)

    monkeypatch.setattr(dist, "broadcast", broadcast)
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    # Of init_process_group(device_id=); without it, a device without a number, which needs CUDA.
    world = SimpleNamespace(bound_device_id=OWN)
    monkeypatch.setattr(dist, "group", SimpleNamespace(WORLD=world))
    return lambda config: monkeypatch.setattr(dist, "get_backend_config", lambda: config)


HOST, CUDA, OWN = torch.device("cpu"), torch.device("cuda", 1), torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("config", "homes", "device", "is_home"),
    [
        ("cuda:nccl", (CUDA, CUDA), CUDA, True),
        ("cpu:gloo,cuda:nccl", (CUDA, CUDA), CUDA, True),
        ("cuda:nccl", (HOST, HOST), OWN, False),  # NCCL refuses host tensors
        ("cuda:nccl", (CUDA, HOST), OWN, False),  # one had too little memory
        ("cpu:gloo,cuda:nccl", (CUDA, HOST), HOST, False),
        ("cpu:gloo,cuda:gloo", (CUDA, CUDA), HOST, False),
        ("cpu:gloo,cuda:gloo", (HOST, HOST), HOST, True),
        ("cuda:nccl", (None, CUDA), OWN, True),  # this process has no samples
    ],
    ids=str,
)
def test_moments_are_sent_from_a_device_that_the_backend_takes(
    backend, config, homes, device, is_home
):
    backend(config)
    with FakeTensorMode(allow_non_fake_inputs=True):  # tensors with a device and without values
        ranks, parts = {}, {}
        for rank, home in enumerate(homes):
            if home is None:
                continue
            scatter = np.eye(3) if home == HOST else torch.eye(3, device=home, dtype=torch.float64)
            part = Moments(4, np.zeros(3), scatter, np.zeros(3), "float32")
            ranks[rank] = {"fc": distributed._described(part)}
            parts |= {"fc": part} if rank == 0 else {}
        link = distributed._link(parts, ranks)
        assert link == (device, is_home)
        for rank, described in ranks.items():
            with pytest.raises(Sent) as sent:
                distributed._broadcast(parts.get("fc"), described["fc"], rank, link)
            (tensor,) = sent.value.args
            assert (tensor.device, tensor.dtype) == (device, torch.float64)
