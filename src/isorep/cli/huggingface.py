"""Hugging Face folders on disk: load the model, and cut texts with the tokenizer."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONFIG = "config.json"
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")
_HEAD = "pooler"
_BATCH_SIZE = 32

_UNLIMITED = 100_000
"""Tokens; a tokenizer without a limit says 1e30."""

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


def is_model_folder(path: Path) -> bool:
    """Tell whether the folder holds a model."""
    return (path / CONFIG).is_file()


def has_tokenizer(path: Path) -> bool:
    """Tell whether the folder holds a tokenizer."""
    return any((path / name).is_file() for name in _TOKENIZERS)


def load_model(folder: Path) -> Any:
    """Load the model in a folder, without the heads of its task.

    Pickles are not loaded, and code in the folder does not run. A pooler without weights in the
    file would be random, so it is removed.

    Raises
    ------
    ValueError
        If the folder holds no model in safetensors, or weights do not fit or are missing.
    ImportError
        If transformers is not installed.
    """
    transformers = _transformers()
    try:
        with _quiet(transformers):
            model, info = transformers.AutoModel.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"cannot load a model from {str(folder)!r}: expected config.json and safetensors, as "
            f"model.save_pretrained(folder) writes them, got {_brief(error)}"
        ) from error
    missing = sorted(info["missing_keys"])
    if missing and all(key.startswith(f"{_HEAD}.") for key in missing):
        setattr(model, _HEAD, None)
    elif missing:
        raise ValueError(
            f"cannot load a model from {str(folder)!r}: {len(missing)} of its weights are "
            f"missing, the first of them {missing[0]!r}"
        )
    return model


def tokenize(texts: Sequence[str], folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Cut texts into tokens for the models in `folders`; return padded batches with masks.

    Texts longer than a model takes are cut.

    Raises
    ------
    ValueError
        If no folder has a tokenizer, a tokenizer cannot be loaded, or two tokenizers differ.
    """
    by_folder = {folder: _batches(texts, folder) for folder in folders if has_tokenizer(folder)}
    if not by_folder:
        raise ValueError(
            f"text needs the tokenizer of a Hugging Face folder, {' or '.join(_TOKENIZERS)}: "
            + (f"there is none in {', '.join(map(str, folders))}" if folders else "got no folder")
        )
    (first, batches), *others = by_folder.items()
    for other, other_batches in others:
        pairs = zip(_unpadded(batches), _unpadded(other_batches), strict=True)
        for number, (tokens, other_tokens) in enumerate(pairs, start=1):
            if tokens != other_tokens:
                raise ValueError(
                    f"the tokenizers in {str(first)!r} and {str(other)!r} differ: text {number} is "
                    f"{_shortened(tokens)} in one and {_shortened(other_tokens)} in the other. "
                    "Capture each model on its own tokens, give both captures the same sample_ids, "
                    "and compare the stores"
                )
    return batches


def _batches(texts: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Cut texts into tokens with the tokenizer in a folder."""
    transformers = _transformers()
    try:
        with _quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"cannot load the tokenizer in {str(folder)!r}: {_brief(error)}"
        ) from error
    if tokenizer.pad_token is None:  # the mask hides it, so any token will do
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    # Causal models do not see padding on the right, even if they ignore the mask.
    tokenizer.padding_side = "right"
    limits = [tokenizer.model_max_length]
    if is_model_folder(folder):
        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        limits += _positions(config)
    longest = min(limits)
    limit = {"truncation": True, "max_length": longest} if longest <= _UNLIMITED else {}
    return [
        dict(
            tokenizer(
                list(texts[start : start + _BATCH_SIZE]),
                padding=True,
                return_tensors="pt",
                return_attention_mask=True,
                **limit,
            )
        )
        for start in range(0, len(texts), _BATCH_SIZE)
    ]


def _positions(config: Any) -> list[int]:
    """Return how many tokens a model takes, if its configuration says so."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or positions < 1:
        return []
    after_padding = (
        config.model_type in _POSITIONS_AFTER_PADDING and config.pad_token_id is not None
    )
    return [positions - (config.pad_token_id + 1 if after_padding else 0)]


def _unpadded(batches: Sequence[dict[str, Any]]) -> Iterator[list[int]]:
    """Yield the token ids of each text."""
    for batch in batches:
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
            yield ids[mask == 1].tolist()


def _shortened(ids: Sequence[int]) -> str:
    """Return the first token ids as text."""
    return f"{str(list(ids[:6]))[:-1]}, ...]" if len(ids) > 6 else str(list(ids))


def _transformers() -> Any:
    try:
        import transformers
    except ModuleNotFoundError as error:
        message = "a Hugging Face folder needs transformers: pip install transformers"
        raise ImportError(message) from error
    return transformers


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Silence progress bars and messages about heads that are not loaded."""
    log = transformers.utils.logging
    verbosity, has_bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if has_bars:
            log.enable_progress_bar()


def _brief(error: BaseException) -> str:
    """Return the type of `error` and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
