"""Layer change text: what changed in a layer, in plain words."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING

from isorep.explanation.readable_names import readable_names

if TYPE_CHECKING:
    from isorep.explanation.layer_change import ClassChange, LayerChange, SampleChange

MOST_SAMPLES = 8
"""Samples that a sentence names."""

MOST_CLASSES = 5
"""Classes that a sentence names."""

MAIN_SHARE = 0.8
"""Share of the changed samples that the classes named beside them hold."""

FEWEST_PER_CLASS = 3
"""Fewest changed samples per class that is named beside them."""

SMALL = 0.1
"""Share below which percentages have two digits."""

LITTLE = 0.01
"""Share of the variance below which directions are said to carry little."""

BLURRED = 0.5
"""Held-out correlation of unrelated pairs above which there are too few samples to tell them."""


def layer_change_text(change: LayerChange) -> str:
    """Return sentences about what changed; nothing that is within the noise is called a change.

    Examples
    --------
    >>> import numpy as np
    >>> from isorep.explanation.explained_pair import ExplainedPair
    >>> from isorep.explanation.layer_change import LayerChange
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((300, 6))
    >>> y = x + 0.2 * rng.standard_normal((300, 6))
    >>> y[:, :2] = rng.standard_normal((300, 2))
    >>> change = LayerChange.from_pair(ExplainedPair.from_sides(x, y))
    >>> layer_change_text(change).split(". ")[-1]
    'No sample changed more than the others.'
    """
    changed, alike, untested = [], [], []
    # Classes and samples are compared in the directions that are related.
    are_related = change.directions.n_unrelated < change.directions.n_pairs
    for sentence, kind in (
        (_classes(change.classes, are_related), "class"),
        (_samples(change) if are_related else "", "sample"),
        (_directions(change), "direction"),
    ):
        if sentence is None:
            alike.append(kind)
        elif sentence.startswith(_TOO_FEW):
            untested.append(sentence)
        elif sentence:
            changed.append(sentence)
    if alike:
        changed.append(f"No {_either(alike)} changed more than the others")
    share = (
        f"{_percent(change.change)} % [{_percent(change.low)}, {_percent(change.high)}] of its "
        "variance is not predicted from the other side"
    )
    return ". ".join([share, *changed, *untested]) + "."


_TOO_FEW = "Too few samples"


def _directions(change: LayerChange) -> str | None:
    """Return a sentence, or None if no direction changed more than the others."""
    directions = change.directions
    n, n_samples, k = directions.n_pairs, directions.n_samples, directions.n_changed
    if directions.noise_edge > BLURRED:
        return f"{_TOO_FEW} ({n_samples}) to say which of its {n} directions changed"
    # A change of some samples that are named is no change of directions.
    among = f"Among the other {n_samples} samples, " if n_samples < change.n_samples else ""
    if directions.are_mostly_unrelated:
        unrelated = "all" if directions.n_unrelated == n else f"{directions.n_unrelated}"
        text = f"{among}{unrelated} of its {n} directions are unrelated to the other side"
        return f"{text[0].upper()}{text[1:]}, as far as {n_samples} samples show"
    if not directions.are_testable:
        return (
            f"{_TOO_FEW} ({n_samples}) to say whether some of its {n} directions changed more than "
            "the others"
        )
    if not k:
        return f"{among}no direction changed more than the others" if among else None
    before, after = directions.base_variance, directions.changed_variance
    carry, correlate = ("carries", "it correlates") if k == 1 else ("carry", "they correlate")
    if max(before, after) < LITTLE:
        return (
            f"{among}{directions.n_below} of {n} directions changed more than the others, but "
            f"{'carry' if directions.n_below > 1 else 'carries'} less than {_percent(LITTLE)} % of "
            "its variance"
        )
    return (
        f"{among}{'it' if among else 'It'} changed most in {k} of {n} directions, which {carry} "
        f"{_percent(before)} % of its variance before and {_percent(after)} % after: "
        f"{correlate} by at most {directions.largest_correlation:.2f} (median of all: "
        f"{directions.median_correlation:.2f})"
    )


def _classes(classes: tuple[ClassChange, ...], are_related: bool) -> str | None:
    """Return a sentence, "" without classes, or None if no class changed more than the others."""
    if len(classes) < 2 or not are_related:
        return ""
    if not any(isfinite(item.p_value) for item in classes):
        return f"{_TOO_FEW} to say which of {len(classes)} classes changed more than the others"
    more = [item for item in classes if item.changed_more]
    if not more:
        return None
    if len(more) == 1:
        (item,) = more
        return (
            f"Class {item.label} changed more than the others ({_interval(item)} against "
            f"{_number(item.others)})"
        )
    texts = [f"{item.label} ({_interval(item)})" for item in more]
    text = (
        f"{len(more)} of {len(classes)} classes changed more than the others: "
        f"{_first(texts, MOST_CLASSES)}"
    )
    rest = [item for item in classes if not item.changed_more]
    size = sum(item.n_samples for item in rest)
    if size:
        mean = sum(item.n_samples * item.change for item in rest) / size
        text += f"; the others changed by {_number(mean)}"
    return text


def _samples(change: LayerChange) -> str | None:
    """Return a sentence, or None if no sample changed more than the others."""
    samples = change.samples
    if not samples:
        return None
    names = readable_names((item.sample for item in samples), (item.row for item in samples))
    names = [
        name if item.position is None else f"{name} at {item.position}"
        for name, item in zip(names, samples, strict=True)
    ]
    if len(samples) == 1:
        of_class = "" if samples[0].label is None else f" (class {samples[0].label})"
        return f"Sample {names[0]}{of_class} changed more than the other samples"
    return (
        f"{len(samples)} of {change.n_samples} samples changed more than the others"
        f"{_main_classes(samples)}: {_first(names, MOST_SAMPLES)}"
    )


def _main_classes(samples: tuple[SampleChange, ...]) -> str:
    """Return the numbers of samples by class, if few classes hold most of the samples."""
    counts = Counter(item.label for item in samples if item.label is not None).most_common()
    if not counts or len(samples) < FEWEST_PER_CLASS * len(counts[:MOST_CLASSES]):
        return ""
    if sum(number for _, number in counts[:MOST_CLASSES]) < MAIN_SHARE * len(samples):
        return ""
    texts = [f"{number} of class {label}" for label, number in counts]
    return f" ({_first(texts, MOST_CLASSES)})"


def _first(names: list[str], most: int) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _either(kinds: list[str]) -> str:
    """Return "direction, class or sample" of the kinds."""
    return " or ".join(filter(None, [", ".join(kinds[:-1]), kinds[-1]]))


def _percent(share: float) -> str:
    """Return a share in percent, with two digits if it is below 10 %."""
    return f"{100 * share:.0f}" if abs(share) >= SMALL or share == 0 else f"{100 * share:.2g}"


def _interval(item: ClassChange) -> str:
    return f"{_number(item.change)} [{_number(item.low)}, {_number(item.high)}]"


def _number(value: float) -> str:
    """Return a share with two digits."""
    return f"{value:#.2g}"
