"""Explain: on data with a known answer it finds exactly what was changed."""

import numpy as np
import pytest

import isorep
from isorep.representations.row_positions import RowPositions

N, P = 300, 12


def two_views(seed, noise=0.3):
    """Return two rotated views of one latent representation with equal noise, and the latent."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((N, P))
    rotation = np.linalg.qr(rng.standard_normal((P, P)))[0]

    def view(z):
        return z @ rotation + noise * rng.standard_normal((N, P))

    return rng, latent, latent + noise * rng.standard_normal((N, P)), view


def explain(x, y, measure="cka", **options):
    return isorep.explain(x, y, measure, n_permutations=39, **options)


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["pwcca", "cka"])
def test_three_changed_directions_are_found(measure):
    rng, latent, x, view = two_views(0)
    changed = latent.copy()
    changed[:, :3] = rng.standard_normal((N, 3))
    result = explain(x, view(changed), measure)
    shared = result.directions["shared"].to_numpy()
    assert shared.tolist() == [True] * 9 + [False] * 3
    # The directions of x that are shared span the latent axes that were not changed.
    directions = result.directions["x_direction"].to_numpy()[:, shared]
    q = np.linalg.qr(directions)[0]
    cosines = np.linalg.svd(q[3:], compute_uv=False)
    assert cosines.min() > 0.98
    assert not result.samples["stands_out"].any()
    assert result.x_neurons["predicted"].to_numpy().tolist() == [False] * 3 + [True] * 9


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["pwcca", "cka"])
def test_twenty_changed_samples_are_found(measure):
    rng, latent, x, view = two_views(1)
    changed = rng.choice(N, 20, replace=False)
    moved = latent.copy()
    moved[changed] *= -1
    result = explain(x, view(moved), measure)
    found = np.flatnonzero(result.samples["stands_out"])
    assert set(found) == set(changed)
    assert set(result.top(20).index) == set(changed)
    assert result.directions["shared"].all()
    if measure == "cka":
        assert result.samples["contribution"].to_numpy()[changed].mean() > 0


@pytest.mark.slow
def test_one_changed_class_is_found():
    rng, latent, x, view = two_views(2)
    labels = np.arange(N) % 10
    moved = latent.copy()
    moved[labels == 4] += 0.7 * rng.standard_normal((30, P))
    result = explain(x, view(moved), labels=labels)
    assert np.flatnonzero(result.classes["stands_out"]).tolist() == [4]
    assert result.top(1, "classes").index.tolist() == [4]
    row = result.classes.sel({"class": 4})
    assert row["contribution_low"] < row["contribution"] < row["contribution_high"]


@pytest.mark.slow
def test_ten_changed_neurons_are_found():
    rng, latent, x, view = two_views(3)
    y = np.hstack([view(latent), rng.standard_normal((N, 10))])
    result = explain(x, y)
    assert np.flatnonzero(~result.y_neurons["predicted"]).tolist() == list(range(12, 22))
    assert set(result.top(10, "y_neurons").index) == set(range(12, 22))
    assert result.x_neurons["predicted"].all()


@pytest.mark.slow
def test_unchanged_data_has_no_finding():
    _, latent, x, view = two_views(4)
    result = explain(x, view(latent), labels=np.arange(N) % 6)
    assert result.directions["shared"].all()
    assert not result.samples["stands_out"].any()
    assert not result.classes["stands_out"].any()
    assert not len(result.groups)
    assert result.x_neurons["predicted"].all()


def test_unrelated_data_share_nothing():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((2, 100, 5))
    result = explain(x, y, labels=np.arange(100) % 2)
    assert not result.directions["shared"].any()
    assert not result.x_neurons["predicted"].any()
    text = str(result)
    assert "0 of 5 pairs are shared above noise" in text
    assert "too few samples or no shared direction to compare 2 classes" in text


def test_the_summary_has_the_numbers_of_the_tables():
    _, latent, x, view = two_views(6)
    y = view(latent)
    y[[3, 50]] *= -1
    result = explain(x, y, labels=["cat", "dog", "owl"] * (N // 3))
    text = str(result)
    assert f"similarity {isorep.cka(x, y).similarity:.3f} of x and y, 300 samples" in text
    assert "12 of 12 pairs are shared above noise (100 % of the variance of x" in text
    assert "2 of 300 stand out (adjusted p <= 0.05)" in text
    total = float(result.samples["contribution"].to_numpy()[[3, 50]].sum())
    assert f"change the similarity by {total:+.3g} in all" in text
    assert "classes: none of 3 stands out" in text
    html = result._repr_html_()
    assert html.count("<tr>") == len(text.splitlines()) + len(result.warnings)
    assert "12 of 12 directions shared, 2 of 300 samples stand out" in repr(result)


@pytest.mark.slow
def test_tokens_and_positions_are_compared():
    _, latent, x, view = two_views(7)
    y = view(latent)
    rows = RowPositions(np.arange(N) // 10, np.arange(N) % 10, np.arange(N) % 10 + 100)
    y[rows.positions == 2] += np.random.default_rng(8).standard_normal((30, P))
    a, b = (
        isorep.Representations(
            {"h": side},
            n_samples=30,
            reductions={"h": "positions"},
            row_positions={"h": rows},
        )
        for side in (x, y)
    )
    result = explain(a, b, token_text=lambda token: f"<{token}>")
    assert result.top(1, "tokens").index.tolist() == ["<102>"]
    assert np.flatnonzero(result.positions["stands_out"]).tolist() == [2]
    assert "<&lt;102>" not in result._repr_html_()
    assert "&lt;102&gt;" in result._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["rsa", "cka_rbf", "mutual_knn", "linear_regression(folds=3)"])
def test_measures_of_other_kinds_are_explained(measure):
    rng = np.random.default_rng(9)
    x = rng.standard_normal((60, 4))
    y = x + 0.2 * rng.standard_normal((60, 4))
    result = explain(x, y, measure)
    assert np.isfinite(result.samples["contribution"]).all()
    assert result.score.measure.startswith(measure.removesuffix("(folds=3)"))


@pytest.mark.parametrize("part", ["directions", "pairs", "x_neurons", "groups", "positions"])
def test_top_returns_a_table_or_says_what_is_missing(part):
    rng = np.random.default_rng(10)
    x = rng.standard_normal((60, 4))
    result = explain(x, x + 0.2 * rng.standard_normal((60, 4)))
    if part == "positions":
        with pytest.raises(
            ValueError, match=r"the positions of these samples are unknown: .*'positions'"
        ):
            result.top(3, part)
    elif part == "groups":
        assert result.top(3, part).columns.tolist() == result.groups.columns.tolist()
    else:
        assert len(result.top(3, part)) == 3
    with pytest.raises(ValueError, match="k must be 0 or more, got -1"):
        result.top(-1)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("measure", ["pwcca", "cka"])
def test_rounding_is_no_difference(measure, dtype):
    """Samples of large values are rounded more than others, and are not said to differ for it."""
    rng = np.random.default_rng(13)
    labels = np.arange(120) % 3
    x = rng.standard_normal((120, 4)) * np.where(labels == 2, 50, 1)[:, None] * [1, 1, 0.1, 0.01]
    y = (x @ np.linalg.qr(rng.standard_normal((4, 4)))[0]).astype(dtype)
    result = isorep.explain(x.astype(dtype), y, measure, labels=labels, n_permutations=19)
    assert not result.samples["stands_out"].any()
    assert not result.classes["stands_out"].any()
    y[labels == 1] += (rng.standard_normal((40, 4))).astype(dtype)
    result = isorep.explain(x.astype(dtype), y, measure, labels=labels, n_permutations=19)
    assert result.classes["stands_out"].to_numpy().tolist() == [False, True, False]


def test_one_class_has_no_other():
    x, y = np.random.default_rng(14).standard_normal((2, 60, 3))
    text = str(explain(x, y, labels=["cat"] * 60))
    assert "classes: all samples are of one, cat, so there is no other" in text


def test_few_samples_are_said():
    rng = np.random.default_rng(11)
    x = rng.standard_normal((20, 6))
    y = x + 0.01 * rng.standard_normal((20, 6))
    with pytest.warns(isorep.FewSamplesWarning) as issued:
        result = explain(x, y)
    assert np.isnan(result.samples["misfit"]).all()
    assert [str(warning.message) for warning in issued] == list(result.warnings)
    edge = result.directions.attrs["noise_edge"]
    text = "".join(result.warnings)
    assert "20 samples are too few to say which stand out in 6 shared directions" in text
    assert f"with 20 samples, held-out correlations up to {edge:.2f} are noise" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.0}, "alpha must be between 0 and 1, got 1.0"),
        ({"n_permutations": 18}, "n_permutations must be 19 or more for alpha=0.05, got 18"),
        ({"alpha": 0.001}, "n_permutations must be 999 or more for alpha=0.001, got"),
        ({"neighbours": 60}, "neighbours must be from 1 to 59"),
        ({"measure": "dft_cca"}, "dft_cca compares maps"),
        ({"token_text": str}, "the rows of these layers know no tokens"),
        ({"groups": [0] * 60}, "folds must be from 2 to 1, the number of groups"),
        ({"labels": np.eye(60)}, r"got shape \(60, 60\): .* labels.argmax\(axis=1\)"),
    ],
)
def test_errors_say_what_was_expected(options, message):
    x, y = np.random.default_rng(12).standard_normal((2, 60, 3))
    with pytest.raises(ValueError, match=message):
        isorep.explain(x, y, **options)


@pytest.mark.parametrize("labels", [[None, *["cat"] * 59], [None] * 60])
def test_a_sample_without_a_label_is_refused(labels):
    x, y = np.random.default_rng(12).standard_normal((2, 60, 3))
    with pytest.raises(TypeError, match="all numbers or all strings, got NoneType"):
        isorep.explain(x, y, labels=labels)


@pytest.mark.slow
def test_pytorch_tensors_are_explained():
    torch = pytest.importorskip("torch")
    x, y = np.random.default_rng(13).standard_normal((2, 60, 3))
    y += x
    result = explain(torch.as_tensor(x), torch.as_tensor(y))
    expected = explain(x, y)
    np.testing.assert_allclose(
        result.samples["contribution"], expected.samples["contribution"], rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        result.directions["p_value"], expected.directions["p_value"], rtol=0, atol=0
    )
