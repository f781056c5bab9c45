"""Texts: read one per line from a file, and cut into tokens for Hugging Face models."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from isorep._utils.tokens import TEXTS_OF_BATCH, UNLIMITED, longest_text, token_batch
from isorep.model_files.huggingface_folder import (
    first_line,
    import_transformers,
    is_model_folder,
    quiet,
)

STDIN = Path("-")
"""Path that stands for standard input."""

_TOKENIZERS = ("tokenizer.json", "tokenizer_config.json", "vocab.txt")


def read_texts(path: Path) -> list[str]:
    """Return the texts of a file, or of standard input if it is "-": one per line, no blank lines.

    Raises
    ------
    ValueError
        If it is not UTF-8, or holds no text.
    """
    content = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    try:
        lines = content.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 text: {error}") from error
    texts = [line for line in lines if line.strip()]
    if not texts:
        raise ValueError(f"{str(path)!r} holds no text")
    return texts


def has_tokenizer(path: Path) -> bool:
    """Tell whether the folder holds a tokenizer."""
    return any((path / name).is_file() for name in _TOKENIZERS)


def tokenize(texts: Sequence[str], folders: Sequence[Path]) -> list[dict[str, Any]]:
    """Cut texts into tokens for the models in `folders`; return padded batches with masks.

    Texts longer than one of the models takes are cut.

    Raises
    ------
    ValueError
        If no folder has a tokenizer, a tokenizer cannot be loaded, two tokenizers differ, or a
        token is not in the vocabulary of a model.

    Warns
    -----
    UserWarning
        If the folder of a model has no tokenizer, and that of another is taken.
    """
    longest = min([UNLIMITED, *(_longest_text(folder) for folder in folders)])
    by_folder = {
        folder: _batches(texts, folder, longest) for folder in folders if has_tokenizer(folder)
    }
    if not by_folder:
        raise ValueError(
            f"text needs the tokenizer of a Hugging Face folder, {' or '.join(_TOKENIZERS)}: "
            + (f"there is none in {', '.join(map(str, folders))}" if folders else "got no folder")
        )
    (first, batches), *others = by_folder.items()
    for folder in folders:
        if is_model_folder(folder):
            _check_vocabulary(batches, folder, first)
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


def _batches(texts: Sequence[str], folder: Path, longest: int) -> list[dict[str, Any]]:
    """Cut texts into at most `longest` tokens with the tokenizer in a folder."""
    transformers = import_transformers()
    try:
        with quiet(transformers):
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"cannot load the tokenizer in {str(folder)!r}: {first_line(error)}"
        ) from error
    return [
        token_batch(tokenizer, texts[start : start + TEXTS_OF_BATCH], longest, "pt")
        for start in range(0, len(texts), TEXTS_OF_BATCH)
    ]


def _check_vocabulary(batches: Sequence[dict[str, Any]], folder: Path, tokenizer: Path) -> None:
    """Warn if a model is run on the tokens of another; raise ValueError if it has not all of them.

    Parameters
    ----------
    batches
        Tokens of the texts.
    folder
        Folder of the model.
    tokenizer
        Folder of the tokenizer.
    """
    size = getattr(_config(folder), "vocab_size", None)
    largest = max(int(batch["input_ids"].max()) for batch in batches)
    whose = "" if has_tokenizer(folder) else f"no tokenizer, so that of {str(tokenizer)!r} is used"
    if size is not None and largest >= size:
        raise ValueError(
            f"the texts have token number {largest}, and the model in {str(folder)!r} knows "
            f"{size} tokens{f' and has {whose}' if whose else ''}: it needs a tokenizer of its own"
        )
    if whose:
        warnings.warn(f"{str(folder)!r} has {whose}", stacklevel=3)


def _longest_text(folder: Path) -> int:
    """Return how many tokens the model in a folder takes."""
    return longest_text(_config(folder)) if is_model_folder(folder) else UNLIMITED


def _config(folder: Path) -> Any:
    """Return the configuration of the model in a folder, of its part that reads text."""
    try:
        config = import_transformers().AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(
            f"cannot load a model from {str(folder)!r}: config.json: {first_line(error)}"
        ) from error
    return config.get_text_config()


def _unpadded(batches: Sequence[dict[str, Any]]) -> Iterator[list[int]]:
    """Yield the token ids of each text."""
    for batch in batches:
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
            yield ids[mask == 1].tolist()


def _shortened(ids: Sequence[int]) -> str:
    """Return the first token ids as text."""
    return f"{str(list(ids[:6]))[:-1]}, ...]" if len(ids) > 6 else str(list(ids))
