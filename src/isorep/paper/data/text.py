"""Text: the corpora of the language models, as numbered words or characters.

- ``"pydoc"``: the help texts in Python's standard library (`pydoc_data.topics`), English prose and
  code on one subject, character by character. It needs no download, and differs a little between
  versions of Python; its name and its digest tell them apart.
- ``"ptb"``: Penn Treebank as preprocessed by Mikolov et al. (2010).
- ``"wikitext-2"``: WikiText-2, word level (Merity et al. 2016).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isorep._utils.validation import unknown_name

UNKNOWN, END = "<unk>", "<eos>"

_PYDOC_TRAIN, _PYDOC_VALID = 200_000, 20_000


@dataclass(frozen=True)
class Excerpt:
    """Part of a corpus: the beginning of both texts, with the most frequent words.

    Attributes
    ----------
    train, valid : int
        Largest number of training and of evaluation tokens.
    words : int
        Size of the vocabulary: ``<unk>`` and the most frequent words of the training text. All
        other words become ``<unk>``.
    """

    train: int
    valid: int
    words: int

    def __post_init__(self) -> None:
        if min(self.train, self.valid, self.words) < 2:
            raise ValueError(
                f"an excerpt needs at least 2 training tokens, 2 evaluation tokens and 2 words; "
                f"got {self}"
            )


@dataclass(frozen=True, eq=False)
class Corpus:
    """A training text and an evaluation text, with words numbered by one vocabulary.

    Attributes
    ----------
    name : str
        Description of the text.
    vocabulary : tuple of str
        The word of each number.
    train, valid : (tokens,) int64 arrays
        Numbers of the words, in the order of the text.
    note : str
        How the texts differ from the standard corpus; empty if they do not.
    """

    name: str
    vocabulary: tuple[str, ...]
    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    note: str = ""

    @property
    def digest(self) -> str:
        """Digest of the vocabulary and both texts."""
        digest = blake2b("\n".join(self.vocabulary).encode(), digest_size=16)
        for text in (self.train, self.valid):
            digest.update(f" {len(text)} ".encode())
            digest.update(text.astype("<i8").tobytes())
        return digest.hexdigest()

    def facts(self) -> dict[str, Any]:
        """Return the description, the sizes and the digest, in JSON types."""
        return {
            "name": self.name,
            "note": self.note,
            "train_tokens": len(self.train),
            "valid_tokens": len(self.valid),
            "vocabulary": len(self.vocabulary),
            "digest": self.digest,
        }

    def excerpt(self, part: Excerpt) -> Corpus:
        """Return the beginning of both texts with the most frequent words; the note says so.

        Examples
        --------
        >>> whole = Corpus("x", ("the", "cat", "sat"), np.array([1, 0, 2, 0, 1]), np.array([2, 0]))
        >>> part = whole.excerpt(Excerpt(train=4, valid=9, words=2))
        >>> part.vocabulary, part.train.tolist(), part.valid.tolist()
        (('<unk>', 'the'), [0, 1, 0, 1], [0, 1])
        >>> part.note
        'x: the first 4 tokens to train on, 2 to evaluate on, in 2 words'
        """
        train, valid = self.train[: part.train], self.valid[: part.valid]
        counts = Counter(train.tolist())
        frequent = [n for n, _ in counts.most_common() if self.vocabulary[n] != UNKNOWN]
        kept = frequent[: part.words - 1]
        renumbered = np.zeros(len(self.vocabulary), dtype=np.int64)  # 0 is <unk>
        renumbered[kept] = np.arange(1, len(kept) + 1)
        vocabulary = (UNKNOWN, *(self.vocabulary[n] for n in kept))
        size = (
            f"the first {len(train):,} tokens to train on, {len(valid):,} to evaluate on, in "
            f"{len(vocabulary):,} words"
        )
        note = f"{self.note}; {size}" if self.note else f"{self.name}: {size}"
        return Corpus(self.name, vocabulary, renumbered[train], renumbered[valid], note)


def load(
    corpus: str, folder: str | os.PathLike[str] | None = None, excerpt: Excerpt | None = None
) -> Corpus:
    """Read a corpus, or the beginning of it.

    Parameters
    ----------
    corpus : {"pydoc", "ptb", "wikitext-2"}
        Name of the corpus.
    folder : path, optional
        Folder with the corpus files under their standard names, or with a sub-folder that has the
        name of the corpus. "pydoc" needs none.
    excerpt : Excerpt, optional
        Part of the corpus; by default all of it.

    Raises
    ------
    ValueError
        If there is no such corpus, the folder is None, or a file contains no text.
    FileNotFoundError
        If the evaluation text, or all texts to train on, are missing.

    Examples
    --------
    >>> corpus = load("pydoc")
    >>> len(corpus.train), len(corpus.valid)
    (200000, 20000)
    """
    if corpus == "pydoc":
        whole = pydoc_topics()
    elif corpus not in _READERS:
        raise ValueError(unknown_name("corpus", corpus, CORPORA))
    elif folder is None:
        raise ValueError(f"this scale needs {TITLES[corpus]}: pass --data with {_expected(corpus)}")
    else:
        whole = _READERS[corpus](folder)
    return whole if excerpt is None else whole.excerpt(excerpt)


def pydoc_topics() -> Corpus:
    """Return the characters of the help texts of the running Python, sorted by subject.

    The first 200,000 characters are to train on, the last 20,000 to evaluate on.
    """
    import platform
    from pydoc_data.topics import topics  # type: ignore[import-not-found, unused-ignore]

    characters = "\n".join(topics[name] for name in sorted(topics))
    name = f"the characters of the help texts inside Python {platform.python_version()}"
    return _numbered(name, characters[:_PYDOC_TRAIN], characters[-_PYDOC_VALID:])


def penn_treebank(folder: str | os.PathLike[str]) -> Corpus:
    """Read ``ptb.train.txt``, ``ptb.valid.txt`` and ``ptb.test.txt``; each line ends a sentence."""
    return _from_files("ptb", folder)


def wikitext_2(folder: str | os.PathLike[str]) -> Corpus:
    """Read ``wiki.train.tokens``, ``wiki.valid.tokens`` and ``wiki.test.tokens``."""
    return _from_files("wikitext-2", folder)


_READERS: Mapping[str, Callable[[str | os.PathLike[str]], Corpus]] = MappingProxyType(
    {"ptb": penn_treebank, "wikitext-2": wikitext_2}
)

CORPORA = ("pydoc", *_READERS)

TITLES: Mapping[str, str] = MappingProxyType(
    {"pydoc": "Python's help texts", "ptb": "Penn Treebank", "wikitext-2": "WikiText-2"}
)
"""Name of each corpus in figures."""

_FILES = {
    "ptb": {part: f"ptb.{part}.txt" for part in ("train", "valid", "test")},
    "wikitext-2": {part: f"wiki.{part}.tokens" for part in ("train", "valid", "test")},
}


def _expected(corpus: str) -> str:
    files = _FILES[corpus]
    return (
        f"a folder that holds {files['train']} and {files['valid']}, directly or in its sub-folder "
        f"{corpus}"
    )


def _from_files(corpus: str, folder: str | os.PathLike[str]) -> Corpus:
    title, files = TITLES[corpus], _FILES[corpus]
    place = _place(Path(folder), corpus, files)
    if not (place / files["valid"]).is_file():
        raise _missing(title, place, files["valid"], "to evaluate on", files)
    valid = _read(place / files["valid"])
    note = ""
    if (place / files["train"]).is_file():
        train = _read(place / files["train"])
    elif (place / files["test"]).is_file():
        train = _read(place / files["test"])
        note = (
            f"trained on {files['test']} and evaluated on {files['valid']}, because "
            f"{files['train']} is not there: perplexities are not those of {title}"
        )
    else:
        raise _missing(title, place, files["train"], "to train on", files)
    return _numbered(title, train, valid, note)


def _place(folder: Path, corpus: str, files: Mapping[str, str]) -> Path:
    """Return the folder if it has any of the files, or else its sub-folder for the corpus."""
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder {str(folder)!r}: --data must name {_expected(corpus)}")
    below = folder / corpus
    if below.is_dir() and not any((folder / name).is_file() for name in files.values()):
        return below
    return folder


def _missing(
    title: str, place: Path, name: str, purpose: str, files: Mapping[str, str]
) -> FileNotFoundError:
    present = [other for other in files.values() if (place / other).is_file()]
    return FileNotFoundError(
        f"{title} needs {name} {purpose}, but {str(place)!r} has "
        f"{' and '.join(present) or 'none of its files'}. The standard files are "
        f"{', '.join(files.values())}"
    )


def _read(path: Path) -> list[str]:
    """Return the words of a file, with an end of sentence after each line, also empty ones."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} must be UTF-8 text: {error}") from error
    words = [word for line in lines for word in (*line.split(), END)]
    if not set(words) - {END}:
        raise ValueError(f"{str(path)!r} contains no words")
    return words


def _numbered(name: str, train: Sequence[str], valid: Sequence[str], note: str = "") -> Corpus:
    # As in awd-lstm-lm, words that occur only in the evaluation text have a number too.
    vocabulary = tuple(dict.fromkeys((*train, *valid)))
    numbers = {word: number for number, word in enumerate(vocabulary)}

    def numbered(words: Iterable[str]) -> NDArray[np.int64]:
        return np.fromiter((numbers[word] for word in words), dtype=np.int64)

    return Corpus(name, vocabulary, numbered(train), numbered(valid), note)
