"""Open a page of `isorep.report` in the browser, and read what it lets a reader download."""

import csv
import io
from contextlib import contextmanager

LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 390, "height": 844}


@contextmanager
def opened(browser, path, viewport=LAPTOP):
    """Open a page; at the end it has asked for nothing but itself, and complained of nothing."""
    context = browser.new_context(viewport=viewport, accept_downloads=True)
    asked, complaints = [], []
    try:
        tab = context.new_page()
        tab.set_default_timeout(60_000)  # a guard on a busy machine
        context.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(path.as_uri())
        tab.wait_for_selector(".js-plotly-plot .plot-container >> nth=-1")
        yield tab
        assert tab.evaluate("window.harmed") is None
        assert not complaints
        # A download is a blob of the page's own, and a picture in a figure is data.
        assert {url for url in asked if not url.startswith(("blob:", "data:"))} == {path.as_uri()}
    finally:
        context.close()


def saved_file(tab, title, kind):
    tab.wait_for_timeout(100)  # Chromium drops what goes beyond ten downloads a second
    button = tab.get_by_role("button", name=f"Download {title} as {kind}")
    with tab.expect_download() as told:
        button.click()
    return told.value.suggested_filename, told.value.path().read_text()


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))
