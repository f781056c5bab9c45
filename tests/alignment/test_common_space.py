"""Common spaces against eigenvectors, two-sided methods and spaces that are known."""

import numpy as np
import pandas
import pytest
from scipy.linalg import orthogonal_procrustes

import isorep


@pytest.fixture
def networks():
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((300, 3))
    return {
        name: np.hstack([shared, rng.standard_normal((300, p))])
        @ rng.standard_normal((3 + p, 3 + p))
        + 4
        for name, p in (("a", 2), ("b", 4), ("c", 3))
    }


def test_cca_has_the_leading_eigenvectors_of_the_sum_of_projections(networks):
    space = isorep.alignment.common_space(networks)
    projections = []
    for z in networks.values():
        q = np.linalg.qr(z - z.mean(0))[0]
        projections.append(q @ q.T)
    values, vectors = np.linalg.eigh(sum(projections))
    leading = vectors[:, ::-1][:, :5]
    # The first three are shared by all, so that any rotation of them will do.
    np.testing.assert_allclose(
        leading[:, :3] @ leading[:, :3].T, space.average[:, :3] @ space.average[:, :3].T, atol=1e-9
    )
    np.testing.assert_allclose(abs(leading[:, 3:].T @ space.average[:, 3:]), np.eye(2), atol=1e-9)
    np.testing.assert_allclose(space.agreement, values[::-1][:5] / 3, rtol=1e-9)
    np.testing.assert_allclose(space.agreement[:3], 1)
    for name, projection in zip(networks, projections, strict=True):
        np.testing.assert_allclose(
            space.transform(name, networks[name]), projection @ space.average, atol=1e-9
        )


def test_two_networks_are_canonical_variates(networks):
    x, y = networks["a"], networks["b"]
    space = isorep.alignment.common_space({"a": x, "b": y})
    correlations = isorep.overlap(x, y).correlations
    np.testing.assert_allclose(space.agreement, (1 + correlations) / 2, rtol=1e-9)


def test_features_are_predicted_from_the_average(networks):
    space = isorep.alignment.common_space(networks, n_components=3)
    for name, z in networks.items():
        expected = z.mean(0) + space.average @ (space.average.T @ (z - z.mean(0)))
        np.testing.assert_allclose(
            space.inverse_transform(name, space.average), expected, atol=1e-9
        )


def test_procrustes_brings_rotated_copies_together():
    rng = np.random.default_rng(1)
    z = rng.standard_normal((200, 4)) * [1, 2, 3, 4]
    turned = [3 * z @ np.linalg.qr(rng.standard_normal((6, 4)))[0].T + 1 for _ in range(3)]
    space = isorep.alignment.common_space(dict(zip("abc", turned, strict=True)), "procrustes")
    assert space.average.shape == (200, 4)
    np.testing.assert_allclose(space.agreement, 1)
    unit = (z - z.mean(0)) / np.linalg.norm(z - z.mean(0))
    np.testing.assert_allclose(space.average @ space.average.T, unit @ unit.T, atol=1e-12)
    for name, copy in zip("abc", turned, strict=True):
        np.testing.assert_allclose(space.transform(name, copy), space.average, atol=1e-9)
        np.testing.assert_allclose(space.inverse_transform(name, space.average), copy, atol=1e-9)


def test_procrustes_of_two_networks_is_that_of_scipy():
    x, y = np.random.default_rng(2).standard_normal((2, 100, 5))
    space = isorep.alignment.common_space({"x": x, "y": y}, "procrustes")
    units = [(z - z.mean(0)) / np.linalg.norm(z - z.mean(0)) for z in (x, y)]
    total = orthogonal_procrustes(*units)[1]
    points = [space.transform(name, z) for name, z in (("x", x), ("y", y))]
    assert np.sum(points[0] * points[1]) == pytest.approx(total, rel=1e-9)
    np.testing.assert_allclose(np.mean(points, axis=0), space.average, atol=1e-9)


def test_procrustes_of_several_reaches_a_point_that_no_rotation_improves(networks):
    space = isorep.alignment.common_space(networks, "procrustes")
    for name, z in networks.items():
        unit = (z - z.mean(0)) / np.linalg.norm(z - z.mean(0))
        similarity = np.sum(space.transform(name, z) * space.average)
        best = np.linalg.svd(unit.T @ space.average, compute_uv=False).sum()
        assert similarity == pytest.approx(best, rel=1e-5)


def test_few_samples_warn(networks):
    few = {name: z[:60] for name, z in networks.items()}
    with pytest.warns(isorep.FewSamplesWarning, match="60 samples are few for the 18 directions"):
        space = isorep.alignment.common_space(few)
    assert len(space.warnings) == 1
    assert "warnings=1" in repr(space)
    assert isorep.alignment.common_space(networks).warnings == ()
    assert isorep.alignment.common_space(few, "procrustes").warnings == ()


def test_errors(networks):
    with pytest.raises(TypeError, match="at least two names to representations, got dict of 1"):
        isorep.alignment.common_space({"a": networks["a"]})
    with pytest.raises(TypeError, match="got list"):
        isorep.alignment.common_space(list(networks.values()))
    with pytest.raises(ValueError, match=r"'a' has 300 samples .* and 'b' has 299"):
        isorep.alignment.common_space({"a": networks["a"], "b": networks["b"][1:]})
    with pytest.raises(ValueError, match="from 1 to 5 for these networks, got 6"):
        isorep.alignment.common_space(networks, n_components=6)
    with pytest.raises(ValueError, match="unknown method"):
        isorep.alignment.common_space(networks, "ridge")
    space = isorep.alignment.common_space(networks)
    with pytest.raises(ValueError, match="unknown network 'd'"):
        space.transform("d", networks["a"])
    with pytest.raises(ValueError, match="x of 'b' must have 7 features"):
        space.transform("b", networks["a"])
    labelled = {
        name: pandas.DataFrame(networks[name], index=[f"{name}{i}" for i in range(300)])
        for name in "ab"
    }
    with pytest.raises(ValueError, match="'a' and 'b' hold different samples"):
        isorep.alignment.common_space(labelled)
