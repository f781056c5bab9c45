"""What one process of several does; `test_distributed` has torchrun's launcher start it twice.

The launcher forks, so that PyTorch is imported once.
"""

import os
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed as dist
from torch import nn
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.utils.data import DataLoader, Subset, TensorDataset
from torch.utils.data.distributed import DistributedSampler

from isorep.activations.capture import capture
from isorep.activations.distributed import capture_moments, merge_over_ranks
from isorep.core.moments import CrossMoments, Moments

N, WORLD = 37, 2


def network(width=4):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 2).bfloat16())[:2]


def whole(reps, **options):
    return {
        name: Moments.from_batch(x, dtype=reps.dtypes[name], **options) for name, x in reps.items()
    }


def assert_same(found, expected):
    """Equal to rounding, and to the last bit in all processes."""
    assert list(found) == list(expected)
    for name, moments in found.items():
        one = expected[name]
        assert (moments.n, moments.dtype) == (one.n, one.dtype)
        np.testing.assert_allclose(moments.mean, one.mean, rtol=1e-15, atol=1e-15)
        scale = np.sqrt(np.outer(np.diag(one.scatter), np.diag(one.scatter))).max()
        np.testing.assert_allclose(moments.scatter, one.scatter, rtol=0, atol=1e-14 * scale)
        for own in (moments.mean, moments.mean_compensation, moments.scatter):
            others = [torch.empty(own.shape, dtype=torch.float64) for _ in range(WORLD)]
            dist.all_gather(others, torch.from_numpy(np.ascontiguousarray(own)))
            for other in others:
                np.testing.assert_array_equal(other.numpy(), own)


def fails_with(error, text, work):
    with pytest.raises(error, match=re.escape(text)):
        work()


def check(rank):
    x = torch.randn(N, 3, generator=torch.Generator().manual_seed(1)) + 1e4
    model = network()
    expected = whole(capture(model, x))

    # Shards of unequal length, an empty one at either end, and none padded.
    for cuts in ((0, 23, N), (0, 0, N), (0, N, N), (0, 1, N)):
        mine = x[cuts[rank] : cuts[rank + 1]]
        assert_same(capture_moments(model, mine), expected)
    dealt = Subset(TensorDataset(x), range(rank, N, WORLD))
    assert_same(capture_moments(model, DataLoader(dealt, batch_size=5)), expected)

    # In half precision, with a large mean; the dtype decides the rank later on.
    half = whole(capture(model, x, dtype="float16"))
    assert_same(capture_moments(model, x[rank::WORLD], dtype="float16"), half)

    # A DistributedSampler pads: one sample comes twice, and it is said so, once.
    data = TensorDataset(x)
    padded = DataLoader(data, batch_size=5, sampler=DistributedSampler(data, shuffle=False))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = capture_moments(model, padded)
    assert {moments.n for moments in found.values()} == {N + 1}
    texts = [str(one.message) for one in caught if "are in several shards" in str(one.message)]
    assert len(texts) == (rank == 0)
    assert all(text.startswith("1 samples") for text in texts)

    # Parts of one's own making; the names are pairs of layers.
    pairs = {("a", "b"): CrossMoments.from_batch(x[rank::WORLD, :2], x[rank::WORLD, 1:])}
    cross = merge_over_ranks(pairs)[("a", "b")]
    np.testing.assert_allclose(
        cross.scatter, CrossMoments.from_batch(x[:, :2], x[:, 1:]).scatter, rtol=1e-12
    )
    none = merge_over_ranks({} if rank else {"x": Moments.empty(2)})
    assert none["x"].n == 0

    # Where one fails, all do, and know why.
    fails_with(ValueError, "no process had any samples", lambda: capture_moments(model, x[:0]))
    fails_with(
        ValueError if rank else RuntimeError,
        "the model failed on batch 1: RuntimeError" if rank else "rank 1 failed: ValueError: the m",
        lambda: capture_moments(model, [x[:5], x[:5, rank:]]),
    )
    fails_with(
        ValueError,
        "'0' is Moments of (4, 4) on rank 0 and Moments of (5, 5) on rank 1; run the same",
        lambda: capture_moments(network(4 + rank), x),
    )
    fails_with(
        ValueError,
        "'1' is Moments of (4, 4) on rank 0 and missing on rank 1; run the same",
        lambda: capture_moments(model, x, layers=["0", "1"][: 2 - rank]),
    )


def main(folder):
    rank, world = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    assert world == WORLD
    for options in (
        {},  # what torchrun says, and PyTorch's default backend
        {"backend": "gloo", "init_method": f"file://{folder}/meeting"},
    ):
        dist.init_process_group(**options, rank=rank, world_size=world)
        try:
            check(rank)
        finally:
            dist.destroy_process_group()
    (folder / f"done{rank}").touch()


if __name__ == "__main__":
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=WORLD,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        start_method="fork",
    )
    elastic_launch(config, main)(Path(sys.argv[1]).absolute())
