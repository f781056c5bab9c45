"""Rows: each piece of work that the table has, and who does it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations, islice, product
from pathlib import Path
from typing import Any

import floors
import numpy as np
import peers
import streams
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
        "procrustes-512": partial(_procrustes, samples, 512),
        "grid": partial(_grid, samples, svcca),
        "grid-pwcca": partial(_grid_of_pwcca, samples, svcca),
        "grid-cka": partial(_grid_of_cka, samples),
        "blocks": partial(_blocks, samples // 2, 33, 1024, svcca),
        "sweep": partial(_sweep, samples, networks, 256, svcca, device),
        "sweep-64": partial(_sweep, samples // 2, 5 * networks, 64, svcca, device),
        "stream": partial(streams.of_images, samples // 5),
        "stream-texts": partial(streams.of_texts, samples // 10),
        "infer": partial(_infer, samples // 10),
        "rsa": partial(_rsa, 1000),
    }


def _pair(n: int, p: int, svcca: Path | None) -> dict[str, Work]:
    """One pair by PWCCA, float64."""
    x, y = _layers(n, (p, p), seed=0)
    return {
        "isorep": Work(partial(isorep.pwcca, x, y)),
        "floor": Work(partial(floors.pair, x, y)),
        **_given("google/svcca", peers.google_svcca(svcca), x, y),
        **_given("anatome, float32", peers.anatome(), x, y),
        **_given("netrep", peers.netrep(alpha=0.0), x, y),
        **_given("cca-zoo", peers.cca_zoo(), x, y),
    }


def _wide_pair(n: int, p: int) -> dict[str, Work]:
    """One pair of layers of a language model by PWCCA, float32."""
    x, y = _in_single_precision(_layers(n, (p, p), seed=0))
    return {
        "isorep": Work(partial(isorep.pwcca, x, y), rounds=1),
        "floor": Work(partial(floors.pair, x, y), rounds=1),
        **_given("anatome", peers.anatome(), x, y, rounds=1),
    }


def _wide_cka(n: int, p: int) -> dict[str, Work]:
    """Compare the same pair by CKA; its floor multiplies in float32."""
    x, y = _in_single_precision(_layers(n, (p, p), seed=0))
    return {
        "isorep": Work(partial(isorep.cka, x, y), rounds=1),
        "floor": Work(partial(floors.alignment, x, y), rounds=1),
        **_given("anatome", peers.anatome_cka(), x, y, rounds=1),
    }


def _procrustes(n: int, p: int) -> dict[str, Work]:
    """One pair by the Procrustes distance, float64."""
    x, y = _layers(n, (p, p), seed=0)
    return {
        "isorep": Work(partial(isorep.procrustes, x, y)),
        "floor": Work(partial(floors.rotation, x, y)),
        **_given("netrep", peers.netrep(alpha=1.0), x, y),
    }


def _blocks(n: int, count: int, p: int, svcca: Path | None) -> dict[str, Work]:
    """All layers of a transformer with all of another, PWCCA and CKA, float32.

    The floor does a third of the layers of either side, a ninth of the pairs; peers do three pairs,
    by PWCCA.
    """
    a, b = (_in_single_precision(_layers(n, (p,) * count, seed)) for seed in (0, 1))
    compared = partial(isorep.compare, *_named(a, b), measures=["pwcca", "cka"], progress=False)
    few = -(-count // 3)
    part = (few / count) ** 2
    some = list(zip(a, b, strict=True))[: min(3, count)]
    return {
        "isorep": Work(compared, rounds=1),
        "floor": Work(partial(floors.grid_of_pwcca, a[:few], b[:few]), part=part, rounds=1),
        **_some_pairs("google/svcca", peers.google_svcca(svcca), some, count**2),
        **_some_pairs("anatome", peers.anatome(), some, count**2),
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
    pairs = list(product(a, b))
    return {
        "isorep": Work(compared),
        "floor": Work(partial(floor, a, b)),
        **_some_pairs("google/svcca, PWCCA", peers.google_svcca(svcca), pairs, len(pairs)),
        **_some_pairs("anatome, PWCCA, float32", peers.anatome(), pairs, len(pairs)),
    }


def _grid_of_cka(n: int) -> dict[str, Work]:
    """Compare the same layers by CKA alone."""
    a, b = (_layers(n, WIDTHS, seed) for seed in (0, 1))
    compared = partial(isorep.compare, *_named(a, b), measures=["cka"], progress=False)
    pairs = list(product(a, b))
    return {
        "isorep": Work(compared),
        "floor": Work(partial(floors.grid_of_alignment, a, b)),
        **_some_pairs("anatome, float32", peers.anatome_cka(), pairs, len(pairs)),
    }


def _sweep(n: int, networks: int, p: int, svcca: Path | None, device: str) -> dict[str, Work]:
    """All pairs of networks, p filters each, by PWCCA.

    Peers do 20 of the pairs, and the floor those of the first 200 networks.

    Only isorep can leave the CPU: then its layers are tensors that lie on the device, which a
    forked process cannot use, so that there is no figure for memory.
    """
    given = _layers(n, (p,) * networks, seed=0)
    placed: list[Any] = given
    if device != "cpu":
        import torch

        placed = [torch.from_numpy(layer).to(device) for layer in given]
    named = {f"network{i}": {"conv": layer} for i, layer in enumerate(placed)}
    compared = partial(isorep.pairwise, named, measures="pwcca", progress=False)
    count, few = networks * (networks - 1) // 2, given[:200]
    some = list(islice(combinations(given, 2), 0, None, max(1, count // 20)))[:20]
    return {
        "isorep": Work(compared, rounds=1 if device == "cpu" else None),
        "floor": Work(
            partial(floors.sweep, few, os.cpu_count() or 1),
            part=len(few) * (len(few) - 1) / (networks * (networks - 1)),
            rounds=1,
        ),
        **_some_pairs("google/svcca", peers.google_svcca(svcca), some, count),
        **_some_pairs("netrep", peers.netrep(alpha=0.0), some, count),
    }


def _infer(n: int) -> dict[str, Work]:
    """Correct a table of 12 x 12 layers by two measures, with intervals and chance levels.

    Beside the same table without them. The floor is that of the permutations alone, their number
    that of a table of this size.
    """
    a, b = (_layers(n, (16, 32, 64) * 4, seed) for seed in (0, 1))
    compared = partial(isorep.compare, *_named(a, b), measures=["pwcca", "cka"], progress=False)
    return {
        "isorep": Work(partial(compared, correct=True, interval=True, chance=True), rounds=1),
        "floor": Work(partial(floors.permutations, a, b, 1999), rounds=1),
        "without inference": Work(compared),
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


def _given(
    name: str, peer: peers.Pair | None, x: Any, y: Any, rounds: int | None = None
) -> dict[str, Work]:
    return {} if peer is None else {name: Work(partial(peer, x, y), rounds=rounds)}


def _some_pairs(
    name: str, peer: peers.Pair | None, some: Sequence[tuple[Any, Any]], count: int
) -> dict[str, Work]:
    """Return what a peer does once: some of `count` pairs, one after the other."""
    if peer is None:
        return {}

    def run() -> None:
        for x, y in some:
            peer(x, y)

    return {name: Work(run, part=len(some) / count, rounds=1)}


def _in_single_precision(layers: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
    return [layer.astype(np.float32) for layer in layers]


def _layers(n: int, widths: tuple[int, ...], seed: int) -> list[NDArray[np.float64]]:
    """Return activations that share 32 dimensions, each layer with noise of its own."""

    def made() -> Iterator[NDArray[np.float64]]:
        shared = np.random.default_rng(99).standard_normal((n, 32))
        rng = np.random.default_rng(seed)
        for p in widths:
            mixed = shared @ rng.standard_normal((32, p)) / 6 + rng.standard_normal((n, p))
            yield np.maximum(mixed, 0.0)

    return list(made())
