"""A basis for products alone: the numbers, ranks and warnings of the whitened one, for less."""

import numpy as np
import pytest
import torch
from helpers.devices import each_device

import isorep
from isorep.core import triangular_axes, unwhitened_axes, unwhitened_basis
from isorep.core.overlap import couple_arrays
from isorep.core.unwhitened_axes import UnwhitenedAxes
from isorep.measures.registry import measure_named

NAMES = ("procrustes", "procrustes_squared")


@pytest.fixture(autouse=True)
def small_data_count(monkeypatch):
    monkeypatch.setattr(unwhitened_basis, "SMALL_WORK", 0)


def layer(p, seed, n=800):
    """Return features after a ReLU that share 5 dimensions."""
    rng = np.random.default_rng(seed)
    shared = np.random.default_rng(99).standard_normal((n, 5))
    return np.maximum(shared @ rng.standard_normal((5, p)) / 2 + rng.standard_normal((n, p)), 0)


def with_dead_features(x):
    x = x.copy()
    x[:, [0, 7]] = 0.0
    return x


def with_dominant_feature(x):
    return x * np.where(np.arange(x.shape[1]) == 3, 100.0, 1.0)


def with_dominant_sample(x):
    x = x.copy()
    x[1] *= 500
    return x


SURE = {
    "as it is": lambda x: x,
    "float32": lambda x: x.astype(np.float32),
    "dead features": with_dead_features,
    "mean larger than the spread": lambda x: x + 1,
    "feature that rarely varies": lambda x: np.column_stack([x, np.arange(len(x)) == 1]),
}
UNSURE = {
    "dominant feature": with_dominant_feature,
    "dominant direction": lambda x: x + 50 * x[:, :1],
    "dominant sample": with_dominant_sample,
    "duplicated feature": lambda x: np.column_stack([x, 2 * x[:, 0]]),
    "constant feature": lambda x: np.column_stack([x, np.full(len(x), 0.3)]),
    "large mean": lambda x: x + 1e6,
    "rounded to bfloat16": lambda x: isorep.Representations(
        {"a": x.astype(np.float32)}, dtypes={"a": "bfloat16"}
    )["a"],
    "values near 1e-200": lambda x: x * 1e-200,
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", [*SURE, *UNSURE])
def test_it_is_the_measure_of_the_whitened_basis(case, name):
    x, y = (SURE | UNSURE)[case](layer(60, 1)), layer(52, 2)
    pair = couple_arrays(x, y, whitened=False)
    assert isinstance(pair.x.axes, UnwhitenedAxes) == (case in SURE)
    assert isinstance(pair.y.axes, UnwhitenedAxes)
    measure, whitened = measure_named(name), isorep.overlap(x, y)
    for overlap, expected in ((pair, whitened), (pair.swap(), whitened.swap())):
        score, reference = measure(overlap), measure(expected)
        assert score.similarity == pytest.approx(reference.similarity, abs=1e-13)
        assert (score.x_rank, score.y_rank) == (reference.x_rank, reference.y_rank)
        assert score.warnings == reference.warnings


@pytest.mark.parametrize("case", ["as it is", "dead features"])
def test_all_else_is_that_of_the_whitened_basis(case):
    x, y = SURE[case](layer(60, 1)), layer(52, 2)
    overlap = couple_arrays(x, y, whitened=False)
    expected = isorep.overlap(x, y, solver="gram")
    np.testing.assert_allclose(overlap.correlations, expected.correlations, rtol=0, atol=1e-12)
    np.testing.assert_allclose(overlap.x_weights, expected.x_weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.abs(overlap.matrix), np.abs(expected.matrix), rtol=0, atol=1e-10)
    for side, reference in ((overlap.x, expected.x), (overlap.y, expected.y)):
        np.testing.assert_allclose(side.singular_values, reference.singular_values, rtol=1e-12)
        np.testing.assert_allclose(side.row_squares, reference.row_squares, rtol=1e-10)
        np.testing.assert_allclose(side.samples, reference.samples, rtol=0, atol=1e-12)
        assert side.knows_samples
        assert side.dominance.feature.squared == pytest.approx(reference.dominance.feature.squared)
    for name in ("cka", "pwcca(weights_from=y)", "linear_regression", "svcca"):
        score, reference = measure_named(name)(overlap), measure_named(name)(expected)
        assert score.similarity == pytest.approx(reference.similarity, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_no_gram_matrix_of_all_samples(monkeypatch, name):
    x, y = layer(60, 1), layer(52, 2)
    function = getattr(isorep.measures, name)
    expected = function(x, y, solver="svd").similarity
    for module in (triangular_axes, unwhitened_axes, isorep.core.basis):
        monkeypatch.delattr(module, "gram_matrix")
    assert function(x, y).similarity == pytest.approx(expected, abs=1e-13)
    table = isorep.compare({"a": x}, {"b": y}, measures=name, progress=False)
    assert table[name].item() == pytest.approx(expected, abs=1e-13)


@each_device
@pytest.mark.parametrize("case", SURE)
def test_tensors_have_the_numbers_of_numpy(device, case):
    x, y = SURE[case](layer(60, 1)), layer(52, 2).astype(np.float32)
    tensors = [torch.as_tensor(side, device=device) for side in (x, y)]
    overlap, expected = (couple_arrays(*pair, whitened=False) for pair in (tensors, (x, y)))
    assert isinstance(overlap.x.axes, UnwhitenedAxes)
    assert overlap.cross.device.type == device
    score, reference = (measure_named("procrustes")(pair) for pair in (overlap, expected))
    assert score.similarity == pytest.approx(reference.similarity, abs=1e-13)
    assert score.warnings == reference.warnings


def test_few_samples_and_bad_values_are_left_to_the_whitened_basis():
    x, y = layer(60, 1), layer(52, 2)
    few = couple_arrays(x[:150], y[:150], whitened=False)
    assert not isinstance(few.x.axes, UnwhitenedAxes)
    x[3, 4] = np.nan
    with pytest.raises(ValueError, match=r"x holds 1 NaN .* the first at row 3"):
        isorep.procrustes(x, y)


def test_the_bound_of_the_largest_direction_holds():
    for factor in (0, 1, 2):
        x = layer(60, 1) + factor * layer(1, 3)
        axes = couple_arrays(x, x, whitened=False).x.axes
        if isinstance(axes, UnwhitenedAxes):
            s = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
            assert s[0] ** 2 / (s**2).sum() <= axes.most_of_direction <= 0.95


@pytest.mark.parametrize("mean", [0.0, 2.5])
def test_norms_of_many_rows_are_exact_to_rounding(mean):
    x = (np.random.default_rng(0).standard_normal((100_000, 16)) + mean).astype("float32")
    axes = unwhitened_basis.unwhitened_basis(x).axes
    assert isinstance(axes, UnwhitenedAxes)
    centred = x.astype(np.longdouble)
    centred -= centred.mean(axis=0)
    expected = np.sum(centred**2, axis=0).astype(float)
    np.testing.assert_allclose(axes.squares, expected, rtol=1e-14 * (1 + mean**2))


def test_distance_of_float32_layers_from_themselves_is_zero_to_rounding():
    x = np.random.default_rng(0).standard_normal((100_000, 16)).astype("float32")
    assert isorep.procrustes(x, x).distance < 1e-7
