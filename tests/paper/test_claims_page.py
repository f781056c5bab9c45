import json
from pathlib import Path

import pytest

from isorep.paper.claims_page import BY_HAND, write_page


def about(*claims, **others):
    return {
        **others,
        "command": "isorep paper fig2 --scale laptop",
        "scale": "laptop",
        "machine": "2 cores",
        "versions": {"numpy": "2.0"},
        "claims": list(claims),
    }


def claim(words, verdict, **others):
    return {
        "figure": "4a",
        "kind": "difference",
        "claim": words,
        "verdict": verdict,
        "decided_at": "here | there",
        "effect": 0.25,
        "interval_90": [0.2, 0.3],
        "p_value": 0.01,
        "likely_reason": None,
        **others,
    }


@pytest.fixture
def folder(tmp_path):
    records = {
        "fig4": about(
            claim("E", "not reproduced", ours=True, paper=None),
            claim("C", "reproduced", ours=False, paper="0.19"),
            controls=[{"title": "By all filters", "columns": ["claim", "p"], "rows": [["C", "|"]]}],
        ),
        "fig3": about(
            claim("F", "reproduced", figure="3"), claim("G", "not reproduced", figure="3")
        ),
        "fig6": about(
            claim("H", "reproduced", figure="6a-c", kind="equality"),
            claim("I", "not reproduced", figure="6d", decided_at=None),
        ),
        "fig2": about(
            claim("A", "reproduced"),
            claim("B", "not reproduced", likely_reason="too small", interval_90=None),
            claim("D", "not decidable at this scale", effect=None, interval_90=None, p_value=None),
        ),
        "figA1": about(),
    }
    for name, contents in records.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "claims.json").write_text(json.dumps(contents))
    (tmp_path / "fig2" / "time.json").write_text('{"seconds": 12}')
    (tmp_path / "networks").mkdir()
    return tmp_path


def test_the_page_shows_every_figure_in_the_papers_order(folder):
    page = write_page(folder)
    text = page.read_text()
    assert page.name == "README.md"
    assert text.index("## fig2") < text.index("## fig4") < text.index("## figA1")
    assert "Claims: 4 reproduced, 3 not reproduced, 1 not decidable at this scale." in text
    assert "![Signal and noise of known size](fig2/fig2.png)" in text
    assert "| A | reproduced | here \\| there | 0.250 [0.200, 0.300] | 0.0100 |  |" in text
    assert (
        "| B *Likely reason: too small.* | not reproduced | here \\| there | 0.250 | 0.0100 |"
        in text
    )
    assert "| D | not decidable at this scale | here \\| there |  |  |" in text
    assert "0.250 [0.200, 0.300] | 0.0100 | 0.19 |" in text
    assert text.index("| C |") < text.index("| Ours, not the paper's: E |")  # not counted above
    assert "isorep paper fig2 --scale laptop" in text
    assert "| I | not reproduced |  | 0.250" in text
    assert "numpy 2.0; 12 s." in text
    assert "\nBy all filters:\n\n| claim | p |\n|---|---|\n| C | \\| |\n" in text
    assert "equally many filters of each network" in text  # what a laptop cannot show
    assert "Scale laptop: minutes on two cores, no download." in text
    assert "Scale paper" not in text


def test_the_page_opens_with_the_findings_of_the_abstract(folder):
    table = write_page(folder).read_text().partition("## All claims")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == 4  # a heading, and the findings whose figures are there
    assert rows[1].endswith(
        "| [fig3](#fig3) | in part: 1 of 2 claims. Missing: G (not reproduced) |"
    )
    assert rows[2].endswith(
        "| [fig4](#fig4) | yes: 1 of 1 claims; p of claimed differences at most 0.0100 |"
    )
    assert rows[3].endswith("| [fig6](#fig6), figA3 | yes: 1 of 1 claims |")


def test_an_old_page_makes_way_for_the_new(folder):
    write_page(folder)
    (folder / "fig4" / "claims.json").unlink()
    assert "## fig4" not in write_page(folder).read_text()


def test_the_part_by_hand_is_kept(folder):
    page = write_page(folder)
    title, rest = page.read_text().split("\n\n", 1)
    part = "<!-- by hand -->\nµ: see\n\n[digits](digits/README.md).\n<!-- end by hand -->"
    page.write_text(f"{title}\n\n{part}\n\n{rest}\n<!-- another comment -->\n", encoding="utf-8")
    for _ in range(2):
        text = write_page(folder).read_text(encoding="utf-8")
        assert text.count(part) == 1
        assert text.index(part) < text.index("## The four findings")
        assert "another comment" not in text


RESULTS = Path(__file__).parents[2] / "docs" / "paper"


@pytest.mark.parametrize("others", ["digits", "small"])
def test_the_page_of_the_laptop_scale_links_the_others(others):
    link = f"({others}/README.md)"
    by_hand = BY_HAND.search((RESULTS / "README.md").read_text(encoding="utf-8"))
    assert by_hand is not None
    assert link in by_hand[0]
    assert (RESULTS / others / "README.md").is_file()
