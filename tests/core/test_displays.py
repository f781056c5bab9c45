"""Results are shown in one line, as an HTML table, and as plain values."""

import json

import numpy as np
import pytest

import isorep
from isorep.core.overlap import Overlap
from isorep.core.score import Score

SCORE = Score(0.123456, 0.876544, "cka", 211, 7, 5, warnings=("few <samples>",))


def coupled():
    x, y = np.random.default_rng(0).standard_normal((2, 211, 7))
    return isorep.overlap(np.hstack([x, x[:, :1]]), y)


def test_a_score_is_shown_in_one_line():
    assert repr(SCORE) == (
        "Score(cka: similarity=0.1235, distance=0.8765, n_samples=211, x_rank=7, y_rank=5, "
        "warnings=1)"
    )
    corrected = Score(0.5, 0.5, "cka", 211, 7, 5, uncorrected=0.75)
    assert repr(corrected) == (
        "Score(cka: similarity=0.5, distance=0.5, uncorrected=0.75, n_samples=211, x_rank=7, "
        "y_rank=5)"
    )


def test_a_score_is_an_escaped_table_in_notebooks():
    html = SCORE._repr_html_()
    assert "<caption>Score</caption>" in html
    assert "<th>similarity</th><td>0.1235</td>" in html
    assert "<th>warning</th><td>few &lt;samples&gt;</td>" in html


def test_a_score_as_plain_values_is_json():
    values = SCORE.to_dict()
    assert values["warnings"] == ["few <samples>"]
    assert json.loads(json.dumps(values)) == values
    assert Score(**{**values, "warnings": tuple(values["warnings"])}) == SCORE


def test_the_dictionary_of_a_computed_score_is_plain():
    x, y = np.random.default_rng(1).standard_normal((2, 211, 3))
    values = isorep.cka(x, y).to_dict()
    assert {type(value) for value in values.values()} <= {float, int, str, list, dict, type(None)}
    assert json.loads(json.dumps(values)) == values


def test_an_overlap_and_a_basis_are_shown_in_one_line_without_a_decomposition():
    o = coupled()
    assert repr(o) == "Overlap(211 samples, x: rank 7 of 8 features, y: rank 7 of 7 features)"
    assert repr(o.x) == "Basis(211 samples, rank 7 of 8 features, float64)"
    assert not {"_svd", "_triplets"} & set(vars(o))


def test_an_overlap_is_a_table_of_its_first_correlations_in_notebooks():
    o = coupled()
    first = ", ".join(f"{rho:.4g}" for rho in o.correlations[:5])
    assert f"<th>correlations</th><td>{first}, ...</td>" in o._repr_html_()
    short = o.leading(3, 2)._repr_html_()
    assert "..." not in short
    assert short.count(".") == 2


def test_an_overlap_from_its_decomposition_keeps_it():
    o = coupled()
    u, rho, w = o.x_rotation, np.full(7, 0.5), o.y_rotation
    made = Overlap.from_svd(o.x, o.y, u, rho, w)
    np.testing.assert_allclose(made.matrix, 0.5 * u @ w.T, rtol=0, atol=1e-15)
    for side in (made, made.swap().swap()):
        assert side.correlations is rho
        assert side.x_rotation is u
        assert side.y_rotation is w
    assert made.swap().x_rotation is w
    assert made.swap().correlations is rho


@pytest.mark.parametrize("cached", ["x_rotation", "correlations"])
def test_swapping_keeps_what_was_computed(cached):
    o = coupled()
    getattr(o, cached)
    other = o.swap()
    assert other.correlations is o.correlations
