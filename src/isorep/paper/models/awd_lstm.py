"""AWD-LSTM: the language model of Merity et al. (2017), "Regularizing and Optimizing LSTM LMs".

A stack of LSTM layers with several kinds of dropout (their section 4):

- DropConnect on each hidden-to-hidden matrix: one mask of the weights for each forward pass;
- variational ("locked") dropout on the word vectors, between layers, and on the last output: one
  mask for all time steps of a sequence;
- embedding dropout: in a forward pass, a word is dropped at all its positions;
- tied weights: the output matrix is the embedding, so the last layer has the embedding's width.
  This can be turned off.

In evaluation mode there is no dropout, and the layers are plain LSTMs.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from isorep.paper.models.dropouts import Dropouts

State = tuple[tuple[Tensor, Tensor], ...]
"""For each layer, its hidden and cell state (h, c), (1, n, width) each."""


class Training(NamedTuple):
    """The result of a forward pass in training.

    Attributes
    ----------
    logits : (n, T, words) tensor
        Logits of the next words.
    raw, dropped : (n, T, embedding) tensors
        The last layer's output before and after dropout.
    state : State
        State after the last token.
    """

    logits: Tensor
    raw: Tensor
    dropped: Tensor
    state: State


class AWDLSTM(nn.Module):
    """A language model; its modules ``lstm1``, ``lstm2``, ... are the layers to capture.

    Parameters
    ----------
    words : int
        Size of the vocabulary.
    embedding : int
        Width of the word vectors and of the last layer.
    hidden : int
        Width of the other layers.
    layers : int
        Number of layers.
    initial_embedding : float
        Bound of the initial word vectors, which are uniform between minus and plus this value.
    initial_weights : {"uniform", "orthogonal"}
        Initial weights of the LSTMs: uniform, as in PyTorch, or, for many layers, orthogonal
        hidden-to-hidden weights and Xavier-uniform input weights of each gate, and 1 added to the
        bias of the forget gate.
    tied : bool
        Whether the output matrix is the embedding.
    dropouts : Dropouts
        Dropout probabilities in training.
    generator : torch.Generator, optional
        Random generator of the dropout masks, on the model's device; by default PyTorch's global
        generator.

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
        initial_weights: Literal["uniform", "orthogonal"] = "uniform",
        tied: bool = True,
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
            layer = WeightDropLSTM(before, width, self.dropouts.weights)
            if initial_weights == "orthogonal":
                layer.make_orthogonal()
            self.add_module(name, layer)
        self.output = None if tied else nn.Linear(embedding, words, bias=False)

    def forward(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the last layer's output (n, T, embedding), and the state after the last token.

        Parameters
        ----------
        tokens : (n, T) int64 tensor
            Numbers of words, a sequence in each row.
        state : State, optional
            State after the preceding text; zeros by default.
        """
        return self._run(tokens, state)[1:]

    def decode(self, hidden: Tensor) -> Tensor:
        """Return the logits of the next word, (..., words)."""
        matrix = self.embedding if self.output is None else self.output
        return functional.linear(hidden, matrix.weight, self.bias)

    def training_step(self, tokens: Tensor, state: State | None = None) -> Training:
        """Run a forward pass and return the terms of the loss and its regularisation."""
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
        for name, layer_state in zip(self.layers, before, strict=True):
            raw, new_state = self.get_submodule(name)(x, layer_state)
            after.append(new_state)
            x = self._locked(raw, drop.output if name == self.layers[-1] else drop.hidden)
        return raw, x, tuple(after)

    def _locked(self, x: Tensor, probability: float) -> Tensor:
        if not self.training or not probability:
            return x
        return x * self._mask((x.shape[0], 1, x.shape[2]), probability, x)

    def _mask(self, shape: tuple[int, ...], probability: float, like: Tensor) -> Tensor:
        return dropout_mask(shape, probability, like, self.generator)

    def use_generator(self, generator: torch.Generator) -> None:
        """Draw all dropout masks from a generator that no other model uses.

        With PyTorch's global generator, models that train in parallel would affect each other.
        """
        self.generator = generator
        for name in self.layers:
            layer = self.get_submodule(name)
            assert isinstance(layer, WeightDropLSTM)
            layer.generator = generator


class WeightDropLSTM(nn.LSTM):
    """An LSTM layer, samples first, with DropConnect on its hidden-to-hidden weights."""

    def __init__(self, inputs: int, width: int, probability: float) -> None:
        super().__init__(inputs, width, batch_first=True)
        self.probability = probability
        self.generator: torch.Generator | None = None

    def make_orthogonal(self) -> None:
        """Give the layer the initial weights that let a deep stack learn."""
        # A matrix has the weights of the four gates, one below the other.
        parameters: dict[str, Tensor] = dict(self.named_parameters())
        for weights in parameters["weight_ih_l0"].chunk(4):
            nn.init.xavier_uniform_(weights)
        for weights in parameters["weight_hh_l0"].chunk(4):
            nn.init.orthogonal_(weights)
        with torch.no_grad():
            _, forget, _, _ = parameters["bias_ih_l0"].chunk(4)
            forget.add_(1.0)

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
    """Return a mask of 0 (with the given probability) and 1 / (1 - probability), with mean 1."""
    mask = torch.empty(shape, dtype=like.dtype, device=like.device)
    mask.bernoulli_(1 - probability, generator=generator)
    return mask / (1 - probability)
