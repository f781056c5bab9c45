"""Stability: figure 1's claims on the most and the least correlated directions of a layer.

S and B are the directions of a layer early in training that CCA finds again at half time most and
least. They are chosen in one half of the samples and compared with the layer in the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isorep.paper.analysis.claims import STRONG, Claim
from isorep.paper.analysis.replicates import contrast

Floats = NDArray[np.float64]

SETTLED = 0.9
"""Canonical correlation with the final state from which a direction counts as settled."""

LONG = 0.25
"""Smallest share of the training that is long."""

RAPID = 0.1
"""Share of the training after which B must be uncorrelated."""

MANY = 0.25
"""Smallest share of the coefficients that is many."""


def stability_claims(
    figure: str,
    name: str,
    epochs: Floats,
    early: float,
    half: float,
    stable: Floats,
    unstable: Floats,
) -> list[Claim]:
    """Judge what the paper says of S and B.

    Parameters
    ----------
    figure : str
        Number of the figure.
    name : str
        Name of the model and a colon before each claim's words, or nothing.
    epochs : (E,) array
        Epochs of the distances.
    early, half : float
        The epoch of S and B, and half time.
    stable, unstable : (networks, E) arrays
        Mean CCA distances of S and of B to the layer.
    """
    # S and B were chosen by their correlation at half time, so this epoch is left out.
    later = np.flatnonzero((epochs > early) & (epochs != half))
    middle = int(np.flatnonzero(epochs == half)[0])
    first = f"epoch {epochs[later[0]]:g}"
    return [
        Claim(
            figure,
            f"{name}The most correlated directions (S) remain stable",
            "mean CCA distance of S to the layer at each later epoch, without half time, minus "
            "that at the first of them",
            "no difference",
            tuple(
                contrast(
                    f"S: epoch {epochs[epoch]:g} - {first}",
                    stable[:, epoch] - stable[:, later[0]],
                )
                for epoch in later[1:]
            ),
            "the early layer still differs from its final state, and its most correlated "
            "directions drift too, though less",
        ),
        Claim(
            figure,
            f"{name}The least correlated directions (B) rapidly become uncorrelated",
            f"mean CCA distance of B to the layer at each epoch from {RAPID:.0%} of the training "
            "later on, without half time",
            "difference",
            tuple(
                contrast(f"B: epoch {epochs[epoch]:g}", unstable[:, epoch])
                for epoch in later
                if epochs[epoch] >= early + RAPID * epochs[-1]
            ),
            margin=STRONG,
        ),
        Claim(
            figure,
            f"{name}The distance of B has a peak at half time, where B was chosen",
            "mean CCA distance of B to the layer at half time minus the mean of those at the "
            "compared epochs before and after",
            "difference",
            (
                contrast(
                    f"B: epoch {half:g} - its neighbours",
                    unstable[:, middle] - (unstable[:, middle - 1] + unstable[:, middle + 1]) / 2,
                ),
            ),
            "in other samples than those in which B was chosen, only what is lasting remains of a "
            "peak",
        ),
        Claim(
            figure,
            f"{name}B is farther from the layer than S at all later epochs",
            "mean CCA distance of B to the layer minus that of S, at each later epoch, without "
            "half time",
            "difference",
            tuple(
                contrast(f"B - S: epoch {epochs[epoch]:g}", unstable[:, epoch] - stable[:, epoch])
                for epoch in later
            ),
            ours=True,
        ),
    ]
