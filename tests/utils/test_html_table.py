"""HTML tables: all text is escaped, and numbers are short."""

import numpy as np

from isorep._utils.html_table import html_table


def test_titles_columns_and_cells_are_escaped():
    html = html_table("<a>", [("<b>", "<c>")], columns=["<d>", "&"])
    assert html == (
        "<table><caption>&lt;a&gt;</caption><thead><tr><th>&lt;d&gt;</th><th>&amp;</th></tr></thead>"
        "<tbody><tr><th>&lt;b&gt;</th><td>&lt;c&gt;</td></tr></tbody></table>"
    )


def test_numbers_have_four_digits_and_integers_all():
    html = html_table("t", [("row", 0.123456, np.float32(2.0), 123456, True, None)])
    cells = ["0.1235", "2", "123456", "True", "None"]
    assert "".join(f"<td>{cell}</td>" for cell in cells) in html
