"""Stores of sweeps that are read: whole ones only."""

import numpy as np
import pytest
from helpers.shell import command_runner
from helpers.sweeps import equal

import isorep
from isorep.comparison.read_result import read_result

STATES = np.random.default_rng(0).standard_normal((4, 30, 3))
OPTIONS = {"measures": ["cka", "pwcca"], "progress": False}


@pytest.fixture
def store(tmp_path):
    isorep.pairwise(
        {name: {"fc": state} for name, state in zip("abcd", STATES, strict=True)},
        **OPTIONS,
        out=tmp_path / "s.zarr",
    )
    return tmp_path / "s.zarr"


def chunk(store, name):
    (file,) = (path for path in (store / name / "c").rglob("*") if path.is_file())
    return file


@pytest.mark.parametrize("name", ["cka", "pwcca_distance", "rank", "n_samples", "x", "layer"])
def test_a_lost_chunk_is_an_error(store, name):
    chunk(store, name).unlink()
    message = rf"s.zarr.*damaged; .* missing files of the store: 1, such as {name}/c/0"
    with pytest.raises(ValueError, match=message):
        read_result(store)


def test_a_lost_chunk_of_texts_is_an_error(tmp_path):
    networks = {"a": {"fc": STATES[0]}, "b": {"fc": np.ones((30, 3))}}
    isorep.pairwise(networks, **OPTIONS, out=tmp_path / "s.zarr")
    read_result(tmp_path / "s.zarr")
    chunk(tmp_path / "s.zarr", "reason").unlink()
    with pytest.raises(ValueError, match=r"without a value: 3 of 4; .*: 1, .* reason/c/0"):
        read_result(tmp_path / "s.zarr")


def test_a_damaged_chunk_is_an_error(store):
    file = chunk(store, "cka")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"s\.zarr' is not a result .* damaged"):
        read_result(store)


def test_the_command_says_so_and_the_sweep_heals(store, monkeypatch, capsys):
    whole = read_result(store)
    chunk(store, "cka").unlink()
    shell = command_runner(monkeypatch, capsys)
    status, _, err = shell("report", store, "-o", store.with_name("r.html"))
    assert status == 2
    assert "cells without a value: 16 of 16; missing files of the store: 1" in err
    assert not store.with_name("r.html").exists()
    networks = {name: {"fc": state} for name, state in zip("abcd", STATES, strict=True)}
    with pytest.warns(UserWarning, match="finished tile"):
        isorep.pairwise(networks, **OPTIONS, out=store)
    assert equal(read_result(store), whole)


def test_steps_that_a_run_lacks_are_not_missing(tmp_path):
    runs = {
        run: {step: {"fc": STATES[i]} for i, step in enumerate(steps)}
        for run, steps in (("s0", range(3)), ("s1", range(100, 103)))
    }
    runs["s0"] |= {step: {"fc": STATES[0] + step} for step in range(200, 270)}
    table = isorep.trajectory(runs, **OPTIONS, out=tmp_path / "s.zarr")
    assert read_result(tmp_path / "s.zarr").equals(table.load())
