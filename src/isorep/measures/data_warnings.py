"""Warnings of measures about data that decide the similarity unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isorep.core.overlap import Overlap
from isorep.core.warning_text import WarningText
from isorep.measures.warning_rules.dominant_part import dominant_part
from isorep.measures.warning_rules.few_neurons import few_neurons
from isorep.measures.warning_rules.integer_labels import integer_labels
from isorep.measures.warning_rules.same_span import same_span
from isorep.measures.warning_rules.unrelated_level import unrelated_level
from isorep.random_matrix.undeclared_dependence import dependence_warnings

if TYPE_CHECKING:
    from isorep.measures.base import Measure, MeasureValue


_WEIGHED_SIDE = {"weights of x": "x", "weights of y": "y", "y predicted from x": "y"}
"""Direction of a measure to the only side whose variances count."""


def data_warnings(
    measure: Measure, overlap: Overlap, value: MeasureValue
) -> tuple[WarningText, ...]:
    """Return why the similarity is decided by something other than what the layers represent."""
    warnings = integer_labels(overlap)
    if measure.holds_out():  # samples held out must not resemble those that were fitted
        warnings += dependence_warnings(overlap)
    if measure.invariance == "linear":
        warnings += same_span(overlap, value.similarity)
    emphasis = measure.emphasis
    if emphasis == "equal" and min(value.ranks) == 1 < min(overlap.x.rank, overlap.y.rank):
        emphasis = "variance"  # the measure has kept the largest direction alone
    warnings += dominant_part(overlap, emphasis, _WEIGHED_SIDE.get(measure.direction, "xy"))
    chosen = measure.with_options(**value.chosen)
    # Unrelated data score 0 or less on samples held out.
    if not (value.whitened or value.warnings or measure.paired or chosen.holds_out()):
        warnings += unrelated_level(chosen, overlap, value.chance)
    # Few samples or one dominant part hide what the neurons have in common.
    geometric = measure.invariance in ("orthogonal", "rotation", "common") and emphasis != "equal"
    return warnings if warnings or not geometric else few_neurons(overlap)
