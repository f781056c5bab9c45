"""Hugging Face folders on disk: load the model."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONFIG = "config.json"
_HEAD = "pooler"


def is_model_folder(path: Path) -> bool:
    """Tell whether the folder holds a model."""
    return (path / CONFIG).is_file()


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
    transformers = import_transformers()
    try:
        with quiet(transformers):
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
            f"model.save_pretrained(folder) writes them, got {first_line(error)}"
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


def import_transformers() -> Any:
    """Return the module transformers, or say how to install it."""
    try:
        import transformers
    except ModuleNotFoundError as error:
        message = "a Hugging Face folder needs transformers: pip install transformers"
        raise ImportError(message) from error
    return transformers


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
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


def first_line(error: BaseException) -> str:
    """Return the type of `error` and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])
