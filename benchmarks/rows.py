"""Rows: each piece of work that the table has, and who does it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Any

import floors
import numpy as np
import peers
from contest import Work
from numpy.typing import NDArray

import isorep
from isorep.measures import rsa

WIDTHS = (64, 64, 128, 128, 128, 256, 256, 256, 512, 512, 512, 10)
"""Layers of the paper's CNNs."""

MEASURES = ("pwcca", "cca", "svcca", "cka", "procrustes")
Rows = dict[str, Callable[[], Mapping[str, Work]]]


def rows(samples: int, networks: int, svcca: Path | None, device: str) -> Rows:
    """Name every row to what makes its contestants, isorep first and the floor second."""
    return {
        "pair-128": partial(_pair, samples, 128, svcca),
        "pair-512": partial(_pair, samples, 512, svcca),
        "pair-2048": partial(_pair, samples, 2048, svcca),
        "pair-4096": partial(_wide_pair, 8 * samples // 5, 4096),
        "cka-4096": partial(_wide_cka, 8 * samples // 5, 4096),
        "grid": partial(_grid, samples, svcca),
        "grid-pwcca": partial(_grid_of_pwcca, samples, svcca),
        "blocks": partial(_blocks, samples // 2, 33, 1024),
        "sweep": partial(_sweep, samples, networks, svcca, device),
        "stream": partial(_stream, samples // 5),
        "rsa": partial(_rsa, 1000),
    }


def _pair(n: int, p: int, svcca: Path | None) -> dict[str, Work]:
    """One pair by PWCCA, float64."""
    x, y = _layers(n, (p, p), seed=0)
    return {
        "isorep": Work(partial(isorep.pwcca, x, y)),
        "floor": Work(partial(floors.pair, x, y)),
        **_given("google/svcca", peers.google_svcca(svcca), x, y),
        **_given("cca-zoo", peers.cca_zoo(), x, y),
    }


def _wide_pair(n: int, p: int) -> dict[str, Work]:
    """One pair of layers of a language model by PWCCA, float32."""
    x, y = (layer.astype(np.float32) for layer in _layers(n, (p, p), seed=0))
    return {
        "isorep": Work(partial(isorep.pwcca, x, y), rounds=1),
        "floor": Work(partial(floors.pair, x, y), rounds=1),
    }


def _wide_cka(n: int, p: int) -> dict[str, Work]:
    """Compare the same pair by CKA; its floor multiplies in float32."""
    x, y = (layer.astype(np.float32) for layer in _layers(n, (p, p), seed=0))
    return {
        "isorep": Work(partial(isorep.cka, x, y), rounds=1),
        "floor": Work(partial(floors.alignment, x, y), rounds=1),
    }


def _blocks(n: int, count: int, p: int) -> dict[str, Work]:
    """All layers of a transformer with all of another, PWCCA and CKA, float32."""
    a, b = (
        [layer.astype(np.float32) for layer in _layers(n, (p,) * count, seed)] for seed in (0, 1)
    )
    compared = partial(isorep.compare, *_named(a, b), measures=["pwcca", "cka"], progress=False)
    return {
        "isorep": Work(compared, rounds=1),
        "floor": Work(partial(floors.grid_of_pwcca, a, b), rounds=1),
    }


def _grid(n: int, svcca: Path | None) -> dict[str, Work]:
    """Twelve by twelve layers of the paper's CNNs, five measures at once; peers compute one."""
    return _grid_by(list(MEASURES), floors.grid, n, svcca)


def _grid_of_pwcca(n: int, svcca: Path | None) -> dict[str, Work]:
    """Compare the same layers by PWCCA alone."""
    return _grid_by(["pwcca"], floors.grid_of_pwcca, n, svcca)


def _grid_by(
    measures: list[str], floor: Callable[..., None], n: int, svcca: Path | None
) -> dict[str, Work]:
    a, b = (_layers(n, WIDTHS, seed) for seed in (0, 1))
    compared = partial(isorep.compare, *_named(a, b), measures=measures, progress=False)
    works = {"isorep": Work(compared), "floor": Work(partial(floor, a, b))}
    peer = peers.google_svcca(svcca)
    if peer is not None:

        def all_pairs() -> None:
            for x, y in product(a, b):
                peer(x, y)

        works["google/svcca"] = Work(all_pairs, rounds=1)
    return works


def _sweep(n: int, networks: int, svcca: Path | None, device: str) -> dict[str, Work]:
    """All pairs of networks, 256 filters each, by PWCCA. Peers do a part of the pairs.

    Only isorep can leave the CPU: then its layers are tensors that lie on the device, which a
    forked process cannot use, so that there is no figure for memory.
    """
    given = _layers(n, (256,) * networks, seed=0)
    placed: list[Any] = given
    if device != "cpu":
        import torch

        placed = [torch.from_numpy(layer).to(device) for layer in given]
    named = {f"network{i}": {"conv": layer} for i, layer in enumerate(placed)}
    compared = partial(isorep.pairwise, named, measure="pwcca", progress=False)
    works = {
        "isorep": Work(compared, rounds=1 if device == "cpu" else None),
        "floor": Work(partial(floors.sweep, given, os.cpu_count() or 1), rounds=1),
    }
    peer = peers.google_svcca(svcca)
    if peer is not None:
        pairs = list(combinations(given, 2))
        some = pairs[:: max(1, len(pairs) // 20)][:20]

        def some_pairs() -> None:
            for x, y in some:
                peer(x, y)

        works["google/svcca"] = Work(some_pairs, part=len(some) / len(pairs), rounds=1)
    return works


def _stream(n: int) -> dict[str, Work]:
    """Compare two models of the size of a ResNet-18 on images of 32 x 32, all blocks with all."""
    import torch

    from isorep.paper.models.resnet import ResNet

    torch.manual_seed(0)
    models = [ResNet(2, (64, 128, 256, 512), channels=3, classes=10).eval() for _ in range(2)]
    batches = torch.split(torch.rand(n, 3, 32, 32), 100)

    def forward() -> None:
        with torch.no_grad():
            for batch in batches:
                for model in models:
                    model(batch)

    return {
        "isorep": Work(
            partial(isorep.compare, *models, data=batches, layers="block?", progress=False),
            rounds=3,
        ),
        "floor": Work(forward, rounds=3),
    }


def _rsa(n: int) -> dict[str, Work]:
    """One pair by RSA, 512 features: correlation distance, Spearman."""
    x, y = _layers(n, (512, 512), seed=0)
    return {
        "isorep": Work(partial(rsa, x, y)),
        **_given("rsatoolbox", peers.rsatoolbox(), x, y),
    }


def _named(*sides: list[NDArray[Any]]) -> list[dict[str, NDArray[Any]]]:
    return [{str(i): layer for i, layer in enumerate(side)} for side in sides]


def _given(name: str, peer: peers.Pair | None, x: Any, y: Any) -> dict[str, Work]:
    return {} if peer is None else {name: Work(partial(peer, x, y))}


def _layers(n: int, widths: tuple[int, ...], seed: int) -> list[NDArray[np.float64]]:
    """Return activations that share 32 dimensions, each layer with noise of its own."""

    def made() -> Iterator[NDArray[np.float64]]:
        shared = np.random.default_rng(99).standard_normal((n, 32))
        rng = np.random.default_rng(seed)
        for p in widths:
            mixed = shared @ rng.standard_normal((32, p)) / 6 + rng.standard_normal((n, p))
            yield np.maximum(mixed, 0.0)

    return list(made())
