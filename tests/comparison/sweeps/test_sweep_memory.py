"""A memory budget: held as asked, and used so that little is prepared twice."""

import weakref

import dask
import numpy as np
import pytest
from helpers.sweeps import equal, networks

import isorep
from isorep.comparison.pairwise import _tiles
from isorep.comparison.sweeps import scheduler as running
from isorep.comparison.sweeps.sweep import Tile, cut


@pytest.fixture
def prepared(monkeypatch):
    """Name what is prepared, and how many prepared layers were alive at most."""
    names, alive, most = [], weakref.WeakSet(), [0]
    original = running.prepare_layer

    def counted(source, *rest):
        found = original(source, *rest)
        if not isinstance(found, Exception):
            alive.add(found)
            most[0] = max(most[0], len(alive))
        names.append(source.name)
        return found

    monkeypatch.setattr(running, "prepare_layer", counted)
    return names, most


def test_a_budget_is_kept_and_what_is_held_is_used(prepared):
    names, most = prepared
    given = networks(count=24, n=501, dead=None)
    with dask.config.set(num_workers=1):
        free = isorep.pairwise(given, layers="conv")
        assert len(names) == 24
        names.clear()
        # Held: 501 x 21 centred numbers and two maps of 21 x 21; a task takes five times 501 x 21.
        held, working = 8 * (501 * 21 + 2 * 21 * 21), 5 * 8 * 501 * 21
        most[0] = 0
        tight = isorep.pairwise(given, layers="conv", memory=working + 16 * held)
    assert equal(tight, free)
    assert most[0] <= 16
    # Of six parts of four two stay while the others go by.
    assert 24 < len(names) <= 4 * (6 + 4 + 2)
    with (
        dask.config.set(num_workers=1),
        pytest.raises(
            ValueError,
            match=r"102 kB of memory are too few for layer 'conv': 1 tasks at a time and the "
            r"8 networks of a tile need [\d.]+ MB",
        ),
    ):
        isorep.pairwise(given, layers="conv", memory="100 KiB")


@pytest.mark.parametrize("memory", ["2 apples", 0, -3, True, "nan", [8], "1 kB"])
def test_a_budget_is_checked_before_anything_is_written(memory, tmp_path):
    wrong = "memory is a number of bytes or a text such as" if memory != "1 kB" else "are too few"
    with pytest.raises(ValueError, match=wrong):
        isorep.pairwise(networks(2, dead=None), memory=memory, out=tmp_path / "sweep.zarr")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("held", "staying"), [(8, 1), (12, 1), (20, 3), (32, 6), (48, 12)])
def test_each_part_is_prepared_once_for_each_group_that_stays(held, staying, prepared, monkeypatch):
    """Of 12 parts of 4, some stay while all from there on go by."""
    names, alive = prepared
    monkeypatch.setattr(running, "slots", lambda *_: held)
    monkeypatch.setattr("isorep.comparison.sweeps.sweep._EDGE", {"double": 4, "single": 4})
    tiny = np.random.default_rng(0).standard_normal((48, 13, 2))
    with dask.config.set(num_workers=1):
        isorep.pairwise({i: {"a": x} for i, x in enumerate(tiny)}, measures="cka")
    assert 48 <= len(names) <= sum(4 * (12 - first) for first in range(0, 12, staying))
    assert alive[0] <= held


def test_tiles_cover_every_pair_once():
    tiles = _tiles(2, cut(11, 4))
    seen = np.zeros((11, 11, 2), dtype=int)
    for tile in tiles:
        seen[tile.at] += 1
        if tile.back is not None:
            seen[tile.back] += 1
    assert (seen == 1).all()
    assert [tile.number for tile in tiles] == list(range(len(tiles)))
    assert isinstance(tiles[0], Tile)
    assert [tile.on_diagonal for tile in tiles[:3]] == [True, False, False]
