"""Colours: readers with any colour vision can tell them apart, and order those of a scale."""

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

import isorep.explorer
from isorep.plot.groups import _STYLES
from isorep.plot.sample_size import LINES
from isorep.plot.sequence import ordered_colours

colorspacious = pytest.importorskip("colorspacious")
mpl = pytest.importorskip("matplotlib")

VISIONS = ["normal", "deuteranomaly", "protanomaly", "tritanomaly"]
SCRIPT = (Path(isorep.explorer.__file__).parent / "js/style.js").read_text()
PAGE_COLOURS = re.findall(r'"(#[0-9A-Fa-f]{6})"', SCRIPT.partition("const FILLED_SYMBOLS")[0])
PAGE_VIRIDIS = [
    tuple(int(channel) / 255 for channel in row)
    for row in re.findall(r"\[(\d+), (\d+), (\d+)\]", SCRIPT)
]


def seen(colours, vision):
    """Return colours as a reader sees them, in coordinates whose distances are differences."""
    rgb = np.array([mpl.colors.to_rgb(colour) for colour in colours])
    if vision != "normal":
        space = {"name": "sRGB1+CVD", "cvd_type": vision, "severity": 100}
        rgb = colorspacious.cspace_convert(rgb, space, "sRGB1").clip(0, 1)
    return colorspacious.cspace_convert(rgb, "sRGB1", "CAM02-UCS")


def nearest(colours, vision):
    return min(float(np.linalg.norm(x - y)) for x, y in combinations(seen(colours, vision), 2))


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    ("colours", "least"),
    [
        ([colour for colour, *_ in _STYLES], 10),
        ([colour for _, colour, _ in LINES.values()], 20),
        (PAGE_COLOURS[:5], 10),
    ],
    ids=["groups", "sample_size", "page"],
)
def test_colours_of_groups_differ(colours, least, vision):
    """A difference of 1 is just noticed; symbols and dashes differ too."""
    assert nearest(colours, vision) > least


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", ["viridis", "plasma"])
def test_scales_of_figures_get_steadily_lighter(name, vision):
    lightness = seen(mpl.colormaps[name](np.linspace(0, 1, 101))[:, :3], vision)[:, 0]
    assert (np.diff(lightness) > 0).all()
    assert lightness[-1] - lightness[0] > 50


@pytest.mark.parametrize("vision", VISIONS)
def test_the_scale_of_the_page_is_that_of_the_figures(vision):
    expected = mpl.colormaps["viridis"](np.linspace(0, 1, len(PAGE_VIRIDIS)))[:, :3]
    np.testing.assert_allclose(PAGE_VIRIDIS, expected, atol=2 / 255)
    assert (np.diff(seen(PAGE_VIRIDIS, vision)[:, 0]) > 0).all()


@pytest.mark.parametrize("vision", VISIONS)
def test_neighbours_of_few_ordered_colours_differ(vision):
    steps = np.linalg.norm(np.diff(seen(ordered_colours(6), vision), axis=0), axis=1)
    assert steps.min() > 8


def test_the_lightest_line_is_visible_on_white():
    (*_, lightest) = ordered_colours(8)
    white, line = seen(["white", lightest], "normal")
    assert white[0] - line[0] > 10
