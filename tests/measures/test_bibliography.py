"""Bibliography: every measure's source has a whole BibTeX entry."""

import re

import pytest
from helpers.shell import command_runner

import isorep
from isorep.measures.bibliography import cited_entries, entries

CITATION = re.compile(r"[A-Z][\w-]+\D*? \d{4}")


def fields(entry):
    """Return the fields of an entry; braces must be balanced."""
    assert entry.count("{") == entry.count("}")
    head, *lines, end = entry.splitlines()
    assert re.fullmatch(r"@(article|inproceedings|misc)\{[\w-]+,", head)
    assert end == "}"
    pairs = [re.fullmatch(r"  (\w+) = \{(.*)\},", line).groups() for line in lines]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize("key", entries())
def test_an_entry_is_whole(key):
    entry = fields(entries()[key])
    assert {"author", "title", "year"} <= entry.keys()
    assert {"journal", "booktitle", "howpublished"} & entry.keys()
    assert entry["year"] == key[-4:]
    first_author = re.sub(r"\\\W|[{}]", "", entry["author"].partition(",")[0])
    assert first_author.lower() == key[:-4]
    assert re.fullmatch(r"10\.\d{4,}/\S+", entry.get("doi", "10.1000/x"))
    assert entry.get("url", "https://").startswith("https://")
    assert entry.keys() & {"doi", "url"}
    if "eprint" in entry:
        assert entry["url"] == f"https://arxiv.org/abs/{entry['eprint']}"
        assert entry["archiveprefix"] == "arXiv"
    entry_text = entries()[key]
    assert entry_text.isascii()


@pytest.mark.parametrize("name", isorep.MEASURES)
def test_every_citation_of_a_measure_has_an_entry(name):
    reference = isorep.MEASURES[name].reference
    cited = CITATION.findall(reference)
    assert len(cited_entries(reference)) == len(cited) > 0


def test_every_entry_is_cited_and_occurs_once():
    cited = {key for row in isorep.MEASURES.values() for key in cited_entries(row.reference)}
    assert cited == entries().keys()
    text = "\n\n".join(entries().values())
    assert len(re.findall(r"^@", text, re.MULTILINE)) == len(entries())


def test_the_shell_prints_all_entries_or_those_of_one_measure(monkeypatch, capsys):
    shell = command_runner(monkeypatch, capsys)
    status, out, _ = shell("measures", "--bibtex")
    assert status == 0
    assert re.findall(r"^@\w+\{(\S+),$", out, re.MULTILINE) == list(
        dict.fromkeys(
            key for row in isorep.MEASURES.values() for key in cited_entries(row.reference)
        )
    )
    status, out, _ = shell("measures", "linear_regression(folds=10)", "--bibtex")
    assert status == 0
    assert out == entries()["kornblith2019"] + "\n"
    isorep.register(lambda x, y: 1.0, name="mine", reference="A thesis")
    status, _, err = shell("measures", "mine", "--bibtex")
    assert status == 2
    assert "no BibTeX entry is known of the source of mine: its reference is 'A thesis'" in err
