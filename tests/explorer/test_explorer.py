"""The page in a browser: it draws, answers mouse and keyboard, and asks nobody for anything."""

import csv
import io
import re
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from helpers.harmful import DEAD, NAMES, layers_of
from helpers.open_page import LAPTOP, PHONE, opened, rows_of, saved_file

import isorep
from isorep.cli import main

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def tab(browser, page):
    """One page for all tests that leave it as usable as before."""
    with opened(browser, page) as opened_tab:
        yield opened_tab


def heat(tab):
    return tab.get_by_role("application").first


def centre_of(tab, row, column, rows, columns):
    """Where on the screen a cell of the grid is, rows counted from the bottom."""
    heat(tab).scroll_into_view_if_needed()
    box = heat(tab).locator(".heatmaplayer image").bounding_box()
    x = box["x"] + (column + 0.5) * box["width"] / columns
    return x, box["y"] + box["height"] - (row + 0.5) * box["height"] / rows


def pair_shown(tab):
    return tab.locator(".pair bdi").all_text_contents()


def fact(tab, name, measure=0):
    row = tab.locator(".facts tr", has=tab.get_by_role("rowheader", name=name))
    return row.locator("td").nth(measure).inner_text()


def shown(name):
    return name.replace("\u2028", "\\u2028").replace("\u202e", "\\u202e")


def test_every_figure_is_drawn(tab):
    titles = tab.locator("figure h3").all_text_contents()
    assert titles == [
        "All pairs of layers",
        "Canonical correlations",
        "Projection weights",
        "Samples along two variates",
        "Distances between networks",
        "Map of the networks",
        "Distances within and between groups",
        "Every layer over the steps",
        "All layers at one step",
    ]
    assert tab.locator("figure .main-svg").count() >= len(titles)
    assert tab.locator("h1").inner_text() == "A & <b>B</b>"
    assert tab.locator("h2").all_text_contents() == ["Grid", "Sweep <b>", "Path"]
    for how in tab.locator("figure .caption").all_text_contents():
        assert len(how) > 40
    assert tab.locator("script").count() == 3  # the data's, Plotly's and the page's own


def test_names_are_shown_as_text(tab):
    # In full in a chooser; on an axis shortened in the middle, but never as markup.
    options = tab.get_by_label("Layer of x").locator("option").all_text_contents()
    assert options == [shown(name) for name in NAMES]
    ticks = [
        t.replace("\u2068", "").replace("\u2069", "")
        for t in heat(tab).locator("g.ytick").all_text_contents()
    ]
    for name, tick in zip(NAMES, ticks, strict=True):
        start, _, end = tick.partition("…")
        assert shown(name).startswith(start)
        assert shown(name).endswith(end)
    assert heat(tab).locator("b, i, u, img, .ytick tspan[style*=bold]").count() == 0
    legend = tab.locator("figure", has_text="Samples along two variates").locator(".legendtext")
    assert legend.all_text_contents() == [f"<i>class {i}</i>" for i in range(3)]


def test_a_click_opens_a_cell(tab, pair, table):
    a, b = pair
    for row, column in ((2, 5), (4, 4)):
        tab.mouse.click(*centre_of(tab, row, column, 7, 9))
        assert pair_shown(tab) == [shown(NAMES[row]), shown(NAMES[column])]
        value = table["pwcca"].values[row, column]
        assert fact(tab, "similarity (1 = same)") == f"{value:.3f}"
        assert fact(tab, "similarity (1 = same)", 1) == f"{table['cka'].values[row, column]:.3f}"
        # The spectrum is that cell's, by the downloaded numbers.
        _, text = saved_file(tab, "Canonical correlations", "CSV")
        found = [float(line["correlation"]) for line in rows_of(text)]
        overlap = isorep.overlap(a[NAMES[row]], b[NAMES[column]])
        np.testing.assert_allclose(found, overlap.correlations, atol=1e-6)
        real = tab.locator(".significant").inner_text()
        law = isorep.inference.random_matrix_edge(overlap)
        assert real == f"{law.n_significant} of {len(found)} significant"
        _, text = saved_file(tab, "Projection weights", "CSV")
        found = [float(line["x_weight"]) for line in rows_of(text)]
        np.testing.assert_allclose(found, overlap.x_weights, atol=1e-6)


