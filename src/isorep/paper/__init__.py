"""The paper's figures (Morcos et al. 2018), one module each, with the claims that they check.

`FIGURES` lists all figures; a module is imported when its figure is made. Each module is organised
like the paper's section and has these parts:

``SETUPS``
    Scale ("laptop", "small" or "paper") -> set-up, a frozen dataclass with a field ``seed`` and all
    other settings. Other keys are other data at laptop scale, such as "digits".
``compute(setup, run) -> result``
    Train and measure. `isorep.paper.run.Run` gives access to the user's data, the device and the
    trained networks. A result is a frozen dataclass.
``draw(result) -> matplotlib.figure.Figure``
    The figure.
``claims(result) -> list of isorep.paper.analysis.claims.Claim``
    The paper's claims with their verdicts.
``controls(result) -> list of isorep.paper.analysis.control.Control``
    Tables of what comes out under other conditions; optional.
``rows(result) -> iterable of dict``
    The data behind the figure, in long format; all rows have the same columns.
``facts(result) -> dict``
    The data and the trained networks, in JSON types.

A figure of the same networks as another one has only the parts that differ; `Entry.base` names the
module that has the others. The figures of `LANGUAGE` models compute their results from trained
models and texts; `isorep.paper.figures.language_figure` gives them the parts above.

`isorep.paper.runner.reproduce` calls the parts in turn and writes what they return. Figures share
trained networks through the run: the same description gives the same network.

The sub-folders import one way: figures, analysis, training, models, data. Of the rest of isorep,
`isorep.paper` uses only the public API (``import isorep``, then ``isorep.pairwise`` and so on) and
`isorep._utils`. import-linter checks both rules.

To change a set-up, edit a value in a module's ``SETUPS`` and make the figure again, or call the
parts yourself:

>>> from dataclasses import replace
>>> from isorep.paper.figures import fig2
>>> from isorep.paper.run import Run
>>> setup = replace(fig2.SETUPS["laptop"], noise=1e-3, signal=(20, 199), repetitions=2)
>>> result = fig2.compute(setup, Run())
>>> robust = fig2.claims(result)[1]
>>> robust.words, robust.verdict
('PWCCA is largely robust to the ratio of signal', 'reproduced')
>>> figure = fig2.draw(result)
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FIGURES", "LANGUAGE", "SCALES", "Entry"]

SCALES = {
    "laptop": "minutes on two cores, no download",
    "small": "real data at a size that takes two cores one or two hours a figure; needs --data",
    "paper": "the paper's set-up unchanged, on a GPU; needs --data",
}
"""Scales of a figure, each with what it takes.

Examples
--------
>>> import isorep
>>> list(isorep.paper.SCALES)
['laptop', 'small', 'paper']
"""


class Entry(NamedTuple):
    """A figure of the paper.

    Attributes
    ----------
    module : str
        Name of its module in `isorep.paper.figures`.
    title, claim : str
        Title of the figure, and its main claim.
    base : str
        Name of the module that has the parts that `module` does not define.
    laptop : str
        What the set-up at laptop scale does otherwise than the paper's, and what it cannot show.

    Examples
    --------
    >>> import isorep
    >>> isorep.paper.FIGURES["fig4"].title
    'Width'
    """

    module: str
    title: str
    claim: str
    base: str = ""
    laptop: str = ""


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
        "mean CCA overestimates the distance a lot, SVCCA less, PWCCA hardly at all",
    ),
    "fig3": Entry(
        "fig3",
        "Generalizing and memorizing networks",
        "in late layers, networks that generalize are more alike than networks that memorize",
        laptop="The signals have two classes. With ten, or with a narrower last layer, memorizing "
        "networks are farther from generalizing ones than from each other.",
    ),
    "fig4": Entry(
        "fig4",
        "Width",
        "wider networks are more alike, and more alike networks do better on test data",
        laptop="The widest networks have 96 filters where the paper's have 3,584. As in the paper, "
        "equally many filters of each network are compared; by all filters the distance hardly "
        "falls (see the table below).",
    ),
    "fig5": Entry(
        "fig5",
        "One topology, several learning rates",
        "networks form clusters by learning rate, and ablation shows the same clusters",
        laptop="Three learning rates instead of five, and no batch norm. The two lower rates "
        "differ in how far the training got: trained to equal loss, only the highest rate stays "
        "apart (see the tables below).",
    ),
    "fig6": Entry(
        "fig6",
        "Layers of language models over training",
        "layers converge bottom-up; mean CCA blurs this pattern",
        laptop="The networks read characters, not words, for six epochs. Above the second layer, "
        "the layers of a deep network settle nearly together, as in the paper's picture.",
    ),
    "figA1": Entry(
        "figa1", "Training curves of figure 1's networks", "performance converges early", "fig1"
    ),
    "figA1-language": Entry(
        "figa1_language", "Figure A1 for language models", "as figure A1", "fig1_language"
    ),
    "figA2": Entry(
        "figa2",
        "Recurrent networks that rotate their state",
        "to CCA all time steps are the same, to cosine and Euclidean distance they are not",
    ),
    "figA3": Entry(
        "figa3",
        "Hidden states over a sequence",
        "they vary non-linearly: even the CCA distance stays high until the last steps",
    ),
    "figA4": Entry(
        "figa4",
        "Hidden states under a repeated input",
        "CCA recognises the states if the repetition starts early in the sequence, not if late",
        laptop="The networks forget within about ten characters, so that a late start of the "
        "repetition makes little difference, and their states settle at a fixed point.",
    ),
    "figA5": Entry(
        "figa5",
        "Figure 3 by cosine and Euclidean distance",
        "they do not separate the groups",
        "fig3",
    ),
    "figA6": Entry(
        "figa6",
        "Figure 4 by cosine and Euclidean distance",
        "they show no relation with width",
        "fig4",
    ),
    "figA7": Entry(
        "figa7",
        "Figure 4 at initialisation and after training",
        "width explains little before training",
        "fig4",
    ),
    "figA8": Entry(
        "figa8",
        "Figure 6 by cosine and Euclidean distance",
        "layers converge bottom-up too, but with more noise",
        "fig6",
        laptop="In the deep network the last layer settles early by cosine and Euclidean distance.",
    ),
    "figA9": Entry(
        "figa9",
        "Figure 3 by mean CCA and SVCCA",
        "they miss that generalizing networks become more alike in the last layers",
        "fig3",
    ),
    "figA10": Entry(
        "figa10",
        "Figure 3 on test data",
        "at the softmax generalizing networks agree, memorizing ones do not",
        "fig3",
    ),
}
"""Figures of the paper by name.

Examples
--------
>>> import isorep
>>> list(isorep.paper.FIGURES)[:4]
['fig1', 'fig1-language', 'fig2', 'fig3']
"""

LANGUAGE = frozenset(
    {"fig1_language", "fig6", "figa1_language", "figa2", "figa3", "figa4", "figa8"}
)
"""Modules with figures of recurrent networks.

Examples
--------
>>> import isorep
>>> isorep.paper.FIGURES["fig6"].module in isorep.paper.LANGUAGE
True
"""
