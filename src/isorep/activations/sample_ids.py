"""Sample ids: the identity of each sample, and which samples an earlier run captured."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

from isorep._utils.caller import stacklevel_of_caller
from isorep.representations.representations import as_sample_ids

NO_SAMPLES = "the data yielded no samples; an iterator can be used only once"


class NoSamplesError(ValueError):
    """There are no samples."""


class Identifiable(Protocol):
    """A batch of some samples."""

    @property
    def n(self) -> int:
        """Number of samples."""

    def cut(self, start: int, stop: int) -> Self:
        """Return the samples from `start` up to `stop`."""

    def digests(self) -> tuple[str, ...]:
        """Return an id of each sample, made from what it holds."""


AnyBatch = TypeVar("AnyBatch", bound=Identifiable)


@dataclass(frozen=True)
class Samples(Generic[AnyBatch]):
    """The samples of batch number `index` that were not captured before, with their ids."""

    index: int
    batch: AnyBatch
    ids: tuple[str, ...]


def checked_ids(sample_ids: Sequence[str | int], *, shuffled: bool) -> tuple[str, ...]:
    """Return the caller's ids as strings.

    Raises
    ------
    TypeError
        The ids are a single string.
    ValueError
        The samples come in random order.
    """
    if isinstance(sample_ids, str):
        raise TypeError("sample_ids should be a sequence with one id for each sample, got str")
    if shuffled:
        raise ValueError(
            "sample_ids name the samples in the order of the data, and this DataLoader shuffles "
            "them: pass shuffle=False, or leave out sample_ids, so that each sample is known by "
            "its content"
        )
    return as_sample_ids(sample_ids)


def warn_of_other_rows(name: str, n: int) -> None:
    """Warn that the input `name` has no row for each of the `n` samples of the first batch."""
    text = (
        f"the input {name!r} has no row for each of the {n} samples of the first batch, "
        "which are taken to be the rows of the other inputs. Nodes of one graph depend on each "
        "other: pass the graph of each node, Representations(reps, groups=graphs). If graphs are "
        "the samples, pass inputs with a row for each graph, such as padded ones"
    )
    warnings.warn(text, UserWarning, stacklevel=stacklevel_of_caller())


def warn_of_repeats(n: int, n_distinct: int) -> None:
    """Warn if n samples have fewer distinct ids."""
    if n_distinct == n:
        return
    text = (
        f"{n - n_distinct} of the {n} samples repeat another one. Comparisons of these "
        "Representations treat repeats as one group; for an array taken out of them, pass groups= "
        "the sample_ids. Workers of an IterableDataset and samplers with replacement repeat "
        "samples; if equal inputs are different samples, pass sample_ids"
    )
    warnings.warn(text, UserWarning, stacklevel=stacklevel_of_caller())


def identified(
    batches: Iterable[AnyBatch], sample_ids: Sequence[str] | None, captured: Sequence[str]
) -> Iterator[Samples[AnyBatch]]:
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
        raise NoSamplesError(NO_SAMPLES)
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
