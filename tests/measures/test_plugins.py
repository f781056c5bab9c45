"""Measures of other packages: registered by a call, or found by entry points."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

import isorep
from isorep.measures import MEASURES, registry
from isorep.measures.plugins import PLUGINS

ROOT = Path(__file__).parents[2]
RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 6)) + 1
Y = X[:, :4] + RNG.standard_normal((90, 4))


def gram(x, y, *, power: float = 1.0):
    """Correlation of two Gram matrices."""
    x, y = x - x.mean(0), y - y.mean(0)
    value = np.sum((x.T @ y) ** 2) / np.linalg.norm(x.T @ x) / np.linalg.norm(y.T @ y)
    return value**power


def squared_cca(o):
    return np.mean(np.asarray(o.correlations) ** 2)


@pytest.fixture
def plugins():
    """Let entry points be listed anew, in the test and after it."""
    vars(PLUGINS).pop("_entries", None)
    yield
    vars(PLUGINS).pop("_entries", None)


def example():
    spec = importlib.util.spec_from_file_location(
        "cknna_measure", ROOT / "examples/cknna_measure.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def naive_cknna(x, y, k):
    """CKNNA by loops over pairs and triples of samples, the mean of the two orders of the sides."""
    n = len(x)

    def kernel(side):
        return [[float(np.dot(side[i], side[j])) for j in range(n)] for i in range(n)]

    def near(kernel):
        others = [[j for j in range(n) if j != i] for i in range(n)]
        return [set(sorted(row, key=lambda j: -kernel[i][j])[:k]) for i, row in enumerate(others)]

    def masked(kernel, pairs):
        return [[kernel[i][j] if j in pairs[i] else 0.0 for j in range(n)] for i in range(n)]

    def hsic(a, b):
        pairs = sum(a[i][j] * b[j][i] for i in range(n) for j in range(n))
        total = sum(map(sum, a)) * sum(map(sum, b))
        chains = sum(
            (a[i][j] * b[j][m] + b[i][j] * a[j][m]) / 2
            for i in range(n)
            for j in range(n)
            for m in range(n)
        )
        return pairs + total / (n - 1) / (n - 2) - 2 * chains / (n - 2)

    kernels = [kernel(side) for side in (x, y)]
    nears = [near(side) for side in kernels]
    both = [nears[0][i] & nears[1][i] for i in range(n)]
    own = [masked(kernel, pairs) for kernel, pairs in zip(kernels, nears, strict=True)]
    shared = [masked(kernel, both) for kernel in kernels]
    return hsic(*shared) / (hsic(own[0], own[0]) * hsic(own[1], own[1])) ** 0.5


@pytest.mark.parametrize("k", [3, 10])
def test_cknna_is_the_naive_loop(k):
    cknna = example().cknna
    x, y = X[:31], Y[:31]
    assert cknna(x, y, k=k).similarity == pytest.approx(naive_cknna(x, y, k), abs=1e-10)
    assert isorep.similarity(y, x, f"cknna(k={k})").similarity == pytest.approx(
        naive_cknna(x, y, k), abs=1e-10
    )
    with pytest.raises(ValueError, match="k should be from 1 to n - 1 = 30, got 31"):
        cknna(x, y, k=31)


@pytest.mark.slow
def test_a_function_of_arrays_works_wherever_a_measure_is_named(tmp_path):
    public = isorep.register(gram, invariance="orthogonal")
    assert public.measure is MEASURES["gram"]
    assert MEASURES["gram"].description == "Correlation of two Gram matrices."
    expected = isorep.cka(X, Y).similarity
    assert public(X, Y).similarity == pytest.approx(expected, abs=1e-9)
    assert public(X, Y, power=2).similarity == pytest.approx(expected**2, abs=1e-9)
    a, b = {"h": X}, {"h": Y}
    table = isorep.compare(a, b, measures=["gram", "gram(power=2.0)", "cka"], chance=True, seed=0)
    assert table["gram"].item() == pytest.approx(expected, abs=1e-9)
    assert table["gram(power=2.0)"].item() == pytest.approx(expected**2, abs=1e-9)
    assert table["gram_p_value"].item() == table["cka_p_value"].item()
    assert table["gram_chance"].item() == pytest.approx(table["cka_chance"].item(), abs=0.01)
    sweep = isorep.pairwise({"a": a, "b": b}, measures="gram", out=tmp_path / "s.zarr")
    assert sweep["gram"].sel(x="a", y="b").item() == pytest.approx(expected, abs=1e-6)
    path = isorep.trajectory({0: {"h": Y + 0 * X[:, :4]}, 1: b}, measures="gram")
    assert path["gram"].sel(step=0).item() == pytest.approx(1)
    inferred = isorep.infer(X, Y, "gram", n_permutations=99)
    assert inferred.p_value == 0.01
    isorep.report(table, tmp_path / "page.html")
    assert "gram" in (tmp_path / "page.html").read_text()
    with pytest.raises(ValueError, match="gram needs the samples themselves"):
        isorep.similarity(X, Y, "gram", correct=True)


def test_a_function_of_an_overlap_of_second_moments():
    @isorep.register(requires="moments", invariance="linear", name="mine", emphasis="equal")
    def function(o):
        return squared_cca(o)

    expected = isorep.measures.cca_squared(X, Y).similarity
    assert function(X, Y).similarity == pytest.approx(expected, abs=1e-14)
    corrected = isorep.similarity(X, Y, "mine", correct=True)
    expected = isorep.similarity(X, Y, "cca_squared", correct=True)
    assert corrected.similarity == pytest.approx(expected.similarity, abs=1e-6)


def test_direction_and_pickling():
    row = isorep.register(gram, symmetric=False, direction="x from y").measure
    assert (row.symmetric, row.direction) == (False, "x from y")
    copy = pickle.loads(pickle.dumps(row))
    assert (
        copy.compute(isorep.overlap(X, Y)).similarity
        == row.compute(isorep.overlap(X, Y)).similarity
    )


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.5, ValueError, "bad returned 1.5, outside its similarity_range of 0 to 1"),
        (np.nan, ValueError, "bad returned nan"),
        (np.ones(3), TypeError, "bad should return one number, got ndarray"),
    ],
)
def test_what_a_measure_may_not_return(value, error, text):
    isorep.register(lambda x, y: value, name="bad")
    with pytest.raises(error, match=text):
        isorep.similarity(X, Y, "bad")


def test_what_cannot_be_registered():
    with pytest.raises(ValueError, match=r"a measure 'cka' exists .*: register yours by another"):
        isorep.register(gram, name="cka")
    with pytest.raises(ValueError, match="unknown invariance 'rotations'; did you mean 'rotation'"):
        isorep.register(gram, invariance="rotations")
    with pytest.raises(ValueError, match="similarity_range of gram should end at 1"):
        isorep.register(gram, similarity_range=(0, 2))
    with pytest.raises(TypeError, match=r"function of two arrays .* whose options have defaults"):
        isorep.register(lambda x, y, *, k: 1.0, name="without_default")


def test_a_function_that_is_defined_again_replaces_its_measure():
    def define(constant, **properties):
        def edited(x, y):
            """The same text."""
            return constant

        return isorep.register(edited, **properties)

    define(0.25)
    assert isorep.similarity(X, Y, "edited").similarity == 0.25
    define(0.75, similarity_range=(0.5, 1.0), metric=True)
    assert isorep.similarity(X, Y, "edited").similarity == 0.75
    table = isorep.compare({"h": X}, {"h": Y}, measures=["edited"])
    assert table["edited"].item() == 0.75
    assert MEASURES["edited"].metric
    with pytest.raises(ValueError, match=r"a measure 'edited' exists \(The same text\.\)"):
        isorep.register(gram, name="edited")


def test_hints_that_only_type_checkers_know():
    def hinted(x: NoSuchArray, y: NoSuchArray, *, power: float = 2.0):  # noqa: F821
        return gram(x, y, power=power)

    public = isorep.register(hinted)
    assert public(X, Y).similarity == pytest.approx(isorep.cka(X, Y).similarity ** 2)
    assert isorep.similarity(X, Y, "hinted(power=1.0)").similarity == pytest.approx(
        isorep.cka(X, Y).similarity
    )


def test_two_packages_with_one_measure_are_both_named(monkeypatch, tmp_path, plugins):
    for package in ("first", "second"):
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[isorep.measures]\ntwice = {package}:twice\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="the packages first and second all offer the measure tw"):
        isorep.similarity(X, Y, "twice")


def test_entry_points_are_loaded_when_they_are_asked_for(monkeypatch):
    entries = [
        EntryPoint("gram", "my_measures:gram", "isorep.measures"),
        EntryPoint("broken", "no_such_module:broken", "isorep.measures"),
        EntryPoint("other", "math:pi", "isorep.measures"),
    ]
    module = type("Module", (), {"gram": isorep.register(gram)})
    del registry._ROWS["gram"]
    monkeypatch.setitem(sys.modules, "my_measures", module)
    monkeypatch.setitem(vars(PLUGINS), "_entries", {entry.name: [entry] for entry in entries})
    assert "gram" not in MEASURES
    assert isorep.similarity(X, Y, "gram").similarity == pytest.approx(isorep.cka(X, Y).similarity)
    assert "gram" in MEASURES
    with pytest.raises(
        ImportError, match="the measure broken = 'no_such_module:broken' of the pac"
    ):
        isorep.similarity(X, Y, "broken")
    with pytest.raises(TypeError, match=r"the measure other = 'math:pi' .* is no measure"):
        isorep.similarity(X, Y, "other")
    with pytest.raises(ValueError, match="unknown measure 'brokn'; did you mean 'broken'"):
        isorep.similarity(X, Y, "brokn")
