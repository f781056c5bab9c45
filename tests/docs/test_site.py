"""The built site works without a network, and its search finds what readers look for."""

import re

import pytest

SEARCHES = {
    "confidence interval": "isorep.inference.interval",
    "tokens": "tutorials/tokens",
    "left padding": "tutorials/tokens",
    "mat file": "files",
}
LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
WIDE = ["index.html", "files.html", "correction.html"]
WIDE += [
    f"reference/api/isorep.{name}.html"
    for name in ("compare", "inference.Inference", "representations.lazy.LazyRepresentations")
]


@pytest.mark.slow  # builds the site
def test_no_page_loads_anything_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 100
    for page in pages:
        text = page.read_text()
        loaded = re.findall(r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"([^\"]*)\"", text)
        assert not [url for url in loaded if re.match(r"(\w+:)?//", url)], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(\w+:)?//", style.read_text()), style


@pytest.mark.slow
def test_formulas_are_rendered(site):
    text = (site / "correction.html").read_text()
    assert text.count("<math") > 20
    assert "$" not in re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)


def test_fences_have_one_height():
    pytest.importorskip("sphinx")
    from mathml import _mathml

    text = _mathml(None, r"\lVert M \rVert_F^2 + \lvert \langle h, z \rangle \rvert")
    assert text.count('stretchy="false">') == 6
    assert "stretchy" not in _mathml(None, r"\left| \frac12 \right|")


def test_operators_stand_apart_from_what_is_before_them():
    pytest.importorskip("sphinx")
    from mathml import _mathml

    assert "<mspace" in _mathml(None, r"U \operatorname{diag}(s)")
    assert "<mspace" not in _mathml(None, r"\operatorname{diag}(s)")


@pytest.mark.slow
def test_options_are_shown_as_they_are_typed(site):
    pages = sorted((site / "reference" / "shell").glob("isorep-*.html"))
    assert len(pages) >= 10
    for page in pages:
        assert not re.search("[\N{EN DASH}\N{RIGHT SINGLE QUOTATION MARK}]", page.read_text()), page


@pytest.mark.slow
def test_gallery_pages_offer_a_script_and_a_notebook(site):
    pages = sorted((site / "auto_gallery").glob("plot_*.html"))
    assert len(pages) >= 12
    for page in pages:
        text = page.read_text()
        assert f"{page.stem}.ipynb" in text
        assert f"{page.stem}.py" in text
        assert "sphx_glr_plot_" in text  # a picture
        assert "&lt;Axes" not in text


@pytest.mark.browser
@pytest.mark.parametrize("words", SEARCHES)
def test_search_finds(site, browser, words):
    tab = browser.new_page(viewport=LAPTOP)
    tab.goto(f"{(site / 'search.html').as_uri()}?q={words.replace(' ', '+')}")
    results = tab.locator("#search-results ul.search li a")
    results.first.wait_for(timeout=60_000)
    found = results.evaluate_all("links => links.slice(0, 10).map(link => link.href)")
    tab.close()
    assert any(f"/{SEARCHES[words]}.html" in link for link in found), found


@pytest.mark.browser
@pytest.mark.parametrize("viewport", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_pages_fit_the_screen(site, browser, viewport):
    tab = browser.new_page(viewport=viewport)
    for page in WIDE:
        tab.goto((site / page).as_uri())
        for part in ("html", ".bd-article-container"):
            width = tab.locator(part).first.evaluate("part => part.scrollWidth - part.clientWidth")
            assert width <= 0, (page, part)
    tab.close()
