"""Sample ids: the identity of each sample, and which samples an earlier run captured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from isorep.activations.batch import Batch
from isorep.representations.representations import as_sample_ids


class NoSamplesError(ValueError):
    """There are no samples."""


@dataclass(frozen=True)
class Samples:
    """The samples of batch number `index` that were not captured before, with their ids."""

    index: int
    batch: Batch
    ids: tuple[str, ...]


def checked_ids(sample_ids: Sequence[str | int]) -> tuple[str, ...]:
    """Return the caller's ids as strings; raise TypeError for a single string."""
    if isinstance(sample_ids, str):
        raise TypeError("sample_ids should be a sequence with one id for each sample, got str")
    return as_sample_ids(sample_ids)


def identified(
    batches: Iterable[Batch], sample_ids: Sequence[str] | None, captured: Sequence[str]
) -> Iterator[Samples]:
    """Yield the samples of `batches` that follow the `captured` ones, which must come first.

    Parameters
    ----------
    batches
        Batches of the data.
    sample_ids
        The id of each sample; None stands for digests, which are computed before a model can change
        its input in place.
    captured
        Ids of the samples to skip.

    Raises
    ------
    ValueError
        There are no samples, not as many ids as samples, or other samples than were captured.
    """
    n = 0
    for i, batch in enumerate(batches):
        start, n = n, n + batch.n
        if sample_ids is not None and len(sample_ids) < n:
            raise _unequal(n, sample_ids)
        ids = batch.digests() if sample_ids is None else tuple(sample_ids[start:n])
        _check_captured(ids, start, captured)
        n_known = min(max(len(captured) - start, 0), batch.n)
        if not n_known:
            yield Samples(i, batch, ids)
        elif n_known < batch.n:
            yield Samples(i, batch.cut(n_known, batch.n), ids[n_known:])
    if not n:
        raise NoSamplesError("the data yielded no samples; an iterator can be used only once")
    if sample_ids is not None and len(sample_ids) != n:
        raise _unequal(n, sample_ids)
    if n < len(captured):
        raise ValueError(
            f"the data ended after {n} samples, and {len(captured)} were captured before"
        )


def _check_captured(ids: Sequence[str], start: int, captured: Sequence[str]) -> None:
    for i, (before, new) in enumerate(zip(captured[start:], ids, strict=False), start):
        if before != new:
            reason = "comes in another order than" if new in captured else "is not the data that"
            raise ValueError(
                f"the data {reason} was captured before: sample {i} was {before!r} and is now "
                f"{new!r}; resume with the same samples in the same order (no shuffling, no "
                "augmentation)"
            )


def _unequal(n: int, sample_ids: Sequence[str]) -> ValueError:
    return ValueError(
        f"expected one id for each of the {n} samples, got {len(sample_ids)} sample_ids"
    )
