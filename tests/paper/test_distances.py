import numpy as np
import pytest

import isorep
from isorep.paper.analysis.distances import all_pairs

LAYERS = {"a": 3, "b": 5}
DIRECT = {"pwcca": isorep.pwcca, "cca": isorep.cca, "svcca": isorep.svcca}


@pytest.fixture(scope="module")
def representations():
    random = np.random.default_rng(0)
    shared = random.standard_normal((101, 4))
    return {
        f"n{i}": {
            layer: shared @ random.standard_normal((4, p)) + random.standard_normal((101, p))
            for layer, p in LAYERS.items()
        }
        for i in range(6)
    }


@pytest.fixture(scope="module")
def computed(representations):
    return all_pairs(
        representations, ("first", "second"), measures=list(DIRECT), across=[("a", "b")]
    )


@pytest.mark.parametrize("measure", DIRECT)
@pytest.mark.parametrize("layers", [("a", "a"), ("b", "b"), ("a", "b")])
def test_each_pair_is_what_the_measure_says(representations, computed, measure, layers):
    networks = list(representations.values())
    expected = [
        [
            0 if i == j else DIRECT[measure](x[layers[0]], y[layers[1]]).distance
            for j, y in enumerate(networks)
        ]
        for i, x in enumerate(networks)
    ]
    np.testing.assert_allclose(computed.at(measure, *layers), expected, atol=1e-9)


def test_pairs_are_split_by_group(computed):
    groups = {"first": [], "second": [], "inter": []}
    for i in range(6):
        for j in range(6):
            if i != j:
                assert computed.group_of(i, j) == (
                    "inter" if (i < 3) != (j < 3) else "first" if i < 3 else "second"
                )
                groups[computed.group_of(i, j)].append(
                    [computed.at("pwcca", layer)[i, j] for layer in LAYERS]
                )
    pairs = computed.pairs("pwcca")
    assert list(pairs) == list(groups)
    for name, values in groups.items():
        assert len(values) == {"first": 6, "second": 6, "inter": 18}[name]
        np.testing.assert_array_equal(
            np.sort(pairs[name], axis=0), np.sort(np.array(values), axis=0)
        )


def test_svcca_ranks_hold_the_variance(representations, computed):
    for layer in LAYERS:
        for network, rank in zip(
            representations.values(), computed.svcca_ranks[layer], strict=True
        ):
            variance = np.linalg.svd(network[layer] - network[layer].mean(0))[1] ** 2
            share = np.cumsum(variance) / variance.sum()
            assert share[rank - 1] >= 0.99 > (share[rank - 2] if rank > 1 else 0)
