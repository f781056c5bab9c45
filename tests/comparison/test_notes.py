"""Notes: a cell has one line a code, whatever the number of measures and sentences."""

import numpy as np

import isorep
from isorep.comparison.export import to_csv
from isorep.comparison.notes import reason_text, warning_lines
from isorep.core.warning_text import WarningText

FEW = WarningText("few-samples", "9 samples are few", "take more")
FEWER = WarningText("few-samples", "9 samples are few for 3 and 3 directions", "take more")
LABELS = WarningText("integer-labels", "y is one column", "pass one column a class")


def test_one_line_a_code():
    notes = {"cka": [FEW, LABELS], "pwcca": [FEWER], "rsa": [LABELS]}
    assert warning_lines(notes).splitlines() == [
        "cka: 9 samples are few; pwcca: 9 samples are few for 3 and 3 directions [few-samples]",
        "cka, rsa: y is one column [integer-labels]",
    ]
    assert warning_lines({"": [FEW]}) == "9 samples are few [few-samples]"
    assert warning_lines({"cka": ["plain"]}) == "cka: plain"


def test_reasons_are_whole():
    assert reason_text({"cka": ["no"], "rsa": ["no", "never"]}) == "cka, rsa: no; rsa: never"


def test_cells_and_their_csv():
    x, y = np.random.default_rng(0).standard_normal((2, 30, 40))
    x[:, 3] *= 100
    table = isorep.compare({"a": x}, {"b": y}, measures=["cka", "pwcca", "svcca"])
    lines = table["warnings"].item().splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["[dominant-feature]", "[few-samples]"]
    rows = to_csv(table).splitlines()
    assert len(rows) == 1 + 3
    assert all("[dominant-feature]; " in row for row in rows[1:])