def test_hovering_tells_interval_and_chance(tab, table):
    tab.mouse.move(*centre_of(tab, 1, 8, 7, 9))
    text = heat(tab).locator(".hovertext").text_content()
    assert NAMES[1] in text
    assert f"chance level (unrelated data): {table['pwcca_chance'].values[1, 8]:.3f}" in text
    assert "(not above chance)" in text
    tab.mouse.move(0, 0)


def test_the_keyboard_moves_and_opens(tab):
    heat(tab).focus()
    for _ in range(9):
        heat(tab).press("ArrowLeft")
    for _ in range(7):
        heat(tab).press("ArrowDown")
    heat(tab).press("ArrowRight")
    heat(tab).press("ArrowUp")
    before = pair_shown(tab)
    assert before != [shown(NAMES[1]), shown(NAMES[1])]
    assert shown(NAMES[1]) in tab.locator(".readout").first.inner_text()
    heat(tab).press("Enter")
    assert pair_shown(tab) == [shown(NAMES[1]), shown(NAMES[1])]
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert tab.evaluate(outline) == "solid"
    heat(tab).press("Tab")
    assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == (
        "Download All pairs of layers as SVG"
    )
    assert tab.evaluate(outline) == "solid"


def test_a_cell_that_could_not_be_computed_says_why(tab):
    tab.get_by_label("Layer of y").select_option(DEAD)
    assert "has no variance" in tab.locator(".warning").first.inner_text()
    assert not tab.get_by_role("heading", name="Canonical correlations").is_visible()
    tab.get_by_label("Layer of y").select_option("unrelated")
    assert tab.get_by_role("heading", name="Canonical correlations").is_visible()


def test_measure_and_quantity_can_be_switched(tab, table):
    section = tab.locator("main > section").first
    section.get_by_label("Measure").select_option("CKA")
    section.get_by_label("Show").select_option("distance")
    assert "0 = same" in section.locator(".caption").first.inner_text()
    drawn = heat(tab).evaluate("gd => gd.data[0].z")
    np.testing.assert_allclose(np.array(drawn, float), table["cka_distance"], atol=1e-6)
    section.get_by_label("Show").select_option("calibrated similarity")
    drawn = heat(tab).evaluate("gd => gd.data[0].z")
    np.testing.assert_allclose(np.array(drawn, float), table["cka_calibrated"], atol=1e-6)
    section.get_by_label("Measure").select_option("PWCCA")
    section.get_by_label("Show").select_option("similarity")


def test_ceilings_are_shown_beside_similarities(browser, tmp_path):
    rng = np.random.default_rng(0)
    common = rng.standard_normal((60, 5))
    animals = {f"m{i}": common + 0.5 * rng.standard_normal((60, 5)) for i in range(3)}
    table = isorep.compare({"fc": common}, animals, measures="cka_debiased")
    table = isorep.inference.with_ceilings(table, animals=animals)
    isorep.report(table, tmp_path / "ceilings.html")
    with opened(browser, tmp_path / "ceilings.html") as tab:
        tab.get_by_label("Show").select_option("share of the ceiling")
        drawn = heat(tab).evaluate("gd => gd.data[0]")
        share = table["cka_debiased_of_ceiling"]
        np.testing.assert_allclose(np.array(drawn["z"], float), share, atol=1e-6)
        assert drawn["zmax"] == pytest.approx(max(1, share.max().item()))
        tab.get_by_label("Layer of y").select_option("m1")
        cell = table.sel(x_layer="fc", y_layer="m1")
        low, high = (cell[f"cka_debiased_ceiling_{end}"].item() for end in ("low", "high"))
        name = re.compile("^ceiling$")
        assert fact(tab, name) == f"{low:.3f} ({low:.3f} to {high:.3f})"
        _, text = saved_file(tab, "All pairs of layers", "CSV")
        np.testing.assert_allclose([float(row["of_ceiling"]) for row in rows_of(text)], share[0])


