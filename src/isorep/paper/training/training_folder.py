"""Training folder: the training of a language model on disk, so that it can be resumed.

``training.json`` describes the training, ``epoch-0.npz`` ... hold the checkpoints, and
``progress.npz`` holds the perplexities and the optimizer's state. Each file is written whole or not
at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from isorep._utils.atomic import new_file
from isorep.paper.data.text import Corpus
from isorep.paper.models.weights import Weights
from isorep.paper.training.language_recipe import LanguageModel

_DESCRIPTION, _PROGRESS = "training.json", "progress.npz"


@dataclass(frozen=True)
class Description:
    """What is trained on which text.

    Attributes
    ----------
    recipe : LanguageModel
        Model and training.
    seed : int
        Random seed of the weights, the dropout masks and the window lengths.
    words : int
        Size of the vocabulary.
    corpus, corpus_digest, note : str
        Name, digest and note of the `isorep.paper.data.text.Corpus`.
    """

    recipe: LanguageModel
    seed: int
    words: int
    corpus: str
    corpus_digest: str
    note: str

    @classmethod
    def from_corpus(cls, recipe: LanguageModel, seed: int, corpus: Corpus) -> Description:
        """Describe the training of a model on a corpus."""
        words = len(corpus.vocabulary)
        return cls(recipe, seed, words, corpus.name, corpus.digest, corpus.note)


@dataclass
class Progress:
    """The last finished epoch of a training (-1 if none), and the perplexities up to it."""

    epoch: int = -1
    train_perplexity: list[float] = field(default_factory=list)
    valid_perplexity: list[float] = field(default_factory=list)
    averaged_from: int | None = None

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the progress as arrays."""
        return {
            "epoch": np.array(self.epoch),
            "train_perplexity": np.array(self.train_perplexity),
            "valid_perplexity": np.array(self.valid_perplexity),
            "averaged_from": np.array(-1 if self.averaged_from is None else self.averaged_from),
        }

    @classmethod
    def from_arrays(cls, arrays: Weights) -> Progress:
        """Make the progress that `as_arrays` described."""
        averaged_from = int(arrays["averaged_from"])
        return cls(
            int(arrays["epoch"]),
            arrays["train_perplexity"].tolist(),
            arrays["valid_perplexity"].tolist(),
            None if averaged_from < 0 else averaged_from,
        )


class TrainingFolder:
    """The folder of one training.

    Raises
    ------
    ValueError
        If the folder holds a different training.
    """

    def __init__(self, path: Path, description: Description) -> None:
        self.path = path
        # As JSON returns it: tuples become lists.
        expected = json.loads(json.dumps(asdict(description)))
        if (path / _DESCRIPTION).exists():
            stored = _read_json(path / _DESCRIPTION)
            different = [key for key in expected if stored.get(key) != expected[key]]
            if different:
                raise ValueError(
                    f"{str(path)!r} holds another training, with a different "
                    f"{' and '.join(different)}. Choose another folder, or remove this one"
                )
            return
        path.mkdir(parents=True, exist_ok=True)
        with new_file(path / _DESCRIPTION) as file:
            file.write((json.dumps(expected, indent=2) + "\n").encode())

    def write_checkpoint(self, epoch: float, weights: Weights) -> None:
        """Write the weights at an epoch."""
        _write_arrays(self.path / _checkpoint(epoch), weights)

    def read_checkpoint(self, epoch: float) -> Weights:
        """Read the weights at an epoch."""
        return read_checkpoint(self.path, epoch)

    def write_progress(self, progress: Progress, state: Mapping[str, NDArray[Any]]) -> None:
        """Write the progress, and the state that the next epoch continues from."""
        _write_arrays(self.path / _PROGRESS, {**progress.as_arrays(), **state})

    def read_progress(self) -> tuple[Progress, Weights] | None:
        """Read what `write_progress` wrote; None for a new training."""
        return read_progress(self.path) if (self.path / _PROGRESS).exists() else None


def read_description(path: Path) -> Description:
    """Read the description of the training in a folder.

    Raises
    ------
    FileNotFoundError
        If the folder holds no training.
    ValueError
        If the file is damaged.
    """
    fields = _read_json(path / _DESCRIPTION)
    with _name_damaged_folder(path):
        return Description(**{**fields, "recipe": LanguageModel.from_dict(fields["recipe"])})


def read_progress(path: Path) -> tuple[Progress, Weights]:
    """Read the progress of the training in a folder, and the state to continue from."""
    with _name_damaged_folder(path):
        arrays = _read_arrays(path / _PROGRESS)
        state = {name: value for name, value in arrays.items() if "/" in name}
        return Progress.from_arrays(arrays), state


def read_checkpoint(path: Path, epoch: float) -> Weights:
    """Read the weights at an epoch from a folder."""
    with _name_damaged_folder(path):
        return _read_arrays(path / _checkpoint(epoch))


def _checkpoint(epoch: float) -> str:
    return f"epoch-{epoch:g}.npz"


def _write_arrays(path: Path, arrays: Weights) -> None:
    with new_file(path) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type, unused-ignore]


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        contents: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileNotFoundError(f"no language model in {str(path.parent)!r}") from None
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is damaged: {error}") from error
    return contents


@contextmanager
def _name_damaged_folder(path: Path) -> Iterator[None]:
    """Raise read errors as a ValueError that names the folder."""
    try:
        yield
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError, FileNotFoundError) as error:
        raise ValueError(
            f"the language model in {str(path)!r} is damaged ({error}). Remove the folder and "
            "train again"
        ) from error
