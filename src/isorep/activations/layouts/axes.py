"""Axes of a tensor: what the indices along each of them stand for, followed through operations.

An axis is a product of parts: (n, T, p) reshaped to (n * T, p) has an axis of two parts, n and T.
Each part knows its origin, such as the samples or the tokens of an input, and whether its indices
are features.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod


class Origin:
    """What the indices of a part stand for; two parts with one origin have the same indices.

    Parameters
    ----------
    parents
        Origins that this one was made from, such as the tokens before some of them were cut off.
    """

    def __init__(self, parents: Sequence[Origin] = ()) -> None:
        self.parents = tuple(parents)
        self.whole: Origin | None = None  # what it was split from, as attention heads are
        self.is_reordered = False  # the indices of its parents in another order
        self.order: list[int] = []  # if it is known, numbers of these indices along `source`
        self.source: Axis = ()
        self.is_position = False  # features that were added to positions
        self.contracted_with_weights = False
        self.second_piece: Origin | None = None  # if this is the first piece of its only parent
        self._same: Origin | None = None

    @property
    def root(self) -> Origin:
        """The origin that stands for all that were found to be the same."""
        root = self
        while root._same is not None:
            root = root._same
        return root

    def unite(self, other: Origin) -> None:
        """Record that the indices of both stand for the same."""
        if self.root is not other.root:
            other.root._same = self.root

    def descends_from(self, other: Origin, in_order: bool = False) -> bool:
        """Return whether this origin is `other`, or was made from it, without a change of order."""
        waiting, seen = [self], set[Origin]()
        while waiting:
            origin = waiting.pop()
            if origin.root is other.root:
                return True
            if origin not in seen:
                seen.add(origin)
                waiting += [origin.root] if origin._same else []
                waiting += () if in_order and origin.is_reordered else origin.parents
        return False


NO, YES = 0, sys.maxsize
"""Whether the indices of a part are features. A number between: they were, until weights were
contracted with another axis; the later this was, the greater."""


@dataclass(frozen=True)
class Part:
    """A factor of the length of an axis."""

    size: int
    origin: Origin
    feature: int = NO

    def is_split_from(self, other: Part) -> bool:
        """Return whether this and `other` are features that were one axis before."""
        return (
            self.feature == other.feature == YES
            and self.origin.whole is other.origin.whole is not None
        )


Axis = tuple[Part, ...]
"""Parts in row-major order; an axis of length 1 may have none."""

Axes = tuple[Axis, ...]


def length(axis: Axis) -> int:
    """Return the number of indices along an axis."""
    return prod(part.size for part in axis)


def feature_of(axis: Axis) -> int:
    """Return whether any part of an axis is a feature, as the greatest number of a part."""
    return max((part.feature for part in axis), default=NO)


def with_feature(axis: Axis, feature: int) -> Axis:
    """Return an axis all parts of which are, or are not, features."""
    return tuple(replace(part, feature=feature) for part in axis)


def with_features_on(axes: Axes, k: int, features: Axis, keeps_split: bool = True) -> Axes:
    """Return axes with `features` in place of axis `k`; the features of the others are past.

    Features that were split, as into attention heads and features of a head, stay together, unless
    `keeps_split` is false.
    """
    parts = [part for axis in axes for part in axis]
    past = 1 + max((part.feature for part in parts if part.feature < YES), default=NO)

    def demoted(part: Part) -> Part:
        if part.feature < YES or (keeps_split and any(map(part.is_split_from, axes[k]))):
            return part
        return replace(part, feature=past)

    k %= len(axes)
    return tuple(features if i == k else tuple(map(demoted, axis)) for i, axis in enumerate(axes))


def new_axis(size: int, *parents: Axis, feature: int = NO) -> Axis:
    """Return an axis of unknown indices, which were made from the axes `parents`."""
    parts = [part for axis in parents for part in axis]
    origin = Origin([part.origin for part in parts])
    if len(parts) == 1 and parts[0].feature == YES:
        origin.whole = parts[0].origin.whole
    return (Part(size, origin, feature),)


def resized(axis: Axis, size: int) -> Axis:
    """Return an axis after an operation that keeps the axes in order and may change a length."""
    return axis if length(axis) == size else new_axis(size, axis, feature=feature_of(axis))


def reordered(axis: Axis, size: int) -> Axis:
    """Return an axis of some indices of `axis` in another order."""
    axis = new_axis(size, axis, feature=feature_of(axis))
    axis[0].origin.is_reordered = True
    return axis


def indexed(axis: Axis, order: Sequence[int]) -> Axis:
    """Return the axis of the indices `order` of `axis`; what undoes an earlier order is seen."""
    order = [i % length(axis) for i in order]
    source, feature = axis, feature_of(axis)
    if len(axis) == 1 and axis[0].origin.order:
        order = [axis[0].origin.order[i] for i in order]
        source = axis[0].origin.source
    indices = range(length(source))
    times = len(order) // len(indices) if indices else 0
    if times and order == [i for i in indices for _ in range(times)]:
        source = source if feature_of(source) == feature else with_feature(source, feature)
        return source if times == 1 else (*source, *new_axis(times))
    result = reordered(axis, len(order))
    result[0].origin.order, result[0].origin.source = order, source
    return result


def reshaped(axes: Axes, shape: Sequence[int]) -> Axes:
    """Return the axes of a tensor of these axes that is viewed in another shape, row-major.

    Axes that neither join nor split parts evenly are unknown.
    """
    waiting = [part for axis in axes for part in axis]
    waiting.reverse()
    result: list[Axis] = []
    for k, size in enumerate(shape):
        axis: list[Part] = []
        missing = size
        if size == 1 and waiting and waiting[-1].size == 1:
            axis.append(waiting.pop())
        while missing > 1 and waiting:
            part = waiting.pop()
            if part.size == 1:
                continue
            if missing % part.size == 0:
                axis.append(part)
                missing //= part.size
            elif part.size % missing == 0:
                first, second = _pieces(part, missing)
                axis.append(first)
                waiting.append(second)
                missing = 1
            else:
                break
        if missing != 1:
            return (*result, *(new_axis(size, *axes) for size in shape[k:]))
        result.append(_rejoined(axis))
    return tuple(result)


def _pieces(part: Part, size: int) -> tuple[Part, Part]:
    first, second = Origin([part.origin]), Origin([part.origin])
    first.second_piece = second
    first.whole = second.whole = part.origin.whole or part.origin
    return Part(size, first, part.feature), Part(part.size // size, second, part.feature)


def _rejoined(axis: Sequence[Part]) -> Axis:
    """Return parts, with the two pieces of one part joined to it again."""
    parts: list[Part] = []  # in reverse
    for part in reversed(axis):
        while parts and part.origin.second_piece is parts[-1].origin:
            part = Part(part.size * parts.pop().size, part.origin.parents[0], part.feature)
        parts.append(part)
    return tuple(reversed(parts))


def joined(operands: Sequence[Axes], shape: Sequence[int], others: int = NO) -> Axes:
    """Return the axes of a tensor that operands of these axes were broadcast to, elementwise.

    The features of two operands with features are the axes that are features in both: those of
    ``x + f(x)`` are not the positions that f mixed.

    Parameters
    ----------
    operands
        Axes of each operand.
    shape
        Lengths of the axes.
    others
        Whether axes of the tensor that are not among these are features.
    """
    aligned = [
        [
            operand[k - len(shape)]
            if len(shape) - k <= len(operand) and length(operand[k - len(shape)]) == size
            else None
            for k, size in enumerate(shape)
        ]
        for operand in operands
    ]
    informed = [
        [NO if axis is None else feature_of(axis) for axis in operand]
        for operand in aligned
        if any(axis is not None and feature_of(axis) for axis in operand)
    ]
    # A scale of each row, which is the same for all its features, does not say what features are.
    whole = [
        [feature_of(axis) for axis in operand if axis is not None]
        for operand in aligned
        if None not in operand and any(feature_of(axis) for axis in operand if axis is not None)
    ]
    features = [min(axis) for axis in zip(*(whole or informed), strict=True)]
    features = features or [NO] * len(shape)
    highest = max([*features, others])
    columns = [
        [axis for operand in aligned if (axis := operand[k]) is not None] for k in range(len(shape))
    ]
    axes = []
    for size, candidates, feature in zip(shape, columns, features, strict=True):
        candidates = [axis for axis in candidates if axis]
        if not candidates:
            axes.append(() if size == 1 else new_axis(size))
            continue
        for other in candidates[1:]:
            _unite(candidates[0], other)
        best = max(candidates, key=_knowledge)
        # Among features of the past alone, none was replaced by others.
        is_feature = YES if feature and feature == highest else feature
        if feature_of(best) != is_feature:
            best = _marked(best, candidates, is_feature)
        if highest and is_feature != YES:
            for part in (part for axis in candidates for part in axis if part.feature == YES):
                part.origin.is_position = True
        axes.append(best)
    return tuple(axes)


def _knowledge(axis: Axis) -> tuple[bool, bool, int]:
    in_order = not any(part.origin.is_reordered for part in axis)
    return any(part.origin.root is SAMPLES for part in axis), in_order, len(axis)


def _marked(axis: Axis, candidates: Sequence[Axis], feature: int) -> Axis:
    """Return `axis` as a feature or not, with only those parts that are a feature somewhere."""
    if not feature:
        return with_feature(axis, feature)
    sizes = [part.size for part in axis]
    for candidate in sorted(candidates, key=feature_of, reverse=True):
        if [part.size for part in candidate] == sizes and feature_of(candidate):
            return tuple(
                replace(part, feature=feature if other.feature else NO)
                for part, other in zip(axis, candidate, strict=True)
            )
    return tuple(
        part if part.origin.root is SAMPLES else replace(part, feature=feature) for part in axis
    )


def _unite(axis: Axis, other: Axis) -> None:
    if [part.size for part in axis] != [part.size for part in other]:
        return
    for part, same in zip(axis, other, strict=True):
        origins = part.origin, same.origin
        if not any(origin.root is SAMPLES or origin.is_reordered for origin in origins):
            part.origin.unite(same.origin)


SAMPLES = Origin()
"""The samples of a batch."""
