"""What the measures of second moments become at the ends of their options, and where they end."""

import mpmath
import numpy as np
import pytest
import scipy.linalg
from helpers.oracle import (
    conditioned_pair,
    naive_cka_debiased,
    naive_gulp,
    naive_linear_regression,
    naive_ridge_cca,
    naive_shape,
    naive_svcca_squared,
    penalised_correlations,
    rotation,
)
from helpers.quick import slow_unless

import isorep
from isorep import measures
from isorep.measures.ridge_cca import PENALTIES, choose_penalty

# Options under which a measure answers in any shape of data, and its oracle there.
VARIANTS = {
    "ridge 0.1": (
        measures.ridge_cca,
        {"penalty": 0.1},
        lambda x, y: naive_ridge_cca(x, y, 0.1, 0.1),
    ),
    "ridge pair": (
        measures.ridge_cca,
        {"penalty": (0.3, 20.0)},
        lambda x, y: naive_ridge_cca(x, y, 0.3, 20.0),
    ),
    "shape 0": (measures.shape, {"alpha": 0.0}, lambda x, y: naive_shape(x, y, 0.0)),
    "shape 0.2": (measures.shape, {"alpha": 0.2}, lambda x, y: naive_shape(x, y, 0.2)),
    "gulp 3": (measures.gulp, {"penalty": 3.0}, lambda x, y: naive_gulp(x, y, 3.0)),
    "gulp 0.001": (measures.gulp, {"penalty": 1e-3}, lambda x, y: naive_gulp(x, y, 1e-3)),
    "svcca_squared 0.7": (
        measures.svcca_squared,
        {"variance": 0.7},
        lambda x, y: naive_svcca_squared(x, y, 0.7),
    ),
    "linear_regression": (measures.linear_regression, {}, naive_linear_regression),
    "cka_debiased": (measures.cka_debiased, {}, naive_cka_debiased),
}


def deficient(seed):
    """Draw a side with a duplicated, a rescaled and two dead neurons, far from 0, and another."""
    x, y = conditioned_pair(211, 7, 5, 20, seed)
    return np.hstack([x, x[:, :1], 3 * x[:, 1:2], np.zeros((211, 1)), np.ones((211, 1))]) + 1e3, y


SHAPES = {
    "tall": conditioned_pair(211, 7, 5, 20, 0),
    "wide": conditioned_pair(31, 43, 37, 20, 1),
    "few": conditioned_pair(7, 3, 2, 5, 2),
    "deficient": deficient(3),
}


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("case", SHAPES)
def test_options_and_shapes_against_naive_formulas(variant, case):
    measure, options, naive = VARIANTS[variant]
    x, y = SHAPES[case]
    for sides in ((x, y), (y, x)):
        if options.get("penalty") == (0.3, 20.0) and sides[0] is y:
            continue
        assert measure(*sides, **options).similarity == pytest.approx(naive(*sides), abs=1e-9)


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
@pytest.mark.parametrize("case", SHAPES)
def test_the_ends_of_each_family_are_its_named_members(case):
    x, y = SHAPES[case]
    o = isorep.overlap(x, y)
    rx, ry, rho = o.x.rank, o.y.rank, np.asarray(o.correlations)

    def found(name, **options):
        return isorep.MEASURES[name](o, **options)

    exact = {"abs": 1e-12}
    assert found("ridge_cca", penalty=0).similarity == pytest.approx(
        found("cca").similarity, **exact
    )
    assert found("shape", alpha=1).distance == pytest.approx(found("procrustes").distance, **exact)
    assert found("shape", alpha=0).similarity == pytest.approx(
        rho.sum() / (rx * ry) ** 0.5, **exact
    )
    squared = found("cca_squared").similarity
    assert squared == pytest.approx(np.mean(rho**2), **exact)
    overlap_score = found("eigenspace_overlap").similarity
    assert overlap_score == pytest.approx(squared * min(rx, ry) / max(rx, ry), **exact)
    assert found("svcca_squared", variance=1).similarity == pytest.approx(squared, **exact)
    gulp = found("gulp", penalty=0).distance
    assert gulp**2 == pytest.approx(rx + ry - 2 * np.sum(rho**2), abs=1e-9)
    procrustes = found("procrustes").similarity
    assert found("procrustes_squared").distance == pytest.approx(2 - 2 * procrustes, **exact)
    # White data are their own principal components: CKA is then Yanai's coefficient.
    white = isorep.overlap(o.x.q, o.y.q)
    yanai = np.sum(rho**2) / (rx * ry) ** 0.5
    assert isorep.MEASURES["cka"](white).similarity == pytest.approx(yanai, abs=1e-10)
    assert isorep.MEASURES["linear_regression"](white).similarity == pytest.approx(
        np.sum(rho**2) / ry, abs=1e-10
    )


