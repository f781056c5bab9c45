"""Weight names: tell the weights of a model (a state dict) from activations."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WEIGHT = re.compile(
    r"(^|.*[./_])(weight|bias|kernel|running_mean|running_var|num_batches_tracked)"
    r"|.*/vars/\d+"  # Keras
)
_REFUSAL = (
    "looks like a weight of a state dict, and representations are the outputs of layers: capture "
    "them with isorep.capture. In the place of a model, name the model too, as module:name@weights"
)


def is_weight(name: str) -> bool:
    """Return whether an array is named as a weight is in PyTorch, Flax or Keras.

    Examples
    --------
    >>> [is_weight(x) for x in ("0.weight", "params/fc/kernel", "fc.in_proj_bias", "unbiased")]
    [True, True, True, False]
    """
    return _WEIGHT.fullmatch(name) is not None


def check_no_weight(name: str) -> None:
    """Raise ValueError if `name` is that of a weight, as in a state dict."""
    if is_weight(name):
        raise ValueError(f"{name!r} {_REFUSAL}")


def check_no_state_dict(names: Sequence[str]) -> None:
    """Raise ValueError if half of the arrays of a file or more have the names of weights."""
    weights = [name for name in names if is_weight(name)]
    if weights and 2 * len(weights) >= len(names):
        raise ValueError(
            f"{weights[0]!r} {_REFUSAL}. To compare the rows of a weight, such as an embedding, "
            "name it in full in layers="
        )
