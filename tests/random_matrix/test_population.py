"""Population: the sample's own values come back, draws have its moments, the bias goes."""

import re
import warnings

import numpy as np
import pytest
from helpers.quick import OF_EACH_KIND, slow_unless
from scipy.linalg import hadamard
from threadpoolctl import threadpool_info, threadpool_limits

import isorep
from isorep.core.moments import CrossMoments
from isorep.core.overlap import Overlap
from isorep.measures import MEASURES, linear_regression, ridge_cca
from isorep.random_matrix.population import Excess, Population, shared_scale
from isorep.random_matrix.population_spectrum import n_simulations

CORRECTABLE = [name for name, measure in MEASURES.items() if measure.requires == "moments"]
READERS = [
    ("cca", {}),
    ("pwcca", {}),
    ("pwcca", {"weighting": "variance"}),
    ("cka", {}),
    ("procrustes", {}),
]


def pair(n=120, a=8, b=8, seed=0):
    """Two sides that share directions, of uneven variance."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, a))
    y = z[:, :b] if b <= a else np.hstack([z, rng.standard_normal((n, b - a))])
    y = y + rng.standard_normal((n, b)) * np.linspace(0.3, 3, b)
    mixings = [rng.standard_normal((k, k)) * np.geomspace(1, 0.1, k) for k in (a, b)]
    return z @ mixings[0], y @ mixings[1] + 5.0


def deficient():
    x, y = pair()
    return np.hstack([x, x @ np.ones((8, 3))]), np.hstack([y, 2 * y[:, :2], np.ones((120, 1))])


@pytest.mark.parametrize(
    "sides",
    [
        pair(a=5, b=9),
        deficient(),
        *(pytest.param(pair(a=a, b=b), marks=pytest.mark.slow) for a, b in ((8, 8), (9, 5))),
    ],
)
@pytest.mark.parametrize(("name", "options"), READERS)
def test_with_its_own_correlations_the_sample_comes_back(sides, name, options):
    sample = isorep.overlap(*sides)
    population = Population.estimate(sample)
    again = population.overlap(np.asarray(sample.correlations))
    expected = MEASURES[name](sample, **options)
    assert MEASURES[name](again, **options).similarity == pytest.approx(
        expected.similarity, abs=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "sides",
    [pair(a=4, b=6, n=60), pytest.param(pair(a=6, b=4, n=60), marks=pytest.mark.slow)],
)
def test_draws_have_the_population_s_moments(sides):
    sample = isorep.overlap(*sides)
    n = sample.n_samples
    population = Population.estimate(sample)
    rho = np.asarray(sample.correlations)
    rng, draws = np.random.default_rng(0), 2000
    within, across = 0.0, 0.0
    for _ in range(draws):
        drawn = population.draw(rho, rng)
        assert drawn.n_samples == n
        within = within + drawn.x.loadings.T @ drawn.x.loadings / draws
        across = across + drawn.x.loadings.T @ drawn.matrix @ drawn.y.loadings / draws
    x, y = (side - side.mean(axis=0) for side in sides)
    np.testing.assert_allclose(within, x.T @ x, atol=0.015 * np.trace(x.T @ x))
    scale = np.sqrt(np.trace(x.T @ x) * np.trace(y.T @ y))
    np.testing.assert_allclose(across, x.T @ y, atol=0.015 * scale)


def test_a_drawn_overlap_holds_together():
    sample = isorep.overlap(*pair(a=5, b=9))
    population = Population.estimate(sample)
    drawn = population.draw(np.asarray(sample.correlations), np.random.default_rng(0))
    for side in (drawn.x, drawn.y):
        np.testing.assert_allclose(side.q.T @ side.q, np.eye(side.rank), atol=1e-10)
        # The same bilinear form either way round: singular values are those of the loadings.
        np.testing.assert_allclose(
            np.linalg.svd(side.loadings, compute_uv=False)[: side.rank],
            side.singular_values,
            rtol=1e-8,
        )
    np.testing.assert_allclose(drawn.x.q.T @ drawn.y.q, drawn.matrix, atol=1e-10)
    with pytest.raises(
        ValueError,
        match=r"only second moments are known.* folds, cross-validated penalty, permutations",
    ):
        drawn.x.take(np.arange(5))


@pytest.mark.slow
def test_draws_show_what_direct_samples_show():
    # n x (a + b) Gaussian data with the sample's loadings, against the few rows that replace it.
    sample = isorep.overlap(*pair(n=40, a=5, b=7))
    population = Population.estimate(sample)
    rho = np.asarray(sample.correlations)
    rng, draws = np.random.default_rng(0), 600
    axes = [
        rotation.T @ basis.loadings
        for rotation, basis in (
            (population.x_rotation, population.x),
            (population.y_rotation, population.y),
        )
    ]

    def read(overlap):
        return [MEASURES[name].compute(overlap, **options).similarity for name, options in READERS]

    direct = []
    for _ in range(draws):
        u, v = rng.standard_normal((40, 5)), rng.standard_normal((40, 7))
        v[:, :5] = u * rho + v[:, :5] * np.sqrt(1 - rho**2)
        direct.append(read(isorep.overlap(u @ axes[0], v @ axes[1])))
    quick = [read(population.draw(rho, rng)) for _ in range(draws)]
    error = np.sqrt((np.var(direct, axis=0) + np.var(quick, axis=0)) / draws)
    difference = abs(np.mean(direct, axis=0) - np.mean(quick, axis=0))
    np.testing.assert_array_less(difference, 4 * error)


def test_no_extrapolation_where_loadings_do_not_count():
    """Both rounds draw the same samples, so mean CCA's excess is that of the draws, exactly."""
    population = Population.estimate(isorep.overlap(*pair()))
    (weight, rho), *others = population.spectrum.parts
    assert (weight, others) == (1.0, [])
    streams = np.random.SeedSequence(3).spawn(n_simulations(8))
    draws = [
        population.draw(rho, np.random.default_rng(stream)).correlations.mean()
        for stream in streams
    ]
    found = population.excess(lambda o: o.correlations.mean(), seed=3)
    assert found.mean == pytest.approx(np.mean(draws) - rho.mean(), abs=1e-12)
    assert found.error == pytest.approx(np.std(draws, ddof=1) / 8, rel=1e-9)  # of 64


