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


def lag(table: xarray.Dataset, measure: str, above: str, below: str) -> NDArray[np.float64]:
    """Return how far the layer `above` lags behind the layer `below`, (networks,).

    The lag is the difference between the two layers' mean distances to their final states over the
    epochs of training, divided by the mean over all layers. The ratio does not depend on the unit
    of a distance nor on the length of the training. The first epoch (before training) and the last
    (where all distances are 0) are left out.
    """
    distance = table[f"{measure}_distance"].isel(epoch=slice(1, -1)).mean("epoch")
    difference = distance.sel(layer=above) - distance.sel(layer=below)
    lags: NDArray[np.float64] = (difference / distance.mean("layer")).to_numpy()
    return lags


def bottom_up(table: xarray.Dataset, measure: str, title: str) -> tuple[Contrast, ...]:
    """Contrast each layer with the one below it by their `lag`."""
    layers = [str(layer) for layer in table["layer"].to_numpy()]
    return tuple(
        contrast(f"{title}: {above} - {below}", lag(table, measure, above, below))
        for below, above in pairwise(layers)
    )
