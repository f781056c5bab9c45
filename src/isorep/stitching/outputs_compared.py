"""Outputs compared: the loss and accuracy of outputs, and how much two outputs disagree."""

from __future__ import annotations

from collections.abc import Callable
from math import log, nan
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Any, Any], Tensor]
"""``(output of the model, targets of the batch)`` to the mean loss, a tensor of one number."""

IGNORED = -100
"""Target that does not count, PyTorch's default."""


def class_logits(output: Tensor, targets: Any) -> tuple[Tensor, Tensor] | None:
    """Return logits, (m, classes), and targets, (m,), without those that do not count.

    The classes may be the last axis of the output, as of tokens, or the second, as of maps. None if
    the targets are no integers that fit.
    """
    if not isinstance(targets, Tensor) or targets.is_floating_point() or output.ndim < 2:
        return None
    if output.shape[:-1] == targets.shape:
        logits = output
    elif (output.shape[0], *output.shape[2:]) == targets.shape:
        logits = output.movedim(1, -1)
    else:
        return None
    labels = targets.reshape(-1).to(output.device).long()
    counts = labels != IGNORED
    return logits.reshape(-1, logits.shape[-1])[counts].float(), labels[counts]


def cross_entropy(output: Tensor, targets: Any) -> Tensor:
    """Return the mean cross-entropy of logits.

    Raises
    ------
    ValueError
        If a target is not the number of a class of the output, or all targets are ignored.
    """
    pair = class_logits(output, targets)
    if pair is None:
        came = (
            f"{targets.dtype} of shape {tuple(targets.shape)}"
            if isinstance(targets, Tensor)
            else type(targets).__name__
        )
        raise ValueError(
            f"the default loss is the cross-entropy of class numbers; for an output of shape "
            f"{tuple(output.shape)} it got targets of {came}: pass loss=, a function of output and "
            "targets"
        )
    logits, labels = pair
    if not len(labels):
        raise ValueError(
            f"all targets of a batch are {IGNORED}, so none counts: pass batches with at least one "
            "target that counts"
        )
    least, greatest = int(labels.min()), int(labels.max())
    if least < 0 or greatest >= logits.shape[-1]:
        raise ValueError(
            f"targets must be class numbers from 0 to {logits.shape[-1] - 1}, since the output has "
            f"shape {tuple(output.shape)}, got {least if least < 0 else greatest}"
        )
    return functional.cross_entropy(logits, labels)


def accuracy(output: Tensor, targets: Any) -> float:
    """Return the share of right classes; NaN if the targets are none."""
    pair = class_logits(output, targets)
    return nan if pair is None else float((pair[0].argmax(-1) == pair[1]).double().mean())


def disagreement(logits: Tensor, others: Tensor) -> float:
    """Return the share of rows whose most probable classes differ."""
    return float((logits.argmax(-1) != others.argmax(-1)).double().mean())


def jensen_shannon_distance(logits: Tensor, others: Tensor) -> float:
    """Return the mean Jensen-Shannon distance of the rows' probabilities, in [0, 1].

    The square root of ``(KL(p, m) + KL(q, m)) / 2`` in bits, with ``m = (p + q) / 2`` (Endres and
    Schindelin 2003). Logits are (m, classes).
    """
    p, q = (functional.log_softmax(x.double(), dim=-1) for x in (logits, others))
    mean = torch.logaddexp(p, q) - log(2)
    divergence = (p.exp() * (p - mean) + q.exp() * (q - mean)).sum(-1) / (2 * log(2))
    return float(divergence.clamp(0, 1).sqrt().mean())
