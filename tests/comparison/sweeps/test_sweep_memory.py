"""The memory limit of a sweep: it holds, and few layers are prepared twice."""

import weakref

import dask
import numpy as np
import pytest
from helpers.sweeps import equal, networks

import isorep
from isorep.comparison.pairwise import _tiles
from isorep.comparison.sweeps import scheduler
from isorep.comparison.sweeps.tile import Tile, tile_sides


@pytest.fixture
def prepared(monkeypatch):
    """Return the networks that are prepared, and the greatest number of prepared layers."""
    names, alive, most = [], weakref.WeakSet(), [0]
    original = scheduler.prepare_layer

    def counted(network, *rest):
        layer = original(network, *rest)
        if not isinstance(layer, Exception):
            alive.add(layer)
            most[0] = max(most[0], len(alive))
        names.append(network.name)
        return layer

    monkeypatch.setattr(scheduler, "prepare_layer", counted)
    return names, most


def test_a_limit_holds_and_prepared_layers_are_used_again(prepared):
    names, most = prepared
    nets = networks(count=24, n=501, dead=None)
    with dask.config.set(num_workers=1):
        free = isorep.pairwise(nets, layers="conv")
        assert len(names) == 24
        names.clear()
        # Held: 501 x 21 centred numbers and two maps of 21 x 21; a task takes five times 501 x 21.
        held, working = 8 * (501 * 21 + 2 * 21 * 21), 5 * 8 * 501 * 21
        most[0] = 0
        tight = isorep.pairwise(nets, layers="conv", memory=working + 16 * held)
    assert equal(tight, free)
    assert most[0] <= 16
    # Of six parts of four two stay while the others go by.
    assert 24 < len(names) <= 4 * (6 + 4 + 2)
    with (
        dask.config.set(num_workers=1),
        pytest.raises(
            ValueError,
            match=r"100.00 kiB is too low for layer 'conv': 1 task at a time and the 8 networks of "
            r"a tile need [\d.]+ MiB",
        ),
    ):
        isorep.pairwise(nets, layers="conv", memory="100 KiB")


def test_the_default_limit_is_half_of_the_free_memory(prepared, monkeypatch):
    names, most = prepared
    nets = networks(count=24, n=501, dead=None)
    prepared_bytes, working = 8 * (501 * 21 + 2 * 21 * 21), 5 * 8 * 501 * 21
    with dask.config.set(num_workers=1):
        limited = isorep.pairwise(nets, layers="conv", memory=working + 16 * prepared_bytes)
        names.clear()
        most[0] = 0
        half = "isorep._utils.memory.free_memory"
        monkeypatch.setattr(half, lambda: 2 * (working + 16 * prepared_bytes))
        assert equal(isorep.pairwise(nets, layers="conv"), limited)
        assert most[0] <= 16
        assert len(names) > 24
        monkeypatch.setattr(half, lambda: 200_000)
        with pytest.raises(ValueError, match=r"97\.66 kiB is too low for layer 'conv'"):
            isorep.pairwise(nets, layers="conv")


@pytest.mark.parametrize("memory", ["2 apples", 0, -3, True, "nan", [8], "1 kB"])
def test_a_limit_is_checked_before_anything_is_written(memory, tmp_path):
    match = r"of 0\.98 kiB is too low" if memory == "1 kB" else "memory must be a number of bytes"
    with pytest.raises(ValueError, match=match):
        isorep.pairwise(networks(2, dead=None), memory=memory, out=tmp_path / "sweep.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(("held", "staying"), [(8, 1), (12, 1), (20, 3), (32, 6), (48, 12)])
def test_each_part_is_prepared_once_for_each_group_that_stays(held, staying, prepared, monkeypatch):
    """Of 12 parts of 4, some stay while all from there on go by."""
    names, alive = prepared
    monkeypatch.setattr(scheduler, "max_prepared", lambda *_: held)
    monkeypatch.setattr("isorep.comparison.sweeps.tile._MAX_EDGE", {"double": 4, "single": 4})
    tiny = np.random.default_rng(0).standard_normal((48, 13, 2))
    with dask.config.set(num_workers=1):
        isorep.pairwise({i: {"a": x} for i, x in enumerate(tiny)}, measures="cka")
    assert 48 <= len(names) <= sum(4 * (12 - first) for first in range(0, 12, staying))
    assert alive[0] <= held


def test_tiles_cover_every_pair_once():
    tiles = _tiles(2, tile_sides(11, 4))
    seen = np.zeros((11, 11, 2), dtype=int)
    for tile in tiles:
        seen[tile.xy] += 1
        if tile.yx is not None:
            seen[tile.yx] += 1
    assert (seen == 1).all()
    assert [tile.number for tile in tiles] == list(range(len(tiles)))
    assert isinstance(tiles[0], Tile)
    assert [tile.on_diagonal for tile in tiles[:3]] == [True, False, False]
