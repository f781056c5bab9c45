"""Dropouts: the dropout probabilities of an AWD-LSTM."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dropouts:
    """Dropout probabilities; the names in brackets are those of awd-lstm-lm.

    Attributes
    ----------
    embedding : float
        Probability of dropping a word, at all its positions (dropoute).
    inputs : float
        Probability of dropping an entry of the word vectors (dropouti).
    hidden : float
        Probability of dropping a unit between two layers (dropouth).
    output : float
        Probability of dropping a unit of the last layer (dropout).
    weights : float
        Probability of dropping a hidden-to-hidden weight (wdrop).
    """

    embedding: float = 0.0
    inputs: float = 0.0
    hidden: float = 0.0
    output: float = 0.0
    weights: float = 0.0
