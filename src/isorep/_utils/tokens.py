"""Tokens: texts cut by a Hugging Face tokenizer into padded batches with masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

UNLIMITED = 100_000
"""Tokens; a tokenizer without a limit says 1e30."""

TEXTS_OF_BATCH = 32

_POSITIONS_AFTER_PADDING = {
    "camembert",
    "data2vec-text",
    "esm",
    "ibert",
    "longformer",
    "luke",
    "markuplm",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
}
"""Types of model that number positions from the padding token on, and so take fewer tokens."""


def are_texts(data: Any) -> bool:
    """Return whether data are a list or tuple of texts."""
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(x, str) for x in data)


def listed_texts(data: Any) -> Any:
    """Return a column or an array of texts as a list; return other data as they are.

    Examples
    --------
    >>> import numpy as np
    >>> listed_texts(np.array(["a", "b c"])), listed_texts({"text": [1, 2]})
    (['a', 'b c'], {'text': [1, 2]})
    """
    is_column = (
        hasattr(data, "__len__")
        and hasattr(data, "__getitem__")
        and not isinstance(data, str | Mapping | list | tuple)
        and getattr(data, "ndim", 1) == 1
        and not hasattr(data, "column_names")  # a data set of Hugging Face
    )
    if not is_column or not len(data) or not isinstance(next(iter(data)), str):
        return data
    return [str(text) for text in data]


def longest_text(config: Any) -> int:
    """Return how many tokens a model takes, by its configuration; `UNLIMITED` if it is unknown."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or positions < 1:
        return UNLIMITED
    after_padding = (
        config.model_type in _POSITIONS_AFTER_PADDING and config.pad_token_id is not None
    )
    return int(positions - (config.pad_token_id + 1 if after_padding else 0))


def token_batch(
    tokenizer: Any, texts: Sequence[str], longest: int, tensors: Literal["pt", "np"]
) -> dict[str, Any]:
    """Cut texts into at most `longest` tokens; return tensors with a mask of the padding."""
    longest = min(longest, tokenizer.model_max_length)
    limit = {"truncation": True, "max_length": longest} if longest < UNLIMITED else {}
    token, side = tokenizer.pad_token, tokenizer.padding_side
    try:
        if token is None:  # the mask hides it, so any token will do
            tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
        # Causal models do not see padding on the right, even if they ignore the mask.
        tokenizer.padding_side = "right"
        batch = tokenizer(
            list(texts), padding=True, return_tensors=tensors, return_attention_mask=True, **limit
        )
    finally:
        tokenizer.pad_token, tokenizer.padding_side = token, side
    return dict(batch)
