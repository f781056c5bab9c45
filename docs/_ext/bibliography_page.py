"""The page of the works that measures come from."""

import re
from collections.abc import Iterator
from unicodedata import normalize

from rst import plain, title

import isorep
from isorep.measures.base import Measure
from isorep.measures.bibliography import cited_entries, entries

_ACCENTS = {"'": "%s\N{COMBINING ACUTE ACCENT}", '"': "%s\N{COMBINING DIAERESIS}"}


def citations(measure: Measure) -> str:
    """Return links to the works that a measure's reference cites, in brackets."""
    keys = cited_entries(measure.reference)
    return f" ({', '.join(f':ref:`{key} <bib-{key}>`' for key in keys)})" if keys else ""


def bibliography_pages() -> Iterator[tuple[str, str]]:
    """Yield the path of the page, without its suffix, and its text."""
    parts = [title("Bibliography")]
    parts.append(
        "The works that the measures come from. ``isorep measures --bibtex`` prints all entries, "
        "and ``isorep measures pwcca --bibtex`` those of one measure.\n\n"
    )
    works = {key: _fields(entry) for key, entry in entries().items()}
    for key, fields in sorted(works.items(), key=lambda work: (work[1]["author"], work[0])):
        measures = [
            f":py:obj:`{name} <isorep.measures.{name}>`"
            for name, measure in isorep.MEASURES.items()
            if key in cited_entries(measure.reference)
        ]
        parts.append(f".. _bib-{key}:\n\n**{key}**\n   {_text(fields)}\n\n")
        if measures:
            parts.append(f"   Measures: {', '.join(measures)}.\n\n")
    yield "bibliography", "".join(parts)


def _fields(entry: str) -> dict[str, str]:
    entry = re.sub(r"\\([\'\"])(\w)", lambda match: _ACCENTS[match[1]] % match[2], entry)
    fields = re.findall(r"^  (\w+) = \{(.*)\},$", entry, flags=re.MULTILINE)
    return {name: normalize("NFC", re.sub("[{}]", "", value)) for name, value in fields}


def _text(fields: dict[str, str]) -> str:
    people = [" ".join(reversed(name.split(", "))) for name in fields["author"].split(" and ")]
    authors = " and ".join([", ".join(people[:-1]), people[-1]] if people[1:] else people)
    where = [fields[name] for name in ("journal", "booktitle", "publisher") if name in fields][:1]
    if "volume" in fields:
        where.append(fields["volume"] + (f"({fields['number']})" if "number" in fields else ""))
    if "pages" in fields:
        where.append(fields["pages"].replace("--", "\N{EN DASH}"))
    text = plain(f"{authors} ({fields['year']}). {fields['title']}. {', '.join(where)}.")
    link = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
    shown = f"doi:{fields['doi']}" if "doi" in fields else link
    return f"{text} `{plain(shown)} <{link}>`__" if link else text
