"""Report pages: the pictures report-grid, report-sweep and report-explanation of docs/report.md.

The first two show the networks of ``isorep demo``, which takes minutes to train. Run it from this
folder in the environment of ``make test``, with Chromium installed: ``python report_pages.py``.
"""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from playwright.sync_api import Page, sync_playwright
from sklearn.datasets import load_digits

import isorep
from isorep.paper.figures import fig3
from isorep.paper.run import Run

HERE = Path(__file__).parent
GROUPS = {"generalizing": "true labels", "memorizing": "random labels"}


def write_pages(folder: Path) -> None:
    """Train the demo's networks, and write the pages grid.html and sweep.html."""
    run, setup = Run(), fig3.SETUPS["laptop"]
    data = run.images(setup.images, setup.seed)
    trained = run.networks(fig3.wanted(setup), data)
    layers = run.capture({name: x.network for name, x in trained.items()}, data.train_images)
    a, b = (
        isorep.Representations(layers[f"generalizing-{i}"], labels=data.train_labels)
        for i in (1, 2)
    )
    table = isorep.compare(
        a, b, measures=["pwcca", "cka"], correct=True, interval=True, chance=True
    )
    title = "Two networks that learned two digits"
    isorep.report({"Layers": table}, folder / "grid.html", a=a, b=b, title=title)
    sweep = isorep.pairwise(layers, measures=["pwcca", "cka"])
    groups = {name: GROUPS[name.partition("-")[0]] for name in layers}
    isorep.report({"Networks": sweep}, folder / "sweep.html", groups=groups, title="Ten networks")


def write_explanation(folder: Path) -> None:
    """Write the page explanation.html: two layers that see the digit 3 differently."""
    rng = np.random.default_rng(0)
    digits, labels = load_digits(return_X_y=True)
    digits, labels = digits[:600] / 16, labels[:600]
    weights, later = rng.standard_normal((64, 30)) / 4, rng.standard_normal((30, 20)) / 3
    disturbed = digits + 0.15 * rng.standard_normal(digits.shape) * (labels == 3)[:, None]
    a, b = {}, {}
    for side, images in ((a, digits), (b, disturbed)):
        side["hidden"] = np.tanh(images @ weights) + 0.05 * rng.standard_normal((600, 30))
        side["output"] = np.tanh(side["hidden"] @ later) + 0.05 * rng.standard_normal((600, 20))
    b["output"][:, :4] = rng.standard_normal((600, 4))
    a, b = (isorep.Representations(side, labels=labels) for side in (a, b))
    table = isorep.compare(a, b, measures=["cka", "pwcca"])
    isorep.report(
        {"Layers": table},
        folder / "explanation.html",
        a=a,
        b=b,
        explain=2,
        samples=digits.reshape(-1, 8, 8),
        title="Two networks that see the digits",
    )


def photograph(page: Page, html: Path, chosen: dict[str, str], height: int | None = None) -> None:
    """Open a page, choose from its menus, and take the picture ``report-NAME.png``.

    The picture shows the whole page, or as much as is `height` pixels high.
    """
    page.goto(html.as_uri())
    page.wait_for_selector(".js-plotly-plot .plot-container >> nth=-1")
    for menu, value in chosen.items():
        page.get_by_label(menu, exact=True).select_option(label=value)
    page.mouse.move(0, 0)  # no hover text
    page.wait_for_timeout(1_000)  # figures are drawn anew
    clip = None
    if height is not None:
        width = page.evaluate("document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height}
    page.screenshot(path=HERE / f"report-{html.stem}.png", full_page=True, clip=clip)


def main() -> None:
    """Write the pictures."""
    with TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        write_pages(folder)
        write_explanation(folder)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        photograph(page, folder / "grid.html", {"Layer of x": "conv7", "Layer of y": "conv7"})
        photograph(page, folder / "sweep.html", {"Layer": "conv8"})
        photograph(page, folder / "explanation.html", {}, height=1712)
        browser.close()


if __name__ == "__main__":
    main()
