"""Claims page: a Markdown page of the figures in a folder, with all claims and verdicts."""

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

    The page shows all figures in the folder, in the order of the paper, even from different runs.
    """
    figures = {
        name: json.loads((out / name / "claims.json").read_text(encoding="utf-8"))
        for name in FIGURES
        if (out / name / "claims.json").is_file()
    }
    page = out / "README.md"
    with new_file(page) as file:
        file.write("\n".join(_lines(figures)).encode())
    return page


def _lines(figures: dict[str, Any]) -> list[str]:
    verdicts = Counter(
        claim["verdict"]
        for record in figures.values()
        for claim in record["claims"]
        if not claim.get("ours")
    )
    scales = {record["scale"] for record in figures.values()}
    counts = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    lines = [
        "# The paper's figures, reproduced",
        "",
        "Morcos, Raghu and Bengio (2018), arXiv 1806.05759. Each figure comes with its command.",
        "Its folder contains the picture, the data behind it (CSV) and `claims.json` with the",
        "set-up, the versions and every number. A likely reason is a guess. How to read a verdict:",
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
    for name, record in figures.items():
        marks = Counter(claim["verdict"] for claim in record["claims"] if not claim.get("ours"))
        shown = ", ".join(f"{count} {verdict}" for verdict, count in marks.items()) or "no claims"
        lines.append(f"| [{name}](#{name.lower()}) | {FIGURES[name].title} | {shown} |")
    for name, record in figures.items():
        lines += _figure(name, record)
    return [*lines, ""]


def _figure(name: str, record: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f"## {name}",
        "",
        f"**{FIGURES[name].title}.** Scale: {record['scale']}. `{record['command']}`",
        "",
        f"![{FIGURES[name].title}]({name}/{name}.png)",
        "",
        f"Made on {record['machine']}; "
        + ", ".join(f"{library} {version}" for library, version in record["versions"].items())
        + ".",
        "",
    ]
    if not record["claims"]:
        return lines[:-1]
    lines += [
        "| claim | verdict | decided by | effect [90 %] | p | in the paper |",
        "|---|---|---|---|---|---|",
    ]
    for claim in sorted(record["claims"], key=lambda claim: bool(claim.get("ours"))):
        words = ("Ours, not the paper's: " if claim.get("ours") else "") + claim["claim"]
        if claim["likely_reason"]:
            words += f" *Likely reason: {claim['likely_reason']}.*"
        cells = (
            words,
            claim["verdict"],
            claim["decided_at"],
            _effect(claim),
            _p(claim),
            claim.get("paper") or "",
        )
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
