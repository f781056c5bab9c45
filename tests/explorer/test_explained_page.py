"""The explanation of a cell in a browser, on a desktop and on a phone."""

import numpy as np
import pytest
from helpers.harmful import NAMES
from helpers.open_page import PHONE, opened, rows_of, saved_file

import isorep
from isorep.representations.row_positions import RowPositions

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 800}
WORDS = [*NAMES, "cat", "\x00bell", "\u202eturned"]


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    """A page of two layers whose rows are tokens, and the explanation of the second."""
    n, length = 60, 3
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, len(WORDS), (n, length))
    rows = RowPositions(
        np.repeat(np.arange(n), length), np.tile(np.arange(length), n), tokens.ravel()
    )
    options = {
        "reductions": {NAMES[0]: "positions", NAMES[1]: "positions"},
        "n_samples": n,
        "row_positions": {NAMES[0]: rows, NAMES[1]: rows},
        "labels": [f"<i>{NAMES[i % 3]}</i>" for i in range(n)],
        "sample_ids": [f"{NAMES[1]}{i}" for i in range(n)],
    }
    x = {name: rng.standard_normal((n * length, 4)) for name in NAMES[:2]}
    y = {name: side + 0.1 * rng.standard_normal(side.shape) for name, side in x.items()}
    y[NAMES[1]][5] *= -9
    y[NAMES[1]][:, 0] = rng.standard_normal(n * length)
    a, b = (isorep.Representations(side, **options) for side in (x, y))
    table = isorep.compare(a, b, measures="cka", progress=False)
    pair = NAMES[1], NAMES[1]
    explanation = isorep.explain(
        a,
        b,
        "cka",
        x_layer=pair[0],
        y_layer=pair[1],
        token_text=WORDS.__getitem__,
        n_permutations=39,
    )
    samples = [[WORDS[k] for k in text] for text in tokens]
    page = tmp_path_factory.mktemp("explained") / "page.html"
    isorep.report(
        table,
        page,
        a=a,
        b=b,
        explain={pair: explanation},
        samples=samples,
        progress=False,
    )
    return page, explanation


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_click_opens_the_explanation(browser, explained, viewport):
    page, explanation = explained
    with opened(browser, page, viewport) as tab:
        panel = tab.get_by_role("region", name="Explanation")
        assert panel.is_visible()  # a cell with an explanation is open at first
        tab.get_by_label("Layer of x").select_option(NAMES[0])
        assert not panel.is_visible()
        assert "explain=[(" in tab.locator(".missing").last.inner_text()
        heat = tab.get_by_role("application").first
        heat.scroll_into_view_if_needed()
        box = heat.locator(".heatmaplayer image").bounding_box()
        tab.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 4)
        panel.wait_for(state="visible")

        findings = panel.locator(".finding").all_inner_texts()
        titles = [text.partition(":")[0] for text in findings]
        assert titles == [
            *("Directions", "Samples", "Classes", "Tokens", "Positions", "Groups"),
            *("Neurons of x", "Neurons of y"),
        ]
        shared = int(explanation.directions["shared"].sum())
        assert f"{shared} of 4 pairs are shared above noise" in findings[0]
        card = panel.locator(".cards li.outlying").first
        assert "misfit" in card.inner_text()
        row = int(explanation.samples["misfit"].values.argmax())
        assert f"at position {row % 3}" in card.inner_text()
        assert card.locator(".token").count() == 3
        assert card.locator(".token.here").count() == 1
        assert panel.locator("i, b, script, .cards img").count() == 0
        assert "\u202e" not in panel.inner_text()
        if viewport is PHONE:
            assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            return
        lines = rows_of(saved_file(tab, "Shared and unshared directions", "CSV")[1])
        found = [float(line["held_out_correlation"]) for line in lines]
        np.testing.assert_allclose(found, explanation.directions["held_out_correlation"], rtol=1e-6)
        lines = rows_of(saved_file(tab, "Tokens", "CSV")[1])
        assert {line["token"] for line in lines} == set(explanation.tokens["token"].values)


def test_thumbnails_are_drawn_and_a_diff_names_its_explained_layers(browser, tmp_path):
    rng = np.random.default_rng(0)
    base = {name: rng.standard_normal((90, 4)) for name in NAMES[:3]}
    changed = {name: x + 0.1 * rng.standard_normal(x.shape) for name, x in base.items()}
    changed[NAMES[2]][:30] = rng.standard_normal((30, 4))
    diff = isorep.diff(base, changed, measure="cka_debiased", interval=False)
    images = rng.random((90, 6, 9))
    options = {"x_layer": NAMES[2], "y_layer": NAMES[2], "n_permutations": 39}
    explanation = isorep.explain(base, changed, "cka_debiased", **options)
    page = tmp_path / "diff.html"
    pair = NAMES[2], NAMES[2]
    isorep.report(diff, page, explain={pair: explanation}, samples=images, progress=False)
    with opened(browser, page, DESKTOP) as tab:
        assert f"open to an explanation: {NAMES[2]}" in tab.locator("figcaption").first.inner_text()
        sizes = tab.locator(".cards img").evaluate_all(
            "images => images.map(image => [image.naturalWidth, image.naturalHeight])"
        )
        assert len(sizes) > 5
        assert all(size == [9, 6] for size in sizes)
