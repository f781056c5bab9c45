"""The paper's figures (Morcos et al. 2018), one module each, with the claims they check.

`FIGURES` is the table of contents; a module is imported when its figure is made. Each module reads
like the paper's section and has:

``SETUPS``
    Scale ("laptop", "small" or "paper") -> set-up, a frozen dataclass with a field ``seed`` and
    everything else that a reader may want to change.
``compute(setup, run) -> result``
    Train and measure. `isorep.paper.run.Run` knows the user's data, the device and the networks
    that were trained before. A result is a frozen dataclass.
``draw(result) -> matplotlib.figure.Figure``
    The figure.
``claims(result) -> list of isorep.paper.analysis.claims.Claim``
    What the paper says, judged.
``rows(result) -> iterable of dict``
    The data behind the figure, in long format; all rows have the same names.
``facts(result) -> dict``
    What data were used and what was trained, in types that JSON knows.

`isorep.paper.runner.reproduce` calls these in turn and writes what they return. Networks are shared
between figures through the run: whoever asks for a network with the same description gets the same
one. The figures of `LANGUAGE` models take trained models and texts instead;
`isorep.paper.training.language_networks.figure` gives them the parts above.

To change a set-up, edit a value in a module's ``SETUPS`` and make the figure again, or do without
the runner:

>>> from dataclasses import replace
>>> from isorep.paper import fig2
>>> from isorep.paper.run import Run
>>> setup = replace(fig2.SETUPS["laptop"], noise=1e-3, signal=(20, 199))
>>> result = fig2.compute(setup, Run())
>>> flat = fig2.claims(result)[3]
>>> flat.words, flat.verdict
('The PWCCA distance is nearly flat over the ratios', 'reproduced')
>>> figure = fig2.draw(result)
"""

from __future__ import annotations

from typing import NamedTuple

SCALES = {
    "laptop": "minutes on two cores, no download",
    "small": "real data at a size that two cores manage in an hour or two a figure; needs --data",
    "paper": "the paper's set-up unchanged, on a GPU; needs --data",
}


class Entry(NamedTuple):
    """A figure: its module below `isorep.paper.figures`, its title, and what it claims."""

    module: str
    title: str
    claim: str


FIGURES = {
    "fig1": Entry(
        "fig1",
        "CCA coefficients over training, stable and unstable directions",
        "performance converges long before many coefficients do: part of a representation is noise",
    ),
    "fig1-language": Entry(
        "fig1_language",
        "Figure 1 for language models",
        "as figure 1",
    ),
    "fig2": Entry(
        "fig2",
        "Signal and noise of known size",
        "mean CCA overestimates the distance badly, SVCCA less, PWCCA hardly at all",
    ),
    "fig3": Entry(
        "fig3",
        "Generalizing and memorizing networks",
        "late layers of networks that generalize are more alike than of networks that memorize",
    ),
    "fig4": Entry(
        "fig4",
        "Width",
        "wider networks are more alike, and more alike networks do better on test data",
    ),
    "fig5": Entry(
        "fig5",
        "One topology, several learning rates",
        "networks fall into clusters by learning rate, which ablation shows too",
    ),
    "fig6": Entry(
        "fig6",
        "Layers of language models over training",
        "layers converge bottom-up; the unweighted mean blurs it",
    ),
    "figA1": Entry(
        "figa1", "Training curves of figure 1's networks", "performance converges early"
    ),
    "figA1-language": Entry("figa1_language", "Figure A1 for language models", "as figure A1"),
    "figA2": Entry(
        "figa2",
        "Recurrent networks that rotate their state",
        "CCA sees all time steps as the same, cosine and Euclidean distance do not",
    ),
    "figA3": Entry(
        "figa3",
        "Hidden states over a sequence",
        "they vary non-linearly: even CCA distance stays high until the last steps",
    ),
    "figA4": Entry(
        "figa4",
        "Hidden states under a repeated input",
        "repetition early in the sequence: CCA recognises the states; late: it does not",
    ),
    "figA5": Entry(
        "figa5",
        "Figure 3 by cosine and Euclidean distance",
        "they do not separate the groups",
    ),
    "figA6": Entry(
        "figa6", "Figure 4 by cosine and Euclidean distance", "they show no relation with width"
    ),
    "figA7": Entry(
        "figa7",
        "Figure 4 at initialisation and after training",
        "width explains little before training",
    ),
    "figA8": Entry(
        "figa8", "Figure 6 by cosine and Euclidean distance", "bottom-up too, but noisier"
    ),
    "figA9": Entry(
        "figa9",
        "Figure 3 by mean CCA and SVCCA",
        "they miss that generalizing networks become more alike in the last layers",
    ),
    "figA10": Entry(
        "figa10",
        "Figure 3 on test data",
        "at the softmax generalizing networks agree, memorizing ones do not",
    ),
}

LANGUAGE = frozenset(
    {"fig1_language", "fig6", "figa1_language", "figa2", "figa3", "figa4", "figa8"}
)
"""Modules whose figures are of recurrent networks."""