@pytest.mark.slow
def test_several_numbers_have_the_excess_of_each():
    population = Population.estimate(isorep.overlap(*pair()))

    def read(overlap):
        return [MEASURES[name].compute(overlap, **options).similarity for name, options in READERS]

    several = population.excess(read)
    for i, (name, options) in enumerate(READERS):
        alone = population.excess(
            lambda o, name=name, options=options: MEASURES[name].compute(o, **options).similarity
        )
        assert several.mean[i] == pytest.approx(alone.mean, abs=1e-12)
        assert several.error[i] == pytest.approx(alone.error, abs=1e-12)
        assert several.of(i).within(3.84) == pytest.approx(alone.within(3.84), abs=1e-12)


def test_bounds_lie_where_the_misfit_is_reached():
    excess = Excess(
        np.zeros(()),
        np.zeros(()),
        (
            (np.array([8.0, 2.0, 0.0, 6.0]), np.array([-0.3, -0.1, 0.0, 0.6])),
            (np.array([5.0, 0.0, 1.0]), np.array([-0.05, 0.0, 0.2])),
        ),
        100,
    )
    assert excess.within(4.0) == pytest.approx((-0.1 - 0.2 / 3, 0.4))
    assert excess.within(1.0) == pytest.approx((-0.05, 0.2))
    assert excess.within(-1.0) == (0, 0)


def test_shapes_that_differ_are_told():
    """Of 80 samples, many weak correlations and few look alike."""
    rng = np.random.default_rng(6)
    x, noise = rng.standard_normal((2, 80, 12))
    score = MEASURES["cca"].corrected(isorep.overlap(x, 0.3 * x + noise))
    (text,) = score.warnings
    assert "hardly show whether few or many correlations are hidden in noise" in text
    low, high = map(float, re.search(r"similarities from (\S+) to (\S+) fit them", text).groups())
    assert low < score.similarity < high
    assert low < 0.3 / 1.09**0.5 < high  # the population's
    assert 0.1 < high - low < 0.3
    (text,) = MEASURES["cca"].corrected(isorep.overlap(x[:, :1], 0.3 * x + noise)).warnings
    assert "hardly show how strong the correlation is: populations" in text
    x, noise = rng.standard_normal((2, 4000, 12))
    assert not MEASURES["cca"].corrected(isorep.overlap(x, 0.3 * x + noise)).warnings


@pytest.mark.slow
def test_simulations_keep_to_one_thread():
    population = Population.estimate(isorep.overlap(*pair(a=2, b=2)))
    seen = set()

    def read(overlap):
        seen.update(pool["num_threads"] for pool in threadpool_info())
        return 0.0

    with threadpool_limits(2):
        population.excess(read)
        after = {pool["num_threads"] for pool in threadpool_info()}
    assert seen == {1}
    assert after == {2}


# --- similarity(correct=True) -----------------------------------------------------------


