"""Tiles fill every cell of a table once, whatever the number of networks, and in any order."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from isorep.comparison.pairwise import _tiles
from isorep.comparison.sweeps.scheduler import order_tiles
from isorep.comparison.sweeps.tile import tile_edge, tile_sides
from isorep.comparison.trajectory import _tiles as trajectory_tiles

SHAPES = st.tuples(st.integers(2, 10**5), st.integers(1, 10**4))
STEADY = settings(derandomize=True, deadline=None, max_examples=100)


@STEADY
@given(count=st.integers(1, 150), shape=SHAPES, precision=st.sampled_from(["double", "single"]))
def test_the_edge_of_a_tile(count, shape, precision):
    edge = tile_edge(count, [{"a": shape}], precision)
    assert edge & (edge - 1) == 0  # a power of two
    assert 1 <= edge <= max(1, count)
    sides = tile_sides(count, edge)
    assert [i for side in sides for i in side] == list(range(count))


@STEADY
@given(count=st.integers(1, 40), edge=st.sampled_from([1, 2, 4, 16]), n_layers=st.integers(1, 3))
def test_pairwise_tiles_fill_every_cell_once(count, edge, n_layers):
    filled = np.zeros((count, count, n_layers), dtype=int)
    ranks = Counter()
    tiles = _tiles(n_layers, tile_sides(count, edge))
    assert [tile.number for tile in tiles] == list(range(len(tiles)))
    for tile in tiles:
        for region in (tile.xy, tile.yx):
            if region is not None:
                filled[region] += 1
        ranks.update(i for _, _, (rows, _) in tile.ranks for i in range(count)[rows])
    assert (filled == 1).all()
    assert set(ranks) == set(range(count))


@STEADY
@given(
    count=st.integers(1, 30),
    edge=st.sampled_from([1, 2, 4, 16]),
    n_prepared=st.integers(1, 60),
    window=st.integers(1, 16),
)
def test_every_tile_is_run_once_whatever_the_memory(count, edge, n_prepared, window):
    tiles = _tiles(1, tile_sides(count, edge))
    ordered = order_tiles(tiles, n_prepared, window)
    assert sorted(tile.number for tile in ordered) == [tile.number for tile in tiles]


@STEADY
@given(
    runs=st.lists(st.sets(st.integers(0, 12), min_size=1), min_size=1, max_size=4),
    edge=st.sampled_from([1, 2, 4]),
    n_layers=st.integers(1, 2),
)
def test_trajectory_tiles_fill_the_cells_of_each_run_once(runs, edge, n_layers):
    steps = sorted(set().union(*runs))
    states = {f"run{i}": dict.fromkeys(sorted(run)) for i, run in enumerate(runs)}
    firsts = np.cumsum([0, *map(len, runs)])[:-1].tolist()
    filled = np.zeros((len(runs), len(steps), n_layers), dtype=int)
    for tile in trajectory_tiles(n_layers, states, steps, firsts, edge, has_runs=True):
        filled[tile.xy] += 1
        (run, place, layer) = tile.xy
        # The networks of a tile are the states of its cells.
        networks = [firsts[run] + sorted(runs[run]).index(step) for step in steps[place]]
        assert list(tile.x) == networks
        assert tile.layer == layer
    expected = [[step in run for step in steps] for run in runs]
    np.testing.assert_array_equal(filled, np.repeat(np.array(expected)[..., None], n_layers, 2))
