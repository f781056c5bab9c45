"""Language recipes: the language models of the figures and how each is trained, by scale.

The paper's recipes are those of the open-sourced awd-lstm-lm with its hyperparameters unmodified
(appendix A.4): the commands in its README for Penn Treebank and WikiText-2, and the defaults of its
``main.py``. They follow Merity et al. (2017), section 5, except that these authors report a dropout
of 0.3 between layers on both corpora, and batches of 40 on Penn Treebank. `language_training` says
how its training differs from that of ``main.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from isorep.paper.data.text import TITLES, Excerpt
from isorep.paper.models.dropouts import Dropouts

if TYPE_CHECKING:
    from isorep.paper.models.awd_lstm import AWDLSTM

_BUILDING = Lock()


@dataclass(frozen=True)
class LanguageModel:
    """A language model: its corpus, its architecture and its training.

    Attributes
    ----------
    corpus : str
        Name of a corpus that `isorep.paper.data.text.load` reads.
    layers, hidden, embedding : int
        Number of LSTM layers, their width, and the width of the word vectors and the last layer.
    initial_embedding : float
        Bound of the initial word vectors, which are uniform between minus and plus this value.
    initial_weights : {"uniform", "orthogonal"}
        Initial weights of the LSTMs; see `isorep.paper.models.awd_lstm.AWDLSTM`.
    tied : bool
        Whether the output matrix is the embedding.
    dropouts : Dropouts
        Dropout probabilities in training.
    optimizer : {"adam", "nt-asgd"}
        Optimizer. NT-ASGD is SGD that starts to average its iterates after the first epoch whose
        validation loss exceeds the best loss of all epochs but the last `nonmono`.
    learning_rate, weight_decay, clip : float
        Learning rate, weight decay, and bound of the norm of the gradient.
    batch_size, bptt : int
        Number of rows of text, and usual number of tokens to backpropagate through.
    alpha, beta : float
        Weights of the activation regularisation and of its temporal form.
    epochs : int
        Number of epochs.
    checkpoints : tuple of float
        Epochs at which the weights are stored: 0 is before training, 1 at the end of the first
        epoch, 0.5 in its middle. The first and the last epoch must be included.
    excerpt : Excerpt or None
        Part of the corpus to use; None for all of it.
    """

    corpus: str
    layers: int
    hidden: int
    embedding: int
    epochs: int
    checkpoints: tuple[float, ...]
    excerpt: Excerpt | None = None
    initial_embedding: float = 0.1
    initial_weights: Literal["uniform", "orthogonal"] = "uniform"
    tied: bool = True
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

    def __post_init__(self) -> None:
        epochs = self.checkpoints
        if list(epochs) != sorted({0, *epochs, self.epochs}):
            raise ValueError(
                f"checkpoints must ascend from 0 to the last epoch, {self.epochs}; got {epochs}"
            )
        if min(self.layers, self.hidden, self.embedding, self.batch_size, self.epochs) < 1:
            raise ValueError("layers, widths, batch_size and epochs must be at least 1")
        if self.bptt < 5:
            raise ValueError(f"bptt must be at least 5 tokens, got {self.bptt}")

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> LanguageModel:
        """Make the recipe that `dataclasses.asdict` turned into JSON types."""
        return cls(
            **{
                **fields,
                "checkpoints": tuple(fields["checkpoints"]),
                "dropouts": Dropouts(**fields["dropouts"]),
                "excerpt": fields["excerpt"] and Excerpt(**fields["excerpt"]),
            }
        )

    @property
    def evaluated(self) -> tuple[float, ...]:
        """Epochs with a perplexity: the end of each epoch, and all checkpoints."""
        return tuple(sorted({*range(self.epochs + 1), *self.checkpoints}))

    @property
    def name(self) -> str:
        """Name of the model in figures and results."""
        return f"{TITLES.get(self.corpus, self.corpus)}, {self.layers} layers"

    @property
    def last_layer(self) -> str:
        """Name of the layer nearest to the output."""
        return f"lstm{self.layers}"

    def build(self, words: int, seed: int) -> AWDLSTM:
        """Make the untrained network for a vocabulary of `words` words."""
        import torch

        from isorep.paper.models.awd_lstm import AWDLSTM

        # The weights come from PyTorch's global generator, which all threads share.
        with _BUILDING, torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return AWDLSTM(
                words,
                embedding=self.embedding,
                hidden=self.hidden,
                layers=self.layers,
                initial_embedding=self.initial_embedding,
                initial_weights=self.initial_weights,
                tied=self.tied,
                dropouts=self.dropouts,
            )


def _laptop(layers: int) -> LanguageModel:
    return LanguageModel(
        corpus="pydoc",
        layers=layers,
        hidden=64,
        embedding=64,
        epochs=6,
        checkpoints=tuple(half / 2 for half in range(13)),
        initial_embedding=1.0,
        # From uniform weights, or with half as many steps, five layers learn little but the
        # frequencies of the characters.
        initial_weights="orthogonal",
        # A last layer that must end in the space of the embedding converges early.
        tied=False,
        dropouts=Dropouts(inputs=0.1, hidden=0.1, output=0.2),
        learning_rate=3e-3,
        clip=1.0,
        bptt=25,
    )


def _small(corpus: str, layers: int) -> LanguageModel:
    return LanguageModel(
        corpus=corpus,
        layers=layers,
        hidden=128,
        embedding=128,
        epochs=12,
        checkpoints=tuple(range(13)),
        # Fifteen networks on all of WikiText-2 with its whole vocabulary take days on two cores.
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
        # Every 25th epoch, which includes half time, and more epochs at the fast beginning.
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
"""Scale -> models, in the order of figure 6's panels. All figures share their trainings."""

NETWORKS: Mapping[str, int] = MappingProxyType({"laptop": 6, "small": 6, "paper": 1})
"""Scale -> how many networks of each model, with seeds from 0; the paper has one.

With six, a change in either direction can have a p-value of 2 / 2^6.
"""
