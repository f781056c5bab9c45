"""Bibliography: the BibTeX entries of the works that measures come from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def entries() -> Mapping[str, str]:
    """Return the BibTeX entry of each work by its key, such as "morcos2018"."""
    text = files("isorep.measures").joinpath("bibliography.bib").read_text(encoding="utf-8")
    return {
        entry.partition("{")[2].partition(",")[0]: entry for entry in text.strip().split("\n\n")
    }


def cited_entries(reference: str) -> dict[str, str]:
    """Return the entries of the works that the reference of a measure cites, by key.

    A citation is the first author and the year, as in "Hotelling 1936; Morcos et al. 2018,
    section 2", and the key of its work is both in small letters.

    Examples
    --------
    >>> list(cited_entries("Hotelling 1936; Morcos et al. 2018, section 2"))
    ['hotelling1936', 'morcos2018']
    """
    keys = (
        "".join(match.groups()).lower()
        for citation in reference.split(";")
        if (match := re.match(r"\s*([\w-]+)\D*?\s(\d{4})\b", citation))
    )
    return {key: entries()[key] for key in keys if key in entries()}
