"""Sweeps with inference: the numbers of `compare`, adjusted over the whole table, to the bit."""

import dask
import numpy as np
import pytest
from helpers.sweeps import equal
from scipy.stats import false_discovery_control

import isorep
from isorep.comparison.read_result import read_result
from isorep.comparison.sweeps import scheduler, tile
from isorep.inference import null_distribution

MEASURES = ["pwcca", "cka"]
ALL = {"correct": True, "interval": True, "chance": True, "n_permutations": 19, "seed": 3}
CHANCE = {"measures": MEASURES, "chance": True, "n_permutations": 19, "progress": False}
INFERRED = ["corrected", "low", "high", "chance", "calibrated", "p_value"]


def networks(count=3, n=60, layers=2):
    """Draw networks whose layers share one direction, and are of unequal width."""
    rng = np.random.default_rng(7)
    shared = rng.standard_normal((n, 1))
    return {
        f"seed{i}": {
            f"layer{k}": np.hstack([shared, rng.standard_normal((n, 2 + k + i % 2))])
            @ rng.standard_normal((3 + k + i % 2, 3 + k + i % 2))
            for k in range(layers)
        }
        for i in range(count)
    }


def naive_p_max(similarities, draws):
    """Return p-values against the maximum of z-scores, (m,) and (m, b), one after the other."""
    values = np.concatenate([similarities[:, None], draws], axis=1)
    z = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    maxima = z[:, 1:].max(axis=0)
    return np.array(
        [(1 + sum(m >= score for m in maxima)) / (1 + len(maxima)) for score in z[:, 0]]
    )


@pytest.mark.slow
def test_cells_hold_what_compare_says_of_each_pair():
    nets = networks(2, layers=1)
    table = isorep.pairwise(nets, measures=MEASURES, **ALL, progress=False)
    for x, y in (("seed0", "seed1"), ("seed1", "seed0"), ("seed0", "seed0")):
        same = isorep.compare(nets[x], nets[y], measures=MEASURES, **ALL)
        cell = table.sel(x=x, y=y, layer="layer0")
        for measure in MEASURES:
            if measure == "cka" and x > y:
                continue  # it has the numbers of the pair as it was coupled; see below
            for key in INFERRED:
                np.testing.assert_allclose(
                    cell[f"{measure}_{key}"], same[f"{measure}_{key}"].item(), rtol=1e-9
                )
        assert cell["n_significant"] == same["n_significant"].item()
    for key in (*INFERRED, "p_adjusted", "p_max"):
        mirrored = table[f"cka_{key}"].transpose("y", "x", "layer").to_numpy()
        np.testing.assert_array_equal(table[f"cka_{key}"], mirrored)


def test_p_values_are_adjusted_for_the_whole_table():
    nets = networks()
    table = isorep.pairwise(nets, **CHANCE)
    cells = [(x, y, k) for x in nets for y in nets if x != y for k in ("layer0", "layer1")]
    for measure in MEASURES:
        nulls = [
            null_distribution(
                isorep.overlap(nets[min(x, y)][k], nets[max(x, y)][k])
                if measure == "cka"
                else isorep.overlap(nets[x][k], nets[y][k]),
                measure,
                n_permutations=19,
            )
            for x, y, k in cells
        ]
        p_max = naive_p_max(
            np.array([null.similarity for null in nulls]), np.array([null.draws for null in nulls])
        )
        p_adjusted = false_discovery_control([null.p_value for null in nulls])
        for (x, y, k), largest, adjusted in zip(cells, p_max, p_adjusted, strict=True):
            cell = table.sel(x=x, y=y, layer=k)
            assert cell[f"{measure}_p_max"] == pytest.approx(largest, rel=1e-12)
            assert cell[f"{measure}_p_adjusted"] == pytest.approx(adjusted, rel=1e-12)
        assert (table[f"{measure}_p_max"] >= table[f"{measure}_p_value"]).all()
        # A network against itself is not a test.
        same = table.sel(x="seed1", y="seed1")
        for key in ("p_adjusted", "p_max"):
            np.testing.assert_array_equal(same[f"{measure}_{key}"], same[f"{measure}_p_value"])


def test_the_default_number_of_permutations_grows_with_the_table():
    nets = networks(2, n=30)
    path = isorep.trajectory(nets, measures="cka", chance=True, progress=False)
    assert path["cka_p_value"].min() == 1 / 200
    with pytest.raises(ValueError, match="n_permutations=19 is for p-values, which chance=True"):
        isorep.pairwise(nets, n_permutations=19)
    with pytest.raises(ValueError, match="seed=1 is for correct=True, interval=True and chance="):
        isorep.trajectory(nets, seed=1)
    with pytest.raises(ValueError, match="pass precision='double', or leave out correct="):
        isorep.pairwise(nets, correct=True, precision="single")


