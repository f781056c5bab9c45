"""Peers: other programs for the same work, where they are installed or pointed at."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pair = Callable[[NDArray[Any], NDArray[Any]], Any]


def google_svcca(folder: Path | None) -> Pair | None:
    """``compute_pwcca`` of a clone of google/svcca in `folder`."""
    if folder is None:
        return None
    if not (folder / "pwcca.py").is_file():
        raise ValueError(f"expected a clone of google/svcca, found no pwcca.py in {str(folder)!r}")
    sys.path.insert(0, str(folder))
    import pwcca

    def run(x: NDArray[Any], y: NDArray[Any]) -> Any:
        if x.shape[1] > y.shape[1]:  # where it stops with an IndexError
            x, y = y, x
        return pwcca.compute_pwcca(np.ascontiguousarray(x.T), np.ascontiguousarray(y.T))

    return run


def cca_zoo() -> Pair | None:
    """CCA of the package cca-zoo, all directions."""
    if importlib.util.find_spec("cca_zoo") is None:
        return None
    from cca_zoo.linear import CCA

    def run(x: NDArray[Any], y: NDArray[Any]) -> Any:
        return CCA(n_components=min(x.shape[1], y.shape[1])).fit((x, y))

    return run


def anatome() -> Pair | None:
    """``pwcca_distance`` of the package anatome: QR decompositions, in single precision."""
    distances = _anatome()
    return None if distances is None else _of_tensors(distances.pwcca_distance, backend="qr")


def anatome_cka() -> Pair | None:
    """``linear_cka_distance`` of the package anatome, in single precision."""
    distances = _anatome()
    return None if distances is None else _of_tensors(distances.linear_cka_distance, False)


def _anatome() -> Any:
    if importlib.util.find_spec("anatome") is None:
        return None
    from anatome import distance

    return distance


def _of_tensors(distance: Callable[..., Any], *arguments: Any, **options: Any) -> Pair:
    import torch

    def run(x: NDArray[Any], y: NDArray[Any]) -> Any:
        tensors = [torch.from_numpy(side.astype(np.float32, copy=False)) for side in (x, y)]
        return distance(*tensors, *arguments, **options)

    return run


def netrep(alpha: float) -> Pair | None:
    """``LinearMetric`` of the package netrep: Procrustes with alpha = 1, CCA with alpha = 0."""
    if importlib.util.find_spec("netrep") is None:
        return None
    from netrep.metrics import LinearMetric

    def run(x: NDArray[Any], y: NDArray[Any]) -> Any:
        return LinearMetric(alpha=alpha).fit_score(x, y)

    return run


def rsatoolbox() -> Pair | None:
    """RSA of the package rsatoolbox: correlation distance, Spearman's rho of the two matrices."""
    if importlib.util.find_spec("rsatoolbox") is None:
        return None
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    def run(x: NDArray[Any], y: NDArray[Any]) -> Any:
        dissimilarities = [calc_rdm(Dataset(side), method="correlation") for side in (x, y)]
        return compare(*dissimilarities, method="spearman")

    return run
