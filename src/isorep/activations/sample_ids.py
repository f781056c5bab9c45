"""Identity: which samples go by, and which of them were captured before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from isorep.activations.batches import Batch
from isorep.representations.representations import as_ids


class NoSamplesError(ValueError):
    """There is no data."""


@dataclass(frozen=True)
class Samples:
    """Batch number `index` of the data, or what of it is new, with the ids of its samples."""

    index: int
    batch: Batch
    ids: tuple[str, ...]


def given_ids(sample_ids: Sequence[str | int]) -> tuple[str, ...]:
    """Return ids that the caller gave, as strings."""
    if isinstance(sample_ids, str):
        raise TypeError("sample_ids should be a sequence with one id for each sample, got str")
    return as_ids(sample_ids)


def identified(
    batches: Iterable[Batch], given: Sequence[str] | None, captured: Sequence[str]
) -> Iterator[Samples]:
    """Yield what of `batches` comes after the `captured` samples, which must be the first.

    Parameters
    ----------
    batches
        The data.
    given
        The id of each sample; None: its digest, made before a model can change its input in place.
    captured
        The ids of the samples to leave out.

    Raises
    ------
    ValueError
        There are no samples, not as many as ids, or other ones than were captured.
    """
    n = 0
    for i, batch in enumerate(batches):
        start, n = n, n + batch.n
        if given is not None and len(given) < n:
            raise _unequal(n, given)
        ids = tuple(batch.digests()) if given is None else tuple(given[start:n])
        _check_captured(ids, start, captured)
        known = min(max(len(captured) - start, 0), batch.n)
        if not known:
            yield Samples(i, batch, ids)
        elif known < batch.n:
            yield Samples(i, batch.cut(known, batch.n), ids[known:])
    if not n:
        raise NoSamplesError("the data yielded no samples; an iterator can be used only once")
    if given is not None and len(given) != n:
        raise _unequal(n, given)
    if n < len(captured):
        raise ValueError(
            f"the data ended after {n} samples, and {len(captured)} were captured before"
        )


def _check_captured(ids: Sequence[str], start: int, captured: Sequence[str]) -> None:
    for i, (before, now) in enumerate(zip(captured[start:], ids, strict=False), start):
        if before != now:
            what = "comes in another order than" if now in captured else "is not the data that"
            raise ValueError(
                f"the data {what} was captured before: sample {i} was {before!r} and is now "
                f"{now!r}; go on with the same samples in the same order (no shuffling, no "
                "augmentation)"
            )


def _unequal(n: int, given: Sequence[str]) -> ValueError:
    return ValueError(f"expected one id for each of the {n} samples, got {len(given)} sample_ids")
