"""DFT-CCA: maps of any sizes, against complex QR and SVD at every frequency."""

import numpy as np
import pytest
from helpers.oracle import naive_dft_cca
from test_backends import library  # noqa: F401

import isorep
from isorep.measures import dft_cca


def maps(n, channels, height, width, seed, share=0.5):
    """Draw smooth maps of two sides that share half of what they are."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((n, min(channels), height, width))
    sides = []
    for c in channels:
        mixed = np.einsum("nchw,cd->ndhw", common, rng.standard_normal((min(channels), c)))
        side = share * mixed + rng.standard_normal((n, c, height, width))
        side += np.roll(side, 1, axis=2) + 0.5 * np.roll(side, 1, axis=3)
        sides.append(side + 3)
    return sides


@pytest.mark.parametrize("solver", ["auto", "gram", "svd"])
@pytest.mark.parametrize("size", [(5, 7), (4, 6), (5, 4), (4, 3), (1, 6), (2, 2), (1, 1), (8, 8)])
def test_equals_complex_qr_and_svd_at_every_frequency(size, solver):
    x, y = maps(101, (5, 3), *size, seed=0)
    for sides in ((x, y), (y, x)):
        score = dft_cca(*sides, solver=solver)
        assert score.similarity == pytest.approx(naive_dft_cca(*sides), abs=1e-11)
        assert score.distance == pytest.approx(1 - score.similarity, abs=1e-15)
        assert (score.x_rank, score.y_rank) == (sides[0].shape[1], sides[1].shape[1])
        assert (score.measure, score.n_samples, score.warnings) == ("dft_cca", 101, ())


def test_similarity_by_name_and_channels_last():
    x, y = maps(101, (5, 3), 4, 6, seed=1)
    score = dft_cca(x, y)
    assert isorep.similarity(x, y, "dft_cca") == score
    last = [np.moveaxis(z, 1, -1) for z in (x, y)]
    assert isorep.similarity(*last, "dft_cca", channels="last").similarity == pytest.approx(
        score.similarity, abs=1e-12
    )
    assert isorep.similarity(x, y, "dft_cca", seed=3) == score
    with pytest.raises(
        ValueError,
        match=r"dft_cca needs maps, but the correction .*pass correct=False, or use .* pwcca",
    ):
        isorep.similarity(x, y, "dft_cca", correct=True)


def test_maps_of_one_position_are_cca():
    x, y = maps(101, (5, 3), 1, 1, seed=2)
    flat = isorep.cca(x[:, :, 0, 0], y[:, :, 0, 0])
    assert dft_cca(x, y).similarity == pytest.approx(flat.similarity, abs=1e-12)


def test_invariance():
    """Channels mixed, maps shifted or filtered: another order of rows is another thing."""
    rng = np.random.default_rng(3)
    x, y = maps(101, (5, 3), 5, 6, seed=3)
    mixed = np.einsum("nchw,cd->ndhw", x, rng.standard_normal((5, 5))) * 1e-3 + 70
    shifted = np.roll(x, (2, 1), axis=(2, 3))
    spectrum = np.fft.fft2(rng.standard_normal((5, 6)))
    filtered = np.real(np.fft.ifft2(np.fft.fft2(x) * spectrum))
    plus_a_picture = x + 9 * rng.standard_normal((5, 5, 6))
    expected = dft_cca(x, y).similarity
    for same in (x, mixed, shifted, filtered, plus_a_picture, -x):
        assert dft_cca(x, same).similarity == pytest.approx(1, abs=1e-10)
        assert dft_cca(same, y).similarity == pytest.approx(expected, abs=1e-9)
    assert dft_cca(x, x[::-1]).similarity < 0.5
    # Shifts that differ between samples are no change of basis.
    moved = np.stack([np.roll(z, i, axis=2) for i, z in enumerate(x)])
    assert dft_cca(x, moved).similarity < 0.9


@pytest.mark.parametrize(
    ("x_size", "y_size", "kept"),
    [
        ((5, 5), (8, 8), [-2, -1, 0, 1, 2]),
        ((4, 4), (8, 8), [-1, 0, 1]),
        ((2, 2), (5, 5), [0]),
        ((1, 1), (6, 6), [0]),
    ],
)
def test_different_sizes_share_the_low_frequencies(x_size, y_size, kept):
    x, y = maps(101, (4, 3), *x_size, seed=4)[0], maps(101, (4, 3), *y_size, seed=5)[1]
    spectra = [np.fft.fft2(z - z.mean(axis=0)) for z in (x, y)]
    means = []
    for u in kept:
        for v in kept:
            qx, qy = (np.linalg.qr(z[:, :, u, v])[0] for z in spectra)
            means.append(np.linalg.svd(qx.conj().T @ qy, compute_uv=False).mean())
    assert dft_cca(x, y).similarity == pytest.approx(np.mean(means), abs=1e-11)
    assert dft_cca(y, x).similarity == pytest.approx(np.mean(means), abs=1e-11)


def test_a_picture_and_its_enlargement_by_fourier_interpolation_are_the_same():
    small = maps(101, (3, 3), 5, 5, seed=6)[0]
    spectrum = np.zeros((101, 3, 9, 9), dtype=complex)
    low = np.array([-2, -1, 0, 1, 2])
    spectrum[:, :, low[:, None], low] = np.fft.fft2(small)[:, :, low[:, None], low]
    assert dft_cca(small, np.real(np.fft.ifft2(spectrum))).similarity == pytest.approx(1, abs=1e-10)


def test_one_axis_may_differ_alone():
    x = maps(101, (4, 3), 4, 5, seed=7)[0]
    y = maps(101, (4, 3), 4, 7, seed=8)[1]
    spectra = [np.fft.fft2(z - z.mean(axis=0)) for z in (x, y)]
    means = []
    for u in range(4):  # the Nyquist frequency of equal lengths is there
        for v in range(-2, 3):
            qx, qy = (np.linalg.qr(z[:, :, u, v])[0] for z in spectra)
            means.append(np.linalg.svd(qx.conj().T @ qy, compute_uv=False).mean())
    assert dft_cca(x, y).similarity == pytest.approx(np.mean(means), abs=1e-11)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_dead_duplicated_and_constant_channels_add_no_direction(dtype):
    x, y = maps(301, (4, 3), 4, 5, seed=9)
    picture = 500 * np.random.default_rng(9).standard_normal((1, 1, 4, 5))
    x = x.astype(dtype)
    ugly = np.concatenate(
        [x, 2 * x[:, :1], np.zeros_like(x[:, :1]), np.broadcast_to(picture, x[:, :1].shape)], axis=1
    ).astype(dtype)
    score = dft_cca(ugly, y)
    assert (score.x_rank, score.y_rank) == (4, 3)
    assert score.similarity == pytest.approx(dft_cca(x, y).similarity, abs=1e-9)
    tolerance = {"float64": 1e-12, "float32": 1e-5, "float16": 1e-2}[dtype]
    exact = dft_cca(maps(301, (4, 3), 4, 5, seed=9)[0], y)
    assert score.similarity == pytest.approx(exact.similarity, abs=tolerance)


def test_a_frequency_that_is_the_rounding_of_pixels_is_left_out():
    """Maps of one wave each: the other frequencies hold what float16 made of them."""
    rng = np.random.default_rng(10)
    wave = np.cos(2 * np.pi * np.arange(8) / 8)[:, None] * np.ones(6)
    x = (rng.standard_normal((301, 3, 1, 1)) * wave).astype("float16")
    y = (x.astype("float64") + rng.standard_normal((301, 3, 1, 1)) * wave).astype("float16")
    at_the_wave = isorep.cca(*(np.fft.fft2(z)[:, :, 1, 0].real for z in (x, y)))
    assert dft_cca(x, y).similarity == pytest.approx(at_the_wave.similarity, abs=1e-3)
    noise = rng.standard_normal((301, 3, 8, 6))
    assert dft_cca(x, x + 0.1 * wave).similarity == pytest.approx(1, abs=1e-3)
    assert dft_cca(x, noise).similarity < 0.2


def test_sides_without_a_common_frequency():
    rng = np.random.default_rng(11)
    flat = rng.standard_normal((50, 2, 1, 1)) * np.ones((4, 4))
    wave = rng.standard_normal((50, 2, 1, 1)) * np.cos(np.pi * np.arange(4) / 2)
    with pytest.raises(ValueError, match="share no spatial frequency at which both have variance"):
        dft_cca(flat, wave)
    with pytest.raises(ValueError, match="share no spatial frequency at which both have variance"):
        dft_cca(flat, np.ones((50, 2, 4, 4)))


@pytest.mark.parametrize("scale", [1e-180, 1e180, 1e300])
def test_huge_and_tiny_numbers(scale):
    x, y = maps(101, (4, 3), 4, 5, seed=13)
    expected = dft_cca(x, y).similarity
    assert dft_cca(scale * x, y / scale).similarity == pytest.approx(expected, abs=1e-12)


def test_large_means_cost_what_the_data_lost():
    x, y = maps(101, (4, 3), 4, 5, seed=12)
    expected = dft_cca(x, y).similarity
    assert dft_cca(x + 1e6, y - 1e6).similarity == pytest.approx(expected, abs=1e-8)


def test_few_samples_by_the_channel_warn():
    x, y = maps(30, (4, 3), 4, 4, seed=13)
    with pytest.warns(isorep.FewSamplesWarning, match="30 samples are few for 4 and 3 directions"):
        dft_cca(x, y)
    x, y = np.random.default_rng(14).standard_normal((2, 9, 6, 4, 4))
    with pytest.warns(isorep.FewSamplesWarning, match="4 of the 6 canonical correlations are 1"):
        forced = dft_cca(x, y).similarity
    # 4 of 6 at every frequency, real or complex; the others are above 0.
    assert 4 / 6 < forced < 1


def test_bad_input():
    x, y = maps(20, (4, 3), 4, 5, seed=15)
    with pytest.raises(ValueError, match=r"x has shape \(20, 80\); dft_cca compares maps, \(n, ch"):
        dft_cca(x.reshape(20, -1), y)
    with pytest.raises(ValueError, match="x has 19 samples and y has 20"):
        dft_cca(x[1:], y)
    with pytest.raises(ValueError, match="unknown channels 'lats'; did you mean 'last'"):
        dft_cca(x, y, channels="lats")
    with pytest.raises(ValueError, match="unknown option of dft_cca 'chanels'; did you mean 'chan"):
        isorep.similarity(x, y, "dft_cca", chanels="last")
    with pytest.raises(ValueError, match="unknown solver 'qr'"):
        dft_cca(x, y, solver="qr")
    with pytest.raises(TypeError, match="y has dtype complex128"):
        dft_cca(x, y + 0j)
    bad = x.copy()
    bad[3, 1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="x holds 1 NaN and 0 infinite values, the first at row 3"):
        dft_cca(bad, y)


def test_an_overlap_and_a_table_say_what_to_do():
    x = np.random.default_rng(16).standard_normal((50, 3))
    o = isorep.overlap(x, x)
    with pytest.raises(ValueError, match=r"an overlap does not hold: call isorep.measures.dft_cca"):
        isorep.MEASURES["dft_cca"](o)
    with pytest.raises(ValueError, match=r"x has shape .*; dft_cca compares maps"):
        isorep.similarity(o.x, o.y, "dft_cca")
    message = r"dft_cca compares maps.* a table's layers are .*: call isorep.measures.dft_cca"
    with pytest.raises(ValueError, match=message):
        isorep.compare({"a": x}, {"a": x}, measures=["pwcca", "dft_cca"])
    with pytest.raises(ValueError, match=message):
        isorep.pairwise({"one": {"a": x}, "two": {"a": x}}, measures="dft_cca")


def test_the_input_is_left_as_it_was():
    x, y = maps(101, (4, 3), 4, 5, seed=17)
    kept = x.copy(), y.copy()
    dft_cca(x, y)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(y, kept[1])


def test_every_library_gives_numpys_numbers(library):  # noqa: F811
    make, _ = library
    x, y = maps(101, (4, 3), 4, 5, seed=18)
    expected = dft_cca(x, y)
    found = dft_cca(make(x), make(y))
    assert found.similarity == pytest.approx(expected.similarity, abs=1e-10)
    assert type(found.similarity) is float
    last = dft_cca(make(np.moveaxis(x, 1, -1)), make(np.moveaxis(y, 1, -1)), channels="last")
    assert last.similarity == pytest.approx(expected.similarity, abs=1e-10)
