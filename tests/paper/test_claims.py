import json

import pytest

from isorep.inference import Exact
from isorep.paper.analysis.claims import Claim, Contrast

SMALL = Exact(0.004, 0.004)


def claim(kind, *contrasts):
    return Claim("3", "words", "statistic", kind, contrasts, reason="because")


@pytest.mark.parametrize(
    ("effect", "exact", "verdict"),
    [
        (0.05, Exact(0.05, 0.004), "reproduced"),
        (0.049, SMALL, "not reproduced"),
        (0.3, Exact(0.06, 0.004), "not reproduced"),
        (-0.3, Exact(1.0, 0.004), "not reproduced"),
        (0.3, Exact(1 / 6, 1 / 6), "not decidable at this scale"),
        (-0.3, Exact(1.0, 1 / 6), "not decidable at this scale"),
    ],
)
def test_difference(effect, exact, verdict):
    assert claim("difference", Contrast("here", effect, None, exact)).verdict == verdict


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((-0.049, 0.049), "reproduced"),
        ((0.01, 0.02), "reproduced"),
        ((-0.01, 0.06), "not decidable at this scale"),
        ((-0.2, 0.2), "not decidable at this scale"),
        ((0.051, 0.2), "not reproduced"),
        ((-0.2, -0.051), "not reproduced"),
        (None, "not decidable at this scale"),
    ],
)
def test_equality(interval, verdict):
    assert claim("equality", Contrast("here", 0.01, interval, SMALL)).verdict == verdict


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((-0.4, -0.3), "reproduced"),
        ((-0.049, 0.049), "reproduced"),
        ((-0.2, 0.06), "not decidable at this scale"),
        ((0.051, 0.2), "not reproduced"),
        (None, "not decidable at this scale"),
    ],
)
def test_no_difference_in_the_claimed_direction(interval, verdict):
    effect = 0.0 if interval is None else sum(interval) / 2
    assert claim("no difference", Contrast("here", effect, interval, SMALL)).verdict == verdict


def test_two_distances_at_the_floor_have_no_difference_to_show():
    at_floor = Contrast("here", 0.001, (0.0, 0.002), SMALL, at_floor=True)
    for kind in ("difference", "no difference"):
        assert claim(kind, at_floor).verdict == "not decidable at this scale"
    assert claim("equality", at_floor).verdict == "reproduced"


def test_the_contrast_that_speaks_most_against_a_claim_decides():
    strong, weak = Contrast("strong", 0.4, None, SMALL), Contrast("weak", 0.1, None, SMALL)
    missing = Contrast("missing", 0.3, None, Exact(0.2, 0.004))
    assert claim("difference", strong, weak).deciding is weak
    assert claim("difference", strong, weak, missing).deciding is missing
    same, other = (Contrast("", x, (x - 0.01, x + 0.01), SMALL) for x in (0.01, -0.03))
    wide = Contrast("wide", 0.0, (-0.1, 0.1), SMALL)
    assert claim("equality", same, other).deciding is other
    assert claim("equality", same, wide, other).deciding is wide


def test_gives_a_reason_only_where_it_is_needed():
    bad = claim("difference", Contrast("here", 0.0, None, SMALL)).as_dict()
    good = claim("difference", Contrast("here", 0.2, None, SMALL)).as_dict()
    assert (bad["likely_reason"], good["likely_reason"]) == ("because", None)
    assert json.loads(json.dumps(bad))["contrasts"][0]["verdict"] == "not reproduced"