def test_every_figure_downloads_as_svg_and_csv(tab):
    tab.get_by_label("Layer of y").select_option("unrelated")
    for title in tab.locator("figure h3").all_text_contents():
        name, text = saved_file(tab, title, "SVG")
        assert name.endswith(".svg")
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert len(list(root.iter())) > 20
        name, text = saved_file(tab, title, "CSV")
        assert name.endswith(".csv")
        lines = list(csv.reader(io.StringIO(text)))
        assert len(lines) > 2
        assert {len(line) for line in lines} == {len(lines[0])}


def test_a_grid_downloads_all_that_is_known(tab, table):
    _, text = saved_file(tab, "All pairs of layers", "CSV")
    lines = rows_of(text)
    assert [line["x_layer"] for line in lines[::9]] == NAMES  # as they are, not as they are shown
    for key, variable in (("similarity", "pwcca"), ("p_adjusted", "pwcca_p_adjusted")):
        found = [float(line[key] or "nan") for line in lines]
        np.testing.assert_allclose(found, table[variable].values.ravel(), atol=1e-7)
    reasons = {line["reason"] for line in lines if line["y_layer"] == DEAD}
    assert all("has no variance" in reason for reason in reasons)


def test_a_sweep_shows_another_layer_and_measure(tab, sweep_table):
    section = tab.locator("main > section").nth(1)
    section.get_by_label("Measure").select_option("Procrustes")
    section.get_by_label("Layer", exact=True).select_option(NAMES[2])
    _, text = saved_file(tab, "Distances between networks", "CSV")
    lines = rows_of(text)
    assert len(lines) == 25
    for line in lines:
        told = sweep_table["procrustes_distance"].sel(x=line["x"], y=line["y"], layer=NAMES[2])
        assert float(line["distance"]) == pytest.approx(told.item(), abs=1e-6)
    assert "radians" in section.locator(".caption").first.inner_text()


def test_the_slider_goes_through_the_steps(tab, path_table):
    slider = tab.get_by_role("slider")
    slider.focus()
    slider.press("End")
    slider.press("ArrowLeft")
    assert tab.locator("output").inner_text() == "3"
    _, text = saved_file(tab, "All layers at one step", "CSV")
    found = [float(line["distance"]) for line in rows_of(text)]
    np.testing.assert_allclose(found, path_table["pwcca_distance"].sel(step=3), atol=1e-6)


