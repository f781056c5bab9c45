"""Page: what a folder of figures says about the paper, as one Markdown file with the pictures."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from isorep._utils.atomic import new_file
from isorep.paper import FIGURES, SCALES
from isorep.paper.analysis.verdicts import LEGEND


def write_page(out: Path) -> Path:
    """Write ``README.md`` beside the figures in `out`: every claim, its numbers, its verdict.

    The page shows what is in the folder, whichever runs made it, in the order of the paper.
    """
    found = {
        name: json.loads((out / name / "claims.json").read_text(encoding="utf-8"))
        for name in FIGURES
        if (out / name / "claims.json").is_file()
    }
    page = out / "README.md"
    with new_file(page) as file:
        file.write("\n".join(_lines(found)).encode())
    return page


def _lines(found: dict[str, Any]) -> list[str]:
    verdicts = Counter(claim["verdict"] for about in found.values() for claim in about["claims"])
    scales = {about["scale"] for about in found.values()}
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    lines = [
        "# The paper's figures, remade",
        "",
        "Morcos, Raghu and Bengio (2018), arXiv 1806.05759. Each figure is made by the command",
        "beside it; its folder holds the picture, the data behind it (CSV) and `claims.json` with",
        "the set-up, the versions and every number. A likely reason is a guess. How to read a",
        "verdict:",
        "",
        f"> {LEGEND}",
        "",
        *(f"Scale {scale}: {SCALES[scale]}." for scale in SCALES if scale in scales),
        "",
        f"Claims: {counts}.",
        "",
        "| figure | title | verdicts |",
        "|---|---|---|",
    ]
    for name, about in found.items():
        marks = Counter(claim["verdict"] for claim in about["claims"])
        shown = ", ".join(f"{count} {verdict}" for verdict, count in marks.items()) or "no claims"
        lines.append(f"| [{name}](#{name.lower()}) | {FIGURES[name].title} | {shown} |")
    for name, about in found.items():
        lines += _figure(name, about)
    return [*lines, ""]


def _figure(name: str, about: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"## {name}",
        "",
        f"**{FIGURES[name].title}.** Scale: {about['scale']}. `{about['command']}`",
        "",
        f"![{FIGURES[name].title}]({name}/{name}.png)",
        "",
        f"Made on {about['machine']}; "
        + ", ".join(f"{library} {version}" for library, version in about["versions"].items())
        + ".",
        "",
    ]
    if not about["claims"]:
        return lines[:-1]
    lines += ["| claim | verdict | decided by | effect [90 %] | p |", "|---|---|---|---|---|"]
    for claim in about["claims"]:
        words = claim["claim"]
        if claim["likely_reason"]:
            words += f" *Likely reason: {claim['likely_reason']}.*"
        cells = (words, claim["verdict"], claim["decided_at"], _effect(claim), _p(claim))
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |")
    return lines


def _effect(claim: dict[str, Any]) -> str:
    if claim["effect"] is None:
        return ""
    if claim["interval_90"] is None:
        return f"{claim['effect']:.3f}"
    low, high = claim["interval_90"]
    return f"{claim['effect']:.3f} [{low:.3f}, {high:.3f}]"


def _p(claim: dict[str, Any]) -> str:
    return "" if claim["p_value"] is None else f"{claim['p_value']:.4f}"
