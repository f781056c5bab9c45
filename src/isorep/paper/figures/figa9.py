"""Figure A9: figure 3 by mean CCA and by SVCCA.

Set-up. Figure 3's networks.

Computed. The distance between every ordered pair of networks at every layer, by mean CCA and SVCCA,
and by PWCCA for comparison.

Claims. See `claims`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import isorep
from isorep.paper.analysis import permutation_tests
from isorep.paper.analysis.claims import Claim, Contrast
from isorep.paper.analysis.distances import Distances
from isorep.paper.analysis.group_contrasts import TITLES, contrast, gap
from isorep.paper.figures import fig3
from isorep.paper.figures.fig3 import GENERALIZING, MEMORIZING, Result, SetUp

if TYPE_CHECKING:
    from isorep.paper.run import Run

MEASURES = ("pwcca", "cca", "svcca")

DROP = 0.02
"""Smallest relevant difference between the last two convolutions; the paper's own is 0.03."""


def compute(setup: SetUp, run: Run) -> Result:
    """Compare figure 3's networks by three measures."""
    return fig3.compare(setup, run, MEASURES, across=True)


def claims(result: Result) -> list[Claim]:
    """Judge figure A9's claims; early and late layers are those of figure 3."""
    distances = result.distances
    early, late = fig3.early_and_late(distances.layers)
    before, last = fig3.last_two(distances.layers)

    def drop(name: str) -> tuple[Contrast, ...]:
        return (_drop(distances, name, before, last),)

    def excess(name: str) -> tuple[Contrast, ...]:
        return tuple(_excess(distances, name, layer) for layer in early)

    return [
        Claim(
            "A9",
            f"Mean CCA and SVCCA show the same broad picture: late layers ({fig3.span(late)}) of "
            "generalizing networks are more similar than those of memorizing ones",
            "mean distance within memorizing minus within generalizing, by each measure, layer by "
            "layer",
            "difference",
            tuple(
                gap(distances, name, layer, MEMORIZING, GENERALIZING)
                for name in ("cca", "svcca")
                for layer in late
            ),
        ),
        Claim(
            "A9",
            "By PWCCA, generalizing networks become more similar over the last two convolutions",
            f"mean PWCCA distance within generalizing at {before} minus at {last}",
            "difference",
            drop("pwcca"),
            margin=DROP,
            paper="0.03",
        ),
        Claim(
            "A9",
            "By mean CCA, they do not become more similar over the last two convolutions",
            f"mean CCA distance within generalizing at {before} minus at {last}",
            "no difference",
            drop("cca"),
            margin=DROP,
        ),
        *(
            Claim(
                "A9",
                f"{words} overestimates early distances ({fig3.span(early)}) relative to PWCCA",
                f"{TITLES[name]} distance minus PWCCA distance, mean over all pairs, layer by "
                "layer",
                "difference",
                excess(name),
            )
            for name, words in (("cca", "Mean CCA"), ("svcca", "SVCCA"))
        ),
    ]


def _drop(distances: Distances, name: str, before: str, last: str) -> Contrast:
    """Contrast the generalizing networks' distances at two layers."""
    n = distances.group_size
    early, late = distances.at(name, before), distances.at(name, last)
    exact = permutation_tests.permute_layers(
        *(
            distances.at(name, x, y)[:n, :n]
            for x, y in ((before, before), (last, last), (before, last), (last, before))
        ),
    )
    return contrast(
        f"{TITLES[name]}, {GENERALIZING}: {before} - {last}",
        lambda first, second: (
            isorep.inference.mean_within(early, first) - isorep.inference.mean_within(late, first)
        ),
        n,
        exact,
    )


def _excess(distances: Distances, name: str, layer: str) -> Contrast:
    """Contrast the distances by a measure with the PWCCA distances of the same pairs."""
    differences = distances.at(name, layer) - distances.at("pwcca", layer)
    return contrast(
        f"{layer}: {TITLES[name]} - {TITLES['pwcca']}",
        lambda first, second: isorep.inference.mean_within(differences, first + second),
        distances.group_size,
        permutation_tests.permute_measures(differences),
    )
