"""Language recipes: which language models the figures need, and how each is trained, by scale.

The paper's are those of the open-sourced awd-lstm-lm with its hyperparameters unmodified (appendix
A.4): the commands in its README for Penn Treebank and WikiText-2 together with the defaults of its
``main.py``. They follow Merity et al. (2017), section 5, except that these authors report a dropout
of 0.3 between layers on both corpora, and batches of 40 on Penn Treebank. `language_model` says
where its training differs from that of ``main.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from isorep.paper.data.text import TITLES, Excerpt


@dataclass(frozen=True)
class Dropouts:
    """Probabilities of dropping; in brackets awd-lstm-lm's name.

    Attributes
    ----------
    embedding : float
        A word, wherever it occurs (dropoute).
    inputs : float
        An entry of the word vectors (dropouti).
    hidden : float
        A unit between two layers (dropouth).
    output : float
        A unit of the last layer (dropout).
    weights : float
        A hidden-to-hidden weight (wdrop).
    """

    embedding: float = 0.0
    inputs: float = 0.0
    hidden: float = 0.0
    output: float = 0.0
    weights: float = 0.0


@dataclass(frozen=True)
class LanguageModel:
    """A language model: its corpus, its shape, and how it is trained.

    Attributes
    ----------
    corpus : str
        A name that `isorep.paper.data.text.load` knows.
    layers, hidden, embedding : int
        LSTM layers, their width, and the width of the word vectors and of the last layer.
    initial_embedding : float
        Word vectors are drawn uniformly between plus and minus this.
    dropouts : Dropouts
        In training.
    optimizer : {"adam", "nt-asgd"}
        NT-ASGD is SGD whose iterates are averaged from the first epoch on at whose end the
        validation loss is above the best of all but the last `nonmono` epochs.
    learning_rate, weight_decay, clip : float
        Of the optimizer; `clip` bounds the norm of the gradient.
    batch_size, bptt : int
        Sequences side by side, and the usual number of tokens to backpropagate through.
    alpha, beta : float
        Weights of the activation regularisation, and of its temporal form.
    epochs : int
        How long.
    checkpoints : tuple of int
        Epochs at whose end the model is kept; 0 is the initial one. The first and the last are
        always among them.
    excerpt : Excerpt or None
        How much of the corpus is used; None is all of it.
    """

    corpus: str
    layers: int
    hidden: int
    embedding: int
    epochs: int
    checkpoints: tuple[int, ...]
    excerpt: Excerpt | None = None
    initial_embedding: float = 0.1
    dropouts: Dropouts = field(default_factory=Dropouts)
    optimizer: Literal["adam", "nt-asgd"] = "adam"
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    clip: float = 0.25
    nonmono: int = 5
    batch_size: int = 20
    bptt: int = 35
    alpha: float = 0.0
    beta: float = 0.0

    @property
    def name(self) -> str:
        """What figures and results call it."""
        return f"{TITLES.get(self.corpus, self.corpus)}, {self.layers} layers"

    @property
    def last_layer(self) -> str:
        """Name of the layer nearest to the output."""
        return f"lstm{self.layers}"

    def __post_init__(self) -> None:
        given = self.checkpoints
        if list(given) != sorted({0, *given, self.epochs}):
            raise ValueError(
                f"checkpoints must ascend from 0 to the last epoch, {self.epochs}: got {given}"
            )
        if min(self.layers, self.hidden, self.embedding, self.batch_size, self.epochs) < 1:
            raise ValueError("layers, widths, batch_size and epochs must be at least 1")
        if self.bptt < 5:
            raise ValueError(f"bptt must be at least 5 tokens, got {self.bptt}")


def _laptop(layers: int) -> LanguageModel:
    return LanguageModel(
        corpus="pydoc",
        layers=layers,
        hidden=96,
        embedding=96,
        epochs=10,
        checkpoints=tuple(range(11)),
        # Three layers of this width hardly hear word vectors as small as the paper's, and the first
        # epochs would go by before anything but the frequencies of words is learned.
        initial_embedding=1.0,
        dropouts=Dropouts(inputs=0.1, hidden=0.1, output=0.2),
        learning_rate=4e-3,
        clip=1.0,
        bptt=30,
    )


def _small(corpus: str, layers: int) -> LanguageModel:
    return LanguageModel(
        corpus=corpus,
        layers=layers,
        hidden=128,
        embedding=128,
        epochs=12,
        checkpoints=tuple(range(13)),
        # All of WikiText-2 in all of its words would take fifteen networks days on two cores.
        excerpt=Excerpt(train=100_000, valid=20_000, words=5_000),
        initial_embedding=1.0,
        dropouts=Dropouts(inputs=0.2, hidden=0.2, output=0.3, weights=0.2),
        learning_rate=4e-3,
        clip=1.0,
    )


def _paper(corpus: str, layers: int) -> LanguageModel:
    ptb = corpus == "ptb"
    epochs = 500 if ptb else 750
    return LanguageModel(
        corpus=corpus,
        layers=layers,
        hidden=1150,
        embedding=400,
        epochs=epochs,
        # Every 25th epoch, half time among them, and more where most happens.
        checkpoints=(0, 1, 2, 5, 10, *range(25, epochs + 1, 25)),
        dropouts=Dropouts(
            embedding=0.1,
            inputs=0.4 if ptb else 0.65,
            hidden=0.25 if ptb else 0.2,
            output=0.4,
            weights=0.5,
        ),
        optimizer="nt-asgd",
        learning_rate=30.0,
        weight_decay=1.2e-6,
        clip=0.25,
        nonmono=5,
        batch_size=20 if ptb else 80,
        bptt=70,
        alpha=2.0,
        beta=1.0,
    )


MODELS: Mapping[str, tuple[LanguageModel, ...]] = MappingProxyType(
    {
        "laptop": (_laptop(3), _laptop(5)),
        "small": (_small("ptb", 3), _small("wikitext-2", 3), _small("wikitext-2", 5)),
        "paper": (_paper("ptb", 3), _paper("wikitext-2", 3), _paper("wikitext-2", 5)),
    }
)
"""Scale -> models, in the order of figure 6's panels. One training of each serves all figures."""

NETWORKS: Mapping[str, int] = MappingProxyType({"laptop": 5, "small": 5, "paper": 1})
"""Scale -> how many networks of each model, with seeds from 0; the paper has one."""