def test_gulp_tends_to_the_distance_of_gram_matrices():
    x, y = SHAPES["tall"]
    grams = []
    for z in (x, y):
        z = z - z.mean(axis=0)
        grams.append(z @ z.T / np.sum(z**2))
    limit = np.linalg.norm(grams[0] - grams[1])
    assert 1e6 * measures.gulp(x, y, penalty=1e6).distance == pytest.approx(limit, rel=1e-5)


@pytest.mark.parametrize("share", slow_unless([1e-2, 1e-10], [1e-1, 1e-2, 1e-4, 1e-7, 1e-10]))
@pytest.mark.parametrize("penalty", [0, 1e-2])
def test_gulp_keeps_its_digits_however_near_the_two_are(share, penalty):
    x, noise = conditioned_pair(107, 5, 5, 10, seed=6)
    y = x + share * noise
    with mpmath.workdps(50):
        hats = []
        for z in (x, y):
            z = mpmath.matrix(z.tolist())
            means = [mpmath.fsum(z[:, j]) / z.rows for j in range(z.cols)]
            z = mpmath.matrix([[z[i, j] - means[j] for j in range(z.cols)] for i in range(z.rows)])
            gram = z.T * z
            trace = mpmath.fsum(gram[j, j] for j in range(z.cols))
            root = mpmath.cholesky(gram + penalty * trace * mpmath.eye(z.cols))
            hats.append(z * mpmath.inverse(root).T)
        squares = [mpmath.norm(one.T * other) ** 2 for one, other in zip(hats, hats, strict=True)]
        exact = float(mpmath.sqrt(sum(squares) - 2 * mpmath.norm(hats[0].T * hats[1]) ** 2))
    found = measures.gulp(x, y, penalty=penalty).distance
    assert found == pytest.approx(exact, rel=1e-9, abs=1e-13)


def test_ridge_correlations_are_those_of_the_generalised_eigenproblem():
    """Not only their sum: a share of the spectrum's."""
    x, y = SHAPES["tall"]
    o = isorep.overlap(x, y)
    d = [
        np.sqrt(b.singular_values**2 / (b.singular_values**2 + k * np.mean(b.singular_values**2)))
        for b, k in ((o.x, 0.5), (o.y, 2.0))
    ]
    np.testing.assert_allclose(
        np.linalg.svd(d[0][:, None] * o.matrix * d[1], compute_uv=False),
        penalised_correlations(x, y, 0.5, 2.0),
        rtol=0,
        atol=1e-12,
    )


def noisy(n, share, seed):
    """Draw two sides of 30 features that hold the same 3 dimensions, under noise."""
    rng = np.random.default_rng(seed)
    signal = 3 * rng.standard_normal((n, 3))
    return (
        signal @ rng.standard_normal((3, 30)) + share * rng.standard_normal((n, 30))
        for _ in range(2)
    )


def test_cross_validation_penalises_less_with_more_samples():
    def shared(n, seed):
        rng = np.random.default_rng(seed)
        z, scales = rng.standard_normal((n, 12)), np.geomspace(1, 0.1, 12)
        return (
            z @ rotation(rng, 12) * scales @ rotation(rng, 12) + 0.05 * rng.standard_normal((n, 12))
            for _ in range(2)
        )

    chosen = {
        n: np.mean([choose_penalty(isorep.overlap(*shared(n, seed))) for seed in range(8)])
        for n in (20, 3000)
    }
    assert chosen[20] > 5 * chosen[3000]


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_cross_validation_is_a_penalty_of_the_table():
    few, many = (isorep.overlap(*noisy(n, 1.0, 8)) for n in (50, 3000))
    same = isorep.overlap(many.x, many.x)
    assert choose_penalty(same) == 0
    chosen = isorep.MEASURES["ridge_cca"](few, penalty="cv")
    assert chosen == isorep.MEASURES["ridge_cca"](few, penalty=choose_penalty(few))
    assert isorep.similarity(few.x, few.y, "ridge_cca", penalty="cv") == chosen
    # Deterministic for a seed, and the same however the features are rotated and scaled.
    x, y = noisy(50, 1.0, 8)
    turned = isorep.overlap(5 * x @ rotation(np.random.default_rng(0), 30) + 1, y)
    for seed in range(3):
        assert choose_penalty(few, seed) == choose_penalty(turned, seed)


