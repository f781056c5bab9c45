"""Bounds between animals: each animal against the others, and against all."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist

import isorep
from isorep.inference import animal_ceiling

RNG = np.random.default_rng(0)
COMMON = RNG.standard_normal((40, 12))
ANIMALS = {
    f"mouse{i}": 10.0**i * (COMMON[:, : 8 + i] + RNG.standard_normal((40, 8 + i))) for i in range(4)
}


def kernel(x):
    """Centred inner products of stimuli, scaled to trace 1."""
    x = x - x.mean(axis=0)
    return x @ x.T / np.sum(x**2)


def cosine(k, l):  # noqa: E741
    return np.sum(k * l) / np.linalg.norm(k) / np.linalg.norm(l)


def test_bounds_are_those_of_mean_kernels():
    kernels = {name: kernel(x) for name, x in ANIMALS.items()}
    expected = {
        name: (
            cosine(sum(x for other, x in kernels.items() if other != name), k),
            cosine(sum(kernels.values()), k),
        )
        for name, k in kernels.items()
    }
    with isorep.silence("few-samples"):
        result = animal_ceiling(ANIMALS, "cka")
    assert list(result.animals) == list(expected)
    for name, bounds in expected.items():
        assert result.animals[name] == pytest.approx(bounds, rel=1e-9)
    assert (result.lower, result.upper) == pytest.approx(np.mean(list(expected.values()), axis=0))
    assert result.n_samples == 40
    assert "AnimalCeiling(cka: lower=0." in repr(result)
    assert "mouse3" in result._repr_html_()


def test_squared_distances_are_averaged_as_by_nili():
    spec = "rsa(dissimilarity=squared_euclidean, comparison=pearson)"
    result = animal_ceiling(ANIMALS, spec)
    distances = {
        name: pdist(x, "sqeuclidean") / np.sum((x - x.mean(axis=0)) ** 2)
        for name, x in ANIMALS.items()
    }
    for name, d in distances.items():
        others = np.mean([x for other, x in distances.items() if other != name], axis=0)
        everyone = np.mean(list(distances.values()), axis=0)
        expected = [np.corrcoef(x, d)[0, 1] for x in (others, everyone)]
        assert result.animals[name] == pytest.approx(expected, rel=1e-9)


def test_the_common_signal_lies_between_the_bounds():
    rng = np.random.default_rng(1)
    common = rng.standard_normal((120, 30))
    animals = {f"m{i}": common + rng.standard_normal((120, 30)) for i in range(6)}
    reached = np.mean(
        [isorep.measures.cka_debiased(common, x).similarity for x in animals.values()]
    )
    result = animal_ceiling(animals, "cka_debiased")
    assert result.lower < reached < result.upper


def test_tables_are_brought_into_one_order():
    names = [f"im{i}" for i in range(40)]
    frames = {name: pd.DataFrame(x, index=names) for name, x in ANIMALS.items()}
    frames["mouse2"] = frames["mouse2"][::-1]
    with isorep.silence("few-samples"):
        assert animal_ceiling(frames, "cka").lower == pytest.approx(
            animal_ceiling(ANIMALS, "cka").lower, rel=1e-12
        )
    frames["mouse2"] = frames["mouse2"].rename({"im7": "im40"})
    with pytest.raises(ValueError, match="hold different samples"):
        animal_ceiling(frames, "cka")


def test_measures_that_ignore_linear_maps_have_no_upper_bound():
    match = "cca ignores linear maps, .*1 by construction"
    with isorep.silence("few-samples"), pytest.warns(isorep.CodedWarning, match=match):
        result = animal_ceiling(ANIMALS, "cca")
    assert result.upper == pytest.approx(1)
    assert result.lower <= 1


def test_animals_that_cannot_be_compared():
    with pytest.raises(ValueError, match="at least 2 animals, got 1: for one animal, take"):
        animal_ceiling({"a": COMMON}, "cka")
    with pytest.raises(ValueError, match="animal 'b' has the same response to all 40 stimuli"):
        animal_ceiling({"a": COMMON, "b": np.ones((40, 3))}, "cka")
    with pytest.raises(ValueError, match="one row, id, label and group per sample"):
        animal_ceiling({"a": COMMON, "b": COMMON[1:]}, "cka")


def test_few_stimuli_are_said():
    """Unrelated animals have a high bound if there are few stimuli."""
    rng = np.random.default_rng(1)
    animals = {f"mouse{i}": rng.standard_normal((40, 9)) for i in range(3)}
    with isorep.silence("vacuous-ceiling"), pytest.warns(isorep.FewSamplesWarning) as issued:
        result = animal_ceiling(animals, "pwcca")
    assert result.lower > 0.5
    assert [str(warning.message) for warning in issued] == list(result.warnings)
    assert result.warnings[0].startswith(
        "pwcca of mouse0 and the other animals: 40 samples are few"
    )
