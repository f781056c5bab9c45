"""Notes: the texts of a table's cells about warnings, and about why there is no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from isorep.core.warning_text import WarningText

Notes = Mapping[str, Sequence[str]]
"""Label of a measure to warnings, or to the reason why there is no number; "" for all measures."""


def warning_lines(notes: Notes) -> str:
    """Return warnings in short, one line a code.

    Examples
    --------
    >>> text = WarningText("few-samples", "9 samples are few", "take more samples")
    >>> warning_lines({"cka": [text], "pwcca": [text]})
    'cka, pwcca: 9 samples are few [few-samples]'
    """
    findings_of: dict[str, dict[str, list[str]]] = {}
    for measure, texts in notes.items():
        for text in texts:
            code, finding = (
                (f" [{text.code}]", text.finding) if isinstance(text, WarningText) else ("", text)
            )
            findings_of.setdefault(code, {}).setdefault(finding, []).append(measure)
    return "\n".join(_joined(findings) + code for code, findings in findings_of.items())


def reason_text(notes: Notes) -> str:
    """Return reasons as one text, in which each reason follows the measures that it is about."""
    measures_of: dict[str, list[str]] = {}
    for measure, texts in notes.items():
        for text in texts:
            measures_of.setdefault(text, []).append(measure)
    return _joined(measures_of)


def _joined(measures_of: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(
        f"{', '.join(measures)}: {text}" if any(measures) else text
        for text, measures in measures_of.items()
    )
