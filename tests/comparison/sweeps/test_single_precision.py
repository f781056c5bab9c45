"""Single precision: the numbers of double to 1e-5, by batches, on arrays of any library."""

import numpy as np
import pytest
from helpers.sweeps import equal, networks

import isorep
from isorep.comparison.inferred import InferenceOptions
from isorep.comparison.sweeps import network
from isorep.comparison.sweeps.batched_overlap import BatchedOverlap
from isorep.comparison.sweeps.network import Network
from isorep.comparison.sweeps.sweep import choose_precision
from isorep.comparison.sweeps.tile import prepare_layer, tile_edge
from isorep.measures.registry import MEASURES, measures_named

OF_MOMENTS = [
    *("pwcca", "cca", "cca_squared", "svcca", "cka", "procrustes", "eigenspace_overlap"),
    *("ridge_cca", "linear_regression_y_from_x", "shape", "gulp"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "measures"),
    [(307, OF_MOMENTS), pytest.param(31, OF_MOMENTS[1:], marks=pytest.mark.slow)],
)
def test_single_precision_gives_the_numbers_of_double(n, measures):
    """At n = 31 many correlations are forced to 1, and the paper's weights of them arbitrary."""
    nets = networks(n=n)
    double = isorep.pairwise(nets, measures=measures, precision="double")
    single = isorep.pairwise(nets, measures=measures, precision="single")
    assert (double.attrs["precision"], single.attrs["precision"]) == ("double", "single")
    for name in measures:
        np.testing.assert_allclose(single[name], double[name], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(single["cca"], double["cca"], atol=1e-6)
    for name in ("rank", "n_samples", "warnings", "reason"):
        assert single[name].equals(double[name])
    assert (single["reason"] != "").sum() == 2 * 11 - 1


def test_a_network_is_exactly_like_itself():
    single = isorep.pairwise(
        networks(dead=None), measures=["cca", "procrustes"], precision="single"
    )
    for name, near in (("cca", 1e-14), ("procrustes_distance", 1e-7)):
        diagonal = np.diagonal(single[name])
        assert np.ptp(diagonal) <= near
    np.testing.assert_allclose(np.diagonal(single["cca"]), 1, atol=1e-14)


def _prepared(arrays):
    return [
        prepare_layer(Network.from_source(f"x{i}", {"a": array}), "a", "auto", "single")
        for i, array in enumerate(arrays)
    ]


def test_batches_decompose_what_they_couple(monkeypatch):
    """Narrower and wider partners, orthogonal ones, one that failed and one of other rows."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((97, 6))
    whole = rng.standard_normal((97, 4))
    apart = (
        whole
        - np.column_stack([x, np.ones(97)])
        @ np.linalg.lstsq(np.column_stack([x, np.ones(97)]), whole, rcond=None)[0]
    )  # no correlation with x at all
    others = [
        rng.standard_normal((97, 4)),
        x[:, :3] @ rng.standard_normal((3, 9)) + 0.1 * rng.standard_normal((97, 9)),
        np.ones((97, 2)),
        rng.standard_normal((89, 4)),
        apart,
        x @ rng.standard_normal((6, 9)),
    ]
    base, *ys = _prepared([x, *others])
    for broken in (False, True):
        if broken:

            def fails(*_):
                raise np.linalg.LinAlgError("Eigenvalues did not converge")

            monkeypatch.setattr(np.linalg, "eigh", fails)
        row = BatchedOverlap(ys).couple(base, 0, None)
        assert sorted(row) == [0, 1, 4, 5]
        for j, coupled in row.items():
            exact = isorep.overlap(x, others[j])
            np.testing.assert_allclose(coupled.correlations, exact.correlations, atol=1e-6)
            u, rho, w = coupled.x_rotation, coupled.correlations, coupled.y_rotation
            # The last is a map of x: single precision carries its cosines past 1, where they end.
            near = 1e-6 if j == 5 else 1e-12
            np.testing.assert_allclose((u * rho) @ w.T, coupled.matrix, atol=near)
            identity = np.eye(len(rho))
            np.testing.assert_allclose(u.T @ u, identity, atol=1e-12)
            np.testing.assert_allclose(w.T @ w, identity, atol=1e-5)
            assert coupled.swap().x_rotation is coupled.y_rotation
    assert list(BatchedOverlap(ys).couple(base, 5, None)) == [5]
    assert BatchedOverlap(ys).couple(base, 6, None) == {}


def test_arrays_on_a_device_stay_there(monkeypatch):
    """CPU tensors stand in for those of a GPU, which only `on_a_device` can tell."""
    torch = pytest.importorskip("torch")
    arrays = networks(count=5)
    tensors = {
        name: {layer: torch.as_tensor(array) for layer, array in layers.items()}
        for name, layers in arrays.items()
    }
    kinds = []
    original = isorep.Basis.from_array.__func__

    def seen(cls, x, **options):
        kinds.append(type(x))
        return original(cls, x, **options)

    monkeypatch.setattr(isorep.Basis, "from_array", classmethod(seen))
    monkeypatch.setattr(network, "on_a_device", torch.is_tensor)
    for precision, near in (("double", 1e-12), ("single", 1e-5)):
        kinds.clear()
        on_device = isorep.pairwise(tensors, measures=["pwcca", "cka"], precision=precision)
        assert set(kinds) == {torch.Tensor}
        on_cpu = isorep.pairwise(arrays, measures=["pwcca", "cka"], precision=precision)
        for name in ("pwcca", "cka"):
            np.testing.assert_allclose(on_device[name], on_cpu[name], atol=near)
        assert on_device["reason"].equals(on_cpu["reason"])
    mixed = {"numpy": arrays["seed0"], "torch": tensors["seed1"]}
    table = isorep.pairwise(mixed, layers="conv", precision="single")
    assert "convert one of them" in table["reason"][0, 1, 0].item()
    with pytest.raises(ValueError, match=r"networks\['a'\]: layer 'fc' is 1-D, shape \(4,\)"):
        isorep.pairwise({"a": {"fc": torch.ones(4)}})
    monkeypatch.undo()
    assert equal(isorep.pairwise(tensors), isorep.pairwise(arrays))


@pytest.mark.parametrize("by_backend", [False, True])
def test_products_of_tensors_have_all_of_their_digits(by_backend, monkeypatch):
    """Whatever training has set, and it stays set; no GPU is at hand to see the digits."""
    torch = pytest.importorskip("torch")
    matmul = torch.backends.cuda.matmul
    if by_backend and not hasattr(matmul, "fp32_precision"):
        pytest.skip("this PyTorch has one setting for all backends")
    seen = []
    original = BatchedOverlap.couple

    def couple(*arguments):
        seen.append(torch.get_float32_matmul_precision())
        return original(*arguments)

    monkeypatch.setattr(BatchedOverlap, "couple", couple)
    before = matmul.fp32_precision if by_backend else torch.get_float32_matmul_precision()
    try:
        if by_backend:
            matmul.fp32_precision = "tf32"
        else:
            torch.set_float32_matmul_precision("high")
        isorep.pairwise(networks(3), precision="single")
        if by_backend:
            assert matmul.fp32_precision == "tf32"
        else:
            assert torch.get_float32_matmul_precision() == "high"
    finally:
        if by_backend:
            matmul.fp32_precision = before
        else:
            torch.set_float32_matmul_precision(before)
    assert set(seen) == {"highest"}


def test_precision_follows_the_number_of_pairs_and_the_measures():
    moments, samples = [MEASURES["pwcca"]], [MEASURES["pwcca"], MEASURES["rsa"]]
    assert choose_precision("auto", moments, 1000) == "double"
    assert choose_precision("auto", moments, 1001, InferenceOptions(chance=True)) == "double"
    assert choose_precision("auto", moments, 1001) == "single"
    assert choose_precision("auto", samples, 1001) == "double"
    assert choose_precision("single", moments, 1) == "single"
    held_out = measures_named(["cka", "linear_regression(folds=10)"])
    assert choose_precision("auto", held_out, 1001) == "double"
    with pytest.raises(ValueError, match=r"which linear_regression_y_from_x\(folds=10\) must read"):
        choose_precision("single", held_out, 1001)
    with pytest.raises(ValueError, match="rounds the samples, which rsa must read"):
        choose_precision("single", samples, 1)
    with pytest.raises(ValueError, match="unknown precision 'half'"):
        isorep.pairwise(networks(2), precision="half")
    few = np.random.default_rng(0).standard_normal((45, 11, 2))
    table = isorep.pairwise({i: {"a": x} for i, x in enumerate(few)}, measures="cca")
    assert table.attrs["precision"] == "single"
    table = isorep.pairwise({i: {"a": x} for i, x in enumerate(few[:44])}, measures="cca")
    assert table.attrs["precision"] == "double"


def test_measures_of_samples_run_in_the_same_tiles():
    nets = networks(count=4)
    table = isorep.pairwise(nets, layers="conv", measures=["rsa", "cka"])
    for x in nets:
        for y in nets:
            expected = isorep.similarity(nets[x]["conv"], nets[y]["conv"], "rsa").similarity
            cell = table["rsa"].sel(x=x, y=y, layer="conv").item()
            assert cell == pytest.approx(expected, abs=1e-12)


def test_tiles_are_smaller_where_networks_are_few_or_large():
    small, large = [{"a": (100, 10)}], [{"a": (100, 10), "b": (10_000, 2048)}]
    counts = [1, 3, 8, 12, 63, 64, 5000]
    assert [tile_edge(count, small, "double") for count in counts] == [1, 1, 2, 2, 8, 16, 16]
    assert [tile_edge(count, small, "single") for count in counts] == [1, 1, 2, 2, 8, 16, 64]
    assert tile_edge(5000, large, "single") == 2
    assert tile_edge(5000, [{"a": (10**6, 4096)}], "double") == 1
