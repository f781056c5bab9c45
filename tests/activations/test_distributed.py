"""Moments of shards, merged over the processes that captured them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.late_layer import LateLayer, late_batches
from torch import nn

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
