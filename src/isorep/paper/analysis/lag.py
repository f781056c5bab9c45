"""Lag: how much later one layer of a language model converges than another (figures 6 and A8)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis.claims import Contrast
from isorep.paper.analysis.replicates import contrast

if TYPE_CHECKING:
    import xarray


def lateness(table: xarray.Dataset, measure: str) -> xarray.DataArray:
    """Return how late each layer converges, over (network, layer).

    This is the layer's mean distance to its final state over the time of training, divided by the
    mean over all layers. The ratio does not depend on the unit of a distance nor on the length of
    the training. The first epoch (before training) and the last (where all distances are 0) are
    left out. Epochs may be unevenly spaced (trapezoidal rule).
    """
    distance = table[f"{measure}_distance"].isel(epoch=slice(1, -1)).integrate("epoch")
    return (distance / distance.mean("layer")).transpose("network", "layer")


def lag(table: xarray.Dataset, measure: str, above: str, below: str) -> NDArray[np.float64]:
    """Return the `lateness` of the layer `above` minus that of the layer `below`, (networks,)."""
    late = lateness(table, measure)
    lags: NDArray[np.float64] = (late.sel(layer=above) - late.sel(layer=below)).to_numpy()
    return lags


def bottom_up(table: xarray.Dataset, measure: str) -> tuple[Contrast, ...]:
    """Contrast each layer of the upper half with each of the lower half by their `lag`.

    If the number of layers is odd, the middle one is in neither half.
    """
    layers = _layers(table)
    half = len(layers) // 2
    return tuple(
        contrast(f"{above} - {below}", lag(table, measure, above, below))
        for above in layers[-half:]
        for below in layers[:half]
    )


def one_by_one(table: xarray.Dataset, measure: str) -> tuple[Contrast, ...]:
    """Contrast each layer with the one below it by their `lag`."""
    return tuple(
        contrast(f"{above} - {below}", lag(table, measure, above, below))
        for below, above in pairwise(_layers(table))
    )


def _layers(table: xarray.Dataset) -> list[str]:
    return [str(layer) for layer in table["layer"].to_numpy()]
