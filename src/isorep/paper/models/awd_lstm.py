"""AWD-LSTM: the language model of Merity et al. (2017), "Regularizing and Optimizing LSTM LMs".

LSTM layers one above the other, with dropout everywhere that recurrence allows (their section 4):

- DropConnect on each hidden-to-hidden matrix: one mask of the weights for a whole forward pass;
- variational ("locked") dropout on the word vectors, between layers, and on the last output: one
  mask for all time steps of a sequence;
- embedding dropout: a word is dropped wherever it occurs, in a whole forward pass;
- the output matrix is the embedding (tied weights), so the last layer is as wide as that.

In evaluation mode there is no dropout, and the layers are plain LSTMs.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from isorep.paper.training.language_recipe import Dropouts

State = tuple[tuple[Tensor, Tensor], ...]
"""For each layer, what it hands on to the next time step: (h, c), (1, n, width) each."""


class Training(NamedTuple):
    """What the loss of a training step is made of."""

    logits: Tensor
    raw: Tensor  # the last layer's output, before dropout
    dropped: Tensor  # and after
    state: State  # what to go on from


class AWDLSTM(nn.Module):
    """A word-level language model; its modules ``lstm1``, ``lstm2``, ... are the layers to capture.

    Parameters
    ----------
    words : int
        Size of the vocabulary.
    embedding : int
        Width of the word vectors, and of the last layer.
    hidden : int
        Width of the other layers.
    layers : int
        How many.
    initial_embedding : float
        Word vectors are drawn uniformly between plus and minus this.
    dropouts : Dropouts
        In training.
    generator : torch.Generator, optional
        Of the dropout masks, on the model's device; PyTorch's global one by default.

    Examples
    --------
    >>> model = AWDLSTM(50, embedding=4, hidden=6, layers=3)
    >>> model.layers, model.lstm1.hidden_size, model.lstm3.hidden_size
    (('lstm1', 'lstm2', 'lstm3'), 6, 4)
    >>> hidden, state = model(torch.zeros(2, 7, dtype=torch.int64))
    >>> hidden.shape, model.decode(hidden).shape
    (torch.Size([2, 7, 4]), torch.Size([2, 7, 50]))
    """

    def __init__(
        self,
        words: int,
        *,
        embedding: int,
        hidden: int,
        layers: int,
        initial_embedding: float = 0.1,
        dropouts: Dropouts | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.dropouts = Dropouts() if dropouts is None else dropouts
        self.generator = generator
        self.embedding = nn.Embedding(words, embedding)
        nn.init.uniform_(self.embedding.weight, -initial_embedding, initial_embedding)
        self.bias = nn.Parameter(torch.zeros(words))
        widths = [embedding, *[hidden] * (layers - 1), embedding]
        self.layers = tuple(f"lstm{number}" for number in range(1, layers + 1))
        for name, before, width in zip(self.layers, widths[:-1], widths[1:], strict=True):
            self.add_module(name, WeightDropLSTM(before, width, self.dropouts.weights))

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the last layer's output (n, T, embedding), and the state to go on from.

        Parameters
        ----------
        tokens : (n, T) int64 tensor
            Numbers of words, a sequence in each row.
        state : State, optional
            What the text before left behind; zeros by default.
        """
        return self._run(tokens, state)[1:]

    def decode(self, hidden: Tensor) -> Tensor:
        """Return the logits of the next word, (..., words)."""
        return functional.linear(hidden, self.embedding.weight, self.bias)

    def training_step(self, tokens: Tensor, state: State | None = None) -> Training:
        """Run a forward pass and return the parts that the loss and its regularisation need."""
        raw, dropped, state = self._run(tokens, state)
        return Training(self.decode(dropped), raw, dropped, state)

    def _run(self, tokens: Tensor, state: State | None) -> tuple[Tensor, Tensor, State]:
        drop, before = self.dropouts, [None] * len(self.layers) if state is None else state
        weight = self.embedding.weight
        if self.training and drop.embedding:
            weight = weight * self._mask((len(weight), 1), drop.embedding, weight)
        x = self._locked(functional.embedding(tokens, weight), drop.inputs)
        after = []
        raw = x
        for name, own in zip(self.layers, before, strict=True):
            raw, handed_on = self.get_submodule(name)(x, own)
            after.append(handed_on)
            x = self._locked(raw, drop.output if name == self.layers[-1] else drop.hidden)
        return raw, x, tuple(after)

    def _locked(self, x: Tensor, probability: float) -> Tensor:
        if not self.training or not probability:
            return x
        return x * self._mask((x.shape[0], 1, x.shape[2]), probability, x)

    def _mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> Tensor:
        return dropout_mask(shape, probability, like, self.generator)

    def use_generator(self, generator: torch.Generator) -> None:
        """Draw all dropout masks from a generator of the model's own from here on.

        Models that train side by side then do not depend on one another's speed.
        """
        self.generator = generator
        for name in self.layers:
            layer = self.get_submodule(name)
            assert isinstance(layer, WeightDropLSTM)
            layer.generator = generator


class WeightDropLSTM(nn.LSTM):
    """A layer of LSTM, samples first, with DropConnect on its hidden-to-hidden weights."""

    def __init__(self, inputs: int, width: int, probability: float) -> None:
        super().__init__(inputs, width, batch_first=True)
        self.probability = probability
        self.generator: torch.Generator | None = None

    def forward(  # type: ignore[override]  # no packed sequences
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs (n, T, width) and the state after them."""
        if not self.training or not self.probability:
            output: tuple[Tensor, tuple[Tensor, Tensor]] = super().forward(x, state)
            return output
        if state is None:
            zeros = x.new_zeros(1, len(x), self.hidden_size)
            state = zeros, zeros
        parameters: dict[str, Tensor] = dict(self.named_parameters())
        weight = parameters["weight_hh_l0"]
        mask = dropout_mask(weight.shape, self.probability, weight, self.generator)
        parameters["weight_hh_l0"] = weight * mask
        hidden, h, c = torch.lstm(
            x,
            state,
            list(parameters.values()),
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=True,
            bidirectional=False,
            batch_first=True,
        )
        return hidden, (h, c)


def dropout_mask(
    shape: tuple[int, ...], probability: float, like: Tensor, generator: torch.Generator | None
) -> Tensor:
    """Return 0 with the given probability, and else what keeps the mean as it was."""
    kept = torch.empty(shape, dtype=like.dtype, device=like.device)
    kept.bernoulli_(1 - probability, generator=generator)
    return kept / (1 - probability)