@pytest.mark.parametrize("name", slow_unless(OF_EACH_KIND, CORRECTABLE))
def test_every_measure_of_moments_takes_the_correction(name):
    x, y = pair()
    found = isorep.similarity(x, y, name, correct=True)
    raw = isorep.similarity(x, y, name)
    low, high = MEASURES[name].similarity_range
    assert low <= found.similarity <= high
    assert found.uncorrected == pytest.approx(raw.similarity)
    assert raw.uncorrected is None
    assert found.distance == pytest.approx(
        MEASURES[name].distance.from_similarity(found.similarity)
    )
    assert (found.measure, found.n_samples) == (MEASURES[name].label, 120)


def test_the_seed_alone_decides():
    x, y = pair()
    first, again, other = (
        isorep.similarity(x, y, "pwcca", correct=True, seed=seed).similarity for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert first == pytest.approx(other, abs=0.02)


@pytest.mark.parametrize(("name", "options"), READERS)
def test_what_is_identical_stays_so(name, options):
    x, _ = pair()
    found = isorep.similarity(x, x, name, correct=True, **options)
    assert found.similarity == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("p", [2, 20])
def test_orthogonal_designs_have_equal_correlations(p):
    columns = hadamard(256)[:, 1:].astype(float)
    x, noise = columns[:, :p], columns[:, 100 : 100 + p]
    overlap = isorep.overlap(x, 0.6 * x + 0.8 * noise)
    interval = isorep.inference.interval(overlap, "cca")
    # Least-squares theory: the expected squared correlation is 0.36 + (1 - 0.36) p / n.
    unbiased = np.sqrt((0.36 - p / 255) / (1 - p / 255))
    assert interval.low < unbiased < interval.high
    assert interval.estimate == pytest.approx(unbiased, abs=0.04)


def test_forced_correlations_are_refused_with_the_number_that_would_do():
    x, y = np.random.default_rng(0).standard_normal((2, 20, 12))
    with pytest.raises(ValueError, match=r"20 samples of 12 and 12 .*take 48 samples or more"):
        isorep.similarity(x, y, "cca", correct=True)


@pytest.mark.parametrize("name", [name for name in MEASURES if name not in CORRECTABLE])
def test_measures_that_read_samples_refuse(name):
    x, y = pair()
    with pytest.raises(ValueError, match=f"{name} needs (the samples themselves|maps)"):
        isorep.similarity(x, y, name, correct=True)


@pytest.mark.parametrize(
    ("measure", "options"), [(linear_regression, {"folds": 5}), (ridge_cca, {"penalty": "cv"})]
)
def test_options_that_read_samples_refuse(measure, options):
    x, y = pair()
    with pytest.raises(ValueError, match=r"needs the samples themselves to hold some out, but the"):
        measure(x, y, correct=True, **options)


def test_the_old_spelling_of_the_correction_is_refused():
    x, y = pair()
    with pytest.raises(ValueError, match="unknown option of cca 'correction'"):
        isorep.similarity(x, y, "cca", correction="spectral")


@pytest.mark.parametrize(
    ("n", "warns"), [(31, True), pytest.param(32, False, marks=pytest.mark.slow)]
)
def test_fewer_than_two_samples_a_direction_warn(n, warns):
    x, y = pair(n=n)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = isorep.similarity(x, y, "cca", correct=True)
    assert any("few even to correct" in text for text in found.warnings) is warns
    assert [str(one.message) for one in caught] == list(found.warnings)
    if warns:
        assert "fewer than 32" in found.warnings[0]
        assert caught[0].category is isorep.FewSamplesWarning
        assert caught[0].filename == __file__


@pytest.mark.slow
def test_tensors_give_the_same():
    torch = pytest.importorskip("torch")
    x, y = pair()
    expected = isorep.similarity(x, y, "pwcca", correct=True)
    found = isorep.similarity(torch.tensor(x), torch.tensor(y), "pwcca", correct=True)
    assert isinstance(found.similarity, float)
    assert found.similarity == pytest.approx(expected.similarity, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cca", "pwcca"])
def test_the_bias_goes(name):
    p, n, repeats = 12, 96, 10
    rng = np.random.default_rng(0)
    rho = np.linspace(0.9, 0.0, p)
    loadings = [
        np.linalg.qr(rng.standard_normal((p, p)))[0] * np.geomspace(1, 0.1, p) for _ in range(2)
    ]
    # Samples whose second moments are exactly the population's give its value.
    q = np.linalg.qr(np.column_stack([np.ones(400), rng.standard_normal((400, 2 * p))]))[0][:, 1:]

    def couple(z, e):
        return z @ loadings[0], (z * rho + e * np.sqrt(1 - rho**2)) @ loadings[1]

    truth = isorep.similarity(*couple(q[:, :p], q[:, p:]), name, solver="svd").similarity
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", isorep.FewSamplesWarning)
        scores = [
            isorep.similarity(*couple(*rng.standard_normal((2, n, p))), name, correct=True, seed=i)
            for i in range(repeats)
        ]
    raw = np.mean([score.uncorrected for score in scores]) - truth
    corrected = np.mean([score.similarity for score in scores]) - truth
    assert raw > 0.03
    assert abs(corrected) < raw / 5


@pytest.mark.slow
def test_a_scale_that_samples_share_warns():
    """Of many rows as much as of few, and not of heavy tails of single neurons."""
    rng = np.random.default_rng(11)
    x, y = rng.standard_normal((2, 300, 20))
    scale = np.sqrt(5 / rng.chisquare(5, (300, 1)))

    def warns(x, y):
        text = "some samples have large norms on both sides, more than their correlations"
        found = isorep.MEASURES["cca"].corrected(isorep.overlap(x, y)).warnings
        return any(text in warning for warning in found)

    assert warns(x * scale, y * scale)
    assert not warns(x, y)
    assert not warns(*rng.standard_t(5, (2, 300, 20)))


def elliptical(rho, n, rng, dof=5):
    """Two sides of correlations rho whose samples share a scale with heavy tails."""
    z, e = rng.standard_normal((2, n, len(rho))) * np.sqrt(dof / rng.chisquare(dof, (n, 1)))
    return z, z * rho + e * np.sqrt(1 - rho**2)


def test_samples_of_one_scale_count_in_full():
    """As do those with heavy tails of single neurons, and second moments, which do not tell."""
    rng = np.random.default_rng(13)
    x, noise = rng.standard_normal((2, 300, 20))
    for sides in ((x, noise), (x, 0.7 * x + noise), (x, x), rng.standard_t(5, (2, 300, 20))):
        assert 0.97 * 300 < Population.estimate(isorep.overlap(*sides)).n_samples <= 300
    scaled = elliptical(np.zeros(20), 300, rng)
    moments = [isorep.Moments.from_batch(side) for side in scaled]
    streamed = Overlap.from_moments(
        *(isorep.Basis.from_moments(side) for side in moments), CrossMoments.from_batch(*scaled)
    )
    assert Population.estimate(streamed).n_samples == 300
    assert Population.estimate(isorep.overlap(*scaled)).n_samples < 260


@pytest.mark.parametrize(("a", "b"), [(20, 20), (24, 13)])
def test_samples_count_as_many_as_make_chance_as_large_as_it_is(a, b):
    """Chance that keeps every sample's lengths, but not its signs."""
    n = 300
    rng = np.random.default_rng(14)
    scale = np.sqrt(5 / rng.chisquare(5, (n, 1)))
    x, y = scale * rng.standard_normal((n, a)), scale * rng.standard_normal((n, b))
    o = isorep.overlap(x, y)
    signs = rng.choice([-1, 1], (400, n, 1))
    chance = np.mean([np.sum((o.x.q.T @ (one * o.y.q)) ** 2) for one in signs])
    found = Population.estimate(o).n_samples
    assert a * b / (found - 1) == pytest.approx(chance, rel=0.03)
    assert chance > 1.2 * a * b / (n - 1)


@pytest.mark.slow
def test_never_fewer_than_can_be_simulated():
    x, y = elliptical(np.zeros(20), 42, np.random.default_rng(15), dof=1)
    o = isorep.overlap(x, y)
    assert o.n_forced == 0
    assert Population.estimate(o).n_samples >= 41
    assert np.isfinite(MEASURES["cca"].corrected(o).similarity)


@pytest.mark.slow
def test_most_of_the_bias_goes_where_samples_share_a_scale():
    rho = np.linspace(0.9, 0.0, 20) ** 2
    rng = np.random.default_rng(16)
    scores = [
        MEASURES["cca"].corrected(isorep.overlap(*elliptical(rho, 160, rng)), seed=seed)
        for seed in range(8)
    ]
    raw = np.mean([score.uncorrected for score in scores]) - rho.mean()
    corrected = np.mean([score.similarity for score in scores]) - rho.mean()
    assert raw > 0.15
    assert abs(corrected) < raw / 2


@pytest.mark.parametrize("share", [0.0, 0.9])
def test_shared_scale_is_1_for_normal_samples_whatever_they_share(share):
    rng = np.random.default_rng(12)
    x, noise = rng.standard_normal((2, 4000, 12))
    o = isorep.overlap(x, share * x + (1 - share) * noise)
    assert shared_scale(o) == pytest.approx(1, abs=0.04)
