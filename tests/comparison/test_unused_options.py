"""An option that would change nothing beside the others is an error that names the way out."""

import numpy as np
import pytest

import isorep

X, Y = np.random.default_rng(0).standard_normal((2, 60, 4))
SIDES = {"fc": X}, {"fc": Y}


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (isorep.compare, {"n_permutations": 99}, "n_permutations=99 is for p-values, which chance"),
        (isorep.compare, {"n_permutations": 99, "correct": True}, "pass chance=True, or leave"),
        (isorep.compare, {"seed": 3}, "seed=3 is for correct=True, interval=True and chance=True"),
        (isorep.compare, {"data": [X]}, "data= is for models, and neither side is a model"),
        (isorep.compare, {"mask": {"*": None}}, "mask is for models, and neither side is a model"),
        (isorep.compare, {"reduce": "max"}, "reduce is for models, and neither side is a model"),
        (isorep.diff, {"data": [X]}, "data= is for models, and neither side is a model"),
        (isorep.diff, {"allow_missing": "fc"}, "pass fail_below=, or leave allow_missing out"),
        (
            isorep.diff,
            {"allow_missing": ["fc", "fd"], "fail_below": 0.5},
            "unknown layer of base in allow_missing= 'fd'; did you mean 'fc'",
        ),
        (isorep.compare, {"layers": "!fd"}, "unknown layer of a 'fd'; did you mean 'fc'"),
        (isorep.compare, {"layers": "!fc"}, "layers= leaves out every layer of a: !fc"),
        (
            isorep.diff,
            {"layers": "!fd"},
            r"unknown layer of base and changed 'fd'; did you mean 'fc'\? Known: fc$",
        ),
    ],
)
def test_it_is_refused(function, options, message):
    with pytest.raises(ValueError, match=message):
        function(*SIDES, **options)


@pytest.mark.parametrize(
    ("layers", "message"),
    [("!fd", "unknown layer of .* 'fd'; did you mean 'fc'"), ("!fc", "leaves out every layer")],
)
def test_exclusions_of_sweeps(layers, message):
    networks = {0: {"fc": X}, 1: {"fc": Y}}
    for function in (isorep.pairwise, isorep.trajectory):
        with pytest.raises(ValueError, match=message):
            function(networks, layers=layers)


def test_exclusions_of_one_side_of_a_diff(tmp_path):
    both = {"fc": X, "out": X**2}
    assert list(isorep.diff(both, {"fc": Y}, layers="!out", interval=False)) == ["fc"]
    np.savez(tmp_path / "a.npz", **both, names=X**3)
    np.savez(tmp_path / "b.npz", fc=Y)
    paths = tmp_path / "a.npz", tmp_path / "b.npz"
    diff = isorep.diff(*paths, layers=["!out", "!names"], interval=False)
    assert list(diff) == ["fc"]
    with pytest.raises(
        ValueError, match="unknown layer of base and changed 'nmes'; did you mean 'names'"
    ):
        isorep.diff(*paths, layers=["!out", "!nmes"], interval=False)
    with pytest.raises(ValueError, match=r"unknown layer of changed 'out'\. Known: fc"):
        isorep.diff(*paths, layers=(["fc"], ["!out"]), interval=False)


def test_solver_of_prepared_sides():
    x, y = (isorep.Basis.from_array(side) for side in (X, Y))
    with pytest.raises(ValueError, match="solver='svd' says how arrays are whitened, and x and y"):
        isorep.infer(x, y, "cka", solver="svd")
    assert isorep.overlap(x, Y, solver="svd").n_samples == 60


def test_options_of_a_measure_apply_without_inference():
    table = isorep.compare(*SIDES, measures="linear_regression(folds=5, seed=1)")
    expected = isorep.measures.linear_regression(X, Y, folds=5, seed=1).similarity
    label = "linear_regression_y_from_x(folds=5, seed=1)"
    assert table[label].item() == pytest.approx(expected, rel=1e-9)


def test_an_exclusion_applies_once_where_samples_with_nan_are_left_out():
    a = {"fc": X.copy(), "out": X**2}
    a["fc"][3, 1] = np.nan
    table = isorep.compare(a, a, layers="!out", nan_policy="omit", measures="cka")
    assert (table.sizes["x_layer"], table.attrs["n_omitted"]) == (1, 1)


def test_channels_without_a_reduction(tmp_path):
    torch = pytest.importorskip("torch")
    np.savez(tmp_path / "a.npz", fc=X)
    path, model = tmp_path / "a.npz", torch.nn.Sequential(torch.nn.Linear(4, 3))
    data = [torch.as_tensor(X, dtype=torch.float32)]
    for function in (isorep.compare, isorep.diff):
        with pytest.raises(ValueError, match="pass reduce= too, or leave channels out"):
            function(path, path, channels="first")
    with pytest.warns(UserWarning, match="knows its samples and a does not"):
        table = isorep.compare(path, model, data=data, channels="first", measures="cka")
    assert table.sizes["y_layer"] == 1
