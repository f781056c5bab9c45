"""Text: numbered words, standard files, and what is said when a file is missing."""

import platform

import numpy as np
import pytest

from isorep.paper.data import text

PTB = {"train": " the cat <unk> \n a dog \n", "valid": " the dog \n", "test": " a bird sat \n"}
WIKI = {"train": " \n = Cats = \n \n The cat \n", "valid": " = Dogs = \n", "test": " a \n"}
FILES = {"ptb": "ptb.{}.txt", "wikitext-2": "wiki.{}.tokens"}


def _write(folder, corpus, parts):
    folder.mkdir(exist_ok=True)
    for part in parts:
        content = (PTB if corpus == "ptb" else WIKI)[part]
        (folder / FILES[corpus].format(part)).write_text(content, encoding="utf-8")
    return folder


def _words(corpus, numbers):
    return [corpus.vocabulary[i] for i in numbers]


def test_penn_treebank_in_its_standard_files(tmp_path):
    corpus = text.load("ptb", _write(tmp_path, "ptb", PTB))
    assert _words(corpus, corpus.train) == ["the", "cat", "<unk>", "<eos>", "a", "dog", "<eos>"]
    assert _words(corpus, corpus.valid) == ["the", "dog", "<eos>"]
    assert corpus.name == "Penn Treebank"
    assert corpus.note == ""
    assert len(set(corpus.vocabulary)) == len(corpus.vocabulary) == 6


def test_empty_lines_of_wikitext_count(tmp_path):
    corpus = text.load("wikitext-2", _write(tmp_path, "wikitext-2", WIKI))
    assert _words(corpus, corpus.train) == [
        "<eos>",
        "=",
        "Cats",
        "=",
        "<eos>",
        "<eos>",
        "The",
        "cat",
        "<eos>",
    ]


def test_without_training_file_it_trains_on_test_and_says_so(tmp_path):
    corpus = text.penn_treebank(_write(tmp_path, "ptb", ["valid", "test"]))
    assert _words(corpus, corpus.train) == ["a", "bird", "sat", "<eos>"]
    assert _words(corpus, corpus.valid) == ["the", "dog", "<eos>"]
    assert corpus.note.startswith("trained on ptb.test.txt and evaluated on ptb.valid.txt")


def test_an_excerpt_is_the_beginning_in_its_most_frequent_words(tmp_path):
    folder = _write(tmp_path, "ptb", [])
    (folder / "ptb.train.txt").write_text("b <unk> a a\nc a b\nd d d d d\n", encoding="utf-8")
    (folder / "ptb.valid.txt").write_text("d a b c\nb\n", encoding="utf-8")
    corpus = text.load("ptb", folder, text.Excerpt(train=9, valid=5, words=4))
    # a is there 3 times, b and <eos> twice, c once; d, <unk> and all that comes after, not at all.
    assert corpus.vocabulary == ("<unk>", "a", "b", "<eos>")
    assert _words(corpus, corpus.train) == [
        "b",
        "<unk>",
        "a",
        "a",
        "<eos>",
        "<unk>",
        "a",
        "b",
        "<eos>",
    ]
    assert " ".join(_words(corpus, corpus.valid)) == "<unk> a b <unk> <eos>"
    assert corpus.name == "Penn Treebank"
    assert corpus.note == (
        "Penn Treebank: the first 9 tokens to train on, 5 to evaluate on, in 4 words"
    )
    assert corpus.digest != text.load("ptb", folder).digest


def test_an_excerpt_of_what_is_there_says_both(tmp_path):
    folder = _write(tmp_path, "ptb", ["valid", "test"])
    corpus = text.load("ptb", folder, text.Excerpt(train=100, valid=100, words=100))
    assert _words(corpus, corpus.train) == ["a", "bird", "sat", "<eos>"]
    assert _words(corpus, corpus.valid) == ["<unk>", "<unk>", "<eos>"]  # trained on none of them
    assert corpus.note.startswith("trained on ptb.test.txt and evaluated on ptb.valid.txt")
    assert corpus.note.endswith(
        "Treebank; the first 4 tokens to train on, 3 to evaluate on, in 5 words"
    )


@pytest.mark.parametrize("sizes", [(1, 2, 2), (2, 1, 2), (2, 2, 1)])
def test_an_excerpt_of_nothing_is_refused(sizes):
    with pytest.raises(ValueError, match="an excerpt needs at least 2 training tokens"):
        text.Excerpt(*sizes)


@pytest.mark.parametrize("corpus", FILES)
def test_the_folder_above_does_too(tmp_path, corpus):
    _write(tmp_path / corpus, corpus, ["train", "valid"])
    below = text.load(corpus, tmp_path / corpus)
    assert text.load(corpus, tmp_path).digest == below.digest


def test_errors_name_the_file_and_what_was_expected(tmp_path):
    with pytest.raises(ValueError, match=r"unknown corpus 'ptp'; did you mean 'ptb'"):
        text.load("ptp")
    with pytest.raises(
        ValueError,
        match=r"needs Penn Treebank: pass --data with a folder that holds ptb.train.txt and ptb.v",
    ):
        text.load("ptb")
    with pytest.raises(
        FileNotFoundError, match=r"no folder '.*nowhere': --data must name a folder that holds ptb"
    ):
        text.load("ptb", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"ptb.valid.txt to evaluate on.*none of its files"):
        text.load("ptb", tmp_path)
    _write(tmp_path, "ptb", ["valid"])
    with pytest.raises(FileNotFoundError, match=r"ptb.train.txt to train on.* has ptb.valid.txt\."):
        text.load("ptb", tmp_path)
    (tmp_path / "ptb.train.txt").write_text("\n\n", encoding="utf-8")
    with pytest.raises(ValueError, match="contains no words"):
        text.load("ptb", tmp_path)
    (tmp_path / "ptb.train.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="must be UTF-8"):
        text.load("ptb", tmp_path)


def test_the_help_texts_are_characters_sorted_by_subject():
    from pydoc_data.topics import topics

    corpus = text.load("pydoc")
    assert corpus.digest == text.load("pydoc").digest
    assert (len(corpus.train), len(corpus.valid)) == (200_000, 20_000)
    assert "".join(_words(corpus, corpus.train)).startswith(topics[min(topics)] + "\n")
    assert "".join(_words(corpus, corpus.valid)).endswith("\n" + topics[max(topics)])
    assert platform.python_version() in corpus.name


def test_facts_tell_texts_apart():
    corpus = text.Corpus("x", ("a", "b"), np.array([0, 1, 1]), np.array([1]), "a part")
    assert corpus.facts() == {
        "name": "x",
        "note": "a part",
        "train_tokens": 3,
        "valid_tokens": 1,
        "vocabulary": 2,
        "digest": corpus.digest,
    }


def test_the_digest_sees_every_part():
    corpus = text.Corpus("x", ("a", "b"), np.array([0, 1]), np.array([1]))
    others = [
        text.Corpus("x", ("a", "c"), np.array([0, 1]), np.array([1])),
        text.Corpus("x", ("a", "b"), np.array([1, 1]), np.array([1])),
        text.Corpus("x", ("a", "b"), np.array([0]), np.array([1, 1])),
    ]
    assert len({corpus.digest, *(other.digest for other in others)}) == 4