@pytest.mark.slow
def test_numbers_do_not_depend_on_threads_order_memory_or_tiles(monkeypatch):
    nets = networks(4, n=40, layers=1)
    sweep = {"measures": "cka", **ALL, "n_permutations": 9, "progress": False}
    tables = []
    for threads in (1, 3):
        with dask.config.set(num_workers=threads):
            tables.append(isorep.pairwise(nets, **sweep))
    monkeypatch.setattr(scheduler, "order_tiles", lambda tiles, *_: list(reversed(tiles)))
    monkeypatch.setattr(scheduler, "max_prepared", lambda *_: 4)
    for edge in (1, 3):
        monkeypatch.setattr(tile, "_MAX_EDGE_INFERRED", edge)
        tables.append(isorep.pairwise(nets, **sweep))
    assert all(equal(table, tables[0]) for table in tables)


@pytest.mark.slow
def test_a_store_is_resumed_to_the_bit(tmp_path, monkeypatch):
    nets, out = networks(4), tmp_path / "sweep.zarr"
    in_memory = isorep.pairwise(nets, **CHANCE)
    original, computed = scheduler.compare_layers, []

    def fails(part, *rest):
        if len(computed) == 6:
            raise OSError("stale file handle")
        computed.append(part.number)
        return original(part, *rest)

    with dask.config.set(num_workers=1):
        monkeypatch.setattr(scheduler, "compare_layers", fails)
        with pytest.raises(OSError, match="stale file handle"):
            isorep.pairwise(nets, **CHANCE, out=out)
        with pytest.raises(ValueError, match="unfinished or damaged"):
            read_result(out)
        first = set(computed)
        computed.clear()
        monkeypatch.setattr(
            scheduler,
            "compare_layers",
            lambda part, *rest: computed.append(part.number) or original(part, *rest),
        )
        in_store = isorep.pairwise(nets, **CHANCE, out=out)
    assert first
    assert not first & set(computed)
    assert in_store.equals(in_memory)
    assert read_result(out).equals(in_memory)
    assert in_store["cka_p_max"].attrs["long_name"] == in_memory["cka_p_max"].attrs["long_name"]
    # The maxima of a tile are lost: it is computed again.
    (out / "isorep-sweep/null/null_maxima/c/3/0/0").unlink()
    (out / "cka_p_max/c/0/0/0").unlink()
    with pytest.raises(ValueError, match=r"missing files of the store: 1, such as cka_p_max"):
        read_result(out)
    computed.clear()
    with pytest.warns(UserWarning, match="1 finished tile cannot be read"):
        assert isorep.pairwise(nets, **CHANCE, out=out).equals(in_memory)
    assert computed == [3]


def test_a_store_with_other_inference_is_refused(tmp_path):
    nets, out = networks(2, n=30, layers=1), tmp_path / "sweep.zarr"
    isorep.pairwise(nets, **CHANCE, out=out)
    for change, message in (
        ({"seed": 1}, "started with seed 0, but this sweep has 1"),
        ({"n_permutations": 9}, "started with n permutations 19, but this sweep has 9"),
        ({"interval": True}, "started with interval False, but this sweep has True"),
        ({"chance": False, "n_permutations": None}, "with chance True, but this sweep has False"),
    ):
        with pytest.raises(ValueError, match=message):
            isorep.pairwise(nets, **(CHANCE | change), out=out)


def test_runs_with_other_steps_and_a_dead_layer():
    nets = list(networks(4, n=40, layers=1).values())
    nets[1] = {"layer0": np.ones((40, 2))}
    runs = {"a": {0: nets[0], 1: nets[1], 2: nets[2]}, "b": {0: nets[3], 2: nets[2]}}
    table = isorep.trajectory(runs, **CHANCE)
    known = np.array([[True, False, True], [True, False, True]])
    tested = np.array([[True, False, False], [True, False, False]])
    for measure in MEASURES:
        p_values, adjusted, p_max = (
            table[f"{measure}_{key}"].to_numpy()[..., 0]
            for key in ("p_value", "p_adjusted", "p_max")
        )
        np.testing.assert_array_equal(np.isnan(p_max), ~known)
        np.testing.assert_allclose(
            adjusted[tested], false_discovery_control(p_values[tested]), rtol=1e-12
        )
        np.testing.assert_array_equal(p_max[~tested], p_values[~tested])


def test_memory_for_inference_is_part_of_the_limit():
    nets = networks(2, n=30, layers=1)
    isorep.pairwise(nets, measures="cka", memory="1 MB")
    with pytest.raises(ValueError, match=r"a memory limit of 0\.95 MiB is too low"):
        isorep.pairwise(nets, **CHANCE, memory="1 MB")
