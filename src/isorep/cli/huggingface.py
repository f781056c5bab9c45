"""Hugging Face folders on disk: the model in one, and text as its tokenizer cuts it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONFIG = "config.json"
_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")
_HEAD = "pooler"
_LINES_AT_ONCE = 32
_ENDLESS = 100_000
"""Tokenizers that know no longest text say 1e30."""


_POSITIONS_BEHIND_PADDING = {
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
"""Kinds of model that have room for fewer tokens than positions."""


def is_model_folder(path: Path) -> bool:
    """Tell whether a model was saved to this folder."""
    return (path / CONFIG).is_file()


def has_tokenizer(path: Path) -> bool:
    """Tell whether a tokenizer was saved to this folder."""
    return any((path / name).is_file() for name in _TOKENIZERS)


def load_model(folder: Path) -> Any:
    """Load the model in a folder, without the heads of its task; no pickle, no code of the folder.

    A pooler whose weights are not in the file would be random, and is taken off.

    Raises
    ------
    ValueError
        When there is no model in safetensors, or its weights do not fit or are not complete.
    ImportError
        When transformers is not installed.
    """
    transformers = _transformers()
    try:
        with _quiet(transformers):
            model, told = transformers.AutoModel.from_pretrained(
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
    missing = sorted(told["missing_keys"])
    if missing and all(key.startswith(f"{_HEAD}.") for key in missing):
        setattr(model, _HEAD, None)
    elif missing:
        raise ValueError(
            f"cannot load a model from {str(folder)!r}: {len(missing)} of its weights are not "
            f"there, the first of them {missing[0]!r}"
        )
    return model


def tokenized(lines: Sequence[str], folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Cut each line into tokens, for models in `folders`; return padded batches with their masks.

    Texts longer than a model takes are cut.

    Raises
    ------
    ValueError
        When no folder has a tokenizer, one cannot be loaded, or two do not agree.
    """
    found = {folder: _tokens(lines, folder) for folder in folders if has_tokenizer(folder)}
    if not found:
        raise ValueError(
            f"text needs the tokenizer of a Hugging Face folder, {' or '.join(_TOKENIZERS)}: "
            + (f"there is none in {', '.join(map(str, folders))}" if folders else "got no folder")
        )
    (first, batches), *others = found.items()
    for other, its_batches in others:
        for number, (own, its) in enumerate(
            zip(_unpadded(batches), _unpadded(its_batches), strict=True), start=1
        ):
            if own != its:
                raise ValueError(
                    f"the tokenizers in {str(first)!r} and {str(other)!r} differ: text {number} is "
                    f"{_shown(own)} in one and {_shown(its)} in the other. Capture each model on "
                    "its own tokens, give both captures the same sample_ids, and compare the stores"
                )
    return batches


def _tokens(lines: Sequence[str], folder: Path) -> list[dict[str, Any]]:
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
    if tokenizer.pad_token is None:  # which token it is makes no difference behind the mask
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    # Positions past the last token are seen by no token before them, whatever the model.
    tokenizer.padding_side = "right"
    limits = [tokenizer.model_max_length]
    if is_model_folder(folder):
        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        limits += _positions(config)
    longest = min(limits)
    limit = {"truncation": True, "max_length": longest} if longest <= _ENDLESS else {}
    return [
        dict(
            tokenizer(
                list(lines[start : start + _LINES_AT_ONCE]),
                padding=True,
                return_tensors="pt",
                return_attention_mask=True,
                **limit,
            )
        )
        for start in range(0, len(lines), _LINES_AT_ONCE)
    ]


def _positions(config: Any) -> list[int]:
    """Return how many tokens a model has positions for, where its configuration says that."""
    positions = getattr(config, "max_position_embeddings", None)
    if not positions or positions < 1:
        return []
    # These number positions from behind that of padding.
    behind = config.model_type in _POSITIONS_BEHIND_PADDING and config.pad_token_id is not None
    return [positions - (config.pad_token_id + 1 if behind else 0)]


def _unpadded(batches: Sequence[dict[str, Any]]) -> Iterator[list[int]]:
    """Yield the ids of each text."""
    for batch in batches:
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
            yield ids[mask == 1].tolist()


def _shown(ids: Sequence[int]) -> str:
    return f"{str(list(ids[:6]))[:-1]}, ...]" if len(ids) > 6 else str(list(ids))


def _transformers() -> Any:
    try:
        import transformers
    except ModuleNotFoundError as error:
        wanted = "a Hugging Face folder needs transformers: pip install transformers"
        raise ImportError(wanted) from error
    return transformers


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Keep bars, and reports of heads that are not loaded, from the terminal."""
    log = transformers.utils.logging
    before, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(logging.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(before)
        if bars:
            log.enable_progress_bar()


def _brief(error: BaseException) -> str:
    """Return the type of `error` and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