def test_a_diff_is_a_point_for_each_layer(browser, tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    base = layers_of(3, 200)
    changed = {
        name: x + 0.1 * i * rng.standard_normal(x.shape) for i, (name, x) in enumerate(base.items())
    }
    for name, layers in (("a", base), ("b", changed)):
        isorep.Representations(layers).save(tmp_path / f"{name}.npz")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        sys, "argv", ["isorep", "diff", "a.npz", "b.npz", "-o", "d.html", "--fail-below", "0.9"]
    )
    with pytest.raises(SystemExit):
        main()
    found = isorep.diff(base, changed, fail_below=0.9)
    names = [layer.layer for layer in found.layers]
    with opened(browser, tmp_path / "d.html") as own:
        options = own.get_by_label("Layer", exact=True).locator("option").all_text_contents()
        assert options == [shown(name) for name in names]
        points = heat(own).evaluate("canvas => [canvas.data[0].x, canvas.data[0].y]")
        np.testing.assert_allclose(points[0], [x.similarity for x in found.layers], atol=1e-6)
        assert points[1] == list(range(len(names)))
        assert "could not be compared" not in own.locator("figure .caption").first.inner_text()
        bar = heat(own).evaluate("canvas => canvas.layout.shapes[0].x0")
        assert bar == 0.9
        assert own.locator(".pair bdi").inner_text() == shown(names[0])
        heat(own).focus()
        for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
            heat(own).press(key)
        assert own.locator(".pair bdi").inner_text() == shown(names[2])
        point = heat(own).locator(".scatterlayer .point").nth(4).bounding_box()
        own.mouse.click(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
        assert own.locator(".pair bdi").inner_text() == shown(names[4])
        lines = rows_of(saved_file(own, "Layer by layer", "CSV")[1])
        assert [(line["x_layer"], line["y_layer"]) for line in lines] == [(x, x) for x in names]


def test_a_diff_says_which_layers_are_not_judged(browser, tmp_path):
    rng = np.random.default_rng(0)
    base = {
        "narrow": rng.standard_normal((99, 4)),
        "<b>wide</b>": rng.standard_normal((99, 48)),
        "gone": rng.standard_normal((99, 2)),
    }
    changed = {name: x + 0.1 * np.roll(x, 1) for name, x in base.items() if name != "gone"}
    isorep.report(isorep.diff(base, changed, fail_below=0.5), tmp_path / "d.html", progress=False)
    with opened(browser, tmp_path / "d.html") as own:
        told = own.locator("ul.notes li").all_inner_texts()
        assert told[0] == "not judged: too few samples: <b>wide</b>"
        assert "missing in changed: gone" in told
        for layer, is_marked in (("<b>wide</b>", True), ("narrow", False)):
            own.get_by_label("Layer", exact=True).select_option(label=layer)
            notes = own.locator("div.notes").inner_text()
            assert ("not judged: too few samples" in notes) == is_marked
        symbols = heat(own).evaluate("canvas => canvas.data[0].marker.symbol")
        assert sorted(symbols) == ["circle", "circle-open"]
        lines = rows_of(saved_file(own, "Layer by layer", "CSV")[1])
        notes = {line["x_layer"]: line["note"] for line in lines}
        assert notes == {"<b>wide</b>": "not judged: too few samples", "narrow": ""}


def test_when_layers_had_converged(browser, tmp_path, settling):
    isorep.report(settling, tmp_path / "settling.html")
    with opened(browser, tmp_path / "settling.html") as own:
        assert "95 % confidence intervals" in own.locator(".caption").nth(1).inner_text()
        assert own.get_by_label("Show").locator("option").all_text_contents() == ["distance"]
        told = own.locator(".facts tbody tr, .facts > tr").all_inner_texts()
        assert len(told) == len(settling["layer"])
        for text, layer in zip(told, settling["layer"].values, strict=True):
            one = settling.sel(layer=layer)
            assert shown(layer) in text
            if layer == DEAD:
                assert one["reason"].item() in text
            else:
                low, high = one["converged_low"].item(), one["converged_high"].item()
                assert f"{one['converged'].item():.0f}\t{low:.0f} to {high:.0f}\t" in text
        points = own.locator(".canvas").first.evaluate("canvas => canvas.data.at(-1).x")
        assert points == settling["converged"].values[:3].tolist()
        lines = rows_of(saved_file(own, "Every layer over the steps", "CSV")[1])
        assert {"low", "high"} <= set(lines[0])


def test_print_keeps_figures_and_drops_controls(tab):
    tab.emulate_media(media="print")
    assert not tab.get_by_role("button", name="SVG").first.is_visible()
    assert not tab.get_by_text("Click a cell").is_visible()
    assert tab.locator("figure .main-svg").first.is_visible()
    tab.emulate_media(media="screen")
    for column in (DEAD, "unrelated"):  # with figures that are hidden, and without
        tab.get_by_label("Layer of y").select_option(column)
        assert tab.pdf(format="A4").startswith(b"%PDF")


def heights(tab):
    """How high each figure is, once all are as wide as their place on the page."""
    canvases = tab.locator(".canvas:visible")
    for _ in range(100):
        if canvases.evaluate_all("all => all.every(c => c.layout.width === c.clientWidth)"):
            break
        tab.wait_for_timeout(50)
    else:
        pytest.fail("figures do not fit their place on the page")
    return canvases.evaluate_all("all => all.map(canvas => canvas.clientHeight)")


def test_figures_fit_a_window_that_changes_and_keep_their_height(browser, page):
    with opened(browser, page) as own:
        before = heights(own)
        own.set_viewport_size(PHONE)
        assert min(heights(own)) > 200
        assert own.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        own.set_viewport_size(LAPTOP)
        assert heights(own) == before
        own.pdf(format="A4")
        assert heights(own) == before


def test_a_phone_needs_no_sideways_scrolling(browser, page, tab):
    assert tab.evaluate("document.documentElement.scrollWidth") <= LAPTOP["width"]
    with opened(browser, page, PHONE) as small:
        assert small.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        for figure in small.locator("figure").all():
            assert figure.bounding_box()["width"] <= PHONE["width"]
        small.get_by_label("Layer of x").select_option(NAMES[5])
        assert pair_shown(small)[0] == NAMES[5]


def test_a_page_without_representations_says_what_to_pass(browser, tmp_path):
    # A hundred layers a side, one element for all cells.
    names = [f"features.stage{i // 10}.block{i % 10}.conv2d" for i in range(100)]
    rng = np.random.default_rng(0)
    table = (
        isorep.compare(
            {name: rng.standard_normal((30, 2)) for name in names[:1]},
            {name: rng.standard_normal((30, 2)) for name in names[:1]},
        )
        .isel(x_layer=[0] * 100, y_layer=[0] * 100)
        .assign_coords(x_layer=names, y_layer=names)
    )
    isorep.report(table, tmp_path / "bare.html")
    with opened(browser, tmp_path / "bare.html") as tab:
        assert (
            "isorep.report(table, path, a=..., b=...)" in tab.locator(".missing").first.inner_text()
        )
        assert tab.locator("*").count() < 2500
        heat(tab).focus()
        heat(tab).press("Home")
        heat(tab).press("ArrowUp")
        heat(tab).press("Enter")
        assert pair_shown(tab)[1] == names[0]
        # What all names share says nothing beside an axis, and is left out there.
        ticks = heat(tab).locator("g.ytick").all_text_contents()
        assert len(set(ticks)) == len(ticks) > 10
        assert all(re.fullmatch(r"…stage\d\.block\d…", tick) for tick in ticks)


def test_names_that_are_shortened_still_differ(browser, tmp_path):
    parts = ["attention.self.query", "attention.self.key", "attention.output.dense"]
    parts += ["attention.output.dropout", "intermediate.dense", "output.dense", "output.dropout"]
    names = ["stem", *(f"encoder.layer.{i}.{part}" for i in range(3) for part in parts)]
    rng = np.random.default_rng(0)
    base = {name: rng.standard_normal((60, 2)) for name in names}
    changed = {name: base[name] + 0.2 * rng.standard_normal((60, 2)) for name in names}
    isorep.report(isorep.diff(base, changed, interval=False).grid(), tmp_path / "d.html")
    for viewport in (LAPTOP, PHONE):
        with opened(browser, tmp_path / "d.html", viewport) as tab:
            ticks = heat(tab).locator("g.ytick").all_text_contents()
            assert len(ticks) == len(set(ticks)) == len(names)
            for name, tick in zip(names[1:], ticks[1:], strict=True):
                assert f".{name.split('.')[2]}." in tick


def test_a_sweep_opens_at_its_widest_layer_and_steps_by_factors_are_logarithmic(browser, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3))
    networks = {
        f"seed{i}": {
            "first": rng.standard_normal((60, 3)),
            "last": x + 0.1 * i**3 * rng.standard_normal((60, 3)),
        }
        for i in range(4)
    }
    sweep = isorep.pairwise(networks, progress=False)
    steps = [0, 1, 4, 16, 64, 256]
    states = {step: {"fc": x + rng.standard_normal((60, 3)) / (1 + step)} for step in steps}
    path = isorep.trajectory(states, progress=False)
    grid = isorep.compare(networks["seed0"], networks["seed1"], progress=False)
    grid = grid.assign_attrs(a="seed <0>", b="seed 1")
    isorep.report({"sweep": sweep, "path": path, "grid": grid}, tmp_path / "page.html")
    with opened(browser, tmp_path / "page.html") as tab:
        menu = tab.get_by_label("Layer", exact=True)
        assert menu.evaluate("select => select.selectedOptions[0].text") == "last"
        assert "last" in tab.locator("main .caption").first.inner_text()
        layouts = tab.evaluate(
            "[...document.querySelectorAll('.js-plotly-plot')].map(gd => gd.layout)"
        )
        (logarithmic,) = [x for x in layouts if x["xaxis"].get("type") == "log"]
        assert logarithmic["xaxis"]["ticktext"] == [str(step) for step in steps]
        assert logarithmic["xaxis"]["tickvals"] == [0.25, *steps[1:]]
        assert logarithmic["shapes"][0]["x0"] == 0.25
        titles = [x["xaxis"]["title"]["text"] for x in layouts]
        assert "layer of y, seed 1" in titles
        assert "layer of x, seed &lt;0&gt;" in [x["yaxis"]["title"]["text"] for x in layouts]
