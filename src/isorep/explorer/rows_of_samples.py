"""Rows of samples: which sample, and which of its tokens, each row of an explanation is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from isorep.explanation.explanation import Explanation
from isorep.explorer.matched_sides import MatchedSides


def samples_of_rows(sides: MatchedSides, cell: tuple[int, int]) -> NDArray[np.int64] | None:
    """Return the place in `a` of the sample of each row; None if rows are unknown positions."""
    rows = sides.positions(cell)
    if rows is not None:
        places: NDArray[np.int64] = sides.places[rows.samples]
        return places
    return sides.places if len(sides.x[sides.x_layers[cell[0]]]) == sides.x.n_samples else None


def samples_by_name(explanation: Explanation, n_samples: int) -> NDArray[np.int64]:
    """Return the number of the sample of each row, as far as an explanation alone says it."""
    names = explanation.samples["sample_name"].to_numpy()
    if "position" not in explanation.samples.coords and len(names) == n_samples:
        return np.arange(n_samples)
    if names.dtype.kind in "iu":  # without ids, names are numbers
        if names.max() < n_samples:
            return names.astype(np.int64)
        n_needed: int = names.max() + 1
    else:
        distinct = {name: i for i, name in enumerate(dict.fromkeys(names.tolist()))}
        if len(distinct) == n_samples:
            return np.array([distinct[name] for name in names.tolist()])
        n_needed = len(distinct)
    raise ValueError(
        f"samples has {n_samples} items, and an explanation has {n_needed} samples: pass one item "
        "for each sample, in their order"
    )


def token_texts(
    sides: MatchedSides, cell: tuple[int, int], samples: Sequence[Sequence[str]]
) -> Callable[[int], str] | None:
    """Return the text of each token id, from the first row that has it; None without token ids."""
    rows = sides.positions(cell)
    if rows is None or rows.tokens is None:
        return None
    ids, first = np.unique(rows.tokens, return_index=True)
    places, positions = sides.places[rows.samples[first]], rows.positions[first]
    texts = {}
    for token, place, position in zip(
        ids.tolist(), places.tolist(), positions.tolist(), strict=True
    ):
        _check_position(samples, place, position)
        texts[token] = samples[place][position]
    return texts.__getitem__


def check_positions(
    explanation: Explanation,
    sample_of_row: NDArray[np.int64] | None,
    samples: Sequence[Sequence[str]],
) -> None:
    """Raise ValueError if a sample has fewer tokens than rows say."""
    if sample_of_row is None or "position" not in explanation.samples.coords:
        return
    lengths = np.array([len(tokens) for tokens in samples])
    positions = explanation.samples["position"].to_numpy()
    beyond = positions >= lengths[sample_of_row]
    if beyond.any():
        row = int(beyond.argmax())
        _check_position(samples, int(sample_of_row[row]), int(positions[row]))


def _check_position(samples: Sequence[Sequence[str]], number: int, position: int) -> None:
    if position >= len(samples[number]):
        raise ValueError(
            f"samples[{number}] has {len(samples[number])} tokens, and a layer has a row at its "
            f"position {position}: pass all tokens of each sample, with special tokens"
        )
