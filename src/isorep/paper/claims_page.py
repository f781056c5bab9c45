"""Claims page: a Markdown page of the figures in a folder, with all claims and verdicts."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isorep._utils.atomic import new_file
from isorep.paper import FIGURES, SCALES
from isorep.paper.analysis.verdicts import LEGEND
from isorep.paper.output import TIME

FINDINGS: dict[str, dict[str, tuple[str, ...]]] = {
    "Networks that generalize end up with more similar representations than networks that memorize "
    "their labels": {"fig3": ("3",)},
    "Wider networks end up with more similar representations than narrower ones": {
        "fig4": ("4a", "4b")
    },
    "Networks of one topology form clusters by learning rate": {"fig5": ("5a", "5b")},
    "Recurrent networks converge bottom-up over training, and their hidden states change over a "
    "sequence by more than linear maps": {"fig6": ("6a-c",), "figA3": ("A3",)},
}
"""The findings of the paper's abstract, with the figures that show them and their panels."""

BY_HAND = re.compile("<!-- by hand -->.*?<!-- end by hand -->", re.DOTALL)
"""The part of a page that is written by hand."""


def write_page(out: Path) -> Path:
    """Write ``README.md`` beside the figures in `out`: every claim, its numbers, its verdict.

    The page shows all figures in the folder, in the order of the paper, even from different runs.
    If there is a page already, its part between the comments ``<!-- by hand -->`` and ``<!-- end by
    hand -->`` is kept.
    """
    figures = {
        name: _record(out / name) for name in FIGURES if (out / name / "claims.json").is_file()
    }
    page = out / "README.md"
    by_hand = BY_HAND.search(page.read_text(encoding="utf-8")) if page.is_file() else None
    with new_file(page) as file:
        file.write("\n".join(_lines(figures, by_hand[0] if by_hand else "")).encode())
    return page


def _record(folder: Path) -> dict[str, Any]:
    """Return what a figure's folder says of it, with the seconds that it took if known."""
    record: dict[str, Any] = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    if (folder / TIME).is_file():
        record |= json.loads((folder / TIME).read_text(encoding="utf-8"))
    return record


def _lines(figures: dict[str, Any], by_hand: str) -> list[str]:
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
        "set-up, the versions and every number. A likely reason is a guess.",
        "",
        *([by_hand, ""] if by_hand else []),
        "## The four findings of the abstract",
        "",
        *_table(
            ("finding", "figures", "does it come out?"),
            [
                (words, ", ".join(_link(name, figures) for name in names), verdict)
                for words, names in FINDINGS.items()
                if (verdict := _finding(figures, names))
            ],
        ),
        "",
        "## All claims",
        "",
        "How to read a verdict:",
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


def _link(name: str, figures: Mapping[str, Any]) -> str:
    """Return a link to the figure's part of the page, or its name if the page has none."""
    return f"[{name}](#{name.lower()})" if name in figures else name


def _finding(figures: Mapping[str, Any], panels: Mapping[str, tuple[str, ...]]) -> str:
    """Say whether the claims of some panels came out, and which did not."""
    claims = [
        claim
        for name in panels
        if name in figures
        for claim in figures[name]["claims"]
        if not claim.get("ours") and claim["figure"] in panels[name]
    ]
    missing = [claim for claim in claims if claim["verdict"] != "reproduced"]
    if not missing:
        return f"yes: {len(claims)} of {len(claims)} claims{_largest_p(claims)}" if claims else ""
    words = "; ".join(f"{claim['claim']} ({claim['verdict']})" for claim in missing)
    came_out = len(claims) - len(missing)
    answer = "in part" if came_out else "no"
    return f"{answer}: {came_out} of {len(claims)} claims. Missing: {words}"


def _largest_p(claims: Sequence[dict[str, Any]]) -> str:
    """Return the largest p-value of claimed differences as text, if there are any."""
    values = [claim["p_value"] for claim in claims if claim["kind"] == "difference"]
    return f"; p of claimed differences at most {max(values):.4f}" if values else ""


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
        + (f"; {record['seconds']} s" if "seconds" in record else "")
        + ".",
        "",
    ]
    own_data = "--source" not in shlex.split(record["command"])
    if record["scale"] == "laptop" and own_data and FIGURES[name].laptop:
        lines += [FIGURES[name].laptop, ""]
    if record["claims"]:
        lines += _claims(record["claims"])
    for control in record.get("controls", ()):
        lines += ["", f"{control['title']}:", "", *_table(control["columns"], control["rows"])]
    return lines


def _claims(claims: list[dict[str, Any]]) -> list[str]:
    columns = ("claim", "verdict", "decided by", "effect [90 %]", "p", "in the paper")
    rows = []
    for claim in sorted(claims, key=lambda claim: bool(claim.get("ours"))):
        words = ("Ours, not the paper's: " if claim.get("ours") else "") + claim["claim"]
        if claim["likely_reason"]:
            words += f" *Likely reason: {claim['likely_reason']}.*"
        row = (
            words,
            claim["verdict"],
            claim["decided_at"] or "",
            _effect(claim),
            _p(claim),
            claim.get("paper") or "",
        )
        rows.append(row)
    return _table(columns, rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |")
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
