"""Sample order: whether two sides hold the same samples, and how to bring them into one order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def common_order(ids: Sequence[str], other_ids: Sequence[str]) -> NDArray[np.int64] | None:
    """Return the indices that bring `other_ids` into the order of `ids`.

    None if the ids are not the same, or some repeat, so that it is unknown which belong together.

    Examples
    --------
    >>> common_order(["cat", "dog"], ["dog", "cat"])
    array([1, 0])
    """
    places = {sample_id: i for i, sample_id in enumerate(other_ids)}
    if not len(places) == len(other_ids) == len(ids) or places.keys() != set(ids):
        return None
    return np.array([places[sample_id] for sample_id in ids], dtype=np.int64)


def difference(
    ids: Sequence[str],
    other_ids: Sequence[str],
    name: str,
    other_name: str,
    *,
    if_reordered: str,
    if_different: str,
) -> str:
    """Return the message for two sides whose sample ids differ, with the first that does.

    Parameters
    ----------
    ids, other_ids : sequence of str
        The ids of the two sides.
    name, other_name : str
        Names of the sides.
    if_reordered, if_different : str
        What to do if the samples are the same in another order, and if they are not the same.
    """
    both = f"{name} and {other_name}"
    missing = Counter(ids) - Counter(other_ids)
    if not missing and len(ids) == len(other_ids):
        i = next(i for i, pair in enumerate(zip(ids, other_ids, strict=True)) if len({*pair}) > 1)
        if len(set(ids)) < len(ids):
            if_reordered = "some repeat, so bring the rows into one order yourself"
        return (
            f"{both} hold the same samples in another order: sample {i} is {ids[i]!r} in {name} "
            f"and {other_ids[i]!r} in {other_name}; {if_reordered}"
        )
    if not missing:
        missing = Counter(other_ids) - Counter(ids)
        ids, name, other_name = other_ids, other_name, name
    first = next(i for i, sample_id in enumerate(ids) if sample_id in missing)
    return (
        f"{both} hold different samples: {missing.total()} of the {len(ids)} in {name} are not in "
        f"{other_name}, the first of them sample {first}, {ids[first]!r}; {if_different}"
    )