def test_penalties_of_cross_validation_are_judged_by_a_naive_loop():
    x, y = noisy(60, 1.0, 9)
    order = np.random.default_rng(4).permutation(60)
    parts = [order[np.arange(60) * 5 // 60 == fold] for fold in range(5)]
    totals = []
    for penalty in PENALTIES[1:]:
        total = 0.0
        for part in parts:
            rest = np.setdiff1d(order, part)
            covariance = np.cov(np.hstack([x[rest], y[rest]]).T)
            roots = [
                np.linalg.inv(np.linalg.cholesky(c + penalty * np.trace(c) / 30 * np.eye(30))).T
                for c in (covariance[:30, :30], covariance[30:, 30:])
            ]
            u, _, vt = np.linalg.svd(roots[0].T @ covariance[:30, 30:] @ roots[1])
            variates = (
                (x[part] - x[rest].mean(axis=0)) @ roots[0] @ u,
                (y[part] - y[rest].mean(axis=0)) @ roots[1] @ vt.T,
            )
            a, b = (v / np.linalg.norm(v, axis=0) for v in variates)
            total += np.mean(np.sum(a * b, axis=0))
        totals.append(total)
    assert choose_penalty(isorep.overlap(x, y), seed=4) == PENALTIES[1:][int(np.argmax(totals))]


@pytest.mark.parametrize("folds", [2, 5, 59])
@pytest.mark.parametrize("case", ["related", "unrelated", "wide"])
def test_held_out_regression_equals_scikit_learns(folds, case):
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(10)
    x = rng.standard_normal((59, 90 if case == "wide" else 7)) + 100
    y = rng.standard_normal((59, 3)) * [1.0, 5.0, 0.2] - 50
    if case == "related":
        y[:, :2] += 10 * x[:, :2]
    order = np.random.default_rng(11).permutation(59)
    found = np.empty_like(y)
    for fold in range(folds):
        part = order[np.arange(59) * folds // 59 == fold]
        rest = np.setdiff1d(order, part)
        found[part] = linear_model.LinearRegression().fit(x[rest], y[rest]).predict(x[part])
    expected = 1 - np.sum((y - found) ** 2) / np.sum((y - y.mean(axis=0)) ** 2)
    score = measures.linear_regression(x, y, folds=folds, seed=11)
    assert score.similarity == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert score.distance == pytest.approx(1 - expected, rel=1e-9)
    assert (score.similarity > 0) == (case == "related")
    assert score.warnings == ()


def test_held_out_regression_of_unrelated_data_is_negative_and_not_clipped():
    x, y = np.random.default_rng(12).standard_normal((2, 40, 30))
    with pytest.warns(
        isorep.FewSamplesWarning, match=r"fit of 30 directions of x.* an R\^2 of 0.77"
    ):
        assert measures.linear_regression(x, y).similarity == pytest.approx(0.77, abs=0.05)
    assert measures.linear_regression(x, y, folds=10).similarity < -1
    # Few samples for y's directions are no matter: only x is fitted.
    assert (
        measures.linear_regression(np.tile(x, (10, 1))[:, :2], np.tile(y, (10, 1))).warnings == ()
    )


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_debiased_cka_is_centred_on_zero_where_cka_is_not():
    rng = np.random.default_rng(13)
    values = []
    for _ in range(200):
        x, y = rng.standard_normal((2, 12, 50))
        values.append(measures.cka_debiased(x, y).similarity)
        assert isorep.cka(x, y).similarity > 0.5
    assert np.mean(values) == pytest.approx(0, abs=0.02)
    assert 0.3 < np.mean(np.array(values) < 0) < 0.7


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_debiased_cka_reaches_both_ends():
    """U-centred matrices of 4 samples have 2 degrees of freedom only."""
    rng = np.random.default_rng(14)
    lowest = min(
        measures.cka_debiased(*rng.standard_normal((2, 4, 3))).similarity for _ in range(300)
    )
    assert -1 <= lowest < -0.95


def test_debiased_cka_where_it_is_undefined():
    x = np.random.default_rng(15).standard_normal((9, 4))
    with pytest.raises(ValueError, match="debiased CKA needs at least 4 samples, got 3"):
        measures.cka_debiased(x[:3], x[:3])
    # All samples equally far apart.
    for sides, name in (((np.eye(9), x), "x"), ((x, 7 * np.eye(9)), "y")):
        with pytest.raises(
            ValueError, match=f"U-centred inner products of {name} are 0, .* all 9 samples"
        ):
            measures.cka_debiased(*sides)
    table = isorep.compare({"a": np.eye(9)}, {"b": x}, measures=["cka", "cka_debiased"])
    assert np.isnan(table["cka_debiased"].item())
    assert table["reason"].item().startswith("cka_debiased: debiased CKA is undefined")


def test_huge_and_tiny_numbers():
    x, y = conditioned_pair(211, 7, 5, 20, 16)
    for name in ("ridge_cca", "linear_regression", "cka_debiased", "shape", "gulp"):
        for options in ({}, {"folds": 5}) if name == "linear_regression" else ({},):
            expected = isorep.similarity(x, y, name, **options).similarity
            found = isorep.similarity(1e150 * x, 1e-150 * y, name, **options).similarity
            assert found == pytest.approx(expected, abs=1e-9)


def test_few_samples_warn_where_directions_count_in_full():
    o = isorep.overlap(*np.random.default_rng(17).standard_normal((2, 30, 10)))
    for name, options, warns in (
        ("cca_squared", {}, True),
        ("svcca_squared", {}, True),
        ("eigenspace_overlap", {}, True),
        ("linear_regression", {}, True),
        ("ridge_cca", {"penalty": 0}, True),
        ("ridge_cca", {}, False),
        ("shape", {"alpha": 0}, True),
        ("shape", {}, True),
        ("shape", {"alpha": 1}, False),
        ("gulp", {"penalty": 0}, True),
        ("gulp", {}, False),
        ("cka_debiased", {}, False),
        ("procrustes_squared", {}, False),
    ):
        assert bool(isorep.MEASURES[name](o, **options).warnings) == warns, name


def test_options_out_of_range_say_what_was_expected():
    x, y = SHAPES["tall"]
    with pytest.raises(ValueError, match=r"between 0 \(CCA\) and 1 \(Procrustes\), got 2"):
        measures.shape(x, y, alpha=2)
    for bad in (-1, float("nan"), float("inf"), "vc", (1, 2, 3), (1, -1), None):
        with pytest.raises(ValueError, match="must be a number of at least 0, a pair of them"):
            measures.ridge_cca(x, y, penalty=bad)
    for bad in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="penalty must be a finite number of at least 0, got"):
            measures.gulp(x, y, penalty=bad)
    for bad in (1, 0, 212):
        with pytest.raises(ValueError, match=f"folds must be from 2 to the 211 samples, got {bad}"):
            measures.linear_regression(x, y, folds=bad)
    with pytest.raises(TypeError, match="integer"):
        measures.linear_regression(x, y, folds=2.5)
    with pytest.raises(ValueError, match="needs at least 10 samples, got 9; pass the penalty"):
        measures.ridge_cca(x[:9, :2], y[:9, :2], penalty="cv")
    with pytest.raises(ValueError, match=r"share to keep, in \(0, 1\], got 99"):
        measures.svcca_squared(x, y, variance=99)


@pytest.mark.parametrize("alpha", [0, 0.2, 0.8])
def test_shape_is_a_metric_for_every_alpha(alpha):
    rng = np.random.default_rng(18)
    for _ in range(30):
        x, y, z = (rng.standard_normal((30, p)) * np.geomspace(1, 9, p) for p in (3, 5, 4))
        xy, yz, xz = (
            isorep.MEASURES["shape"](isorep.overlap(*s), alpha=alpha).distance
            for s in ((x, y), (y, z), (x, z))
        )
        assert xz <= xy + yz + 1e-12


@pytest.mark.filterwarnings("ignore::isorep.FewSamplesWarning")
def test_procrustes_is_the_normalised_bures_similarity_of_gram_matrices():
    x, y = (z - z.mean(axis=0) for z in SHAPES["wide"])
    k, l = x @ x.T, y @ y.T  # noqa: E741
    root = np.real(scipy.linalg.sqrtm(k + 1e-12 * np.eye(31)))
    eigenvalues = np.linalg.eigvalsh(root @ l @ root)
    fidelity = np.sum(np.sqrt(np.clip(eigenvalues, 0, None)))
    bures = fidelity / np.sqrt(np.trace(k) * np.trace(l))
    assert isorep.procrustes(x, y).similarity == pytest.approx(bures, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-310, 1e300])
@pytest.mark.parametrize(
    "measure", ["linear_regression(folds=5)", "linear_regression", "ridge_cca(penalty=cv)"]
)
def test_the_smallest_and_largest_numbers(measure, scale):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 5))
    y = x[:, :3] + 0.5 * rng.standard_normal((60, 3))
    expected = isorep.similarity(x, y, measure).similarity
    for pair in ((scale * x, y), (x, scale * y), (scale * x, scale * y)):
        assert isorep.similarity(*pair, measure).similarity == pytest.approx(expected, abs=1e-9)
