"""Layer explanations: what changed in the most changed layers of a diff, in plain words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Any

from isorep._utils.progress import track
from isorep.explanation.explained_pair import ExplainedPair
from isorep.explanation.layer_change import LayerChange
from isorep.explanation.layer_change_text import layer_change_text
from isorep.representations.representations import Representations

if TYPE_CHECKING:
    from isorep.comparison.diff_result import LayerDiff

UNCHANGED = 0.99995
"""Similarity from which on a layer is not explained: the table shows 1.0000."""


@dataclass(frozen=True)
class LayerExplanation:
    """What changed in a layer, in words and numbers.

    Attributes
    ----------
    layer : str
        Name of the layer in the base.
    text : str
        A paragraph. What is not above noise is not called a change, and where the samples are too
        few to say, the paragraph says so.
    change : LayerChange or None
        The numbers of the paragraph: directions, classes and samples that changed more than the
        others. None if they could not be computed, and `text` says why.
    """

    layer: str
    text: str
    change: LayerChange | None

    def to_dict(self) -> dict[str, Any]:
        """Return the text and all numbers as plain values; NaN is None."""
        change = None if self.change is None else self.change.to_dict()
        return {"layer": self.layer, "text": self.text, "change": change}


def is_explicable(layer: LayerDiff) -> bool:
    """Return whether a layer changed, as far as its similarity is known."""
    return not isnan(layer.similarity) and layer.similarity < UNCHANGED


def explain_layers(
    base: Representations,
    changed: Representations,
    layers: Sequence[LayerDiff],
    *,
    random: Collection[str],
    seed: int,
    progress: bool,
) -> dict[str, LayerExplanation]:
    """Return what changed in each of some layers, by the name of the layer.

    Parameters
    ----------
    base, changed : Representations
        The two sides.
    layers : sequence of LayerDiff
        Layers to explain.
    random : collection of str
        Layers of a model that is not the same twice, whose changes cannot be told from chance.
    seed : int
        Random seed of folds and permutations.
    progress : bool
        Whether to report the progress.
    """
    explanations = {}
    for layer in track(layers, "explain", len(layers), progress, unit="layers"):
        change: LayerChange | str = "the model is not the same twice on the same samples"
        if layer.layer not in random:
            change = _change_of(base, changed, layer, seed)
        text = f"not explained: {change}"
        if isinstance(change, LayerChange):
            text = layer_change_text(change)
        explanations[layer.layer] = LayerExplanation(
            layer=layer.layer,
            text=f"{layer.layer} (similarity {layer.similarity:.4f}): {text}",
            change=change if isinstance(change, LayerChange) else None,
        )
    return explanations


def _change_of(
    base: Representations, changed: Representations, layer: LayerDiff, seed: int
) -> LayerChange | str:
    """Return what changed in a layer, or why it cannot be computed."""
    try:
        pair = ExplainedPair.from_sides(
            base, changed, x_layer=layer.layer, y_layer=layer.changed_layer
        )
        return LayerChange.from_pair(pair, seed)
    except ValueError as error:
        return str(error)
